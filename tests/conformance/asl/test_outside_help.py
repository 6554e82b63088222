"""Machines that somebody outside must act on: task tokens, activities, names, stopping, redriving, express, map runs.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token,
https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
"""

import json
from collections import Counter
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

Bench = Any


def token_machine(bench: Bench, queue: str, **more: Any) -> dict[str, Any]:
    url = bench.cloud.client("sqs").create_queue(QueueName=queue)["QueueUrl"]
    bench.names[queue] = url
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
        **more,
    }
    return (
        {"StartAt": "Ask", "States": {"Ask": state, "Caught": {"Type": "Pass", "End": True}}}
        if "Catch" in more
        else {
            "StartAt": "Ask",
            "States": {"Ask": state},
        }
    )


def token_from(bench: Bench, queue: str) -> str:
    sqs = bench.cloud.client("sqs")

    def look() -> str | None:
        messages = sqs.receive_message(QueueUrl=bench.names[queue]).get("Messages")
        return json.loads(messages[0]["Body"])["token"] if messages else None

    return str(bench.until(look))


def types(bench: Bench, arn: str) -> list[str]:
    return [event["type"] for event in bench.history(arn)]


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_token_sent_back_with_success_is_the_result(bench: Bench) -> None:
    arn = bench.start(bench.create("token-success", token_machine(bench, "success", ResultPath="$.r")), {"k": 1})
    token = token_from(bench, "success")
    bench.sfn.send_task_heartbeat(taskToken=token)
    bench.sfn.send_task_success(taskToken=token, output='{"a": [1]}')
    assert json.loads(bench.ended(arn)["output"]) == {"k": 1, "r": {"a": [1]}}
    assert types(bench, arn) == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSubmitted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    with pytest.raises(ClientError) as used:
        bench.sfn.send_task_success(taskToken=token, output="{}")
    assert code(used) in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


def test_a_token_sent_back_with_failure_is_caught_by_its_name(bench: Bench) -> None:
    machine = token_machine(bench, "failure", Catch=[{"ErrorEquals": ["They.Said.No"], "Next": "Caught"}])
    arn = bench.start(bench.create("token-failure", machine), {})
    bench.sfn.send_task_failure(taskToken=token_from(bench, "failure"), error="They.Said.No", cause="today")
    assert json.loads(bench.ended(arn)["output"]) == {"Error": "They.Said.No", "Cause": "today"}


def test_a_token_nobody_gave_out_is_refused(bench: Bench) -> None:
    with pytest.raises(ClientError) as refused:
        bench.sfn.send_task_success(taskToken="A" * 64, output="{}")
    assert code(refused) in ("InvalidToken", "TaskDoesNotExist")


def test_an_output_that_is_no_json_is_refused(bench: Bench) -> None:
    arn = bench.start(bench.create("token-output", token_machine(bench, "output")), {})
    token = token_from(bench, "output")
    with pytest.raises(ClientError) as refused:
        bench.sfn.send_task_success(taskToken=token, output="{broken")
    assert code(refused) == "InvalidOutput"
    bench.sfn.stop_execution(executionArn=arn)


def test_an_activity_worker_does_the_task(bench: Bench) -> None:
    activity = bench.sfn.create_activity(name="work")["activityArn"]
    machine = {
        "StartAt": "A",
        "States": {"A": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 3600, "End": True}},
    }
    arn = bench.start(bench.create("activity", machine), {"n": 1})
    task = bench.until(
        lambda: found if (found := bench.sfn.get_activity_task(activityArn=activity)).get("taskToken") else None
    )
    assert json.loads(task["input"]) == {"n": 1}
    bench.sfn.send_task_success(taskToken=task["taskToken"], output="2")
    assert bench.ended(arn)["output"] == "2"
    seen = types(bench, arn)
    assert [kind for kind in seen if kind.startswith("Activity")] == [
        "ActivityScheduled",
        "ActivityStarted",
        "ActivitySucceeded",
    ]


def test_an_activity_that_fails_names_its_error(bench: Bench) -> None:
    activity = bench.sfn.create_activity(name="fails")["activityArn"]
    machine = {
        "StartAt": "A",
        "States": {"A": {"Type": "Task", "Resource": activity, "TimeoutSeconds": 3600, "End": True}},
    }
    arn = bench.start(bench.create("activity-fails", machine), {})
    task = bench.until(
        lambda: found if (found := bench.sfn.get_activity_task(activityArn=activity)).get("taskToken") else None
    )
    bench.sfn.send_task_failure(taskToken=task["taskToken"], error="Worker.Tired", cause="late")
    ended = bench.ended(arn)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Worker.Tired", "late")


def test_the_time_of_an_activity_counts_from_when_a_worker_takes_it(bench: Bench) -> None:
    activity = bench.sfn.create_activity(name="idle")["activityArn"]
    state = {"Type": "Task", "Resource": activity, "TimeoutSeconds": 1, "End": True}
    arn = bench.start(bench.create("activity-idle", {"StartAt": "A", "States": {"A": state}}), {})
    began = bench.cloud.clock.now()
    bench.until(lambda: True if bench.cloud.clock.now() > began + 5 else None)
    assert bench.sfn.describe_execution(executionArn=arn)["status"] == "RUNNING"
    bench.until(lambda: bench.sfn.get_activity_task(activityArn=activity).get("taskToken"))
    ended = bench.ended(arn)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
    assert "ActivityTimedOut" in types(bench, arn)


WAIT = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1_000_000, "End": True}}}


def test_a_running_name_is_answered_again_for_the_same_input_only(bench: Bench) -> None:
    machine = bench.create("names", WAIT)
    first = bench.start(machine, {"a": 1}, name="once")
    assert bench.start(machine, {"a": 1}, name="once") == first
    with pytest.raises(ClientError) as refused:
        bench.start(machine, {"a": 2}, name="once")
    assert code(refused) == "ExecutionAlreadyExists"
    bench.sfn.stop_execution(executionArn=first)
    bench.ended(first)
    with pytest.raises(ClientError) as closed:
        bench.start(machine, {"a": 1}, name="once")
    assert code(closed) == "ExecutionAlreadyExists"


def test_a_stopped_execution_is_aborted_with_what_was_said(bench: Bench) -> None:
    arn = bench.start(bench.create("stopped", WAIT), {})
    bench.sfn.stop_execution(executionArn=arn, error="Operator", cause="enough")
    ended = bench.ended(arn)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Operator", "enough")
    assert types(bench, arn)[-1] == "ExecutionAborted"


def test_stopping_the_parent_stops_the_child_it_waits_for(bench: Bench) -> None:
    child = bench.create("long-child", WAIT)
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Parameters": {"StateMachineArn": child, "Input": {}},
        "End": True,
    }
    arn = bench.start(bench.create("long-parent", {"StartAt": "S", "States": {"S": state}}), {})
    running = bench.until(lambda: bench.sfn.list_executions(stateMachineArn=child)["executions"] or None)[0]
    bench.sfn.stop_execution(executionArn=arn)
    assert bench.ended(running["executionArn"])["status"] == "ABORTED"


def test_a_redriven_execution_goes_on_from_the_state_that_failed(bench: Bench) -> None:
    states = {
        "First": {"Type": "Pass", "Result": {"TableName": "redriven"}, "Next": "Needs a table"},
        "Needs a table": {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:dynamodb:describeTable",
            "Parameters": {"TableName.$": "$.TableName"},
            "ResultSelector": {"name.$": "$.Table.TableName"},
            "Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}],
            "End": True,
        },
    }
    ended = bench.run("redrive", {"StartAt": "First", "States": states})
    assert (ended["status"], ended["redriveStatus"]) == ("FAILED", "REDRIVABLE")
    bench.cloud.client("dynamodb").create_table(
        TableName="redriven",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    arn = ended["executionArn"]
    bench.sfn.redrive_execution(executionArn=arn)
    again = bench.ended(arn)
    assert (again["status"], json.loads(again["output"]), again["redriveCount"]) == (
        "SUCCEEDED",
        {"name": "redriven"},
        1,
    )
    seen = Counter(types(bench, arn))
    assert (seen["ExecutionRedriven"], seen["PassStateEntered"], seen["TaskFailed"], seen["TaskSucceeded"]) == (
        1,
        1,
        2,
        1,
    )
    with pytest.raises(ClientError) as refused:
        bench.sfn.redrive_execution(executionArn=arn)
    assert code(refused) == "ExecutionNotRedrivable"


def test_an_express_machine_answers_the_caller(bench: Bench) -> None:
    machine = {"StartAt": "S", "States": {"S": {"Type": "Pass", "Parameters": {"n.$": "$.n"}, "End": True}}}
    arn = bench.create("express", machine, express=True)
    answer = _sync(bench, arn, 1)
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"n": 1})
    with pytest.raises(ClientError) as refused:
        _sync(bench, bench.create("standard", machine), 1)
    assert code(refused) == "StateMachineTypeNotSupported"


def _sync(bench: Bench, arn: str, n: int) -> dict[str, Any]:
    session = bench.cloud.session()
    # The API's host prefix "sync-" has no meaning on loopback.
    sfn = session.client(
        "stepfunctions",
        endpoint_url=bench.cloud.url,
        config=Config(inject_host_prefix=False, retries={"max_attempts": 0}),
    )
    answer: dict[str, Any] = sfn.start_sync_execution(stateMachineArn=arn, input=json.dumps({"n": n}))
    return answer


def test_a_map_run_can_be_looked_at(bench: Bench) -> None:
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "End": True}},
    }
    state = {"Type": "Map", "ItemsPath": "$.items", "Label": "Look", "ItemProcessor": processor, "End": True}
    ended = bench.ended(
        bench.start(bench.create("map-run", {"StartAt": "M", "States": {"M": state}}), {"items": [1, 2, 3]})
    )
    runs = bench.sfn.list_map_runs(executionArn=ended["executionArn"])["mapRuns"]
    assert len(runs) == 1
    run = bench.sfn.describe_map_run(mapRunArn=runs[0]["mapRunArn"])
    assert (run["status"], run["itemCounts"]["succeeded"], run["itemCounts"]["total"]) == ("SUCCEEDED", 3, 3)
    children = bench.sfn.list_executions(mapRunArn=runs[0]["mapRunArn"])["executions"]
    assert [child["status"] for child in children] == ["SUCCEEDED"] * 3


@pytest.mark.parametrize(
    ("given", "codes"),
    [
        ({"input": "{broken"}, ("InvalidExecutionInput",)),
        ({"input": '"' + "x" * 262_145 + '"'}, ("InvalidExecutionInput", "ValidationException")),
        ({"name": "a name with spaces", "input": "{}"}, ("InvalidName",)),
        ({"stateMachineArn": "nobody"}, ("StateMachineDoesNotExist",)),
        ({"stateMachineArn": "no arn at all"}, ("InvalidArn",)),
    ],
    ids=["no json", "too long", "bad name", "no machine", "no arn"],
)
def test_start_execution_refuses(bench: Bench, given: dict[str, str], codes: tuple[str, ...]) -> None:
    child = bench.names["child"]
    arguments = {"stateMachineArn": child, **given}
    if arguments["stateMachineArn"] == "nobody":
        arguments["stateMachineArn"] = child.replace(":child", ":nobody")
    with pytest.raises(ClientError) as refused:
        bench.sfn.start_execution(**arguments)
    assert code(refused) in codes


def test_history_pages_and_turns_round(bench: Bench) -> None:
    ended = bench.run("history", {"StartAt": "S", "States": {"S": {"Type": "Pass", "End": True}}})
    asked = {"executionArn": ended["executionArn"], "maxResults": 2, "reverseOrder": True}
    page = bench.sfn.get_execution_history(**asked)
    assert [event["type"] for event in page["events"]] == ["ExecutionSucceeded", "PassStateExited"]
    rest = bench.sfn.get_execution_history(**asked, nextToken=page["nextToken"])
    assert [event["type"] for event in rest["events"]] == ["PassStateEntered", "ExecutionStarted"]


def test_a_running_execution_keeps_the_definition_it_began_with(bench: Bench) -> None:
    machine = {
        "StartAt": "W",
        "States": {
            "W": {"Type": "Wait", "Seconds": 30, "Next": "S"},
            "S": {"Type": "Pass", "Result": "old", "End": True},
        },
    }
    arn = bench.create("changed", machine)
    running = bench.start(arn, {})
    new = {"StartAt": "S", "States": {"S": {"Type": "Pass", "Result": "new", "End": True}}}
    bench.sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(new))
    assert json.loads(bench.ended(bench.start(arn, {}))["output"]) == "new"
    assert json.loads(bench.ended(running)["output"]) == "old"


def test_a_version_keeps_its_definition_and_an_alias_points_at_it(bench: Bench) -> None:
    def machine(word: str) -> dict[str, Any]:
        return {"StartAt": "S", "States": {"S": {"Type": "Pass", "Result": word, "End": True}}}

    arn = bench.create("versioned", machine("one"))
    version = bench.sfn.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
    routes = [{"stateMachineVersionArn": version, "weight": 100}]
    alias = bench.sfn.create_state_machine_alias(name="live", routingConfiguration=routes)["stateMachineAliasArn"]
    bench.sfn.update_state_machine(stateMachineArn=arn, definition=json.dumps(machine("two")))
    answers = [json.loads(bench.ended(bench.start(target, {}))["output"]) for target in (arn, version, alias)]
    assert answers == ["two", "one", "one"]


@pytest.mark.parametrize("word", ["OK", "FAIL"])
def test_a_definition_can_be_validated_without_creating_it(bench: Bench, word: str) -> None:
    states = {"S": {"Type": "Pass", **({"End": True} if word == "OK" else {"Next": "Nowhere"})}}
    answer = bench.sfn.validate_state_machine_definition(definition=json.dumps({"StartAt": "S", "States": states}))
    assert answer["result"] == word
    assert bool(answer["diagnostics"]) == (word == "FAIL")
