"""Types of other services whose API the emulator has, but not the resource type."""

import json
import re
from typing import Any

from rehearsal.cfn.kinds import Kind, Properties

_ROOT = re.compile(r"(?:arn:aws:iam::)?(\d{12})(?::root)?")


def _text(policy: Any) -> str:
    return policy if isinstance(policy, str) else json.dumps(policy)


def _archive(properties: Properties) -> dict[str, Any]:
    pattern = properties.get("EventPattern")
    return {
        **properties,
        "EventSourceArn": properties.get("SourceArn"),
        **({"EventPattern": _text(pattern)} if pattern else {}),
    }


def _bus_policy(properties: Properties) -> dict[str, Any]:
    """One statement as PutPermission's own parameters: the emulator's API has no other form."""
    statement = properties.get("Statement")
    if not statement:
        return dict(properties)
    given = json.loads(statement) if isinstance(statement, str) else dict(statement)
    principal = given.get("Principal")
    named = principal.get("AWS") if isinstance(principal, dict) else principal
    account = _ROOT.fullmatch(str(named))
    if given.get("Effect", "Allow") != "Allow" or (named != "*" and account is None):
        raise ValueError("The embedded cloud runs bus policies that allow '*' or a whole account: Statement")
    condition = [
        {"Type": operator, "Key": key, "Value": value}
        for operator, pairs in (given.get("Condition") or {}).items()
        for key, value in pairs.items()
    ]
    if len(condition) > 1:
        raise ValueError("The embedded cloud runs bus policies with at most one condition: Statement")
    action = given.get("Action", "events:PutEvents")
    return {
        **({"EventBusName": properties["EventBusName"]} if properties.get("EventBusName") else {}),
        "Action": action[0] if isinstance(action, list) and len(action) == 1 else action,
        "Principal": account[1] if account else "*",
        **({"Condition": condition[0]} if condition else {}),
    }


def _inline(property_name: str, principal: str) -> Any:
    def adapt(properties: Properties) -> dict[str, Any]:
        return {
            principal: properties[principal],
            "PolicyName": properties["PolicyName"],
            property_name: _text(properties.get("PolicyDocument", {})),
        }

    return adapt


def _routes(properties: Properties) -> dict[str, Any]:
    given = properties.get("RoutingConfiguration") or []
    if properties.get("DeploymentPreference"):
        preference = properties["DeploymentPreference"]
        if preference.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
            raise ValueError("The embedded cloud shifts a state machine's alias all at once only: DeploymentPreference")
        given = [{"StateMachineVersionArn": preference["StateMachineVersionArn"], "Weight": 100}]
    return {**properties, "RoutingConfiguration": given}


KINDS = (
    Kind(
        type="AWS::Events::Archive",
        service="events",
        create="CreateArchive",
        update="UpdateArchive",
        delete="DeleteArchive",
        describe="DescribeArchive",
        name="ArchiveName",
        generated=48,
        create_only=("ArchiveName", "SourceArn"),
        own=("SourceArn",),
        attributes=("Arn=ArchiveArn",),
        adapt=_archive,
    ),
    Kind(
        type="AWS::Events::Connection",
        service="events",
        create="CreateConnection",
        update="UpdateConnection",
        delete="DeleteConnection",
        describe="DescribeConnection",
        name="Name",
        generated=64,
        create_only=("Name",),
        attributes=("Arn=ConnectionArn", "SecretArn"),
    ),
    Kind(
        type="AWS::Events::ApiDestination",
        service="events",
        create="CreateApiDestination",
        update="UpdateApiDestination",
        delete="DeleteApiDestination",
        describe="DescribeApiDestination",
        name="Name",
        generated=64,
        create_only=("Name",),
        attributes=("Arn=ApiDestinationArn",),
    ),
    Kind(
        type="AWS::Events::EventBusPolicy",
        service="events",
        create="PutPermission",
        update="PutPermission",
        delete="RemovePermission",
        name="StatementId",
        generated=0,
        create_only=("EventBusName", "StatementId"),
        own=("Statement",),
        adapt=_bus_policy,
        deletion=lambda name, properties: {
            "StatementId": name,
            **({"EventBusName": properties["EventBusName"]} if properties.get("EventBusName") else {}),
        },
    ),
    Kind(
        type="AWS::IAM::Group",
        service="iam",
        create="CreateGroup",
        delete="DeleteGroup",
        describe="GetGroup",
        name="GroupName",
        generated=128,
        create_only=("GroupName", "Path"),
        attributes=("Arn=Group.Arn",),
    ),
    Kind(
        type="AWS::IAM::AccessKey",
        service="iam",
        create="CreateAccessKey",
        delete="DeleteAccessKey",
        ref="AccessKey.AccessKeyId",
        create_only=("UserName", "Serial"),
        own=("Serial", "Status"),
        attributes=("SecretAccessKey=AccessKey.SecretAccessKey",),
        deletion=lambda key, properties: {"UserName": properties["UserName"], "AccessKeyId": key},
    ),
    Kind(
        type="AWS::IAM::RolePolicy",
        service="iam",
        create="PutRolePolicy",
        update="PutRolePolicy",
        delete="DeleteRolePolicy",
        name="PolicyName",
        generated=0,
        create_only=("PolicyName", "RoleName"),
        adapt=_inline("PolicyDocument", "RoleName"),
        deletion=lambda name, properties: {"RoleName": properties["RoleName"], "PolicyName": name},
    ),
    Kind(
        type="AWS::IAM::UserPolicy",
        service="iam",
        create="PutUserPolicy",
        update="PutUserPolicy",
        delete="DeleteUserPolicy",
        name="PolicyName",
        generated=0,
        create_only=("PolicyName", "UserName"),
        adapt=_inline("PolicyDocument", "UserName"),
        deletion=lambda name, properties: {"UserName": properties["UserName"], "PolicyName": name},
    ),
    Kind(
        type="AWS::IAM::OIDCProvider",
        service="iam",
        create="CreateOpenIDConnectProvider",
        delete="DeleteOpenIDConnectProvider",
        ref="OpenIDConnectProviderArn",
        create_only=("Url", "ClientIdList", "ThumbprintList"),
        own=("ClientIdList",),
        attributes=("Arn=OpenIDConnectProviderArn",),
        adapt=lambda properties: {**properties, "ClientIDList": properties.get("ClientIdList") or []},
        deletion=lambda arn, _: {"OpenIDConnectProviderArn": arn},
    ),
    Kind(
        type="AWS::StepFunctions::Activity",
        service="stepfunctions",
        create="CreateActivity",
        delete="DeleteActivity",
        name="Name",
        identity="activityArn",
        generated=0,
        ref="activityArn",
        create_only=("Name", "EncryptionConfiguration"),
        attributes=("Arn=activityArn",),
        describe="DescribeActivity",
    ),
    Kind(
        type="AWS::StepFunctions::StateMachineVersion",
        service="stepfunctions",
        create="PublishStateMachineVersion",
        delete="DeleteStateMachineVersion",
        identity="stateMachineVersionArn",
        ref="stateMachineVersionArn",
        create_only=("StateMachineArn", "StateMachineRevisionId", "Description"),
        own=("StateMachineRevisionId",),
        attributes=("Arn=stateMachineVersionArn",),
        adapt=lambda properties: {
            **properties,
            **({"RevisionId": properties["StateMachineRevisionId"]} if "StateMachineRevisionId" in properties else {}),
        },
    ),
    Kind(
        type="AWS::StepFunctions::StateMachineAlias",
        service="stepfunctions",
        create="CreateStateMachineAlias",
        update="UpdateStateMachineAlias",
        delete="DeleteStateMachineAlias",
        describe="DescribeStateMachineAlias",
        name="Name",
        identity="stateMachineAliasArn",
        generated=80,
        ref="stateMachineAliasArn",
        create_only=("Name",),
        own=("DeploymentPreference", "StateMachineArn"),
        attributes=("Arn=stateMachineAliasArn",),
        adapt=_routes,
    ),
    Kind(
        type="AWS::SecretsManager::ResourcePolicy",
        service="secretsmanager",
        create="PutResourcePolicy",
        update="PutResourcePolicy",
        delete="DeleteResourcePolicy",
        ref="ARN",
        create_only=("SecretId",),
        adapt=lambda properties: {**properties, "ResourcePolicy": _text(properties["ResourcePolicy"])},
        deletion=lambda _, properties: {"SecretId": properties["SecretId"]},
    ),
    Kind(
        type="AWS::Athena::NamedQuery",
        service="athena",
        create="CreateNamedQuery",
        delete="DeleteNamedQuery",
        identity="NamedQueryId",
        ref="NamedQueryId",
        create_only=("Name", "Database", "Description", "QueryString", "WorkGroup"),
        attributes=("NamedQueryId",),
    ),
)  # fmt: skip
