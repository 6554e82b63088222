"""Names of SDK tasks: members as the SDK for Java writes them, errors by its exception classes."""

import datetime
import io
from typing import Any

import botocore.session
import pytest

from rehearsal.asl.errors import StatesError
from rehearsal.states import sdk_tasks


def operation(service: str, name: str) -> Any:
    return botocore.session.get_session().get_service_model(service).operation_model(name)


@pytest.mark.parametrize(
    ("service", "boto", "action", "code", "name"),
    [
        ("s3", "s3", "GetObject", "NoSuchKey", "S3.NoSuchKeyException"),
        ("s3", "s3", "GetObject", "AccessDenied", "S3.AccessDeniedException"),
        ("s3", "s3", "GetObject", "SlowDown", "S3.S3Exception"),
        ("dynamodb", "dynamodb", "GetItem", "ResourceNotFoundException", "DynamoDb.ResourceNotFoundException"),
        ("dynamodb", "dynamodb", "GetItem", "ValidationException", "DynamoDb.ValidationException"),
        ("rds", "rds", "DescribeDBClusters", "DBClusterNotFoundFault", "Rds.DbClusterNotFoundException"),
        ("applicationautoscaling", "application-autoscaling", "DescribeScalingPolicies", "Odd",
         "ApplicationAutoScaling.ApplicationAutoScalingException"),
    ],
)  # fmt: skip
def test_errors_are_named_by_the_exception_class(service: str, boto: str, action: str, code: str, name: str) -> None:
    assert sdk_tasks._error(service, code, operation(boto, action)) == name


@pytest.mark.parametrize(
    ("service", "boto"),
    [("sfn", "stepfunctions"), ("cloudwatchlogs", "logs"), ("eventbridge", "events"), ("rdsdata", "rds-data"),
     ("applicationautoscaling", "application-autoscaling"), ("s3", "s3"), ("nobody", None)],
)  # fmt: skip
def test_services_are_found_by_the_name_of_their_java_package(service: str, boto: str | None) -> None:
    assert sdk_tasks.boto_name(service) == boto


def test_arguments_take_the_members_names_and_types_of_the_wire() -> None:
    shape = operation("stepfunctions", "StartExecution").input_shape
    assert sdk_tasks._wire({"StateMachineArn": "a", "Input": "{}"}, shape, "x") == {
        "stateMachineArn": "a",
        "input": "{}",
    }
    shape = operation("dynamodb", "PutItem").input_shape
    item = {"id": {"S": "1"}, "gone": {"Nul": True}, "data": {"B": "text"}}
    found = sdk_tasks._wire({"TableName": "t", "Item": item}, shape, "x")
    assert found["Item"] == {"id": {"S": "1"}, "gone": {"NULL": True}, "data": {"B": b"text"}}
    shape = operation("cloudwatch", "PutMetricData").input_shape
    found = sdk_tasks._wire({"MetricData": [{"MetricName": "m", "Value": 1, "StorageResolution": 60.0}]}, shape, "x")
    assert found["MetricData"][0] == {"MetricName": "m", "Value": 1.0, "StorageResolution": 60}
    with pytest.raises(StatesError, match="'Nobody' is not supported"):
        sdk_tasks._wire({"Nobody": 1}, shape, "x")


def test_responses_are_json_with_the_names_of_the_sdk_for_java() -> None:
    moment = datetime.datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.UTC)
    body = {"Body": io.BytesIO(b"text"), "LastModified": moment, "Metadata": {"lower-case": "x"}, "ETag": None}
    shown = sdk_tasks._shown(body, operation("s3", "GetObject").output_shape)
    assert shown == {"Body": "text", "LastModified": "2026-01-02T03:04:05.006Z", "Metadata": {"lower-case": "x"}}
    item = {"Item": {"n": {"NULL": True}}}
    assert sdk_tasks._shown(item, operation("dynamodb", "GetItem").output_shape) == {"Item": {"n": {"Nul": True}}}
    running = {"executions": [{"executionArn": "a", "status": "RUNNING"}]}
    shown = sdk_tasks._shown(running, operation("stepfunctions", "ListExecutions").output_shape)
    assert shown == {"Executions": [{"ExecutionArn": "a", "Status": "RUNNING"}]}
