"""CloudWatch's three protocols: RPC v2 CBOR, JSON, and the query protocol with XML answers, by botocore's model."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from rehearsal.adapter import Response
from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.shapes import check


@cache
def model() -> Any:
    """botocore's model of CloudWatch."""
    from botocore.session import get_session

    return get_session().get_service_model("cloudwatch")


def action_of(path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]) -> str:
    """The action that a request asks for."""
    target = headers.get("x-amz-target", "")
    if "." in target:
        return target.split(".")[-1]
    if match := re.search(r"/operation/([^/?]+)", path):
        return match[1]
    given = query.get("Action") or parse_qs(body.decode("utf-8", errors="replace")).get("Action") or [""]
    return str(given[0] if isinstance(given, list) else given)


def protocol_of(headers: Mapping[str, str]) -> str:
    """cbor, json or query."""
    kind = headers.get("content-type", "")
    if "cbor" in kind or "cbor" in headers.get("smithy-protocol", ""):
        return "cbor"
    return "json" if "json" in kind or headers.get("x-amz-target") else "query"


def decoded(action: str, protocol: str, body: bytes, query: Mapping[str, Any]) -> dict[str, Any]:
    """Checked parameters of a request; times as epoch seconds. Raises ServiceError."""
    shape = model().operation_model(action).input_shape
    if protocol == "query":
        form = {**{key: _first(value) for key, value in query.items()}}
        form |= {key: value[0] for key, value in parse_qs(body.decode(), keep_blank_values=True).items()}
        given = _from_form(shape, form, "")
    else:
        try:
            given = _cbor(body) if protocol == "cbor" else json.loads(body or b"{}")
        except ValueError as fault:
            raise ServiceError("MalformedInput", f"the body cannot be read: {fault}") from None
    return checked(action, given or {})


def checked(action: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as the model wants them, in CloudWatch's words where they are not."""
    shape = model().operation_model(action).input_shape
    try:
        return dict(check(shape, _epochs(shape, given)))
    except ServiceError as error:
        code = {"ValidationException": "ValidationError", "SerializationException": "MalformedInput"}
        raise ServiceError(code.get(error.code, error.code), error.message) from None


def encoded(action: str, protocol: str, answer: Mapping[str, Any]) -> Response:
    """An answer, of which only modelled members are shown; times are epoch seconds in `answer`."""
    shape = model().operation_model(action).output_shape
    if protocol == "query":
        inner = "" if shape is None else _to_xml(shape, answer)
        body = (
            f'<{action}Response xmlns="http://monitoring.amazonaws.com/doc/2010-08-01/"><{action}Result>{inner}'
            f"</{action}Result><ResponseMetadata><RequestId>{_request_id()}</RequestId></ResponseMetadata>"
            f"</{action}Response>"
        )
        return 200, {"Content-Type": "text/xml"}, body.encode()
    shown = {} if shape is None else _shown(shape, answer, protocol)
    if protocol == "json":
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(shown).encode()
    import cbor2

    return 200, {"Content-Type": "application/cbor", "smithy-protocol": "rpc-v2-cbor"}, cbor2.dumps(shown)


def refused(error: ServiceError, protocol: str) -> Response:
    """An error in the protocol of the request."""
    from ministack.services import cloudwatch

    answer: Response = cloudwatch._error(
        error.code, error.message, error.status, use_json=protocol == "json", use_cbor=protocol == "cbor"
    )
    return answer


def _cbor(body: bytes) -> Any:
    import cbor2

    try:
        return cbor2.loads(body) if body else {}
    except (cbor2.CBORDecodeError, EOFError) as fault:
        raise ValueError(str(fault)) from None


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) and value else value)


def _request_id() -> str:
    from ministack.core.responses import new_uuid

    return str(new_uuid())


_TEXT: dict[str, Any] = {"integer": int, "double": float, "float": float, "long": int, "boolean": lambda t: t == "true"}


def _from_form(shape: Any, form: Mapping[str, str], prefix: str) -> Any:
    if shape.type_name == "structure":
        found = {
            name: value
            for name, member in shape.members.items()
            if (value := _from_form(member, form, f"{prefix}.{name}" if prefix else name)) is not None
        }
        return found or None
    if shape.type_name == "list":
        items: list[Any] = []
        while (item := _from_form(shape.member, form, f"{prefix}.member.{len(items) + 1}")) is not None:
            items.append(item)
        return items or ([] if form.get(prefix) == "" else None)
    if prefix not in form:
        return None
    try:
        return _TEXT.get(shape.type_name, str)(form[prefix])
    except ValueError:
        raise ServiceError("MalformedInput", f"{form[prefix]!r} at '{prefix}' is no {shape.type_name}") from None


def _epochs(shape: Any, value: Any) -> Any:
    """Times of any protocol as epoch seconds."""
    if shape is None:
        return value
    if shape.type_name == "structure" and isinstance(value, Mapping):
        return {key: _epochs(shape.members.get(key), item) for key, item in value.items() if item is not None}
    if shape.type_name == "list" and isinstance(value, list | tuple):
        return [_epochs(shape.member, item) for item in value]
    if shape.type_name == "timestamp":
        from ministack.services import cloudwatch

        found = cloudwatch._parse_ts(value)
        if found is None:
            raise ServiceError("MalformedInput", f"{value!r} is no timestamp")
        return found
    return value


def _shown(shape: Any, value: Any, protocol: str) -> Any:
    if shape.type_name == "structure":
        return {
            name: _shown(member, value[name], protocol)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_shown(shape.member, item, protocol) for item in value]
    if shape.type_name == "map":
        return {key: _shown(shape.value, item, protocol) for key, item in value.items()}
    if shape.type_name == "timestamp":
        if protocol == "json":
            return float(value)
        import cbor2

        return cbor2.CBORTag(1, float(value))
    return float(value) if shape.type_name in ("double", "float") else value


def _to_xml(shape: Any, value: Any) -> str:
    if shape.type_name == "structure":
        return "".join(
            f"<{name}>{_to_xml(member, value[name])}</{name}>"
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if shape.type_name == "list":
        return "".join(f"<member>{_to_xml(shape.member, item)}</member>" for item in value)
    if shape.type_name == "map":
        return "".join(
            f"<entry><key>{escape(str(key))}</key><value>{_to_xml(shape.value, item)}</value></entry>"
            for key, item in value.items()
        )
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(float(value), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
