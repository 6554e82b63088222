"""Answers of the runtime API: errors as its model names and numbers them, and the event stream of a streamed answer."""

import json
import struct
import zlib
from collections.abc import Mapping

from rehearsal.host import Scope

Answer = tuple[int, dict[str, str], bytes]


def error(status: int, code: str, message: str) -> Answer:
    """An error of the API."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"Message": message}).encode()


def log_group(endpoint: str) -> str:
    """Where an endpoint's containers log."""
    return f"/aws/sagemaker/Endpoints/{endpoint}"


def model_error(scope: Scope, endpoint: str, variant: str, *, container: str, status: int, text: str) -> Answer:
    """ModelError: the container answered with an error, or not at all (`status` 0)."""
    region, account = scope.region, scope.account
    group = log_group(endpoint)
    side = "client" if 400 <= status < 500 else "server"
    console = f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group}"
    document = {
        "ErrorCode": "CLIENT_ERROR_FROM_MODEL" if side == "client" else "INTERNAL_FAILURE_FROM_MODEL",
        "LogStreamArn": f"arn:aws:logs:{region}:{account}:log-group:{group}",
        "Message": f'Received {side} error ({status}) from {container} with message "{text}". '
        f"See {console} in account {account} for more information.",
        "OriginalMessage": text,
        "OriginalStatusCode": status,
    }
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": "ModelError",
        "x-Amzn-Invoked-Production-Variant": variant,
    }
    return 424, headers, json.dumps(document).encode()


def event(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message of `application/vnd.amazon.eventstream`: string headers only, with both checksums."""
    encoded = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 16 + len(encoded) + len(payload), len(encoded))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + encoded + payload
    return message + struct.pack("!I", zlib.crc32(message))


def payload_part(part: bytes) -> bytes:
    """A PayloadPart event."""
    headers = {":event-type": "PayloadPart", ":content-type": "application/octet-stream", ":message-type": "event"}
    return event(headers, part)


def stream_error(code: str, message: str, error_code: str) -> bytes:
    """ModelStreamError or InternalStreamFailure in the middle of a stream; it is its last event."""
    headers = {":exception-type": code, ":content-type": "application/json", ":message-type": "exception"}
    return event(headers, json.dumps({"Message": message, "ErrorCode": error_code}).encode())
