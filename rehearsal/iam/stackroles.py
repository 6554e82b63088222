"""CloudFormation's service role: a stack that has one makes each resource with that role's permissions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
What a type's handler calls first is checked, on the name the resource gets; what it calls besides (tags, reads) is not,
nor is deletion. A stack without a role is made with the caller's permissions in AWS; here, unchecked.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rehearsal.authority import Authority
from rehearsal.host import Scope
from rehearsal.iam.requestkeys import Asked
from rehearsal.permissions import Need

_STACK_ACTIONS = frozenset({"CreateStack", "UpdateStack", "CreateChangeSet", "DeleteStack"})
_ROLE_MEMBERS = frozenset({"RoleArn", "Role", "RoleARN", "ServiceRole", "ExecutionRoleArn", "ExecutionRole"})


class Made(NamedTuple):
    """The calls that make and change a type, its ARN by name, the property that names it, who gets its roles."""

    create: str
    update: str
    arn: str
    name: str = ""
    passed_to: str = ""


_EVENTS, _LAMBDA, _STATES = "events.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com"
_SAGEMAKER, _SCHEDULER = "sagemaker.amazonaws.com", "scheduler.amazonaws.com"
_HERE = "{region}:{account}"
_MADE = {
    "AWS::ApplicationAutoScaling::ScalableTarget": Made(
        "application-autoscaling:RegisterScalableTarget", "application-autoscaling:RegisterScalableTarget", "*"
    ),
    "AWS::ApplicationAutoScaling::ScalingPolicy": Made(
        "application-autoscaling:PutScalingPolicy", "application-autoscaling:PutScalingPolicy", "*"
    ),
    "AWS::CloudWatch::Alarm": Made(
        "cloudwatch:PutMetricAlarm", "cloudwatch:PutMetricAlarm", f"cloudwatch:{_HERE}:alarm:{{name}}", "AlarmName"
    ),
    "AWS::CloudWatch::CompositeAlarm": Made(
        "cloudwatch:PutCompositeAlarm",
        "cloudwatch:PutCompositeAlarm",
        f"cloudwatch:{_HERE}:alarm:{{name}}",
        "AlarmName",
    ),
    "AWS::CloudWatch::Dashboard": Made(
        "cloudwatch:PutDashboard", "cloudwatch:PutDashboard", "cloudwatch::{account}:dashboard/{name}", "DashboardName"
    ),
    "AWS::CodeBuild::Project": Made(
        "codebuild:CreateProject",
        "codebuild:UpdateProject",
        f"codebuild:{_HERE}:project/{{name}}",
        "Name",
        "codebuild.amazonaws.com",
    ),
    "AWS::DynamoDB::Table": Made(
        "dynamodb:CreateTable", "dynamodb:UpdateTable", f"dynamodb:{_HERE}:table/{{name}}", "TableName"
    ),
    "AWS::ECR::Repository": Made(
        "ecr:CreateRepository", "ecr:PutLifecyclePolicy", f"ecr:{_HERE}:repository/{{lower}}", "RepositoryName"
    ),
    "AWS::Events::EventBus": Made(
        "events:CreateEventBus", "events:UpdateEventBus", f"events:{_HERE}:event-bus/{{name}}", "Name"
    ),
    "AWS::Events::Rule": Made("events:PutRule", "events:PutRule", f"events:{_HERE}:rule/{{name}}", "Name", _EVENTS),
    "AWS::IAM::ManagedPolicy": Made(
        "iam:CreatePolicy", "iam:CreatePolicyVersion", "iam::{account}:policy/{name}", "ManagedPolicyName"
    ),
    "AWS::IAM::Role": Made("iam:CreateRole", "iam:UpdateAssumeRolePolicy", "iam::{account}:role/{name}", "RoleName"),
    "AWS::KMS::Key": Made("kms:CreateKey", "kms:PutKeyPolicy", "*"),
    "AWS::Lambda::Function": Made(
        "lambda:CreateFunction",
        "lambda:UpdateFunctionConfiguration",
        f"lambda:{_HERE}:function:{{name}}",
        "FunctionName",
        _LAMBDA,
    ),
    "AWS::Lambda::EventSourceMapping": Made("lambda:CreateEventSourceMapping", "lambda:UpdateEventSourceMapping", "*"),
    "AWS::Logs::LogGroup": Made(
        "logs:CreateLogGroup", "logs:PutRetentionPolicy", f"logs:{_HERE}:log-group:{{name}}", "LogGroupName"
    ),
    "AWS::S3::Bucket": Made("s3:CreateBucket", "s3:PutBucketTagging", "s3:::{lower}", "BucketName"),
    "AWS::SageMaker::Endpoint": Made(
        "sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint", f"sagemaker:{_HERE}:endpoint/{{lower}}", "EndpointName"
    ),
    "AWS::SageMaker::EndpointConfig": Made(
        "sagemaker:CreateEndpointConfig",
        "sagemaker:CreateEndpointConfig",
        f"sagemaker:{_HERE}:endpoint-config/{{lower}}",
        "EndpointConfigName",
        _SAGEMAKER,
    ),
    "AWS::SageMaker::Model": Made(
        "sagemaker:CreateModel",
        "sagemaker:CreateModel",
        f"sagemaker:{_HERE}:model/{{lower}}",
        "ModelName",
        _SAGEMAKER,
    ),
    "AWS::SageMaker::ModelPackageGroup": Made(
        "sagemaker:CreateModelPackageGroup",
        "sagemaker:PutModelPackageGroupPolicy",
        f"sagemaker:{_HERE}:model-package-group/{{lower}}",
        "ModelPackageGroupName",
    ),
    "AWS::SageMaker::Pipeline": Made(
        "sagemaker:CreatePipeline",
        "sagemaker:UpdatePipeline",
        f"sagemaker:{_HERE}:pipeline/{{lower}}",
        "PipelineName",
        _SAGEMAKER,
    ),
    "AWS::Scheduler::Schedule": Made(
        "scheduler:CreateSchedule",
        "scheduler:UpdateSchedule",
        f"scheduler:{_HERE}:schedule/default/{{name}}",
        "Name",
        _SCHEDULER,
    ),
    "AWS::SNS::Topic": Made("sns:CreateTopic", "sns:SetTopicAttributes", f"sns:{_HERE}:{{name}}", "TopicName"),
    "AWS::SQS::Queue": Made("sqs:CreateQueue", "sqs:SetQueueAttributes", f"sqs:{_HERE}:{{name}}", "QueueName"),
    "AWS::SSM::Parameter": Made("ssm:PutParameter", "ssm:PutParameter", f"ssm:{_HERE}:parameter/{{name}}", "Name"),
    "AWS::SecretsManager::Secret": Made(
        "secretsmanager:CreateSecret", "secretsmanager:UpdateSecret", f"secretsmanager:{_HERE}:secret:{{name}}", "Name"
    ),
    "AWS::StepFunctions::StateMachine": Made(
        "states:CreateStateMachine",
        "states:UpdateStateMachine",
        f"states:{_HERE}:stateMachine:{{name}}",
        "StateMachineName",
        _STATES,
    ),
}


class StackRoles:
    """Which stack has which service role, learned from the requests that made and changed it."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._roles: dict[tuple[Scope, str], str] = {}

    def learn(self, asked: Asked) -> None:
        """A request to CloudFormation that was allowed."""
        name, role = asked.member("StackName"), asked.member("RoleARN")
        if asked.member("Action") in _STACK_ACTIONS and isinstance(name, str) and isinstance(role, str):
            stack = name.split("/")[1] if name.startswith("arn:") and "/" in name else name
            self._roles[Scope(asked.account, asked.region), stack] = role

    def snapshot(self) -> list[list[str]]:
        """[account, region, stack, role] of every stack that has a role."""
        return [[scope.account, scope.region, stack, role] for (scope, stack), role in self._roles.items()]

    def resume(self, kept: list[list[str]]) -> None:
        """What a snapshot told."""
        self._roles = {(Scope(account, region), stack): role for account, region, stack, role in kept}

    def require(self, kind: str, stack: str, logical_id: str, properties: Mapping[str, Any], *, creates: bool) -> None:
        """Raise DeniedError unless the stack's role, if it has one, may make or change this resource."""
        from rehearsal.adapter import scope_of_request

        scope, made = scope_of_request(), _MADE.get(kind)
        if made is None:
            return
        self._assumable(made, stack, logical_id, properties, scope)
        if kind == "AWS::Lambda::EventSourceMapping" and creates:
            self._pollable(properties, scope)
        role = self._roles.get((scope, stack))
        if role is None:
            return
        arn = _arn(made, stack, logical_id, properties, scope)
        context = {"aws:ViaAWSService": "true", "aws:CalledVia": ["cloudformation.amazonaws.com"]}
        needs = [Need(made.create if creates else made.update, arn, context)]
        if made.passed_to:
            passed = {**context, "iam:PassedToService": made.passed_to}
            needs += [Need("iam:PassRole", one, passed) for one in sorted(_roles(properties))]
        self._authority.require(role, "AWSCloudFormation", needs, scope)

    def _assumable(self, made: Made, stack: str, logical_id: str, properties: Mapping[str, Any], scope: Scope) -> None:
        """Raise ValueError if a role that the resource gets does not trust its service."""
        from rehearsal.iam.assumed import refusal

        if made.passed_to and made.passed_to != _SAGEMAKER:  # SageMaker looks itself
            source = _arn(made, stack, logical_id, properties, scope)
            if made.passed_to == _SCHEDULER:  # which names itself by the group of the schedule
                group = properties.get("GroupName") or "default"
                source = f"arn:aws:scheduler:{scope.region}:{scope.account}:schedule-group/{group}"
            for role in sorted(_roles(properties)):
                refused = refusal(self._authority, made.passed_to, role, source, scope)
                if refused is not None:
                    raise ValueError(f"{refused[1]} (Service: {made.passed_to.partition('.')[0]}, {refused[0]})")

    def _pollable(self, properties: Mapping[str, Any], scope: Scope) -> None:
        from rehearsal.iam.polling import refusal

        function, source = str(properties.get("FunctionName") or ""), str(properties.get("EventSourceArn") or "")
        if (refused := refusal(self._authority, function, source, scope)) is not None:
            raise ValueError(f"{refused[1]} (Service: Lambda, {refused[0]})")

    def guarded(self, handlers: dict[str, Any]) -> dict[str, Any]:
        """The engine's table of types, checked before it makes or changes anything; a denial fails the resource."""
        for kind, entry in handlers.items():
            if kind in _MADE and isinstance(entry, dict) and "create" in entry:
                entry["create"] = self._create(kind, entry["create"])
                if "update" in entry:
                    entry["update"] = self._update(kind, entry["update"])
        return handlers

    def _create(self, kind: str, make: Callable[..., Any]) -> Callable[..., Any]:
        def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
            self._permit(kind, stack, logical_id, properties, creates=True)
            return make(logical_id, properties, stack)

        return create

    def _update(self, kind: str, change: Callable[..., Any]) -> Callable[..., Any]:
        def update(physical_id: str, old: Any, new: dict[str, Any], stack: str, *logical_id: str) -> Any:
            named = new if new.get(_MADE[kind].name) else {**new, _MADE[kind].name: physical_id.rpartition(":")[2]}
            self._permit(kind, stack, logical_id[0] if logical_id else "", named, creates=False)
            return change(physical_id, old, new, stack, *logical_id)

        return update

    def _permit(self, kind: str, stack: str, logical_id: str, properties: dict[str, Any], *, creates: bool) -> None:
        from rehearsal.authority import DeniedError

        try:
            self.require(kind, stack, logical_id, properties, creates=creates)
        except DeniedError as denied:
            raise ValueError(f"{denied} (Service: {kind.split('::')[1]}, Status Code: 403, AccessDenied)") from None


def _arn(made: Made, stack: str, logical_id: str, properties: Mapping[str, Any], scope: Scope) -> str:
    """The ARN the resource gets; CloudFormation puts a random suffix on a name of its own."""
    name = str(properties.get(made.name) or f"{stack}-{logical_id}-XXXXXXXXXXXX")
    values = {"region": scope.region, "account": scope.account, "name": name.lstrip("/"), "lower": name.lower()}
    return made.arn if made.arn == "*" else "arn:aws:" + made.arn.format(**values)


def _roles(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        own = {str(item) for key, item in value.items() if key in _ROLE_MEMBERS and str(item).startswith("arn:")}
        return own.union(*(_roles(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(_roles(item) for item in value))
    return set()
