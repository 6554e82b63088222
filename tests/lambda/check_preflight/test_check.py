"""What must be true before anything is touched."""

from dataclasses import replace

import pytest

from slipway_lambda.check_preflight.check import check_alarms, check_rollback_set
from slipway_lambda.contracts.release import AlarmNotReadyError, PreflightRefusedError
from slipway_lambda.ports.alarms import AlarmState
from slipway_lambda.ports.images import BadImageUriError, parse

DIMENSIONS = {"EndpointName": "flights-dev", "VariantName": "main"}
WANTED = {"errors": DIMENSIONS}
OK = AlarmState("errors", "OK", "", actions_enabled=True, dimensions=DIMENSIONS)


def test_alarms_that_are_right_pass() -> None:
    check_alarms(WANTED, [OK], judge_state=True)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param([], "errors does not exist", marks=pytest.mark.fault("A15")),
        pytest.param([replace(OK, actions_enabled=False)], "actions disabled", marks=pytest.mark.fault("A16")),
        pytest.param(
            [replace(OK, state="ALARM", reason="3 of 3")], "in ALARM .3 of 3.", marks=pytest.mark.fault("A17")
        ),
        pytest.param([replace(OK, dimensions={"EndpointName": "other"})], "watches", marks=pytest.mark.fault("A18")),
    ],
)
def test_alarm_that_could_not_guard_is_refused(found: list[AlarmState], words: str) -> None:
    with pytest.raises(PreflightRefusedError, match=words):
        check_alarms(WANTED, found, judge_state=True)


def test_a_users_own_alarm_may_watch_what_it_likes_but_must_be_ok() -> None:
    own = replace(OK, dimensions={"Queue": "orders"})
    check_alarms({"errors": None}, [own], judge_state=True)
    with pytest.raises(PreflightRefusedError, match="already in ALARM"):
        check_alarms({"errors": None}, [replace(own, state="ALARM")], judge_state=True)
    with pytest.raises(AlarmNotReadyError):
        check_alarms({"errors": None}, [replace(own, state="INSUFFICIENT_DATA")], judge_state=True)


@pytest.mark.fault("A19")
def test_release_without_alarms_is_refused() -> None:
    with pytest.raises(PreflightRefusedError, match="no alarm is declared"):
        check_alarms({}, [], judge_state=True)


@pytest.mark.fault("A14")
def test_alarm_without_data_is_waited_for() -> None:
    with pytest.raises(AlarmNotReadyError, match="no data is not health"):
        check_alarms(WANTED, [replace(OK, state="INSUFFICIENT_DATA")], judge_state=True)


def test_state_says_nothing_before_there_is_an_endpoint() -> None:
    check_alarms(WANTED, [replace(OK, state="INSUFFICIENT_DATA")], judge_state=False)


@pytest.mark.fault("A31")
def test_no_way_back_is_refused_before_the_shift() -> None:
    with pytest.raises(PreflightRefusedError, match="no way back to old: its artefact s3://a/b does not exist"):
        check_rollback_set({"config": "old"}, ["its artefact s3://a/b does not exist"])


def test_image_without_digest_cannot_be_looked_up() -> None:
    with pytest.raises(BadImageUriError, match="by digest"):
        parse("111122223333.dkr.ecr.eu-west-1.amazonaws.com/tabular:latest")
