"""Endpoints, their configs and the models behind them, as SageMaker has them."""

from collections.abc import Iterator
from typing import Any, Protocol

from slipway_lambda.ports.clients import client

MISSING = ("could not find", "does not exist", "cannot find", "not found")


class Endpoints(Protocol):
    """Describes and deletes; what is not there is described as empty, and deleting it is no error."""

    def describe(self, endpoint: str) -> dict[str, Any]:
        """DescribeEndpoint, or empty."""

    def describe_config(self, name: str) -> dict[str, Any]:
        """DescribeEndpointConfig, or empty."""

    def describe_model(self, name: str) -> dict[str, Any]:
        """DescribeModel, or empty."""

    def config_names(self, containing: str) -> Iterator[str]:
        """Endpoint configs with this text in their names."""

    def model_names(self, containing: str) -> Iterator[str]:
        """Models with this text in their names."""

    def delete(self, endpoint: str) -> None:
        """Delete an endpoint."""

    def delete_config(self, name: str) -> None:
        """Delete an endpoint config."""

    def delete_model(self, name: str) -> None:
        """Delete a model."""


class SageMakerEndpoints:
    """The real ones."""

    def describe(self, endpoint: str) -> dict[str, Any]:
        return _or_empty("describe_endpoint", EndpointName=endpoint)

    def describe_config(self, name: str) -> dict[str, Any]:
        return _or_empty("describe_endpoint_config", EndpointConfigName=name)

    def describe_model(self, name: str) -> dict[str, Any]:
        return _or_empty("describe_model", ModelName=name)

    def config_names(self, containing: str) -> Iterator[str]:
        pages = client("sagemaker").get_paginator("list_endpoint_configs").paginate(NameContains=containing)
        return (c["EndpointConfigName"] for page in pages for c in page["EndpointConfigs"])

    def model_names(self, containing: str) -> Iterator[str]:
        pages = client("sagemaker").get_paginator("list_models").paginate(NameContains=containing)
        return (m["ModelName"] for page in pages for m in page["Models"])

    def delete(self, endpoint: str) -> None:
        _or_empty("delete_endpoint", EndpointName=endpoint)

    def delete_config(self, name: str) -> None:
        _or_empty("delete_endpoint_config", EndpointConfigName=name)

    def delete_model(self, name: str) -> None:
        _or_empty("delete_model", ModelName=name)


def _or_empty(operation: str, **request: str) -> dict[str, Any]:
    sagemaker = client("sagemaker")
    try:
        answer: dict[str, Any] = getattr(sagemaker, operation)(**request)
    except sagemaker.exceptions.ClientError as error:
        # SageMaker has no error of its own for these: a ValidationException whose text says so.
        told = error.response["Error"]
        if told["Code"] in ("ValidationException", "ResourceNotFound") and any(
            m in told.get("Message", "").lower() for m in MISSING
        ):
            return {}
        raise
    return answer
