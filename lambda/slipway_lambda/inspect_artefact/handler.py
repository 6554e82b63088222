"""Inspect the artefact: it exists, is what it says, is safe to unpack, and has this sha256."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.training import ArtefactFaultError
from slipway_lambda.events import take
from slipway_lambda.inspect_artefact.inspect import inspect
from slipway_lambda.ports.objects import ObjectMissingError, Objects, S3Objects, split_uri


def handler(event: Mapping[str, Any], _context: object, objects: Objects | None = None) -> dict[str, Any]:
    """Event: uri, and optionally expected_sha256. Result: sha256, bytes, members."""
    uri = take(event, "uri", str)
    expected = take(event, "expected_sha256", str) if "expected_sha256" in event else None
    try:
        stream = (objects or S3Objects()).stream(*split_uri(uri))
    except ObjectMissingError:
        raise ArtefactFaultError(
            f"There is no model archive at {uri}.", "Look at the training job's log: it ended without a model."
        ) from None
    try:
        found = inspect(stream, expected)
    except ArtefactFaultError as fault:
        raise ArtefactFaultError(f"{uri}: {fault.cause}", fault.next_step) from None
    finally:
        stream.close()
    return {"sha256": found.sha256, "bytes": found.size_bytes, "members": list(found.files)}
