"""CloudFormation gets its answer, whatever happens."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from slipway_lambda import custom_resource
from slipway_lambda.custom_resource import PATIENCE_SECONDS, Answer, NotYetError, respond


class Mailbox:
    """A place that takes PUT requests, refusing the first `refusals`."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.refusals = 0
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refuse = mailbox.refusals > 0
                mailbox.refusals -= refuse
                if not refuse:
                    mailbox.bodies.append(json.loads(body))
                self.send_response(503 if refuse else 200)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def event(self) -> dict[str, Any]:
        return {
            "ResponseURL": f"http://127.0.0.1:{self.server.server_port}/answer",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": "Image",
            "RequestType": "Create",
        }


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    monkeypatch.setattr(custom_resource.time, "sleep", lambda _: None)
    box = Mailbox()
    yield box
    box.server.shutdown()
    box.server.server_close()


def fail() -> Answer:
    raise ValueError("a bug")


def test_answers_success_with_the_physical_id(mailbox: Mailbox) -> None:
    respond(mailbox.event, lambda: Answer("repo:tag", {"Tag": "tag"}), "log-1")
    (body,) = mailbox.bodies
    assert body["Status"] == "SUCCESS"
    assert body["PhysicalResourceId"] == "repo:tag"
    assert body["Data"] == {"Tag": "tag"}
    assert (body["StackId"], body["RequestId"], body["LogicalResourceId"]) == ("stack", "request", "Image")


def test_answers_failed_with_the_reason_and_the_log(mailbox: Mailbox) -> None:
    respond(mailbox.event, fail, "log-1")
    (body,) = mailbox.bodies
    assert body["Status"] == "FAILED"
    assert body["Reason"] == "a bug (log stream log-1)"
    assert body["PhysicalResourceId"] == "Image"


def test_a_failed_update_keeps_the_physical_id(mailbox: Mailbox) -> None:
    """Another id would make CloudFormation delete the old resource."""
    respond({**mailbox.event, "PhysicalResourceId": "repo:old"}, fail, "log-1")
    assert mailbox.bodies[0]["PhysicalResourceId"] == "repo:old"


def test_tries_again_when_the_answer_is_not_taken(mailbox: Mailbox) -> None:
    mailbox.refusals = 2
    respond(mailbox.event, lambda: Answer("x"), "log-1")
    assert [b["Status"] for b in mailbox.bodies] == ["SUCCESS"]


def test_a_lost_answer_is_an_error_not_silence(mailbox: Mailbox) -> None:
    mailbox.refusals = 99
    with pytest.raises(OSError, match="503"):
        respond(mailbox.event, lambda: Answer("x"), "log-1")


def not_yet() -> Answer:
    raise NotYetError("It is still Updating.")


def test_work_that_takes_longer_is_answered_by_a_further_invocation(mailbox: Mailbox) -> None:
    more: list[Any] = []
    respond(mailbox.event, not_yet, "log", again=more.append, now=1000)
    assert mailbox.bodies == []
    (event,) = more
    assert event == {**mailbox.event, "AnswerUntil": 1000 + PATIENCE_SECONDS}
    respond(event, not_yet, "log", again=more.append, now=2000)
    assert more[1] == event, "the limit is that of the first invocation"
    respond(event, lambda: Answer("it"), "log", again=more.append, now=3000)
    assert [b["Status"] for b in mailbox.bodies] == ["SUCCESS"]


def test_work_that_outlasts_cloudformation_is_a_failure_in_time(mailbox: Mailbox) -> None:
    more: list[Any] = []
    respond({**mailbox.event, "AnswerUntil": 4300}, not_yet, "log", again=more.append, now=4301)
    assert (mailbox.bodies[0]["Status"], more) == ("FAILED", [])
    assert "still Updating" in mailbox.bodies[0]["Reason"]


def test_further_invocation_that_cannot_be_made_is_a_failure(mailbox: Mailbox) -> None:
    def refused(_: Any) -> None:
        raise PermissionError("AccessDenied")

    respond(mailbox.event, not_yet, "log", again=refused, now=1000)
    assert (mailbox.bodies[0]["Status"], "AccessDenied" in mailbox.bodies[0]["Reason"]) == ("FAILED", True)
