"""Rules and their targets: input, permission, retries, dead-letter queue, limits.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

import io
import json
import zipfile
from typing import Any

import pytest

from rehearsal.bus import inputs as event_input

Bus = Any


def test_a_target_gets_the_whole_event(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn})
    bus.put(name, {"a": 1}, Resources=["arn:aws:s3:::b"])
    (event,) = bus.bodies(url)
    assert event.pop("id")
    assert event.pop("time").endswith("Z")
    assert event == {
        "version": "0",
        "source": name,
        "account": "111122223333",
        "region": "eu-west-1",
        "resources": ["arn:aws:s3:::b"],
        "detail-type": "Test",
        "detail": {"a": 1},
    }


def test_events_are_stamped_with_cloud_time(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn})
    bus.put(name)
    bus.cloud.clock.advance(86_400)
    bus.put(name)
    first, second = bus.bodies(url)
    assert second["time"][8:10] != first["time"][8:10]


def transformed(template: str, **paths: str) -> dict[str, Any]:
    return {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ({"Input": '{"fixed": true}'}, {"fixed": True}),
        ({"InputPath": "$.detail.items[1].name"}, "b"),
        ({"InputPath": "$.detail.items[*].name"}, ["a", "b"]),
        (
            transformed('{"n": <n>, "o": <o>, "t": "n is <n>"}', n="$.detail.n", o="$.detail.o"),
            {"n": 5, "o": {"x": 1}, "t": "n is 5"},
        ),
        (transformed('{"s": <s>}', s="$.detail.items[0].name"), {"s": "a"}),
        (transformed('{"s": "<s>"}', s="$.detail.none"), {"s": ""}),
    ],
    ids=["constant", "index", "wildcard", "transformer", "text", "missing"],
)
def test_the_input_of_a_target(bus: Bus, target: dict[str, Any], wanted: Any) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, **target})
    bus.put(name, {"n": 5, "o": {"x": 1}, "items": [{"name": "a"}, {"name": "b"}]})
    assert bus.bodies(url) == [wanted]


def test_a_transformer_knows_the_rule_and_the_event(bus: Bus) -> None:
    url, arn = bus.queue()
    template = (
        '{"rule": <aws.events.rule-name>, "at": <aws.events.event.ingestion-time>, "all": <aws.events.event.json>}'
    )
    name = bus.rule({"Arn": arn, "InputTransformer": {"InputTemplate": template}})
    bus.put(name, {"a": 1})
    (made,) = bus.bodies(url)
    assert (made["rule"], made["all"]["detail"], made["all"]["source"]) == (name, {"a": 1}, name)


def test_a_path_that_is_none_is_said_so() -> None:
    with pytest.raises(event_input.InvalidInputError, match=r"must begin with \$"):
        event_input.select("detail.a", {})
    with pytest.raises(event_input.InvalidInputError, match="not a JSON path"):
        event_input.select("$.detail..a", {})


def test_a_target_without_permission_sends_the_event_to_the_dead_letter_queue_at_once(bus: Bus) -> None:
    dead, dead_arn = bus.queue()
    url, arn = bus.queue(allowed=False)
    name = bus.rule({"Arn": arn, "DeadLetterConfig": {"Arn": dead_arn}})
    bus.put(name, {"a": 1})
    message = bus.message(dead)
    attributes = bus.attributes(message)
    assert json.loads(message["Body"])["detail"] == {"a": 1}
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"], attributes["TARGET_ARN"]) == (
        "NO_PERMISSIONS",
        "0",
        arn,
    )
    assert attributes["RULE_ARN"].endswith(f":rule/{name}")
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes
    assert bus.bodies(url) == []


@pytest.mark.parametrize("kind", ["sqs", "lambda:function", "states:stateMachine", "sns"])
def test_a_target_that_is_gone_is_no_resource(bus: Bus, kind: str) -> None:
    dead, dead_arn = bus.queue()
    service, _, what = kind.partition(":")
    arn = f"arn:aws:{service}:eu-west-1:111122223333:{what + ':' if what else ''}nobody"
    name = bus.rule({"Arn": arn, "RoleArn": bus.role, "DeadLetterConfig": {"Arn": dead_arn}})
    bus.put(name)
    assert bus.attributes(bus.message(dead))["ERROR_CODE"] == "NO_RESOURCE"


def test_what_a_machine_cannot_take_is_invalid_json(bus: Bus) -> None:
    dead, dead_arn = bus.queue()
    arn = "arn:aws:states:eu-west-1:111122223333:stateMachine:nobody"
    transformer = {"InputTemplate": "plain text"}
    target = {"Arn": arn, "RoleArn": bus.role, "InputTransformer": transformer, "DeadLetterConfig": {"Arn": dead_arn}}
    bus.put(bus.rule(target))
    assert bus.attributes(bus.message(dead))["ERROR_CODE"] == "INVALID_JSON"


@pytest.mark.fault("C10")
def test_a_target_that_is_down_is_tried_again_until_it_answers(bus: Bus) -> None:
    dead, dead_arn = bus.queue()
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "DeadLetterConfig": {"Arn": dead_arn}})
    bus.cloud.fault("C10", times=4, rule=name)
    bus.put(name, {"a": 1})
    assert bus.bodies(url) == []
    assert json.loads(bus.message(url, bus.step(2))["Body"])["detail"] == {"a": 1}
    assert bus.bodies(dead) == []


@pytest.mark.fault("C10")
@pytest.mark.parametrize(
    ("policy", "condition", "tries"),
    [
        ({"MaximumRetryAttempts": 2}, "MaximumRetryAttempts", "2"),
        ({"MaximumRetryAttempts": 0}, "MaximumRetryAttempts", "0"),
        ({"MaximumEventAgeInSeconds": 60}, "MaximumEventAgeInSeconds", None),
        ({}, "MaximumEventAgeInSeconds", None),
    ],
    ids=["attempts", "none", "age", "a day"],
)
def test_a_target_that_stays_down_sends_the_event_to_the_dead_letter_queue(
    bus: Bus, policy: dict[str, int], condition: str, tries: str | None
) -> None:
    dead, dead_arn = bus.queue()
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "DeadLetterConfig": {"Arn": dead_arn}, "RetryPolicy": policy})
    bus.cloud.fault("C10", times=None, rule=name, target=arn.rpartition(":")[2])
    bus.put(name)
    attributes = bus.attributes(bus.message(dead, bus.step(600 if policy else 20_000)))
    assert (attributes["ERROR_CODE"], attributes["EXHAUSTED_RETRY_CONDITION"]) == ("CONNECTION_FAILURE", condition)
    assert tries is None or attributes["RETRY_ATTEMPTS"] == tries
    assert bus.bodies(url) == []


@pytest.mark.fault("C09")
def test_a_throttled_function_leaves_the_rules_dead_letter_queue_empty(bus: Bus) -> None:
    dead, dead_arn = bus.queue()
    lost, lost_arn = bus.queue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("index.py", "def handler(event, context):\n    return 1")
    functions = bus.cloud.client("lambda")
    arn = functions.create_function(
        FunctionName="throttled",
        Runtime="python3.12",
        Handler="index.handler",
        Role=bus.role,
        Code={"ZipFile": archive.getvalue()},
    )["FunctionArn"]
    functions.put_function_event_invoke_config(
        FunctionName="throttled",
        MaximumEventAgeInSeconds=60,
        DestinationConfig={"OnFailure": {"Destination": lost_arn}},
    )
    name = bus.rule({"Arn": arn, "RoleArn": bus.role, "DeadLetterConfig": {"Arn": dead_arn}})
    bus.cloud.fault("C09", times=None, function="throttled")
    bus.put(name, {"a": 1})
    record = json.loads(bus.message(lost, bus.step(30))["Body"])
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestPayload"]["detail"] == {"a": 1}
    assert bus.bodies(dead) == []


def test_a_request_above_a_megabyte_is_refused(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "InputPath": "$.detail.n"})
    bus.put(name, {"n": 1, "x": "a" * 1_000_000})
    assert bus.bodies(url) == [1]
    with pytest.raises(bus.events.exceptions.ClientError, match="over the limit") as refused:
        bus.put(name, {"n": 2, "x": "a" * 1_048_577})
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_entries_that_are_no_events_fail_beside_those_that_are(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "InputPath": "$.detail"})
    entries = [
        {"Source": name, "DetailType": "Test", "Detail": "{broken"},
        {"Source": name, "DetailType": "Test", "Detail": '{"n": 1}'},
        {"Source": name, "Detail": "{}"},
    ]
    answer = bus.events.put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == ["MalformedDetail", None, "InvalidArgument"]
    assert bus.bodies(url) == [{"n": 1}]


@pytest.mark.fault("C01")
def test_an_event_of_any_source_may_come_twice(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "InputPath": "$.detail.n"})
    bus.cloud.fault("C01", source=name, copies=3)
    bus.put(name, {"n": 1})
    bus.put(name, {"n": 2})
    assert bus.bodies(url) == [1, 1, 1, 2]


@pytest.mark.fault("C02")
def test_an_event_of_any_source_may_be_lost(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "InputPath": "$.detail.n"})
    bus.cloud.fault("C02", source="*", detail_type="Test")
    bus.put(name, {"n": 1}, kind="Other")
    bus.put(name, {"n": 2})
    bus.put(name, {"n": 3})
    assert bus.bodies(url) == [1, 3]


@pytest.mark.fault("C03")
def test_events_of_any_source_may_come_in_reverse(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "InputPath": "$.detail.n"})
    bus.cloud.fault("C03", source=name, count=3)
    for number in (1, 2, 3, 4):
        bus.put(name, {"n": number})
    assert bus.bodies(url) == [3, 2, 1, 4]


@pytest.mark.fault("C03")
def test_what_an_unfinished_reversal_holds_is_let_go(bus: Bus) -> None:
    url, arn = bus.queue()
    name = bus.rule({"Arn": arn, "InputPath": "$.detail.n"})
    bus.cloud.fault("C03", source=name, count=3)
    bus.put(name, {"n": 1})
    bus.put(name, {"n": 2})
    assert bus.bodies(url) == []
    bus.cloud.clear_faults()
    assert bus.bodies(url) == [2, 1]


@pytest.mark.fault("C11")
def test_a_replay_sends_what_the_archive_kept_of_the_period(bus: Bus) -> None:
    url, arn = bus.queue()
    pattern = json.dumps({"source": ["archived"]})
    bus.rule({"Arn": arn}, EventPattern=pattern)
    default = bus.events.describe_event_bus(Name="default")["Arn"]
    archive = bus.events.create_archive(ArchiveName="kept", EventSourceArn=default, EventPattern=pattern)["ArchiveArn"]
    bus.put("archived", {"n": 1})
    bus.cloud.clock.advance(3600)
    begin = bus.cloud.clock.now() - 1
    bus.put("archived", {"n": 2})
    bus.cloud.clock.advance(3600)
    assert [event["detail"]["n"] for event in bus.bodies(url)] == [1, 2]
    bus.events.start_replay(
        ReplayName="again",
        EventSourceArn=archive,
        EventStartTime=begin,
        EventEndTime=begin + 60,
        Destination={"Arn": default},
    )
    event = json.loads(bus.message(url)["Body"])
    assert (event["detail"]["n"], event["replay-name"]) == (2, "again")
    assert bus.bodies(url) == []
