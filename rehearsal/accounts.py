"""Requests about what another account owns: answered from that account, after they were authorised."""

import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.adapter import Response

Handler = Callable[..., Awaitable[Response]]


def owners_key(original: Handler) -> Handler:
    """KMS with the ARN of a key of another account. The key's policy and the caller's have been asked by then."""
    return _as_owner(original, lambda members: str(members.get("KeyId") or ""))


def owners_registry(original: Handler) -> Handler:
    """ECR with the `registryId` of another account."""

    def arn(members: dict[str, Any]) -> str:
        registry = members.get("registryId")
        return f"arn:aws:ecr::{registry}:repository" if registry else ""

    return _as_owner(original, arn)


def _as_owner(original: Handler, resource: Callable[[dict[str, Any]], str]) -> Handler:
    from ministack.core.responses import get_account_id, set_request_account_id

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response:
        members: Any = {}
        with contextlib.suppress(ValueError):
            members = json.loads(body or b"{}")
        parts = resource(members).split(":") if isinstance(members, dict) else []
        here = str(get_account_id())
        if len(parts) < 6 or not parts[4] or parts[4] == here:
            return await original(method, path, headers, body, query)
        set_request_account_id(parts[4])
        try:
            return await original(method, path, headers, body, query)
        finally:
            set_request_account_id(here)

    return handle
