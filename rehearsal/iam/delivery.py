"""Calls that a service makes by itself: deliveries to targets, under the target's role or the target's own policy.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
"""

import logging
from collections.abc import Mapping
from typing import Any

from rehearsal.authority import Authority, DeniedError
from rehearsal.host import Scope
from rehearsal.iam import callers, onbehalf, present, resources
from rehearsal.permissions import Need

_log = logging.getLogger("slipway.iam")
ACTIONS = {
    "lambda": "lambda:InvokeFunction",
    "sqs": "sqs:SendMessage",
    "sns": "sns:Publish",
    "states": "states:StartExecution",
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "firehose": "firehose:PutRecord",
    "logs": "logs:PutLogEvents",
    "ecs": "ecs:RunTask",
    "batch": "batch:SubmitJob",
    "codebuild": "codebuild:StartBuild",
    "codepipeline": "codepipeline:StartPipelineExecution",
    "sagemaker": "sagemaker:StartPipelineExecution",
}
# Targets with a policy of their own, by which a service may call them without a role.
_OWN_POLICY = frozenset({"lambda", "sqs", "sns", "logs"})


def deliver(  # noqa: PLR0917  # who, for what, to whom, where and as whom
    authority: Authority, service: str, source_arn: str, target: str, scope: Scope, role: str = ""
) -> None:
    """Raise DeniedError unless `service` may hand something from `source_arn` to `target`.

    Under `role`, if there is one, with the role's permissions; else the target's own policy must name the service,
    and the key of an encrypted target as well.
    """
    kind = target.split(":")[2] if target.count(":") >= 5 else ""
    if kind == "events" and ":api-destination/" in target:
        action = "events:InvokeApiDestination"
    else:
        action = ACTIONS.get(kind, f"{kind}:Invoke")
    need = Need(action, target)
    if role:
        caller = callers.of_role(role, service.partition(".")[0])
    else:
        caller = callers.of_service(service, source_arn, _owner(source_arn, scope) or scope.account)
    if not role and kind == "events" and target.split(":")[4] == scope.account:
        return  # another bus of the same account and no role: nothing is asked of anybody
    if not role and kind not in _OWN_POLICY:
        raise DeniedError(service, need)
    authority.demand(caller, need, scope)
    for one in onbehalf.of_delivery(need, scope):
        authority.demand(caller, one, scope)
        if (state := onbehalf.unusable(one, scope, authority.faults())) is not None:
            raise DeniedError(f"{service} ({state[1]})", one)


def _owner(arn: str, scope: Scope) -> str:
    """The account of a resource; a bucket's ARN names none."""
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    return resources.policy_of("s3", arn, scope)[1] if service == "s3" else arn.split(":")[4] if service else ""


def notification_allowed(authority: Authority, function_arn: str, event: Any) -> bool:
    """Whether what starts a function is no S3 notification or SNS message, or one that the function's policy lets in.

    A client may well send such an event itself: that call has been checked as its own.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    record = records[0] if isinstance(records, list) and records and isinstance(records[0], Mapping) else {}
    asked = present.service()
    if record.get("eventSource") == "aws:s3" and asked == "s3":
        service, source = "s3.amazonaws.com", str(record.get("s3", {}).get("bucket", {}).get("arn", ""))
    elif record.get("EventSource") == "aws:sns" and asked != "lambda":
        service, source = "sns.amazonaws.com", str(record.get("Sns", {}).get("TopicArn", ""))
        if not _subscribed(str(record.get("EventSubscriptionArn", "")), source, function_arn):
            return True
    else:
        return True
    parts = function_arn.split(":")
    try:
        deliver(authority, service, source, function_arn, Scope(parts[4], parts[3]))
    except DeniedError as denied:
        _log.error("%s: %s", source, denied)
        return False
    return True


def _subscribed(subscription: str, topic_arn: str, function_arn: str) -> bool:
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(topic_arn) or {}
    return any(
        one.get("arn") == subscription and str(one.get("endpoint", "")).startswith(function_arn)
        for one in topic.get("subscriptions", [])
    )
