"""The data plane: asking an endpoint."""

import uuid
from typing import Protocol

from slipway_lambda.ports.clients import client

GOLDEN_PREFIX = "slipway-golden-"
"""Begins the inference id of every request of ours, so that a monitor does not take it for a client's."""


class Runtime(Protocol):
    """Sends one request."""

    def invoke(self, endpoint: str, content_type: str, body: str) -> str:
        """The answer's text. Raises InvocationError."""


class InvocationError(Exception):
    """The endpoint refused or failed a request; the message is the service's."""


class SageMakerRuntime:
    """The real one."""

    def invoke(self, endpoint: str, content_type: str, body: str) -> str:
        runtime = client("sagemaker-runtime")
        try:
            answer = runtime.invoke_endpoint(
                EndpointName=endpoint,
                ContentType=content_type,
                Accept="text/csv",
                Body=body.encode(),
                InferenceId=f"{GOLDEN_PREFIX}{uuid.uuid4()}",
            )
        except runtime.exceptions.ClientError as error:
            raise InvocationError(str(error)) from None
        text: str = answer["Body"].read().decode("utf-8", errors="replace")
        return text
