"""Requests of the runtime API, checked against botocore's model of it: members out of headers, sizes, patterns."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

import botocore.session

# The paths of the API, after /endpoints/<name>/.
OPERATIONS = {
    "invocations": "InvokeEndpoint",
    "invocations-response-stream": "InvokeEndpointWithResponseStream",
    "async-invocations": "InvokeEndpointAsync",
}
_JAVA = {r"\p{ASCII}": r"[\x00-\x7f]", r"[\p{Print}]": r"[\x20-\x7e]", r"\z": r"\Z"}
# What a container is told, by the API's member. Everything else of the caller's headers stays outside.
_FORWARDED = {
    "ContentType": "Content-Type",
    "Accept": "Accept",
    "CustomAttributes": "X-Amzn-SageMaker-Custom-Attributes",
    "InferenceId": "X-Amzn-SageMaker-Inference-Id",
    "TargetModel": "X-Amzn-SageMaker-Target-Model",
    "SessionId": "X-Amzn-SageMaker-Session-Id",
}


class InvalidRequestError(Exception):
    """The request breaks the API's model; the text is the service's, `status` the HTTP status."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class _Member(NamedTuple):
    name: str
    kind: str
    lowest: int
    highest: int | None
    pattern: re.Pattern[str] | None
    shown: str


@dataclass(frozen=True)
class RuntimeRequest:
    """One checked request. `members` are those of the API that came as headers, by the API's names."""

    operation: str
    endpoint: str
    members: Mapping[str, Any]
    body: bytes
    forwarded: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        """As the caller gave it."""
        return str(self.members.get("ContentType", "application/octet-stream"))


@cache
def _headers(operation: str) -> dict[str, _Member]:
    """The operation's members by header name in lower case."""
    model = botocore.session.get_session().get_service_model("sagemaker-runtime")
    found = {}
    members: dict[str, Any] = model.operation_model(operation).input_shape.members  # type: ignore[union-attr]  # all have
    for name, shape in members.items():
        if shape.serialization.get("location") != "header":
            continue
        text = shape.metadata.get("pattern", "")
        for java, python in _JAVA.items():
            text = text.replace(java, python)
        found[shape.serialization["name"].lower()] = _Member(
            name,
            shape.type_name,
            int(shape.metadata.get("min", 0)),
            shape.metadata.get("max"),
            re.compile(text) if text else None,
            str(shape.metadata.get("pattern", "")),
        )
    return found


def parse(operation: str, endpoint: str, headers: Mapping[str, str], body: bytes, limit: int) -> RuntimeRequest:
    """The request. Raises InvalidRequestError."""
    check_size(len(body), limit)
    known = _headers(operation)
    members: dict[str, Any] = {}
    faults: list[str] = []
    for raw, value in headers.items():
        member = known.get(raw.lower())
        if member is not None:
            members[member.name] = _checked(member, value, faults)
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        raise InvalidRequestError(f"{len(faults)} validation {noun} detected: {'; '.join(faults)}")
    forwarded = {header: members[name] for name, header in _FORWARDED.items() if name in members}
    return RuntimeRequest(operation, endpoint, members, body, forwarded)


def check_size(size: int, limit: int) -> None:
    """Raises InvalidRequestError (413) for a body over the limit."""
    if size > limit:
        raise InvalidRequestError(f"Body is {size} bytes; it must be at most {limit} bytes.", 413)


def _checked(member: _Member, value: str, faults: list[str]) -> Any:
    path = member.name[:1].lower() + member.name[1:]

    def fault(rule: str) -> None:
        faults.append(f"Value '{value[:256]}' at '{path}' failed to satisfy constraint: Member must {rule}")

    if member.kind == "integer":
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", value.strip()):
            raise InvalidRequestError(f"'{value[:64]}' at '{path}' cannot be converted to an integer")
        number = int(value)
        if number < member.lowest:
            fault(f"have value greater than or equal to {member.lowest}")
        if member.highest is not None and number > member.highest:
            fault(f"have value less than or equal to {member.highest}")
        return number
    if len(value) < member.lowest:
        fault(f"have length greater than or equal to {member.lowest}")
    elif member.highest is not None and len(value) > member.highest:
        fault(f"have length less than or equal to {member.highest}")
    elif not _is_header(value) or (member.pattern is not None and not member.pattern.fullmatch(value)):
        fault(f"satisfy regular expression pattern: {member.shown}")
    return value


def _is_header(value: str) -> bool:
    """Whether it can be sent on in a header: some of the model's patterns would let more through."""
    return value.isascii() and not any(c in value for c in "\r\n\0")
