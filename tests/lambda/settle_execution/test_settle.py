"""Bad ends that an execution could not tell itself."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from slipway_lambda.contracts.notice import KEYS
from slipway_lambda.settle_execution.handler import settle

ARN = "arn:aws:states:eu-west-1:111122223333:execution:release:run-1"


class Ledger:
    def __init__(self, owner: str = "", told: bool = False) -> None:
        self.owner, self.told = owner, told
        self.attempt: dict[str, Any] = {}
        self.records: dict[str, dict[str, Any]] = {}

    def attempt_of(self, endpoint: str, execution_arn: str) -> dict[str, Any]:
        assert (endpoint, execution_arn) == ("flights-dev", ARN)
        return self.attempt

    def add_record(self, item: Mapping[str, Any]) -> bool:
        assert item["pk"] == "endpoint#flights-dev"
        return self.records.setdefault(item["sk"], dict(item)) == item

    def item(self, partition: str, sort: str) -> dict[str, Any]:
        raise AssertionError("not needed")

    def free_lock(self, endpoint: str, owner: str) -> bool:
        assert endpoint == "flights-dev"
        if self.owner != owner:
            return False
        self.owner = ""
        return True

    def claim_told(self, execution_arn: str, by: str) -> bool:
        claimed, self.told = not self.told, True
        return claimed

    def unclaim_told(self, execution_arn: str) -> None:
        self.told = False


class Notices:
    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.sent: list[tuple[str, Mapping[str, Any]]] = []

    def publish(self, subject: str, message: Mapping[str, Any]) -> None:
        if self.broken:
            raise ConnectionError("no topic")
        self.sent.append((subject, message))


def run(ledger: Ledger, notices: Notices, what: str = "release", **detail: Any) -> dict[str, Any]:
    event = {"detail": {"executionArn": ARN, "status": "TIMED_OUT", **detail}}
    return settle(event, what=what, model="flights", environment="dev", ledger=ledger, notices=notices)


@pytest.mark.fault("D03")
@pytest.mark.fault("D04")
@pytest.mark.parametrize(("status", "words"), [("TIMED_OUT", "time limit"), ("ABORTED", "stopped from outside")])
def test_untold_end_frees_the_lock_and_tells_once(status: str, words: str) -> None:
    ledger, notices = Ledger(owner=ARN), Notices()
    assert run(ledger, notices, status=status) == {"told": True, "freed": True, "recorded": True}
    assert run(ledger, notices, status=status)["told"] is False
    ((_, message),) = notices.sent
    assert tuple(message) == KEYS
    assert words in message["cause"]
    assert ledger.owner == ""


def test_told_end_is_not_told_again_and_still_frees_the_lock() -> None:
    ledger, notices = Ledger(owner=ARN, told=True), Notices()
    assert run(ledger, notices) == {"told": False, "freed": True, "recorded": True}
    assert not notices.sent


def test_lock_of_another_stays() -> None:
    ledger = Ledger(owner="another")
    assert run(ledger, Notices())["freed"] is False
    assert ledger.owner == "another"


@pytest.mark.parametrize("what", ["training", "monitoring"])
def test_workflows_without_a_lock_are_told_only(what: str) -> None:
    ledger, notices = Ledger(owner=ARN), Notices()
    assert run(ledger, notices, what=what) == {"told": True}
    assert ledger.owner == ARN
    assert ledger.records == {}
    assert notices.sent[0][0] == f"flights: {what} timed out"


def test_machines_own_cause_is_read() -> None:
    notices = Notices()
    cause = json.dumps({"outcome": "rolled_back", "version": 3, "cause": "Live is v2, not v3."})
    run(Ledger(), notices, status="FAILED", error="ReleaseRolledBack", cause=cause)
    message = notices.sent[0][1]
    assert (message["version"], message["outcome"], message["cause"]) == (3, "rolled_back", "Live is v2, not v3.")


@pytest.mark.parametrize("cause", ["plain text", "[1]", "{"])
def test_other_causes_are_text(cause: str) -> None:
    notices = Notices()
    run(Ledger(), notices, status="FAILED", error="States.Runtime", cause=cause)
    assert notices.sent[0][1]["cause"] == f"States.Runtime: {cause}"


def test_failed_message_can_be_sent_by_the_next_attempt() -> None:
    ledger = Ledger()
    with pytest.raises(ConnectionError):
        run(ledger, Notices(broken=True))
    assert run(ledger, Notices())["told"] is True


def test_unknown_workflow_is_refused() -> None:
    with pytest.raises(ValueError, match="SETTLES is 'baking'; it must be one of release, training, monitoring"):
        run(Ledger(), Notices(), what="baking")


@pytest.mark.fault("D04")
def test_a_release_that_was_stopped_stands_in_the_history(  # which is made of the records
) -> None:
    ledger = Ledger(owner=ARN)
    ledger.attempt = {"version": 3, "outcome": "started", "execution": ARN}
    asked = json.dumps({"trigger": "operator", "version": 3, "who": "ada", "reason": "late flights"})
    run(ledger, Notices(), status="ABORTED", input=asked, startDate=1_800_000_000_123, stopDate=1_800_000_060_999)
    (item,) = ledger.records.values()
    assert item == {
        "pk": "endpoint#flights-dev",
        "sk": "release#run-1",
        "outcome": "stopped",
        "cause": "The execution was stopped from outside.",
        "execution": ARN,
        "trigger": "operator",
        "asked_by": "ada",
        "asked_reason": "late flights",
        "version": 3,
        "started_at": 1_800_000_000,
        "ended_at": 1_800_000_060,
    }


def test_a_record_that_the_machine_wrote_itself_stays() -> None:
    ledger = Ledger()
    ledger.records["release#run-1"] = mine = {"sk": "release#run-1", "outcome": "rolled_back"}
    assert run(ledger, Notices(), status="FAILED")["recorded"] is False
    assert ledger.records["release#run-1"] is mine


@pytest.mark.parametrize("given", [None, "", "[]", "no json", '{"trigger": 7}'])
def test_an_input_that_says_nothing_leaves_a_record_all_the_same(given: Any) -> None:
    ledger = Ledger()
    assert run(ledger, Notices(), input=given)["recorded"] is True
    assert ledger.records["release#run-1"]["outcome"] == "timed_out"
