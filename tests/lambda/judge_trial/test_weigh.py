"""The judge on in-memory ports."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from slipway_lambda.attributes import from_item
from slipway_lambda.contracts.errors import BadEventError
from slipway_lambda.contracts.trial import Metric, Trial
from slipway_lambda.judge_trial.handler import weigh
from slipway_lambda.judge_trial.look import Ports
from slipway_lambda.ports.alarms import AlarmState
from slipway_lambda.ports.metrics import Totals

NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC).timestamp()
FLEETS = {"EndpointName": "e", "VariantName": "main"}


class World:
    """All ports at once; what a test sets is what is seen."""

    def __init__(self) -> None:
        both = [
            {"VariantName": n, "CurrentWeight": w, "CurrentInstanceCount": 2}
            for n, w in (("main", 90.0), ("challenger", 10.0))
        ]
        self.endpoint = {"EndpointStatus": "InService", "EndpointConfigName": "t", "ProductionVariants": both}
        self.status, self.lock = "Approved", {"owner": "me"}
        self.counts = {"main": Totals(50_000, 50), "challenger": Totals(6000, 6)}
        self.asked: list[Any] = []
        self.alarm = "OK"

    def describe(self, names: Any) -> Any:
        if isinstance(names, str):
            return self.endpoint
        of = {n: {**FLEETS, "VariantName": "challenger"} if n == "theirs" else FLEETS for n in names}
        return [AlarmState(n, self.alarm if n == "theirs" else "OK", "seen", True, of[n]) for n in names]

    def approval(self, arn: str) -> str:
        return self.status

    def totals(self, namespace: str, name: str, dimensions: dict[str, str], start: float, end: float) -> Totals:
        self.asked.append((namespace, name, dimensions, start, end))
        return self.counts[dimensions["VariantName"]]

    def renew_lock(self, endpoint: str, owner: str, expires_at: int) -> Any:
        assert endpoint == "e"
        if self.lock["owner"] != owner:
            return {}
        self.lock["expires_at"] = expires_at
        return self.lock


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def ask(world: World, objects: Any, spec_values: dict[str, Any]) -> Any:
    def weighed(strategy: str = "ab", counts: dict[str, list[int]] | None = None, **trial: Any) -> dict[str, Any]:
        shares = (10, 50) if strategy == "ab" else ()
        declared = Trial(**{
            "seconds": 3600, "minimum_requests": 5000, "weights_percent": shares, "step_seconds": 300,
            "tolerance": 0.001, "alarm_names": ("theirs",), **trial,
        })  # fmt: skip
        spec = {**spec_values, "strategy": strategy, "trial": declared.as_dict()}
        event = {
            "spec": json.loads(json.dumps(spec)), "config": "t", "release_config": "r", "package_arn": "arn",
            "execution": "me", "began_ms": int(NOW - 900) * 1000, "step_began_ms": int(NOW - 600) * 1000,
            "now_ms": int(NOW) * 1000, "lease_seconds": 14_400,
            "counts": counts or {},
        }  # fmt: skip
        ports: Any = world
        return weigh(event, Ports(ports, ports, ports, ports, ports, objects))

    return weighed


@pytest.fixture
def spec_values() -> dict[str, Any]:
    texts = ("model", "environment", "instance_type", "capture_key_arn", "volume_key_arn", "hosting_role_arn")
    numbers = (
        "instance_count", "startup_timeout_seconds", "capture_percent", "canary_percent", "step_percent",
        "batch_percent", "rollback_batch_percent", "bake_seconds", "termination_wait_seconds", "timeout_seconds",
        "minimum_requests", "keep_versions", "smoke_records", "smoke_tolerance",
    )  # fmt: skip
    return {
        **dict.fromkeys(texts, "x"), **dict.fromkeys(numbers, 2), "endpoint": "e", "variant": "main",
        "capture_uri": "s3://capture/m/capture", "alarm_names": ["ours"], "new_fleet_alarms": [], "other_alarms": [],
    }  # fmt: skip


def test_a_challenger_that_is_not_worse_gets_its_next_share(ask: Any, world: World) -> None:
    found = ask()
    assert found["word"] == "step"
    assert found["weights"] == [
        {"VariantName": "main", "DesiredWeight": 50.0},
        {"VariantName": "challenger", "DesiredWeight": 50.0},
    ]
    figures = from_item(found["record"])
    assert (figures["trial_requests"], figures["trial_failures"], figures["trial_share_percent"]) == (6000, 6, 10)


def test_what_an_earlier_share_showed_counts_on(ask: Any, world: World) -> None:
    """At 36 of 6,000 the challenger is not known to be worse; with 36 of 6,000 at the share before, it is."""
    world.counts = {"main": Totals(54_000, 150), "challenger": Totals(6000, 36)}
    assert ask()["word"] != "discard"
    found = ask(counts={"5": [54_000, 150, 6000, 36]})
    assert found["word"] == "discard"
    assert found["counts"] == {"5": [54_000, 150, 6000, 36], "10": [54_000, 150, 6000, 36]}
    assert ask(counts={"10": [54_000, 150, 6000, 36]})["word"] != "discard", "that was an earlier look at this share"


def test_counts_are_of_the_trials_own_fleets_since_the_last_change_of_shares(ask: Any, world: World) -> None:
    ask()
    fleet = {**FLEETS, "EndpointConfigName": "t"}
    assert world.asked[0] == ("AWS/SageMaker", "Invocation5XXErrors", fleet, NOW - 600, NOW)
    assert world.asked[1][2]["VariantName"] == "challenger"


def test_a_metric_of_ones_own_is_judged_its_own_way_round(ask: Any, world: World) -> None:
    world.counts = {"main": Totals(20_000, 2000), "challenger": Totals(20_000, 3000)}
    assert ask(metric=Metric("Mine", "clicked", higher_is_better=True))["word"] == "step"
    assert world.asked[0][:3] == ("Mine", "clicked", FLEETS)
    assert ask(metric=Metric("Mine", "bounced", higher_is_better=False))["word"] == "discard"


def test_a_challenger_that_fails_more_is_discarded_with_the_figures(ask: Any, world: World) -> None:
    world.counts["challenger"] = Totals(6000, 300)
    found = ask()
    assert found["word"] == "discard"
    assert "300 of 6,000" in found["reason"]


@pytest.mark.fault("C05")
def test_a_withdrawn_approval_ends_the_trial(ask: Any, world: World) -> None:
    world.status = "Rejected"
    assert ask()["word"] == "discard"
    assert "withdrawn, it is now Rejected" in ask()["reason"]


@pytest.mark.fault("A15")
def test_the_challengers_own_alarm_ends_the_trial(ask: Any, world: World) -> None:
    world.alarm = "ALARM"
    assert "alarm theirs is in ALARM" in ask()["reason"]


@pytest.mark.fault("D18")
def test_every_look_keeps_the_lock_and_one_that_is_lost_ends_the_trial(ask: Any, world: World) -> None:
    assert ask()["lease_until"] == world.lock["expires_at"] == int(NOW) + 14_400
    world.lock = {"owner": "another", "abort_by": "eva", "abort_reason": "no"}
    assert ask()["word"] == "discard"
    assert "another release took the lock" in ask()["reason"]
    assert "expires_at" not in world.lock


@pytest.mark.fault("A28")
def test_a_wish_is_read_from_the_lock(ask: Any, world: World) -> None:
    world.lock = {"owner": "me", "promote_by": "max", "promote_reason": "go", "promote_full": "true"}
    assert ask()["word"] == "promote"
    world.lock |= {"abort_by": "eva", "abort_reason": "no"}
    assert ask()["reason"] == "Aborted by eva: no"


def answered(objects: Any, variant: str, answers: list[str], when: str = "2026-11-20T14:00:00Z") -> None:
    side = {"encoding": "CSV", "observedContentType": "text/csv"}
    lines = [
        json.dumps({
            "captureData": {"endpointInput": {**side, "data": f"{n}"}, "endpointOutput": {**side, "data": text}},
            "eventMetadata": {"eventId": f"{variant}{n}", "inferenceTime": when},
        })
        for n, text in enumerate(answers)
    ]  # fmt: skip
    for at, part in enumerate((lines[:400], lines[400:])):
        key = f"m/capture/e/{variant}/2026/11/20/{13 + at}/{at}.jsonl"
        objects.put("capture", key, "\n".join(part) + "\n")


@pytest.fixture
def shadowed(world: World) -> World:
    both = world.endpoint["ProductionVariants"]
    world.endpoint |= {"ProductionVariants": both[:1], "ShadowProductionVariants": both[1:]}  # type: ignore[index]
    return world


def test_a_shadow_that_answers_alike_is_promoted(ask: Any, shadowed: World, objects: Any) -> None:
    for name in ("main", "challenger"):
        answered(objects, name, [f"0.{n % 90 + 10}" for n in range(900)])
    assert ask("shadow")["word"] == "promote"


@pytest.mark.parametrize("bad", ["nan", "", "0.5", "{}"])
@pytest.mark.fault("A13")
def test_a_shadow_with_unusable_or_constant_answers_is_discarded(
    ask: Any, shadowed: World, objects: Any, bad: str
) -> None:
    answered(objects, "main", [f"0.{n % 90 + 10}" for n in range(900)])
    answered(objects, "challenger", [bad] * 900)
    assert ask("shadow")["word"] == "discard"


def test_a_shadow_may_differ_only_as_far_as_it_is_declared(ask: Any, shadowed: World, objects: Any) -> None:
    answered(objects, "main", [f"0.{n % 90 + 10}" for n in range(900)])
    answered(objects, "challenger", [f"0.{n % 90 + 10}" if n % 5 else "0.999" for n in range(900)])
    assert ask("shadow")["word"] == "promote"
    assert ask("shadow", disagreement_percent=10.0)["word"] == "discard"
    assert ask("shadow", disagreement_percent=30.0)["word"] == "promote"


def test_answers_of_a_trial_before_this_one_are_not_judged(ask: Any, shadowed: World, objects: Any) -> None:
    answered(objects, "main", [f"0.{n % 90 + 10}" for n in range(900)])
    answered(objects, "challenger", [f"0.{n % 90 + 10}" for n in range(900)], when="2026-11-20T13:30:00Z")
    assert ask("shadow")["word"] == "continue"


def test_a_shadow_whose_answers_are_not_there_yet_is_waited_for(ask: Any, shadowed: World, objects: Any) -> None:
    answered(objects, "main", ["0.5"] * 900)
    assert ask("shadow")["word"] == "continue"


def test_a_spec_that_lacks_a_field_of_its_trial_names_it(ask: Any) -> None:
    with pytest.raises(BadEventError, match="trial lacks alarm_names, minimum_requests"):
        Trial.from_dict({"seconds": 1, "weights_percent": [], "step_seconds": 1, "tolerance": 0})
