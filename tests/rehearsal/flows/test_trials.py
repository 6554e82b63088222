"""Trials on the deployed machine: a challenger beside its champion under traffic, promoted, and discarded."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from release_load.client import Load
from slipway_lambda.verdicts.sample import MINIMUM_SAMPLE

pytestmark = pytest.mark.rehearsal

ENDPOINT = "flight-delays-dev"
RATE = 500
"""Requests a second of the wall."""
MODEL_ERROR = 424
SPEED = 30
WALL_SECONDS = 240
CANARY = "  strategy: canary\n  canary_percent: 25 # one of the four instances goes first\n  bake_seconds: 300\n"
FAST = ("latency_p99: { milliseconds: 1000,", "latency_p99: { milliseconds: 30000,")
"""Seconds of the wall are half a minute here: a slow host is not a slow model."""
SHADOW = ((CANARY, "  strategy: shadow\n  trial: { seconds: 7200, step_seconds: 60 }\n"), FAST)
AB = ((CANARY, "  strategy: ab\n  trial: { seconds: 7200, step_seconds: 60, weights_percent: [60, 80] }\n"), FAST)


@contextmanager
def clients(app: Any) -> Iterator[Counter[int]]:
    """Clients that never pause; once the block has ended, the statuses that they got."""
    seen: Counter[int] = Counter()
    load = Load(app.cloud, ENDPOINT, rate=RATE, rows=app.made(rows=200, seed=3), right=None)
    with load:
        yield seen
    seen.update(load.seen.status)


def begin(app: Any, arn: str) -> str:
    before = app.known("ReleaseMachine")
    app.approve(arn)
    (execution,) = app.wait_for(lambda: app.known("ReleaseMachine") - before, "a release of the approved version")
    return str(execution)


def variants(app: Any) -> dict[str, float]:
    """Current weights of all that serves, shadows included."""
    seen = app.endpoint()
    both = [*seen["ProductionVariants"], *seen.get("ShadowProductionVariants", [])]
    return {v["VariantName"]: v["CurrentWeight"] for v in both}


def record(app: Any, arn: str) -> dict[str, Any]:
    found = app.ledger(f"endpoint#{ENDPOINT}", f"release#{arn.rsplit(':', 1)[-1]}")
    assert found
    return dict(found)


def assert_champion_alone(app: Any, before: str) -> None:
    seen = app.endpoint()
    assert (seen["EndpointStatus"], seen["EndpointConfigName"]) == ("InService", before)
    assert list(variants(app)) == ["main"]
    assert not app.ledger(f"endpoint#{ENDPOINT}", "halt")
    assert [n["outcome"] for n in app.told("release")] == ["rolled_back"]


def constant(members: dict[str, bytes]) -> None:
    """A healthy model that answers the same to everything."""
    import numpy as np
    import xgboost as xgb

    booster = xgb.Booster()
    booster.load_model(bytearray(members["model.ubj"]))
    names, types = booster.feature_names, booster.feature_types
    rows = np.zeros((10, booster.num_features()))
    matrix = xgb.DMatrix(rows, label=[0, 1] * 5, feature_names=names, feature_types=types, enable_categorical=True)
    stump = xgb.train({"objective": "binary:logistic", "max_depth": 1}, matrix, num_boost_round=1)
    members["model.ubj"] = bytes(stump.save_raw("ubj"))


@pytest.mark.fault("A29")
def test_a_good_shadow_is_promoted_and_a_bad_one_is_felt_by_nobody(
    app: Any, declared: Callable[..., None], hand_register: Callable[..., str]
) -> None:
    declared(*SHADOW)
    app.cloud.clock.set_speed(SPEED)
    before = app.endpoint()["EndpointConfigName"]
    with clients(app) as seen:
        execution = begin(app, hand_register())
        app.wait_for(lambda: set(variants(app)) == {"main", "challenger"}, "the shadow", wall_seconds=60)
        ended = app.end_of(execution, wall_seconds=WALL_SECONDS)
    assert (ended.status, ended.output.get("strategy")) == ("SUCCEEDED", "shadow"), ended.cause
    assert set(seen) == {200}
    good = app.endpoint()["EndpointConfigName"]
    assert good == ended.output["live_config"] != before
    assert list(variants(app)) == ["main"]
    written = record(app, execution)
    assert int(written["trial_requests"]) >= MINIMUM_SAMPLE
    assert written["trial_failures"] == "0"
    assert "is excluded" in written["trial"]  # that it does harm
    assert [n["outcome"] for n in app.told("release")] == ["released"]

    arn = hand_register()
    app.cloud.fault("A29", endpoint=ENDPOINT, how="errors", share=0.2)
    with clients(app) as seen:
        ended = app.end_of(begin(app, arn), wall_seconds=WALL_SECONDS)
    assert (ended.status, ended.error) == ("FAILED", "ReleaseRolledBack"), ended.cause
    assert "alarm" in json.loads(ended.cause)["cause"]
    assert set(seen) == {200}
    assert_champion_alone(app, good)
    app.cloud.clear_faults()
    app.calm()

    with clients(app) as seen:
        execution = begin(app, hand_register(constant))
        ended = app.end_of(execution, wall_seconds=WALL_SECONDS)
    assert (ended.status, ended.error) == ("FAILED", "ReleaseRolledBack"), ended.cause
    assert "one value in 100.0 %" in record(app, execution)["trial"]
    assert set(seen) == {200}
    assert_champion_alone(app, good)


@pytest.mark.fault("A28")
def test_a_good_challenger_ramps_up_and_a_bad_one_goes_with_its_share(
    app: Any, declared: Callable[..., None], hand_register: Callable[..., str]
) -> None:
    declared(*AB)
    app.cloud.clock.set_speed(SPEED)
    with clients(app) as seen:
        execution = begin(app, hand_register())
        ramp = app.wait_for(lambda: variants(app).get("challenger") == 80, "80 %", wall_seconds=WALL_SECONDS)
        assert ramp
        promote(app, "in a hurry")
        ended = app.end_of(execution, wall_seconds=WALL_SECONDS)
    assert (ended.status, ended.output.get("strategy")) == ("SUCCEEDED", "ab"), ended.cause
    assert set(seen) == {200}
    good = app.endpoint()["EndpointConfigName"]
    assert good == ended.output["live_config"]
    assert list(variants(app)) == ["main"]
    assert "Hurried by someone: in a hurry" in record(app, execution)["trial"]
    assert [n["outcome"] for n in app.told("release")] == ["released"]

    arn = hand_register()
    app.cloud.fault("A11", endpoint=ENDPOINT, variant="challenger", share=0.2)
    with clients(app) as seen:
        ended = app.end_of(begin(app, arn), wall_seconds=WALL_SECONDS)
    assert (ended.status, ended.error) == ("FAILED", "ReleaseRolledBack"), ended.cause
    assert "alarm" in json.loads(ended.cause)["cause"]
    path = app.path(ended.arn)
    assert path.index("Take its share from the challenger") < path.index("Roll back to blue")
    assert 0 < seen[MODEL_ERROR] <= 0.2 * sum(seen.values())
    assert_champion_alone(app, good)


def promote(app: Any, reason: str) -> None:
    """A person's wish, as the command line writes it."""
    app.client("dynamodb").update_item(
        TableName=app.outputs["LedgerTable"],
        Key={"pk": {"S": f"endpoint#{ENDPOINT}"}, "sk": {"S": "lock"}},
        UpdateExpression="SET promote_by = :by, promote_reason = :why, promote_full = :full",
        ConditionExpression="attribute_exists(#owner)",
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues={":by": {"S": "someone"}, ":why": {"S": reason}, ":full": {"S": "false"}},
    )
