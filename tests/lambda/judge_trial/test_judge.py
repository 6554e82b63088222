"""What is made of a trial, from plain values."""

from dataclasses import replace
from typing import Any

import pytest

from slipway_lambda.contracts.trial import LEAST_PAUSE_SECONDS, Trial, Word
from slipway_lambda.judge_trial.judge import Seen, judge
from slipway_lambda.judge_trial.pairs import pairs_of, read_lines
from slipway_lambda.judge_trial.soundness import faults_of_alarms, faults_of_endpoint, share_percent
from slipway_lambda.judge_trial.wish import Wish, wish_of
from slipway_lambda.ports.alarms import AlarmState
from slipway_lambda.verdicts.answers import compare_answers
from slipway_lambda.verdicts.compare import Comparison, Counts, Finding

AB = Trial(3600, 5000, (10, 50), 300, 0.001, ())
SHADOW = replace(AB, weights_percent=())
GOOD = Comparison(Finding.NOT_WORSE, "Not worse.")
SEEN = Seen(10, (), (GOOD,), Wish(), 400, 400, Counts(54_000, 9), Counts(6000, 1))


def said(trial: Trial = AB, **changes: Any) -> Any:
    return judge(trial, replace(SEEN, **changes))


def found(finding: Finding) -> tuple[Comparison, ...]:
    return (GOOD, Comparison(finding, f"It is {finding}."))


def test_good_evidence_leads_from_share_to_share_and_then_to_promotion() -> None:
    assert (said().word, said().share_percent) == (Word.STEP, 50)
    assert said(share_percent=50).word == Word.PROMOTE
    assert said(SHADOW, share_percent=0).word == Word.PROMOTE
    assert said(findings=found(Finding.BETTER)).word == Word.STEP


def test_a_step_lasts_its_least_time_however_good_it_looks() -> None:
    assert said(step_seconds=299).word == Word.CONTINUE
    assert said(SHADOW, step_seconds=299).word == Word.CONTINUE


@pytest.mark.parametrize("finding", [Finding.TOO_FEW, Finding.UNDECIDED])
@pytest.mark.fault("A14")
def test_no_verdict_in_time_is_none_in_the_challengers_favour(finding: Finding) -> None:
    assert said(findings=found(finding)).word == Word.CONTINUE
    late = said(findings=found(finding), trial_seconds=3600)
    assert late.word == Word.DISCARD
    assert "No verdict within 3600 s" in late.reason
    assert said(findings=(), trial_seconds=3600).word == Word.DISCARD


def test_golden_records_are_sent_where_clients_had_their_time() -> None:
    few = found(Finding.TOO_FEW)
    assert said(findings=few).thin
    assert not said(findings=few, step_seconds=299).thin
    assert not said(findings=found(Finding.UNDECIDED)).thin


@pytest.mark.fault("A13")
def test_golden_records_are_sent_as_a_share_begins_however_much_traffic_there_is() -> None:
    assert said(step_seconds=0).thin
    assert said(step_seconds=LEAST_PAUSE_SECONDS - 1).thin
    assert not said(step_seconds=LEAST_PAUSE_SECONDS).thin
    assert not said(SHADOW, step_seconds=0).thin


@pytest.mark.fault("A28")
def test_an_abort_wins_over_everything() -> None:
    both = Wish(abort="eva: no", promote="max: go", full=True)
    assert said(wish=both).word == Word.DISCARD
    assert said(wish=both).reason == "Aborted by eva: no"


def test_a_wish_to_hurry_is_one_step_or_the_whole_way() -> None:
    too_few = found(Finding.TOO_FEW)
    hurried = said(wish=Wish(promote="max: go"), findings=too_few, step_seconds=1)
    assert (hurried.word, hurried.share_percent, hurried.hurried) == (Word.STEP, 50, True)
    assert said(wish=Wish(promote="max: go", full=True), findings=too_few).word == Word.PROMOTE
    assert said(SHADOW, wish=Wish(promote="max: go"), findings=too_few).word == Word.PROMOTE


@pytest.mark.parametrize("wish", [Wish(), Wish(promote="max: go"), Wish(promote="max: go", full=True)])
def test_nobody_can_hurry_past_harm_or_a_raised_alarm(wish: Wish) -> None:
    assert said(wish=wish, findings=found(Finding.WORSE)).word == Word.DISCARD
    assert said(wish=wish, faults=("alarm a is in ALARM: 5XX",)).word == Word.DISCARD


def test_what_a_lock_asks_for() -> None:
    lock = {"owner": "me", "abort_by": "eva", "abort_reason": "no", "promote_by": "max", "promote_reason": "go"}
    assert wish_of(lock) == Wish("eva: no", "max: go", full=False)
    assert wish_of({**lock, "promote_full": "true"}).full
    assert wish_of({}) == Wish()


def serving(share: float = 10, **more: Any) -> dict[str, Any]:
    counts = {"CurrentInstanceCount": 2}
    main = {"VariantName": "main", "CurrentWeight": 100 - share, **counts}
    other = {"VariantName": "challenger", "CurrentWeight": share, **counts}
    return {
        "EndpointStatus": "InService",
        "EndpointConfigName": "trial",
        "ProductionVariants": [main, other],
        **more,
    }


def shadowed(**more: Any) -> dict[str, Any]:
    both = serving()["ProductionVariants"]
    return {**serving(), "ProductionVariants": both[:1], "ShadowProductionVariants": both[1:], **more}


def wrong(endpoint: dict[str, Any], trial: Trial = AB) -> list[str]:
    return list(faults_of_endpoint(trial, "trial", "main", endpoint))


def test_a_sound_trial_has_no_fault() -> None:
    assert wrong(serving()) == []
    assert wrong(shadowed(), SHADOW) == []
    assert (share_percent(serving(50)), share_percent(shadowed())) == (50, 0)


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        pytest.param(serving(EndpointConfigName="old"), "live is old", marks=pytest.mark.fault("A01")),
        pytest.param(serving(EndpointStatus="RollingBack"), "is RollingBack", marks=pytest.mark.fault("A07")),
        pytest.param(serving(EndpointStatus="UpdateRollbackFailed"), "Failed", marks=pytest.mark.fault("A03")),
        pytest.param(serving(EndpointStatus="Updating"), "is Updating", marks=pytest.mark.fault("A05")),
        ({}, "is gone"),
        (serving(33), "33 %, which is none"),
        (serving(ProductionVariants=serving()["ProductionVariants"][:1]), "challenger has no instance"),
        (shadowed(ProductionVariants=[]), "champion has no instance"),
    ],
)
def test_a_trial_that_is_not_as_it_should_be_is_seen(endpoint: dict[str, Any], says: str) -> None:
    assert any(says in fault for fault in wrong(endpoint)), wrong(endpoint)


@pytest.mark.fault("A15")
def test_an_alarm_that_is_gone_off_moved_or_raised_ends_the_trial() -> None:
    fleet = {"EndpointName": "e"}
    good = AlarmState("a", "OK", "", True, fleet)
    bad = [
        [],
        [replace(good, actions_enabled=False)],
        [replace(good, dimensions={})],
        [replace(good, state="ALARM", reason="5XX")],
    ]
    assert list(faults_of_alarms({"a": fleet}, [good])) == []
    assert all(list(faults_of_alarms({"a": fleet}, found)) for found in bad)
    assert list(faults_of_alarms({"a": None}, [replace(good, dimensions={})])) == []


def line(request: str, answer: str, **metadata: str) -> str:
    import json

    side = {"encoding": "CSV", "observedContentType": "text/csv"}
    data = {"endpointInput": {**side, "data": request}, "endpointOutput": {**side, "data": answer}}
    metadata = {"inferenceTime": "2026-11-20T14:00:00Z", **metadata}
    return json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"})


def test_answers_are_paired_by_inference_id_event_id_or_body() -> None:
    champion = [
        line("1,A", "0.1", eventId="x1", inferenceId="i1"),
        line("2,B", "0.2", eventId="e2"),
        line("3,C", "0.3"),
    ]
    shadow = [
        line("1,A", "0.5", inferenceId="i1"),
        line("9,Z", "0.6", eventId="e2"),
        line("3,C", "0.7"),
        line("4", "1"),
    ]
    both = (list(read_lines("\n".join(lines))) for lines in (champion, shadow))
    assert pairs_of(*both) == [("0.1", "0.5"), ("0.2", "0.6"), ("0.3", "0.7")]


def test_lines_that_cannot_be_read_make_no_pair() -> None:
    no_base64 = line("1!", "0.1").replace('"CSV"', '"BASE64"', 1)
    timeless = line("1", "0.1", inferenceTime="soon")
    text = "\n".join(["{", "[]", '"x"', "null", no_base64, timeless, line("1", "0.1")[:40], line("2", "0.2")])
    assert [c.answer for c in read_lines(text)] == ["0.2"]


@pytest.mark.fault("A13")
@pytest.mark.fault("E14")
def test_an_answer_in_a_content_type_that_capture_does_not_know_is_an_answer() -> None:
    """A challenger whose answers became HTML made no pair, and its trial went on to its last second."""
    page = "PGh0bWw+MC41PC9odG1sPg=="
    shadow = line("1,A", page).replace('"CSV"', '"BASE64"').replace('"1,A"', '"MSxB"')
    assert pairs_of(read_lines(line("1,A", "0.5")), read_lines(shadow)) == [("0.5", "<html>0.5</html>")]
    found = compare_answers([("0.5", "<html>0.5</html>")] * 500, tolerance=3, disagreement_percent=None, minimum=500)
    assert found.finding is Finding.WORSE
