"""Hooks on how the emulator routes, names and authorises a request."""

import json
import re
from collections.abc import Callable
from typing import Any

from rehearsal import builds
from rehearsal.adapter import SageMakerService
from rehearsal.host import Scope
from rehearsal.permissions import primary
from rehearsal.runtime import Runtime

SERVICES = ("sagemaker", "sagemaker-runtime")
_NAMESPACE = re.compile(rb'"Namespace"\s*:\s*"([^"]+)"')


def handlers(original: dict[str, Any], runtime: Runtime) -> dict[str, Any]:
    """SageMaker and SageMaker Runtime answer like any other service; the emulator routes by the scope they sign for."""
    service = SageMakerService(runtime)
    changed = {"ecr": builds.refusing_missing_images(original["ecr"])}
    return {**original, **changed, **dict.fromkeys(SERVICES, service.handle_request)}


def patterns(original: dict[str, Any], _: Runtime) -> dict[str, Any]:
    """SageMaker's scopes are known; nothing but the scope leads to it."""
    return {**original, **{service: {} for service in SERVICES}}


def iam_action(original: Callable[..., str | None], _: Runtime) -> Callable[..., str | None]:
    """InvokeEndpoint is a path; all else of SageMaker is a target header."""

    def extract(  # noqa: PLR0917  # the emulator\'s own signature
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, params: dict[str, Any]
    ) -> str | None:
        if service in SERVICES:
            target = headers.get("x-amz-target", "").split(".")[-1]
            return "sagemaker:InvokeEndpoint" if path.startswith("/endpoints/") else f"sagemaker:{target}"
        return original(service, method, path, headers, body, params)

    return extract


def resource_arn(original: Callable[..., str], _: Runtime) -> Callable[..., str]:
    """The ARN that SageMaker checks a request against; and CodeBuild, where a request names builds."""

    def extract(  # noqa: PLR0917  # the emulator\'s own signature
        service: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        params: dict[str, Any],
        region: str,
        account: str,
    ) -> str:
        if service == "codebuild" and (builds := _json(body).get("ids")):
            # A build's id is its project's name and a UUID, and it is the project that is authorised.
            return f"arn:aws:codebuild:{region}:{account}:project/{builds[0].rpartition(':')[0]}"
        if service not in SERVICES:
            return original(service, method, path, headers, body, params, region, account)
        if path.startswith("/endpoints/"):
            return primary("InvokeEndpoint", {"EndpointName": path.split("/")[2]}, Scope(account, region)).resource
        action = headers.get("x-amz-target", "").split(".")[-1]
        return primary(action, _json(body), Scope(account, region)).resource

    return extract


def condition_keys(original: Callable[..., dict[str, Any]], _: Runtime) -> Callable[..., dict[str, Any]]:
    """Adds cloudwatch:namespace and sagemaker:ModelApprovalStatus, as those services do."""

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found = original(service, action, body, params)
        if action == "cloudwatch:PutMetricData":
            found["cloudwatch:namespace"] = _metric_namespace(body, params)
        elif service in SERVICES:
            found.update(primary(action.rsplit(":", maxsplit=1)[-1], _json(body), Scope("", "")).context)
        return found

    return context


def enforce(original: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """Write every decision about a caller down. The operator (account root) is never denied, so never counted."""
    from ministack.core import iam_evaluator

    def checked(  # noqa: PLR0917  # the emulator\'s own signature
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        denied = original(access_key, action, service, region, resource_arn, service_context)
        caller = iam_evaluator.caller_arn()
        if denied is not None or not caller.endswith(":root"):
            runtime.audit.record(caller or "unknown", action, resource_arn, allowed=denied is None)
        return denied

    return checked


def _metric_namespace(body: bytes, params: dict[str, Any]) -> str | None:
    given = params.get("Namespace")
    if given:
        return str(given[0] if isinstance(given, list) else given)
    match = _NAMESPACE.search(body or b"")
    if match:
        return match[1].decode()
    import cbor2

    try:
        return str(cbor2.loads(body)["Namespace"])
    except (cbor2.CBORError, KeyError, TypeError, EOFError):
        return None


def _json(body: bytes | str) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
