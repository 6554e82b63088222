"""Hooks on how the emulator routes and names a request: its service, its IAM action, its resource."""

import json
from collections.abc import Callable
from typing import Any

from rehearsal import accounts, builds, servicequotas
from rehearsal.adapter import SageMakerService
from rehearsal.autoscaling import service as autoscaling
from rehearsal.autoscaling.service import AutoScaling
from rehearsal.bus import dispatch as event_bus
from rehearsal.cfn import front as cfn_front
from rehearsal.cloudwatch.service import CloudWatch
from rehearsal.functions import requests as lambda_requests
from rehearsal.host import Scope
from rehearsal.iam import arns, present
from rehearsal.iam.requestkeys import Asked
from rehearsal.permissions import primary
from rehearsal.runtime import Runtime
from rehearsal.states.workflows import StepFunctions

SERVICES = ("sagemaker", "sagemaker-runtime")
TARGETED = (autoscaling.NAME, servicequotas.NAME)
"""Services of ours whose IAM actions are those of their target headers."""


def handlers(original: dict[str, Any], runtime: Runtime) -> dict[str, Any]:
    """SageMaker and SageMaker Runtime answer like any other service; the emulator routes by the scope they sign for."""
    service = SageMakerService(runtime)
    watch = CloudWatch(original["monitoring"], runtime)
    runtime.alarms = watch.alarms
    runtime.autoscaling = AutoScaling(runtime)
    changed: dict[str, Any] = {
        "ecr": accounts.owners_registry(builds.refusing_missing_images(original["ecr"])),
        "monitoring": watch.handle_request,
    }
    changed[autoscaling.NAME] = runtime.autoscaling.handle_request
    changed[servicequotas.NAME] = servicequotas.ServiceQuotas(runtime).handle_request
    changed["kms"] = accounts.owners_key(original["kms"])
    changed["cloudformation"] = cfn_front.guarded(original["cloudformation"])
    changed["states"] = StepFunctions(original["states"], runtime).handle_request
    changed["lambda"] = lambda_requests.guarded(original["lambda"], runtime)
    changed["events"] = event_bus.guarded(original["events"])
    return {**original, **changed, **dict.fromkeys(SERVICES, service.handle_request)}


def patterns(original: dict[str, Any], _: Runtime) -> dict[str, Any]:
    """SageMaker's scopes are known; nothing but the scope leads to it."""
    return {**original, **{service: {} for service in (*SERVICES, *TARGETED)}}


def iam_action(original: Callable[..., str | None], _: Runtime) -> Callable[..., str | None]:
    """Of SageMaker, what invokes an endpoint is a path; all else is a target header."""

    def extract(  # noqa: PLR0917  # the emulator\'s own signature
        service: str, method: str, path: str, headers: dict[str, str], body: bytes, params: dict[str, Any]
    ) -> str | None:
        if service in SERVICES:
            return f"sagemaker:{_sagemaker_action(path, headers)}"
        if service in TARGETED:
            return f"{service}:{headers.get('x-amz-target', '').rpartition('.')[2]}"
        return original(service, method, path, headers, body, params)

    return extract


def resource_arn(original: Callable[..., str], _: Runtime) -> Callable[..., str]:
    """The ARN that a request is checked against; and what else its check needs to know is kept."""

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
        raw = body.encode() if isinstance(body, str) else body or b""
        asked = Asked(service, method, path, headers, raw, params, region, account)
        present.asked.set(asked)
        if service in SERVICES:
            members = {"EndpointName": path.split("/")[2]} if path.startswith("/endpoints/") else asked.members
            return primary(_sagemaker_action(path, headers), members, Scope(account, region)).resource
        return arns.of_request(asked) or original(service, method, path, headers, body, params, region, account)

    return extract


def condition_keys(original: Callable[..., dict[str, Any]], _: Runtime) -> Callable[..., dict[str, Any]]:
    """SageMaker's own keys. The emulator reads the tags of a request; for SageMaker it would load all its models."""

    def context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        if service not in SERVICES:
            return original(service, action, body, params)
        try:
            members = json.loads(body or b"{}")
        except ValueError:
            members = {}
        scope = present.scope()
        return dict(primary(action.rpartition(":")[2], members if isinstance(members, dict) else {}, scope).context)

    return context


def _sagemaker_action(path: str, headers: dict[str, str]) -> str:
    if path.startswith("/endpoints/"):
        suffix = path.rpartition("/")[2]
        return {"async-invocations": "InvokeEndpointAsync"}.get(
            suffix, "InvokeEndpointWithResponseStream" if suffix.endswith("response-stream") else "InvokeEndpoint"
        )
    return headers.get("x-amz-target", "").split(".")[-1]
