"""What waits in the dead-letter queue is shown, sent again and taken out, once."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

Call = Callable[..., tuple[int, str, str]]
END = {
    "detail-type": "Step Functions Execution Status Change",
    "detail": {"executionArn": "arn:run", "status": "TIMED_OUT"},
}


class Queue:
    """A queue and the function that settles."""

    def __init__(self, aws: Any) -> None:
        self.waiting: dict[str, dict[str, Any]] = {}
        self.settled: list[dict[str, Any]] = []
        self.fails = ""
        self._seen: set[str] = set()
        aws.answers |= {
            ("sqs", "receive_message"): self._receive,
            ("sqs", "delete_message"): lambda QueueUrl, ReceiptHandle: self.waiting.pop(ReceiptHandle),
            ("lambda", "invoke"): self._invoke,
        }

    def put(self, body: Any, **attributes: str) -> None:
        number = f"m{len(self.waiting)}"
        self.waiting[number] = {
            "MessageId": number,
            "ReceiptHandle": number,
            "Body": body if isinstance(body, str) else json.dumps(body),
            "MessageAttributes": {k: {"StringValue": v} for k, v in attributes.items()},
        }

    def _receive(self, **asked: Any) -> dict[str, Any]:
        """Two at a time, each once while it is hidden."""
        assert asked["QueueUrl"] == "https://queue"
        new = [m for k, m in self.waiting.items() if k not in self._seen][:2]
        self._seen |= {m["MessageId"] for m in new}
        if not new:
            self._seen.clear()
        return {"Messages": new} if new else {}

    def _invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        assert FunctionName == "settle"
        self.settled.append(json.loads(Payload))
        return {"Payload": io.BytesIO(self.fails.encode())} | ({"FunctionError": "Unhandled"} if self.fails else {})


@pytest.fixture
def queue(platform: Any, aws: Any) -> Queue:
    describe = aws.answers["cloudformation", "describe_stacks"]

    def stacks(**asked: Any) -> Any:
        found = describe(**asked)
        if "-Release-" in asked["StackName"]:
            more = {"ReleaseDeadLetters": "https://queue", "ReleaseSettling": "settle"}
            found["Stacks"][0]["Outputs"] += [{"OutputKey": k, "OutputValue": v} for k, v in more.items()]
        return found

    aws.answers["cloudformation", "describe_stacks"] = stacks
    return Queue(aws)


@pytest.mark.fault("C10")
def test_each_letter_goes_where_it_belongs_and_out_of_the_queue(call: Call, platform: Any, queue: Queue) -> None:
    queue.put({"detail-type": "SageMaker Model Package State Change", "detail": {}}, ERROR_CODE="THROTTLING")
    queue.put(END, ERROR_MESSAGE="down", TARGET_ARN="arn:aws:lambda:eu-west-1:1:function:another")
    queue.put({"requestPayload": END, "responsePayload": {"errorMessage": "no topic"}, "requestContext": {}})
    queue.put("no json at all")
    code, out, err = call("redrive", "flight-delays")
    assert code == 0, err
    assert queue.waiting == {}
    assert queue.settled == [END, END]
    assert platform.started == [{"trigger": "approval"}] * 2
    assert "THROTTLING" in out
    assert "arn:run (TIMED_OUT): no topic" in out
    assert "Nothing waits" in call("redrive", "flight-delays")[1]


def test_dry_run_only_shows(call: Call, platform: Any, queue: Queue) -> None:
    queue.put(END, ERROR_CODE="SDK_CLIENT_ERROR")
    code, out, _ = call("redrive", "flight-delays", "--dry-run", "--json")
    assert (code, json.loads(out)["sent"]) == (0, False)
    assert json.loads(out)["letters"] == [{"id": "m0", "settles": True, "why": "SDK_CLIENT_ERROR"}]
    assert len(queue.waiting) == 1
    assert queue.settled == platform.started == []


@pytest.mark.fault("C10")
def test_a_letter_that_fails_again_stays(call: Call, platform: Any, queue: Queue) -> None:
    queue.put(END)
    queue.fails = '{"errorMessage": "no topic"}'
    code, _, err = call("redrive", "flight-delays")
    assert (code, "SLW540" in err, "no topic" in err) == (1, True, True)
    assert len(queue.waiting) == 1


def test_a_start_that_came_about_meanwhile_is_no_second_one(call: Call, platform: Any, queue: Queue) -> None:
    queue.put({"detail": {}})
    platform.executions["redrive-m0"] = {"status": "SUCCEEDED", "input": "{}"}
    assert call("redrive", "flight-delays")[0] == 0
    assert queue.waiting == {}
    assert list(platform.executions) == ["redrive-m0"]
