"""Roles that a request hands to a service: each needs iam:PassRole for exactly that service.

https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""

from collections.abc import Mapping
from typing import Any

from rehearsal.iam.requestkeys import Asked
from rehearsal.permissions import Need

# Action: the members that are roles, the service each goes to, and the kind of resource that will use it.
_PASSES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "lambda:CreateFunction": (("Role",), "lambda.amazonaws.com", "function:{FunctionName}"),
    "lambda:UpdateFunctionConfiguration": (("Role",), "lambda.amazonaws.com", ""),
    "states:CreateStateMachine": (("roleArn",), "states.amazonaws.com", "stateMachine:{name}"),
    "states:UpdateStateMachine": (("roleArn",), "states.amazonaws.com", ""),
    "events:PutRule": (("RoleArn",), "events.amazonaws.com", "rule/{Name}"),
    "events:PutTargets": (("Targets.RoleArn",), "events.amazonaws.com", "rule/{Rule}"),
    "scheduler:CreateSchedule": (("Target.RoleArn",), "scheduler.amazonaws.com", "schedule-group/{GroupName}"),
    "scheduler:UpdateSchedule": (("Target.RoleArn",), "scheduler.amazonaws.com", "schedule-group/{GroupName}"),
    "pipes:CreatePipe": (("RoleArn",), "pipes.amazonaws.com", ""),
    "pipes:UpdatePipe": (("RoleArn",), "pipes.amazonaws.com", ""),
    "codebuild:CreateProject": (("serviceRole",), "codebuild.amazonaws.com", "project/{name}"),
    "codebuild:UpdateProject": (("serviceRole",), "codebuild.amazonaws.com", "project/{name}"),
    "codebuild:StartBuild": (("serviceRoleOverride",), "codebuild.amazonaws.com", "project/{projectName}"),
    "cloudformation:CreateStack": (("RoleARN",), "cloudformation.amazonaws.com", ""),
    "cloudformation:UpdateStack": (("RoleARN",), "cloudformation.amazonaws.com", ""),
    "cloudformation:DeleteStack": (("RoleARN",), "cloudformation.amazonaws.com", ""),
    "cloudformation:CreateChangeSet": (("RoleARN",), "cloudformation.amazonaws.com", ""),
    "firehose:CreateDeliveryStream": (("RoleARN",), "firehose.amazonaws.com", "deliverystream/{DeliveryStreamName}"),
    "logs:PutSubscriptionFilter": (("roleArn",), "logs.amazonaws.com", ""),
    "ecs:RegisterTaskDefinition": (("taskRoleArn", "executionRoleArn"), "ecs-tasks.amazonaws.com", ""),
    "batch:RegisterJobDefinition": (("containerProperties.jobRoleArn",), "ecs-tasks.amazonaws.com", ""),
    "glue:CreateJob": (("Role",), "glue.amazonaws.com", "job/{Name}"),
    "ssm:RegisterTaskWithMaintenanceWindow": (("ServiceRoleArn",), "ssm.amazonaws.com", ""),
}


def needs(action: str, asked: Asked) -> list[Need]:
    """What else the request needs; nothing when it hands over no role."""
    known = _PASSES.get(action)
    if known is None:
        return []
    members, service, kind = known
    roles = sorted({role for member in members for role in _at(asked, member.split("."))})
    context: dict[str, Any] = {"iam:PassedToService": service}
    if kind:
        values = {name: asked.member(name) or "*" for name in ("FunctionName", "name", "Name", "Rule", "projectName")}
        values["GroupName"] = asked.member("GroupName") or "default"
        prefix = f"arn:aws:{action.partition(':')[0]}:{asked.region}:{asked.account}:"
        context["iam:AssociatedResourceArn"] = prefix + kind.format_map(_Named(values))
    return [Need("iam:PassRole", role, context) for role in roles]


class _Named(dict[str, Any]):
    def __missing__(self, _: str) -> str:
        return "*"


def _at(asked: Asked, path: list[str]) -> list[str]:
    found: list[Any] = [asked.member(path[0])]
    for name in path[1:]:
        found = [item for value in found for item in (value if isinstance(value, list) else [value])]
        found = [value.get(name) for value in found if isinstance(value, Mapping)]
    # Some services take a role's name where an ARN is meant.
    return [
        str(role) if str(role).startswith("arn:") else f"arn:aws:iam::{asked.account}:role/{role}"
        for role in found
        if isinstance(role, str) and role
    ]
