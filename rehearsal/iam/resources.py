"""The resource's own policy and owner, in whichever account and region the ARN names."""

from collections.abc import Callable
from typing import Any

from rehearsal.host import Scope
from rehearsal.iam.callers import named
from rehearsal.iam.evaluate import Source

# Opened by their own policy alone, also in their own account.
CLOSED = frozenset({"kms"})
# Their own policies are looked at by the service itself, which knows whose resource it is.
SELF_CHECKED = frozenset({"sagemaker", "sts", "iam"})


def policy_of(service: str, arn: str, scope: Scope) -> tuple[Source | None, str]:
    """(policy or None, owning account or "") of a resource, by the IAM namespace of the action."""
    if service in SELF_CHECKED or not arn.startswith("arn:"):
        return None, ""
    parts = arn.split(":", 5)
    owner, region = (parts[4], parts[3]) if len(parts) == 6 else ("", "")
    if service == "s3":
        return _bucket(arn)
    lookup = _LOOKUPS.get(service)
    if lookup is None or not owner.isdigit():
        return None, owner if owner.isdigit() else ""
    from rehearsal.emulator import within

    document = within(Scope(owner, region or scope.region), lookup, arn)
    return policy_source(arn, document), owner


def policy_source(arn: str, document: Any) -> Source | None:
    """A resource's policy document as a policy; None when it has none."""
    return named([(arn, document)])[0] if document else None


def _bucket(arn: str) -> tuple[Source | None, str]:
    from ministack.services import s3

    name = arn.removeprefix("arn:aws:s3:::").split("/", 1)[0]
    if not arn.startswith("arn:aws:s3:::"):
        found = s3.bucket_policy_for_arn(arn) or s3.access_point_policy_for_arn(arn)
        return (policy_source(arn, found[0]), str(found[1] or "")) if found else (None, "")
    owner = s3._bucket_owner_account(name)
    if owner is None:
        return None, ""
    return policy_source(f"arn:aws:s3:::{name}", s3._bucket_policies.get_scoped(owner, None, name)), str(owner)


def _found(module: str, function: str) -> Callable[[str], Any]:
    def look(arn: str) -> Any:
        import importlib

        found = getattr(importlib.import_module(f"ministack.services.{module}"), function)(arn)
        return found[0] if found else None

    return look


def _bus(arn: str) -> Any:
    from ministack.services import eventbridge

    kind, _, name = arn.split(":", 5)[5].partition("/")
    return eventbridge._event_bus_policies.get(name) if kind == "event-bus" else None


_LOOKUPS: dict[str, Callable[[str], Any]] = {
    "sqs": _found("sqs", "queue_policy_for_arn"),
    "sns": _found("sns", "topic_policy_for_arn"),
    "lambda": _found("lambda_svc", "function_policy_for_arn"),
    "secretsmanager": _found("secretsmanager", "secret_policy_for_arn"),
    "ecr": _found("ecr", "repository_policy_for_arn"),
    "kms": _found("kms", "key_policy_for_arn"),
    "kinesis": _found("kinesis", "stream_policy_for_arn"),
    "apigateway": _found("apigateway_v1", "rest_api_policy_for_arn"),
    "events": _bus,
}
