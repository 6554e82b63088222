"""SageMaker and SageMaker Runtime as services of the emulator: HTTP in, the overlay's plain calls out."""

import json
from typing import TYPE_CHECKING, Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id

from rehearsal.host import Scope
from rehearsal.permissions import dependents
from rehearsal.sagemaker.serving.runtime_request import OPERATIONS

if TYPE_CHECKING:
    from rehearsal.runtime import Runtime

Response = tuple[int, dict[str, str], bytes]


def scope_of_request() -> Scope:
    """Account and region of the request that this context serves."""
    return Scope(get_account_id(), get_region())


def error(code: str, message: str, status: int = 400) -> Response:
    """An error in the JSON protocol's words."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code}
    return status, headers, json.dumps({"__type": code, "message": message}).encode()


class SageMakerService:
    """What the emulator calls for the credential scope `sagemaker`; stands in for one of its service modules."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime

    async def handle_request(
        self, _method: str, path: str, headers: dict[str, str], body: bytes | str, query: dict[str, Any]
    ) -> Response:
        """One request, already authenticated and authorised for its own action by the emulator."""
        scope = scope_of_request()
        parts = path.strip("/").split("/")
        if parts[0] == "endpoints" and len(parts) == 3 and parts[2] in OPERATIONS:
            return await self._invoke(parts[1], OPERATIONS[parts[2]], headers, body, scope)
        action = headers.get("x-amz-target", "").split(".")[-1]
        try:
            params = json.loads(body or b"{}")
        except ValueError as fault:
            return error("SerializationException", f"the body is not JSON: {fault}")
        if not isinstance(params, dict):
            return error("SerializationException", "the body is not a JSON object")
        from rehearsal.autoscaling.endpoints import needs as of_scaling

        key = extract_access_key_id(headers, query)
        for need in (*dependents(action, params, scope), *of_scaling(self._runtime.autoscaling, action, params, scope)):
            denied = iam_evaluator.enforce(
                key, need.action, need.action.split(":")[0], scope.region, need.resource, dict(need.context)
            )
            if denied is not None:
                return error("AccessDeniedException", str(denied.message))
        principal = iam_evaluator.caller_arn()
        result: Response = await self._runtime.in_thread(self.call, action, params, scope, principal)
        return result

    async def _invoke(
        self, endpoint: str, operation: str, headers: dict[str, str], body: bytes | str, scope: Scope
    ) -> Response:
        """The runtime API for callers within the emulator; those from outside come through `invocations`."""
        raw = body.encode() if isinstance(body, str) else body
        status, answered, content = await self._runtime.sagemaker.invoke(endpoint, dict(headers), raw, scope, operation)
        if not isinstance(content, bytes):
            content = b"".join([part async for part in content])
        return status, answered, content

    def call(self, action: str, params: dict[str, Any], scope: Scope, principal: str) -> Response:
        """Run one action of the overlay in this thread."""
        from rehearsal.sagemaker import ServiceError

        try:
            result = self._runtime.sagemaker.handle(action, params, scope, principal)
        except ServiceError as fault:
            return error(fault.code, str(getattr(fault, "message", fault)), int(getattr(fault, "status", 400)))
        return 200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(result).encode()

    # The emulator asks these of every service module; the overlay keeps its state in its own directory.
    def get_state(self) -> None:
        """Nothing for the emulator to keep."""

    def reset(self) -> None:
        """The emulator's reset is not offered: the cloud is thrown away whole."""

    def load_persisted_state(self, data: object) -> None:
        """Nothing to load."""
