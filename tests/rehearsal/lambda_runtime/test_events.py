"""Asynchronous invocations and the faults of functions, on a stepped clock.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

import json
from typing import Any

import pytest

Functions = Any

COUNTS = """
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    sqs.send_message(QueueUrl=os.environ["SEEN"], MessageBody=str(event["n"]))
    if event.get("fail"):
        raise ValueError("as asked")
    return {"done": event["n"]}
"""


@pytest.fixture(scope="module")
def counted(functions: Functions) -> tuple[str, str, str]:
    """A function that leaves a message for every time it runs, with both destinations; its queue and theirs."""
    seen, _ = functions.queue()
    done, done_arn = functions.queue()
    name = functions.make(COUNTS, Environment={"Variables": {"SEEN": seen}}, Timeout=20, MemorySize=256)
    destinations = {"OnSuccess": {"Destination": done_arn}, "OnFailure": {"Destination": done_arn}}
    functions.client.put_function_event_invoke_config(FunctionName=name, DestinationConfig=destinations)
    return name, seen, done


def step_until(functions: Functions, url: str, seconds: float) -> dict[str, Any]:
    """Move the clock a little after each look, until there is a message."""
    sqs = functions.cloud.client("sqs")

    def look() -> dict[str, Any] | None:
        found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
        if found:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
            return dict(found[0])
        functions.cloud.clock.advance(seconds)
        return None

    message: dict[str, Any] = functions.until(look, 20)
    return message


def drain(functions: Functions, url: str) -> int:
    taken = 0
    while functions.depth(url):
        functions.message(url)
        taken += 1
    return taken


def test_an_event_that_succeeds_is_told_to_the_destination(functions: Functions, counted: tuple[str, str, str]) -> None:
    name, seen, done = counted
    assert functions.invoke_event(name, {"n": 1}) == 202
    record = json.loads(functions.message(done)["Body"])
    assert functions.message(seen)["Body"] == "1"
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["functionArn"] == f"arn:aws:lambda:eu-west-1:111122223333:function:{name}:$LATEST"
    assert (record["requestPayload"], record["responsePayload"]) == ({"n": 1}, {"done": 1})
    assert (record["version"], record["responseContext"]["statusCode"]) == ("1.0", 200)


def test_a_failing_event_is_retried_twice_after_a_minute_and_two(
    functions: Functions, counted: tuple[str, str, str]
) -> None:
    name, seen, done = counted
    functions.invoke_event(name, {"n": 2, "fail": True})
    functions.message(seen)
    functions.cloud.clock.advance(59)
    assert functions.depth(seen) == 0
    functions.cloud.clock.advance(2)
    functions.message(seen)
    functions.cloud.clock.advance(121)
    functions.message(seen)
    record = json.loads(step_until(functions, done, 0)["Body"])
    assert (record["requestContext"]["condition"], record["requestContext"]["approximateInvokeCount"]) == (
        "RetriesExhausted",
        3,
    )
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"
    assert drain(functions, seen) == 0


def test_no_retries_and_a_dead_letter_queue(functions: Functions) -> None:
    url, arn = functions.queue()
    name = functions.make(
        "def handler(event, context):\n    raise ValueError('no')", DeadLetterConfig={"TargetArn": arn}
    )
    functions.client.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=0)
    functions.invoke_event(name, {"a": 1})
    message = functions.message(url)
    assert json.loads(message["Body"]) == {"a": 1}
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert (attributes["ErrorCode"], attributes["ErrorMessage"]) == ("200", "no")
    assert attributes["RequestID"]


def test_the_rules_of_an_alias_are_its_own(functions: Functions) -> None:
    url, arn = functions.queue()
    name = functions.make("def handler(event, context):\n    raise ValueError('no')")
    functions.client.publish_version(FunctionName=name)
    functions.client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    functions.client.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="live",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    functions.invoke_event(name, {}, Qualifier="live")
    record = json.loads(functions.message(url)["Body"])
    assert record["requestContext"]["functionArn"].endswith(f":{name}:live")
    assert record["responseContext"]["executedVersion"] == "1"


def test_reserved_concurrency_of_zero_sends_events_straight_to_the_dead_letter_queue(functions: Functions) -> None:
    url, arn = functions.queue()
    name = functions.make("def handler(event, context):\n    return 1", DeadLetterConfig={"TargetArn": arn})
    functions.client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    functions.invoke_event(name, {"a": 1})
    assert functions.message(url)["MessageAttributes"]["ErrorCode"]["StringValue"] == "429"


def test_a_destination_is_written_to_with_the_functions_role(functions: Functions) -> None:
    url, arn = functions.queue()
    role = functions.make_role("no-queues", [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}])
    name = functions.make("def handler(event, context):\n    return 1", Role=role)
    functions.client.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    functions.invoke_event(name, {})

    def denied() -> bool | None:
        calls = functions.cloud.audit()["calls"]
        found = [call for call in calls if call["action"] == "sqs:SendMessage" and "no-queues" in call["principal"]]
        return True if [call for call in found if call["decision"] != "Allow"] else None

    assert functions.until(denied)
    assert functions.depth(url) == 0


@pytest.mark.fault("C09")
def test_a_throttled_event_is_dropped_to_the_destination_when_it_is_too_old(
    functions: Functions, counted: tuple[str, str, str]
) -> None:
    name, seen, done = counted
    functions.cloud.fault("C09", times=None, function=name)
    functions.invoke_event(name, {"n": 3})
    record = json.loads(step_until(functions, done, 600)["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert functions.depth(seen) == 0


@pytest.mark.fault("C09")
def test_a_throttled_event_runs_once_the_throttling_ends(functions: Functions, counted: tuple[str, str, str]) -> None:
    name, seen, done = counted
    functions.cloud.fault("C09", times=3, function=name)
    functions.invoke_event(name, {"n": 4})
    assert json.loads(step_until(functions, done, 5)["Body"])["requestContext"]["condition"] == "Success"
    assert drain(functions, seen) == 1


@pytest.mark.fault("D06")
def test_a_time_out_after_the_side_effect(functions: Functions, counted: tuple[str, str, str]) -> None:
    name, seen, _ = counted
    functions.cloud.fault("D06", function=name)
    assert functions.invoke(name, {"n": 5}).payload["errorType"] == "Sandbox.Timedout"
    assert functions.message(seen)["Body"] == "5"
    assert functions.invoke(name, {"n": 6}).payload == {"done": 6}
    drain(functions, seen)


@pytest.mark.fault("D07")
@pytest.mark.parametrize(("error", "status"), [("TooManyRequestsException", 429), ("ServiceException", 500)])
def test_an_invocation_that_the_service_refuses(functions: Functions, error: str, status: int) -> None:
    name = functions.make("def handler(event, context):\n    return 1")
    functions.cloud.fault("D07", function=name, error=error)
    with pytest.raises(getattr(functions.client.exceptions, error)) as refused:
        functions.invoke(name)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert functions.invoke(name).payload == 1


@pytest.mark.fault("D07")
@pytest.mark.parametrize("error", ["TooManyRequestsException", "ServiceException", "SdkClientException"])
def test_a_machine_sees_the_refusal_under_lambdas_name_and_retries(functions: Functions, error: str) -> None:
    name = functions.make("def handler(event, context):\n    return 1")
    states = functions.cloud.client("stepfunctions")
    task = {
        "Type": "Task",
        "Resource": functions.client.get_function(FunctionName=name)["Configuration"]["FunctionArn"],
        "Retry": [{"ErrorEquals": [f"Lambda.{error}"], "IntervalSeconds": 30, "MaxAttempts": 1}],
        "End": True,
    }
    definition = json.dumps({"StartAt": "T", "States": {"T": task}})
    role = functions.make_role(f"machine-{error}", [{"Effect": "Allow", "Action": "*", "Resource": "*"}], "states")
    machine = states.create_state_machine(name=f"m-{error}", definition=definition, roleArn=role)["stateMachineArn"]
    functions.cloud.fault("D07", function=name, error=error)
    arn = states.start_execution(stateMachineArn=machine, input="{}")["executionArn"]

    def ended() -> dict[str, Any] | None:
        found = states.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return dict(found)
        functions.cloud.clock.advance(10)
        return None

    assert functions.until(ended)["status"] == "SUCCEEDED"
    kinds = [event["type"] for event in states.get_execution_history(executionArn=arn)["events"]]
    assert kinds.count("LambdaFunctionFailed") == 1


@pytest.mark.fault("D08")
def test_an_event_that_is_handled_three_times(functions: Functions, counted: tuple[str, str, str]) -> None:
    name, seen, done = counted
    functions.cloud.fault("D08", function=name)
    functions.invoke_event(name, {"n": 7})
    functions.message(done)
    assert drain(functions, seen) == 3
    functions.invoke_event(name, {"n": 8})
    functions.message(done)
    assert drain(functions, seen) == 1
