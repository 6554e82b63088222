"""API calls on behalf of CloudFormation: the operator's, with the template's loose types put right."""

import threading
import uuid
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.adapter import scope_of_request
from rehearsal.host import Scope
from rehearsal.runtime import Runtime

_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "long": int,
    "float": float,
    "double": float,
    "boolean": lambda text: text.lower() == "true",
}
_CONFIG = Config(retries={"max_attempts": 1}, connect_timeout=5, read_timeout=600, max_pool_connections=4)


class CallError(ValueError):
    """A refusal by the service that a resource belongs to; the text is what the stack event shows."""

    def __init__(self, service: str, code: str, message: str, status: int) -> None:
        self.code = code
        self.message = message
        super().__init__(f"{message} (Service: {service}, Status Code: {status}, {code})")

    @property
    def missing(self) -> bool:
        """Whether the thing that was named does not exist: what makes a delete idempotent."""
        known = ("NotFound", "NoSuchEntity", "ObjectNotFound", "DoesNotExist", "InvalidAllocationID")
        words = ("could not find", "does not exist", "not found", "no scalable target", "no scaling policy")
        return any(part in self.code for part in known) or any(part in self.message.lower() for part in words)


class Calls:
    """`calls(service, action, params)` in the account and region of the stack that is being worked on."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._clients: dict[tuple[str, Scope], Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer, or CallError."""
        operation = service_model(service).operation_model(action)
        shaped = coerce(params, operation.input_shape) if operation.input_shape is not None else {}
        for token in operation.idempotent_members:  # what a client fills in by itself
            shaped.setdefault(token, str(uuid.uuid4()))
        if service == "sagemaker":
            return self._sagemaker(action, shaped)
        client = self._client(service, scope_of_request())
        try:
            answer: dict[str, Any] = client._make_api_call(action, shaped)
        except ClientError as error:
            told = error.response["Error"]
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            raise CallError(service, told["Code"], told.get("Message", told["Code"]), status) from None
        except BotoCoreError as error:
            raise ValueError(f"{error} (Service: {service})") from None
        return answer

    def _sagemaker(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        from rehearsal.sagemaker import ServiceError

        scope = scope_of_request()
        try:
            answer: dict[str, Any] = self._runtime.sagemaker.handle(
                action, params, scope, f"arn:aws:iam::{scope.account}:root"
            )
        except ServiceError as error:
            raise CallError("SageMaker", error.code, error.message, error.status) from None
        return answer

    def _client(self, service: str, scope: Scope) -> Any:
        with self._lock:
            if (service, scope) not in self._clients:
                self._clients[service, scope] = boto3.client(  # type: ignore[call-overload]  # the service is not a literal
                    service,
                    endpoint_url=self._runtime.url,
                    region_name=scope.region,
                    aws_access_key_id=scope.account,
                    aws_secret_access_key="test",  # noqa: S106  # the operator's: an account root of the cloud has no secret
                    config=_CONFIG,
                )
            return self._clients[service, scope]


@lru_cache(maxsize=32)
def service_model(service: str) -> Any:
    """botocore's model of a service."""
    from botocore.session import get_session

    return get_session().get_service_model(service)


def members(service: str, action: str) -> frozenset[str]:
    """Names of an action's parameters, with a capital first letter as CloudFormation writes them."""
    shape = service_model(service).operation_model(action).input_shape
    return frozenset() if shape is None else frozenset(_capital(name) for name in shape.members)


def coerce(value: Any, shape: Any) -> Any:
    """The value as the API wants it: text that stands for numbers and booleans, names in the API's own case.

    Members that the API lacks are the resource's own and are left out.
    """
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        known = {_capital(name): name for name in shape.members}
        return {
            known[_capital(key)]: coerce(item, shape.members[known[_capital(key)]])
            for key, item in value.items()
            if _capital(key) in known and item is not None
        }
    if kind == "list" and isinstance(value, list):
        return [coerce(item, shape.member) for item in value]
    if kind == "map" and isinstance(value, Mapping):
        return {key: coerce(item, shape.value) for key, item in value.items()}
    if isinstance(value, str):
        return _number(value, kind)
    if kind == "string" and isinstance(value, bool):
        return str(value).lower()
    return str(value) if kind == "string" and isinstance(value, int | float) else value


def _number(text: str, kind: str) -> Any:
    try:
        return _FROM_TEXT.get(kind, str)(text)
    except ValueError:
        raise ValueError(f"Model validation failed (expected type: {kind}, found: String '{text}')") from None


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
