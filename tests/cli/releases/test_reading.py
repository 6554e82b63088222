"""history, diff, the plan's sentence and the progress of a release: what is said, and what is said to be unknown."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.config.prices import Price
from slipway.operations.costs import instance_minutes, shift_seconds
from slipway.operations.following import end_of
from slipway.operations.history import entries
from slipway.operations.planning import preview
from slipway.operations.progress import read_progress, shift, verdict
from slipway.operations.sentence import duration, sentence
from slipway.operations.target import Target
from slipway_lambda.contracts.release import Trigger

ENDPOINT = "flight-delays-dev"
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
RUN = "arn:aws:states:eu-west-1:111122223333:execution:release:"
Call = Callable[..., tuple[int, str, str]]


def recorded(platform: Any, name: str, **values: Any) -> None:
    base = {
        "version": 2, "outcome": "released", "started_at": 1_795_000_000, "ended_at": 1_795_000_900,
        "strategy": "canary", "trigger": "approval", "config": "c", "execution": RUN + name, "cause": "",
    }  # fmt: skip
    platform.put(f"release#{name}", **{**base, **values})


def test_history_tells_every_release_newest_first(call: Call, platform: Any) -> None:
    recorded(
        platform, "a", approval_words="beats v1 | by ada at 2026-01-01T00:00:00Z", alarms=["errors"], from_version=1
    )
    recorded(platform, "b", version=3, outcome="rolled_back", cause="alarm 5xx", ended_at=1_795_002_000)
    recorded(platform, "c", version=1, trigger="rollback", asked_by="bob", asked_reason="late", ended_at=1_795_003_000)
    code, out, err = call("history", "flight-delays", "--json")
    assert code == 0, err
    found = json.loads(out)["releases"]
    assert [(e["version"], e["outcome"]) for e in found] == [(1, "released"), (3, "rolled_back"), (2, "released")]
    assert found[2]["approval"] == {"reason": "beats v1", "who": "ada", "when": "2026-01-01T00:00:00Z"}
    assert (found[2]["alarms"], found[2]["from_version"], found[2]["ended_at"]) == (
        ["errors"], 1, "2026-11-18T11:21:40Z",
    )  # fmt: skip
    assert found[1]["approval"] is None  # a record of an older machine: said to be unknown, not guessed
    code, out, _ = call("history", "flight-delays", "--limit", "2")
    assert "bob — late" in out
    assert "alarm 5xx" in out
    assert "1 older; show them with --limit 3" in out


def test_history_tells_what_a_version_was_made_of(call: Call, platform: Any) -> None:
    made = {
        "data_version": "d" * 64, "commit": "c0ffee", "image_digest": "sha256:" + "1" * 64,
        "artefact_sha256": "2" * 64, "metrics": {"auc": 0.91, "rmse": 3}, "approved_by": "arn:ada",
    }  # fmt: skip
    trial = {"share_percent": 50, "requests": 900, "failures": 1}
    tried = {"trial": "1 of 900 is not worse.", **{f"trial_{key}": value for key, value in trial.items()}}
    recorded(platform, "a", approval_words="in the console", **made, **tried)
    (found,) = json.loads(call("history", "flight-delays", "--json")[1])["releases"]
    assert {key: found[key] for key in made} == made
    assert found["trial"] == {"reason": "1 of 900 is not worse.", **trial}
    out = call("history", "flight-delays")[1]
    for words in ("auc 0.91, rmse 3", "data dddddddddddd", "c0ffee", "in the console — arn:ada", "1 of 900 is"):
        assert words in out


def test_history_without_a_release_says_so(call: Call, platform: Any) -> None:
    assert "no release yet" in call("history", "flight-delays")[1]


@pytest.mark.parametrize(
    ("outcome", "status", "told"),
    [
        ("refused", "FAILED", "refused"),
        ("started", "RUNNING", "under way"),
        ("started", "ABORTED", "stopped"),
        ("started", "TIMED_OUT", "timed out"),
        ("started", "", "cut off"),
    ],
)
def test_history_tells_attempts_that_left_no_record(platform: Any, outcome: str, status: str, told: str) -> None:
    platform.attempt(3, outcome, "x", at=1_795_000_000, cause="alarm in ALARM")
    (entry,) = entries(platform.ledger, lambda arn: status)
    assert (entry["version"], entry["outcome"], entry["cause"]) == (3, told, "alarm in ALARM")
    recorded(platform, "x", version=3)
    assert [e["outcome"] for e in entries(platform.ledger, lambda arn: status)] == ["released"]


@pytest.fixture
def runs(platform: Any, aws: Any, refusal: Any) -> dict[str, Any]:
    """The objects of the runs of versions 1 and 2, and their training jobs."""
    objects: dict[str, Any] = {}
    for number, bound in ((1, 0.7), (2, 0.75)):
        base = f"flight-delays/runs/{number}/"
        wide = [{"name": "temp", "type": "number"}] if number == 2 else []
        objects[f"{base}config/schema.json"] = {
            "target": "late", "columns": [{"name": "delay", "type": "number"}, *wide],
        }  # fmt: skip
        objects[f"{base}gate.json"] = {"rows": [{"gate": "absolute", "metric": "auc", "bound": bound}]}
    jobs = {"1-train": {"eta": "0.2", "max_depth": "6"}, "2-train": {"eta": "0.1", "max_depth": "6"}}

    def get_object(Bucket: str, Key: str) -> Any:
        assert Bucket == "artefacts"
        if Key not in objects:
            return refusal("NoSuchKey", "gone")
        body = objects[Key] if isinstance(objects[Key], bytes) else json.dumps(objects[Key]).encode()
        return {"Body": io.BytesIO(body)}

    aws.answers["s3", "get_object"] = get_object
    aws.answers["sagemaker", "describe_training_job"] = lambda TrainingJobName: (
        {"HyperParameters": jobs[TrainingJobName]} if TrainingJobName in jobs else refusal("ValidationException", "no")
    )
    objects["jobs"] = jobs
    return objects


def test_diff_tells_what_differs_and_what_is_the_same(call: Call, platform: Any, runs: Any) -> None:
    code, out, err = call("diff", "flight-delays", "1", "v2", "--json")
    assert code == 0, err
    found = json.loads(out)
    assert found["differences"] == {
        "metrics": {"auc": [0.91, 0.92]},
        "image digest": [f"sha256:{1:064x}", f"sha256:{2:064x}"],
        "artefact sha256": [f"{1:064x}", f"{2:064x}"],
        "columns": {"temp": [None, "2. number"]},
        "gates": {"absolute auc": [0.7, 0.75]},
        "hyperparameters": {"eta": ["0.2", "0.1"]},
        "commit": ["c0ffee1", "c0ffee2"],
    }
    assert (found["same"], found["missing"]) == (["data version"], [])
    out = call("diff", "flight-delays", "1", "2")[1]
    assert "(+0.01)" in out
    assert "the same: data version" in out


def test_diff_says_what_is_missing_rather_than_guessing(call: Call, platform: Any, runs: Any) -> None:
    del runs["flight-delays/runs/1/config/schema.json"]
    runs["flight-delays/runs/2/gate.json"] = b"{not json"
    del runs["jobs"]["2-train"]
    del platform.packages[1]["CustomerMetadataProperties"]["data_version"]
    del platform.packages[1]["MetadataProperties"]["CommitId"]
    platform.packages[2]["CustomerMetadataProperties"].pop("auc")
    found = json.loads(call("diff", "flight-delays", "1", "2", "--json")[1])
    assert {(m["version"], m["part"]): m["why"] for m in found["missing"]} == {
        (1, "data version"): "its metadata has no data_version",
        (1, "commit"): "nobody said which, when the app that trained it was deployed",
        (1, "columns"): "s3://artefacts/flight-delays/runs/1/config/schema.json is gone",
        (2, "metrics"): "its metadata has no metrics",
        (2, "gates"): "s3://artefacts/flight-delays/runs/2/gate.json is not what a run writes",
        (2, "hyperparameters"): "training job 2-train is gone",
    }
    assert set(found["differences"]) == {"image digest", "artefact sha256"}
    assert found["same"] == []


@pytest.mark.parametrize(("versions", "code"), [(("1", "1"), "SLW203"), (("1", "x"), "SLW203"), (("1", "9"), "SLW501")])
def test_diff_refuses_versions_that_are_none(call: Call, platform: Any, runs: Any, versions: Any, code: str) -> None:
    assert json.loads(call("diff", "flight-delays", *versions, "--json")[1])["error"]["code"] == code


def test_diff_does_not_take_a_denied_call_for_a_missing_object(
    call: Call, platform: Any, runs: Any, aws: Any, refusal: Any
) -> None:
    aws.answers["s3", "get_object"] = refusal("AccessDenied", "not you")
    assert json.loads(call("diff", "flight-delays", "1", "2", "--json")[1])["error"]["code"] == "SLW303"


def planned(target: Target, trigger: Trigger = Trigger.OPERATOR, number: int = 3) -> str:
    return sentence(preview(target, trigger, number, f"arn:package/{number}"))


def test_the_sentence_of_a_canary(platform: Any, target: Target) -> None:
    assert planned(target) == (
        "flight-delays moves 2 → 3 in dev: canary of 1 of 4 instances for 600 s, then 120 s with all traffic; guarded"
        " by errors, latency; doubles capacity (4 more × ml.m5.large) for about 12 min and the start of the new fleet,"
        " costs 48 instance-minutes."
    )


def test_the_sentence_names_what_is_taken_for_want_of_capacity(platform: Any, target: Target) -> None:
    platform.declare(fallback_instance_types=("ml.m5.xlarge",))
    assert "doubles capacity (4 more × ml.m5.large, else ml.m5.xlarge)" in planned(target)


def test_a_plan_with_a_price_says_what_it_costs(call: Call, platform: Any, checkout: Any) -> None:
    facts = json.loads(call("plan", "flight-delays", "--json")[1])
    assert (facts["extra_instance_minutes"], facts["cost"]) == (48, None)
    facts = json.loads(call("plan", "flight-delays", "--hourly-price", "0.5", "--json")[1])
    assert facts["cost"] == {"amount": 0.4, "currency": "USD", "per_hour": 0.5}
    with (checkout / "platform.yaml").open("a") as file:
        file.write("prices: { ml.m5.large: { per_hour: 0.134, currency: EUR } }\n")
    assert "costs about 0.11 EUR at 0.134 EUR an hour each" in call("plan", "flight-delays")[1]
    assert "costs about 0.40 EUR" in call("plan", "flight-delays", "--hourly-price", "0.5")[1]
    platform.declare(instance_type="ml.c5.large")
    assert "48 instance-minutes" in call("plan", "flight-delays")[1]
    assert call("plan", "flight-delays", "--hourly-price", "-1")[0] == 2


@dataclass
class Trying:
    """A deployed spec with a trial of two hours."""

    spec: Any

    def as_dict(self) -> dict[str, Any]:
        return {**self.spec.as_dict(), "trial": {"seconds": 7200}}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.spec, name)


def test_a_trial_costs_a_challenger_for_as_long_as_it_may_last(platform: Any, target: Target) -> None:
    seen = preview(target, Trigger.OPERATOR, 3, "arn:package/3")
    spec: Any = Trying(seen.spec)
    untried = replace(seen, spec=spec)
    assert instance_minutes(untried) == 48
    tried = replace(untried, plan={**seen.plan, "trial_config": "t"})
    assert instance_minutes(tried) == 4 * 120 + 2 * 48
    assert "for a trial of up to 2 h, then triples it for about 12 min" in sentence(tried)
    assert "costs at most about 4.80 USD" in sentence(tried, Price(per_hour=0.5))


def test_other_sentences(platform: Any, target: Target) -> None:
    assert planned(target, Trigger.ROLLBACK, 1).startswith("flight-delays moves 2 → 1 in dev")
    assert "would not be released in dev: It is already live" in planned(target, number=2)
    platform.declare(instance_count=6)
    assert planned(target, number=2).startswith("flight-delays stays at 2 in dev: canary of 1 of 6 instances")
    platform.endpoint["EndpointConfigName"] = platform.config(3)
    assert "it is verified and recorded, not shifted" in planned(target)
    platform.endpoint = {}
    assert planned(target).endswith("the first version in dev: its endpoint is created with 6 × ml.m5.large.")


@pytest.mark.parametrize(
    ("routing", "seconds"),
    [
        ({"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 60}, 100),
        ({"Type": "CANARY", "WaitIntervalInSeconds": 60}, 160),
        ({"Type": "LINEAR", "WaitIntervalInSeconds": 60,
          "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 2}}, 160),
        ({"Type": "LINEAR", "WaitIntervalInSeconds": 60,
          "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": 25}}, 280),
    ],
)  # fmt: skip
def test_how_long_a_blue_green_shift_takes(routing: dict[str, Any], seconds: int) -> None:
    policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": 100}
    assert shift_seconds({"BlueGreenUpdatePolicy": policy}, 4) == seconds


def test_how_long_a_rolling_update_takes() -> None:
    policy = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 60}
    assert shift_seconds({"RollingUpdatePolicy": policy}, 4) == 240


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (8000, "2.3 h")])
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def shifting(platform: Any, status: str, message: str, begun: datetime = NOW) -> None:
    variant = {
        "CurrentInstanceCount": 4, "DesiredInstanceCount": 4,
        "VariantStatus": [{"Status": status, "StatusMessage": message, "StartTime": begun}],
    }  # fmt: skip
    platform.endpoint |= {
        "EndpointStatus": "Updating",
        "PendingDeploymentSummary": {"EndpointConfigName": platform.config(3), "ProductionVariants": [variant]},
    }


def baking(count: int, kind: str) -> str:
    fleet = f"{kind} capacity of {count} instance(s)."
    return f"Baking for 600 seconds (WaitIntervalInSeconds) with traffic enabled on {fleet}"


@pytest.mark.parametrize(
    ("status", "message", "step", "percent", "left"),
    [
        ("Creating", "Starting.", None, 0, None),
        ("ActivatingTraffic", "Activating.", None, None, None),
        ("Baking", baking(1, "canary"), 1, 25, 540),
        ("Baking", baking(4, "full"), 2, 100, 540),
        ("Baking", "words that nobody knows", None, None, None),
    ],
)
def test_progress_tells_step_share_and_bake_left(
    platform: Any, status: str, message: str, step: int | None, percent: int | None, left: int | None
) -> None:
    shifting(platform, status, message, NOW - timedelta(seconds=60))
    found = shift(platform.spec, platform.endpoint, NOW)
    assert found is not None
    assert (found["step"], found["new_percent"], found["bake_seconds_left"]) == (step, percent, left)


def test_status_follows_a_release_under_way(call: Call, platform: Any, target: Target) -> None:
    assert read_progress(target) is None
    platform.at_work()
    shifting(platform, "Baking", baking(1, "canary"), NOW - timedelta(seconds=60))
    out = call("status", "flight-delays")[1]
    assert "v3 by canary; Let it work; step 1 of 2; 25 % on the new version; bakes 9 min more; no alarm so far" in out
    facts = json.loads(call("status", "flight-delays", "--json")[1])["models"][0]["release"]
    assert (facts["version"], facts["alarms"]) == (3, {"errors": "OK", "latency": "OK"})
    platform.executions["run"]["status"] = "TIMED_OUT"  # its lock has not expired yet
    assert read_progress(target) is None


@pytest.mark.parametrize(
    ("strategy", "status", "on_new", "step", "percent"),
    [
        ("linear", "Creating", 0, (None, 4), 0),
        ("linear", "Baking", 2, (1, 4), 25),
        ("linear", "Baking", 6, (3, 4), 75),
        ("linear", "Baking", 8, (4, 4), 100),
        ("rolling", "Creating", 0, (None, 3), 0),
        ("rolling", "Baking", 3, (1, 3), 38),
        ("rolling", "Creating", 3, (2, 3), 38),
        ("rolling", "ActivatingTraffic", 3, (None, 3), None),
        ("rolling", "Baking", 8, (3, 3), 100),
        ("all_at_once", "Baking", 8, (1, 1), 100),
    ],
)
def test_steps_of_every_strategy(
    platform: Any, strategy: str, status: str, on_new: int, step: tuple[int | None, int], percent: int | None
) -> None:
    platform.declare(strategy=strategy, instance_count=8, step_percent=25, batch_percent=40)
    shifting(platform, status, baking(on_new, "canary") if status == "Baking" else "…", NOW)
    (variant,) = platform.endpoint["PendingDeploymentSummary"]["ProductionVariants"]
    variant |= {"CurrentInstanceCount": on_new, "DesiredInstanceCount": on_new if strategy == "rolling" else 8}
    found = shift(platform.spec, platform.endpoint, NOW)
    assert found is not None
    assert ((found["step"], found["steps"]), found["new_percent"]) == (step, percent)


def test_a_fleet_that_scaling_has_grown_is_counted_as_it_is(platform: Any) -> None:
    shifting(platform, "Baking", baking(2, "canary"))
    (variant,) = platform.endpoint["PendingDeploymentSummary"]["ProductionVariants"]
    variant["DesiredInstanceCount"] = 10
    found = shift(platform.spec, platform.endpoint, NOW)
    assert found is not None
    assert (found["step"], found["new_percent"]) == (1, 20)


def judged(reason: str, first: int = 10) -> list[dict[str, Any]]:
    """The judge's state as an execution's history has it, newest first."""
    said = json.dumps({"Payload": {"word": "continue", "reason": reason, "weights": []}, "StatusCode": 200})
    return [
        {"id": first + 1, "previousEventId": first, "stateExitedEventDetails": {"name": "Judge the trial"}},
        {"id": first, "taskSucceededEventDetails": {"output": said}},
        {"id": first - 1, "taskSucceededEventDetails": {"output": "{}"}},
    ]


@pytest.mark.parametrize(
    ("strategy", "events", "told"),
    [
        ("ab", judged("0 of 120 against 1 of 900."), "25 % of the traffic to the challenger; the judge: 0 of 120 ag"),
        ("ab", judged("new", 20) + judged("old", 10), "the judge: new"),
        ("ab", judged("x")[:1], "25 % of the traffic to the challenger; no alarm"),
        ("ab", [], "25 % of the traffic to the challenger; no alarm"),
        ("shadow", judged("too few"), "a copy of the traffic to the challenger; the judge: too few"),
    ],
)
def test_status_shows_a_trial_by_its_shares_and_the_judges_last_word(
    call: Call, platform: Any, strategy: str, events: list[dict[str, Any]], told: str
) -> None:
    platform.declare(strategy=strategy)
    platform.at_work()
    platform.events = events
    champion = {"VariantName": "main", "CurrentWeight": 75.0, "CurrentInstanceCount": 4}
    challenger = {"VariantName": "challenger", "CurrentWeight": 25.0}
    ab = strategy == "ab"
    platform.endpoint["ProductionVariants"] = [champion, challenger] if ab else [champion]
    platform.endpoint["ShadowProductionVariants"] = [] if ab else [challenger]
    assert told in call("status", "flight-delays")[1]
    trial = json.loads(call("status", "flight-delays", "--json")[1])["models"][0]["release"]["trial"]
    assert [s["percent"] for s in trial["sides"]] == ([75, 25] if ab else [100, 0])
    platform.endpoint["ProductionVariants"], platform.endpoint["ShadowProductionVariants"] = [champion], []
    after = json.loads(call("status", "flight-delays", "--json")[1])["models"][0]["release"]
    assert after["trial"] is None


@pytest.mark.parametrize(
    ("status", "alarms", "aborted", "words"),
    [
        ("Updating", {"a": "OK"}, False, "no alarm so far"),
        ("Updating", {"a": "OK", "b": "ALARM"}, False, "to be rolled back: b in ALARM"),
        ("Updating", {"a": "GONE"}, False, "to be rolled back: a is gone"),
        ("Updating", {"a": "OK"}, True, "to be rolled back: a person asked for an abort"),
        ("RollingBack", {"a": "OK"}, False, "SageMaker is rolling back"),
        ("Updating", {"a": "OK", "b": "INSUFFICIENT_DATA"}, False, "no alarm so far; no data from b"),
        ("Updating", {}, False, "no alarm guards it"),
    ],
)
def test_verdict_so_far(status: str, alarms: dict[str, str], aborted: bool, words: str) -> None:
    assert verdict({"EndpointStatus": status}, alarms, aborted=aborted) == words


@pytest.mark.parametrize(
    ("found", "outcome", "cause"),
    [
        ({"status": "SUCCEEDED", "output": '{"outcome": "released", "version": 3}'}, "released", ""),
        ({"status": "FAILED", "cause": '{"outcome": "refused", "cause": "no"}'}, "refused", "no"),
        ({"status": "FAILED", "cause": "plain", "error": "States.Runtime"}, "FAILED", "plain"),
        ({"status": "ABORTED"}, "ABORTED", ""),
        ({}, "no longer known", ""),
    ],
)
def test_how_an_execution_ended(found: dict[str, Any], outcome: str, cause: str) -> None:
    end = end_of(found)
    assert (end.outcome, end.cause) == (outcome, cause)
