"""What a policy can say of a request: condition keys, tags, faults; and what the record tells afterwards."""

import json
from typing import Any

import pytest

ACCOUNT, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
PREFIX = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:"


def test_conditions_see_what_a_request_asks_for(accounts: Any) -> None:
    bucket, table = accounts.bucket(), accounts.name("table")
    accounts.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = accounts.role(
        {"Action": "s3:ListBucket", "Condition": {"StringLike": {"s3:prefix": "mine/*"}}},
        {"Action": "dynamodb:*", "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}}},
        {"Action": "cloudwatch:PutMetricData", "Condition": {"StringEquals": {"cloudwatch:namespace": "Mine"}}},
        {"Action": "events:PutEvents", "Condition": {"ForAllValues:StringEquals": {"events:source": ["mine"]}}},
        {"Action": "sqs:CreateQueue", "Condition": {"StringEquals": {"aws:RequestedRegion": "eu-north-1"}}},
        {
            "Action": "iam:AttachRolePolicy",
            "Condition": {"ArnLike": {"iam:PolicyARN": "arn:aws:iam::aws:policy/AmazonEKS*"}},
        },
    )
    s3, dynamodb = accounts.client("s3", role), accounts.client("dynamodb", role)
    watch, events = accounts.client("cloudwatch", role), accounts.client("events", role)
    iam = accounts.client("iam", role)
    metric = [{"MetricName": "m", "Value": 1.0}]
    name = role.rsplit("/", 1)[-1]

    def entry(source: str) -> list[dict[str, str]]:
        return [{"Source": source, "DetailType": "d", "Detail": "{}"}]

    granted = [
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="mine/a"),
        lambda: dynamodb.get_item(TableName=table, Key={"id": {"S": "mine"}}),
        lambda: dynamodb.query(
            TableName=table, KeyConditionExpression="id = :i", ExpressionAttributeValues={":i": {"S": "mine"}}
        ),
        lambda: watch.put_metric_data(Namespace="Mine", MetricData=metric),
        lambda: events.put_events(Entries=entry("mine")),
        lambda: iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"),
    ]
    refused = [
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="theirs/a"),
        lambda: s3.list_objects_v2(Bucket=bucket),
        lambda: dynamodb.get_item(TableName=table, Key={"id": {"S": "theirs"}}),
        lambda: dynamodb.batch_get_item(RequestItems={table: {"Keys": [{"id": {"S": "mine"}}, {"id": {"S": "x"}}]}}),
        lambda: dynamodb.query(
            TableName=table, KeyConditionExpression="id = :i", ExpressionAttributeValues={":i": {"S": "theirs"}}
        ),
        lambda: watch.put_metric_data(Namespace="Theirs", MetricData=metric),
        lambda: events.put_events(Entries=entry("theirs")),
        lambda: accounts.client("sqs", role).create_queue(QueueName="q"),
        lambda: iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
    ]
    for call in granted:
        call()
    for call in refused:
        assert accounts.refusal(call)[0].startswith("AccessDenied")


def test_a_guard_rail_sees_the_members_of_a_job(accounts: Any) -> None:
    execution = accounts.service_role("sagemaker.amazonaws.com")
    role = accounts.role(
        {"Action": ["sagemaker:*", "iam:PassRole"]},
        {
            "Effect": "Deny",
            "Action": "sagemaker:CreateTrainingJob",
            "Condition": {"ForAnyValue:StringLike": {"sagemaker:InstanceTypes": ["ml.p*"]}},
        },
        {
            "Effect": "Deny",
            "Action": "sagemaker:Create*",
            "Condition": {"Null": {"sagemaker:VolumeKmsKey": "true"}, "StringLike": {"aws:RequestTag/class": "secret"}},
        },
    )
    sagemaker = accounts.client("sagemaker", role)

    def create(instance: str, **tags: str) -> Any:
        return sagemaker.create_training_job(
            TrainingJobName=accounts.name("job"),
            RoleArn=execution,
            AlgorithmSpecification={"TrainingImage": "missing:1", "TrainingInputMode": "File"},
            OutputDataConfig={"S3OutputPath": "s3://nowhere/"},
            ResourceConfig={"InstanceType": instance, "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 60},
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )

    assert "explicit deny" in accounts.refusal(lambda: create("ml.p3.2xlarge"))[1]
    assert "explicit deny" in accounts.refusal(lambda: create("ml.m5.large", **{"class": "secret"}))[1]
    create("ml.m5.large")


def test_a_log_group_is_named_with_what_follows_it(accounts: Any) -> None:
    group = f"/test/{accounts.name('group')}"
    accounts.client("logs").create_log_group(logGroupName=group)
    arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
    role = accounts.role({"Action": "logs:*", "Resource": arn})
    logs = accounts.client("logs", role)
    code, words = accounts.refusal(lambda: logs.create_log_stream(logGroupName=group, logStreamName="s"))
    assert code == "AccessDeniedException" and f"{arn}:log-stream:s" in words
    accounts.allow(role, {"Action": "logs:*", "Resource": f"{arn}:*"})
    logs.create_log_stream(logGroupName=group, logStreamName="s")


def test_tags_of_callers_and_resources_decide(accounts: Any) -> None:
    sagemaker = accounts.client("sagemaker")
    for team in ("blue", "red"):
        sagemaker.create_model_package_group(
            ModelPackageGroupName=f"tagged-{team}", Tags=[{"Key": "team", "Value": team}]
        )
    same = {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}}
    role = accounts.role(
        {"Action": "sagemaker:DescribeModelPackageGroup", "Condition": same}, Tags=[{"Key": "team", "Value": "blue"}]
    )
    member = accounts.client("sagemaker", role)
    member.describe_model_package_group(ModelPackageGroupName="tagged-blue")
    code, _ = accounts.refusal(lambda: member.describe_model_package_group(ModelPackageGroupName="tagged-red"))
    assert code == "AccessDeniedException"


@pytest.mark.fault("C12")
def test_an_event_is_forged_only_by_who_may_and_never_as_a_service(accounts: Any) -> None:
    events = accounts.client("events")
    bus = events.create_event_bus(Name=accounts.name("bus"))["EventBusArn"]
    forged = {"Source": "slipway.release", "DetailType": "approved", "Detail": "{}", "EventBusName": bus}
    stranger = accounts.client("events", accounts.role({"Action": "s3:*"}))
    code, words = accounts.refusal(lambda: stranger.put_events(Entries=[forged]))
    assert code == "AccessDeniedException" and bus in words
    foreign = accounts.client("events", accounts.role({"Action": "events:*"}, account=OTHER), account=OTHER)
    assert accounts.refusal(lambda: foreign.put_events(Entries=[forged]))[0] == "AccessDeniedException"
    answer = events.put_events(Entries=[{**forged, "Source": "aws.sagemaker"}])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"


@pytest.mark.fault("C13")
def test_a_trainer_registers_but_does_not_approve(accounts: Any) -> None:
    group = accounts.name("group")
    accounts.client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
    packages = f"{PREFIX}model-package/{group}/*"
    trainer = accounts.role(
        {"Action": ["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"], "Resource": packages},
        {
            "Effect": "Deny",
            "Action": ["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"],
            "Condition": {"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}},
        },
    )
    sagemaker = accounts.client("sagemaker", trainer)
    specification = {
        "Containers": [{"Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/serve:1"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    wanted = {"ModelPackageGroupName": group, "InferenceSpecification": specification}
    arn = sagemaker.create_model_package(**wanted, ModelApprovalStatus="PendingManualApproval")["ModelPackageArn"]
    for call in (
        lambda: sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved"),
        lambda: sagemaker.create_model_package(**wanted, ModelApprovalStatus="Approved"),
    ):
        code, words = accounts.refusal(call)
        assert code == "AccessDeniedException" and "with an explicit deny in an identity-based policy" in words
    sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Rejected")


@pytest.mark.fault("D09")
def test_a_permission_is_gone_for_a_role_as_often_as_asked(accounts: Any) -> None:
    role, other = accounts.role({"Action": "sqs:*"}), accounts.role({"Action": "sqs:*"})
    accounts.cloud.fault("D09", times=2, role=role.rsplit("/", 1)[-1], action="sqs:ListQueues")
    sqs = accounts.client("sqs", role)
    accounts.client("sqs", other).list_queues()
    sqs.create_queue(QueueName=accounts.name("q"))
    for _ in range(2):
        code, words = accounts.refusal(sqs.list_queues)
        assert code == "AccessDenied" and "sqs:ListQueues" in words and role.rsplit("/", 1)[-1] in words
    sqs.list_queues()
    assert accounts.cloud.calls(action="sqs:ListQueues", decision="denied", last=1)[0]["policy"] == "fault D09"


def test_the_record_names_who_did_what_by_which_statement(accounts: Any) -> None:
    role = accounts.role({"Sid": "Queues", "Action": "sqs:List*"}, {"Action": "sqs:DeleteQueue"})
    name = role.rsplit("/", 1)[-1]
    sqs = accounts.client("sqs", role)
    sqs.list_queues()
    accounts.refusal(lambda: sqs.create_queue(QueueName="q"))
    allowed, denied = accounts.cloud.calls(principal=name)
    assert (allowed["eventSource"], allowed["eventName"]) == ("sqs.amazonaws.com", "ListQueues")
    assert (allowed["policy"], allowed["statement"]) == ("inline", "Queues")
    assert allowed["userIdentity"] == {"type": "AssumedRole", "accountId": ACCOUNT, "sessionIssuer": role}
    assert allowed["sourceIPAddress"] == "127.0.0.1" and allowed["awsRegion"] == REGION and allowed["requestID"]
    assert denied["decision"] == "denied"
    assert denied["reason"] == "because no identity-based policy allows the sqs:CreateQueue action"
    assert accounts.cloud.calls(principal=name, decision="denied", action="createqueue") == [denied]
    root = accounts.cloud.calls(principal=":root", action="iam:CreateRole", operator=True)
    assert root and root[-1]["userIdentity"]["type"] == "Account"
    (row,) = [row for row in accounts.cloud.privileges() if row["role"] == role]
    assert row["used"] == {"sqs:ListQueues": 1}
    assert [(one["statement"], one["action"]) for one in row["unused"]] == [("2", "sqs:DeleteQueue")]
    assert row["denied"] == ["sqs:CreateQueue"]


def test_time_in_a_policy_is_the_clouds(accounts: Any) -> None:
    from datetime import UTC, datetime

    soon = datetime.fromtimestamp(accounts.cloud.clock.now() + 86_400, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    role = accounts.role(
        {"Action": "sqs:ListQueues", "Condition": {"DateLessThan": {"aws:CurrentTime": soon}}},
    )
    sqs = accounts.client("sqs", role)
    sqs.list_queues()
    accounts.cloud.clock.advance(2 * 86_400)
    assert accounts.refusal(sqs.list_queues)[0] == "AccessDenied"


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("dynamodb:BatchGetItem", {"RequestItems": [1]}),
        ("dynamodb:BatchWriteItem", {"RequestItems": {"t": ["x"]}}),
        ("dynamodb:TransactWriteItems", {"TransactItems": ["x"]}),
        ("dynamodb:Query", {"KeyConditionExpression": 7, "ExpressionAttributeValues": "x"}),
        ("events:PutEvents", {"Entries": [1, "a"]}),
        ("events:PutTargets", {"Targets": ["x"]}),
        ("events:PutRule", {"EventPattern": "[1]"}),
        ("lambda:CreateFunction", {"VpcConfig": "x", "Layers": "y"}),
        ("kms:Decrypt", {"EncryptionContext": "x", "KeyId": 5}),
        ("states:StartExecution", {"stateMachineArn": 7}),
    ],
)
def test_a_body_of_another_shape_has_no_keys_and_does_no_harm(action: str, body: dict[str, Any]) -> None:
    from rehearsal.iam import passrole, requestkeys
    from rehearsal.iam.requestkeys import Asked

    for raw in (json.dumps(body).encode(), b"[1]", b"{", b"\xff\xfe", b""):
        asked = Asked(action.partition(":")[0], "POST", "/", {}, raw, {}, REGION, ACCOUNT)
        keys = requestkeys.of_request(action, asked)
        assert all(name == name.lower() for name in keys)
        assert passrole.needs(action, asked) == []


def test_who_answers_a_task_token_is_checked_against_the_machine_that_waits(accounts: Any) -> None:
    """As observed of the service, although its reference names no resource for the action."""
    states, queues = accounts.client("stepfunctions"), accounts.client("sqs")
    queue = queues.create_queue(QueueName=accounts.name("tokens"))["QueueUrl"]
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Arguments": {"QueueUrl": queue, "MessageBody": "{% $states.context.Task.Token %}"},
        "End": True,
    }
    machine = states.create_state_machine(
        name=accounts.name("machine"),
        definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": "Ask", "States": {"Ask": task}}),
        roleArn=accounts.service_role("states.amazonaws.com", {"Action": "sqs:SendMessage"}),
    )["stateMachineArn"]
    states.start_execution(stateMachineArn=machine)
    (message,) = queues.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]

    def answer(resource: str) -> None:
        role = accounts.role({"Action": "states:SendTaskSuccess", "Resource": resource})
        accounts.client("stepfunctions", role).send_task_success(taskToken=message["Body"], output="{}")

    assert accounts.refusal(lambda: answer(machine.replace("machine", "other")))[0].startswith("AccessDenied")
    answer(machine)
