"""Who may take on a role, who may hand one over, and what a service may do by itself."""

import json
from collections.abc import Callable
from typing import Any

import pytest

ACCOUNT, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/"


def test_the_trust_policy_and_the_callers_own_policies_decide_together(accounts: Any) -> None:
    assuming = accounts.role({"Action": "sts:AssumeRole"})
    target = accounts.role()  # trusts the account: identity policies decide
    powerless = accounts.role()
    as_assuming, as_powerless = accounts.client("sts", assuming), accounts.client("sts", powerless)
    as_assuming.assume_role(RoleArn=target, RoleSessionName="me")
    code, words = accounts.refusal(lambda: as_powerless.assume_role(RoleArn=target, RoleSessionName="me"))
    assert code == "AccessDenied" and "sts:AssumeRole" in words
    # In one account a trust policy that names the caller itself is enough.
    direct = accounts.role(
        trust={"Effect": "Allow", "Principal": {"AWS": powerless}, "Action": "sts:AssumeRole"},
    )
    as_powerless.assume_role(RoleArn=direct, RoleSessionName="me")


def test_an_external_id_is_asked_for_across_accounts(accounts: Any) -> None:
    caller = accounts.role({"Action": "sts:AssumeRole"}, account=OTHER)
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}},
    }
    target = accounts.role(trust=trust)
    sts = accounts.client("sts", caller, account=OTHER)
    assert accounts.refusal(lambda: sts.assume_role(RoleArn=target, RoleSessionName="me"))[0] == "AccessDenied"
    assert (
        accounts.refusal(lambda: sts.assume_role(RoleArn=target, RoleSessionName="me", ExternalId="guessed"))[0]
        == "AccessDenied"
    )
    sts.assume_role(RoleArn=target, RoleSessionName="me", ExternalId="agreed")


def test_a_session_policy_and_a_boundary_only_narrow_and_the_message_says_which(accounts: Any) -> None:
    iam = accounts.client("iam")
    document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}
    boundary = iam.create_policy(PolicyName=accounts.name("edge"), PolicyDocument=json.dumps(document))["Policy"]["Arn"]
    role = accounts.role({"Action": ["sqs:ListQueues", "s3:ListAllMyBuckets"]}, PermissionsBoundary=boundary)
    accounts.client("s3", role).list_buckets()
    _, words = accounts.refusal(lambda: accounts.client("sqs", role).list_queues())
    assert "because no permissions boundary allows the sqs:ListQueues action" in words
    session = accounts.client(
        "s3",
        role,
        Policy=json.dumps(
            {**document, "Statement": []}
            | {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
        ),
    )
    _, words = accounts.refusal(session.list_buckets)
    assert "because no session policy allows the s3:ListAllMyBuckets action" in words


def test_a_role_is_handed_only_to_the_service_it_may_be_handed_to(accounts: Any, function_code: bytes) -> None:
    execution = accounts.service_role("lambda.amazonaws.com")

    def create(client: Any) -> Any:
        return client.create_function(
            FunctionName=accounts.name("fn"),
            Runtime="python3.11",
            Handler="h.main",
            Role=execution,
            Code={"ZipFile": function_code},
        )

    passing = {"Action": "iam:PassRole", "Resource": execution}
    may = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    may_not = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    role = accounts.role({"Action": "lambda:CreateFunction"}, {**passing, "Condition": may_not})
    client = accounts.client("lambda", role)
    _, words = accounts.refusal(lambda: create(client))
    assert f"iam:PassRole on resource: {execution}" in words
    accounts.allow(role, {"Action": "lambda:CreateFunction"}, {**passing, "Condition": may})
    assert create(client)["Role"] == execution


@pytest.mark.parametrize("service", ["states", "events", "scheduler", "codebuild"])
def test_every_service_that_takes_a_role_asks_for_pass_role(accounts: Any, service: str) -> None:
    execution = accounts.service_role(f"{service}.amazonaws.com")
    target = {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": execution}
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    calls: dict[str, tuple[str, list[str], Callable[[Any], Any]]] = {
        "states": (
            "stepfunctions",
            ["states:CreateStateMachine"],
            lambda c: c.create_state_machine(name=accounts.name("m"), definition=definition, roleArn=execution),
        ),
        "events": (
            "events",
            ["events:PutRule"],
            lambda c: c.put_rule(Name=accounts.name("r"), ScheduleExpression="rate(1 day)", RoleArn=execution),
        ),
        "scheduler": (
            "scheduler",
            ["scheduler:CreateSchedule"],
            lambda c: c.create_schedule(
                Name=accounts.name("s"),
                ScheduleExpression="rate(1 day)",
                FlexibleTimeWindow={"Mode": "OFF"},
                Target=target,
            ),
        ),
        "codebuild": (
            "codebuild",
            ["codebuild:CreateProject"],
            lambda c: c.create_project(
                name=accounts.name("p"),
                source={"type": "NO_SOURCE", "buildspec": "version: 0.2"},
                artifacts={"type": "NO_ARTIFACTS"},
                serviceRole=execution,
                environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
            ),
        ),
    }
    name, actions, call = calls[service]
    role = accounts.role({"Action": actions})
    client = accounts.client(name, role)
    _, words = accounts.refusal(lambda: call(client))
    assert "iam:PassRole" in words
    accounts.allow(role, {"Action": [*actions, "iam:PassRole"]})
    call(client)


@pytest.mark.fault("S08")
@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, True),
        ({"StringEquals": {"aws:SourceAccount": OTHER}}, False),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:*"}}, True),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:{REGION}:{OTHER}:*"}}, False),
        # For inference the source is the account with a literal asterisk: a narrower pattern never matches.
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/*"}}, False),
    ],
)
def test_a_service_is_not_a_confused_deputy(accounts: Any, condition: dict[str, Any], trusted: bool) -> None:
    role = accounts.service_role("sagemaker.amazonaws.com", **condition)
    sagemaker = accounts.client("sagemaker")

    def create() -> Any:
        return sagemaker.create_model(ModelName=accounts.name("model"), ExecutionRoleArn=role)

    code, words = accounts.refusal(create)  # either for its trust, or because a model needs a container
    assert code == "ValidationException"
    assert ("Could not assume role" in words) is not trusted


def test_a_rule_reaches_a_queue_a_topic_and_a_machine_only_as_it_may(accounts: Any) -> None:
    sqs, events = accounts.client("sqs"), accounts.client("events")
    name = accounts.name("rule")
    queue = sqs.create_queue(QueueName=accounts.name("q"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])

    def sent() -> None:
        events.put_events(Entries=[{"Source": name, "DetailType": "d", "Detail": "{}"}])

    def decisions(decision: str) -> list[Any]:
        calls: list[Any] = accounts.cloud.calls(principal="events.amazonaws.com", action="sqs:", decision=decision)
        return [call for call in calls if call["resource"] == arn]

    sent()
    assert accounts.eventually(lambda: decisions("denied"))
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    _let(sqs, queue, arn, {"ArnEquals": {"aws:SourceArn": f"{RULE}another"}})
    sent()
    assert accounts.eventually(lambda: len(decisions("denied")) > 1)
    _let(sqs, queue, arn, {"ArnEquals": {"aws:SourceArn": RULE + name}, "StringEquals": {"aws:SourceAccount": ACCOUNT}})
    sent()
    assert accounts.eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    assert decisions("allowed")[0]["statement"] == "events"


def _let(sqs: Any, queue: str, arn: str, condition: dict[str, Any]) -> None:
    statement = {"Sid": "events", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*"}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Resource": arn, "Condition": condition}]}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})


def test_a_rule_starts_a_machine_with_its_role(accounts: Any) -> None:
    events, states = accounts.client("events"), accounts.client("stepfunctions")
    definition = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
    machine = states.create_state_machine(
        name=accounts.name("m"), definition=definition, roleArn=accounts.service_role("states.amazonaws.com")
    )["stateMachineArn"]
    name, role = accounts.name("rule"), accounts.service_role("events.amazonaws.com")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "m", "Arn": machine, "RoleArn": role}])
    entry = {"Source": name, "DetailType": "d", "Detail": "{}"}
    events.put_events(Entries=[entry])
    denied = accounts.eventually(
        lambda: accounts.cloud.calls(principal=role.rsplit("/", 1)[-1], action="states:", decision="denied")
    )
    assert denied[0]["resource"] == machine
    assert states.list_executions(stateMachineArn=machine)["executions"] == []
    accounts.allow(role, {"Action": "states:StartExecution", "Resource": machine})
    events.put_events(Entries=[entry])
    assert accounts.eventually(lambda: states.list_executions(stateMachineArn=machine)["executions"])


def test_a_stack_with_a_role_is_made_with_that_role(accounts: Any) -> None:
    cloudformation = accounts.client("cloudformation")
    role = accounts.service_role("cloudformation.amazonaws.com", {"Action": "sns:*"})
    template = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}

    def ends(name: str, body: dict[str, Any]) -> tuple[str, list[str]]:
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body), RoleARN=role)
        done = {"CREATE_COMPLETE", "ROLLBACK_COMPLETE"}
        status = accounts.eventually(
            lambda: next(
                (
                    one["StackStatus"]
                    for one in cloudformation.describe_stacks(StackName=name)["Stacks"]
                    if one["StackStatus"] in done
                ),
                None,
            )
        )
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return status, [event.get("ResourceStatusReason", "") for event in events]

    status, reasons = ends(accounts.name("stack"), template)
    assert status == "ROLLBACK_COMPLETE"
    assert any(
        f"{role.rsplit('/', 1)[-1]}/AWSCloudFormation is not authorized to perform: sqs:CreateQueue" in r
        for r in reasons
    )
    accounts.allow(role, {"Action": ["sns:*", "sqs:*"]})
    assert ends(accounts.name("stack"), template)[0] == "CREATE_COMPLETE"


def test_what_iam_would_not_accept_is_refused_when_it_is_put(accounts: Any) -> None:
    wrong = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringIs": {"aws:username": "a"}}}
    code, words = accounts.refusal(lambda: accounts.role(wrong))
    assert code == "MalformedPolicyDocument"
    assert "StringIs" in words


def _function(accounts: Any, code: bytes, *statements: dict[str, Any]) -> tuple[str, str]:
    """ARN and role of a function that leaves its event in its log."""
    role = accounts.service_role("lambda.amazonaws.com", {"Action": "logs:*"}, *statements)
    made = accounts.client("lambda").create_function(
        FunctionName=accounts.name("fn"),
        Runtime="python3.11",
        Handler="h.main",
        Role=role,
        Code={"ZipFile": code},
    )
    return made["FunctionArn"], role


@pytest.mark.parametrize("service", ["s3", "sns"])
def test_a_bucket_and_a_topic_start_a_function_only_if_its_policy_says_so(
    accounts: Any, function_code: bytes, service: str
) -> None:
    function, _ = _function(accounts, function_code)
    name = function.rpartition(":")[2]
    if service == "s3":
        client, bucket = accounts.client("s3"), accounts.bucket()
        target = {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
        configuration = {"LambdaFunctionConfigurations": [target]}
        client.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)
        source = f"arn:aws:s3:::{bucket}"

        def send() -> None:
            client.put_object(Bucket=bucket, Key="k", Body=b"x")
    else:
        client = accounts.client("sns")
        source = client.create_topic(Name=accounts.name("t"))["TopicArn"]
        client.subscribe(TopicArn=source, Protocol="lambda", Endpoint=function)

        def send() -> None:
            client.publish(TopicArn=source, Message="m")

    def decisions(decision: str) -> list[Any]:
        calls: list[Any] = accounts.cloud.calls(principal=f"{service}.amazonaws.com", decision=decision)
        return [call for call in calls if call["resource"] == function]

    logs = accounts.client("logs")

    def ran() -> bool:
        groups = logs.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{name}")["logGroups"]
        return bool(groups)

    send()
    assert accounts.eventually(lambda: decisions("denied"))
    assert not ran()
    accounts.client("lambda").add_permission(
        FunctionName=name,
        StatementId="other",
        Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com",
        SourceArn=source,
    )
    send()
    assert accounts.eventually(lambda: decisions("allowed") and ran())
    # A client that sends the same event calls in its own name.
    event = {"Records": [{"eventSource": "aws:s3", "s3": {"bucket": {"arn": "arn:aws:s3:::another"}}}]}
    answer = accounts.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event))
    assert json.load(answer["Payload"]) == event


def test_a_function_polls_a_queue_only_if_its_role_may(accounts: Any, function_code: bytes) -> None:
    sqs, functions = accounts.client("sqs"), accounts.client("lambda", accounts.role({"Action": "lambda:*"}))
    queue = sqs.create_queue(QueueName=accounts.name("q"))["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    function, role = _function(accounts, function_code)

    def create() -> Any:
        return functions.create_event_source_mapping(FunctionName=function, EventSourceArn=arn)

    code, words = accounts.refusal(create)
    assert code == "InvalidParameterValueException"
    assert words == "The function execution role does not have permissions to call ReceiveMessage on SQS"
    accounts.allow(role, {"Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]})
    create()


@pytest.fixture
def function_code() -> bytes:
    import io
    import zipfile

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("h.py", "def main(event, context):\n    return event\n")
    return content.getvalue()
