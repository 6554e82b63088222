"""Every declared strategy as the proofs run it: four instances, steps of one, alarms that look every ten seconds."""

from dataclasses import dataclass
from typing import Any

from slipway.config.rollout import USES, Strategy


@dataclass(frozen=True)
class Objectives:
    """What the alarms allow: of the requests, 0 to 100; at the 99th percentile."""

    error_percent: float
    latency_milliseconds: int


STRICT = Objectives(error_percent=1, latency_milliseconds=600)
"""Slow answers have to end before a fleet does."""
PATIENT = Objectives(error_percent=5, latency_milliseconds=3000)
"""For a busy machine and few requests: in a period of 50, the two that a killed worker held are 4 %."""
INSTANCES = 4
PERIOD_SECONDS = 10
BAKE_SECONDS, TERMINATION_SECONDS = 180, 120
STEPS: dict[str, dict[str, Any]] = {
    "all_at_once": {},
    "canary": {"canary_percent": 25},
    "linear": {"step_percent": 25},
    "rolling": {"batch_percent": 25},
    # Two versions of these models differ by a hundredth for each number between them.
    "shadow": {"trial": {"seconds": 3600, "step_seconds": 180, "tolerance": 3, "disagreement_percent": 1}},
    "ab": {"trial": {"seconds": 3600, "step_seconds": 180, "weights_percent": [10, 50]}},
}
"""What a strategy's own step is; one that the declarations know and this table does not is a test's failure."""
FIRST_SHARE = {"all_at_once": 1.0, "canary": 0.25, "linear": 0.25, "rolling": 0.25, "shadow": 0.0, "ab": 0.1}
"""The part of the traffic that a new version has until it has stood its first bake."""
SHARES = {
    "all_at_once": (1.0,),
    "canary": (0.25, 1.0),
    "linear": (0.25, 0.5, 0.75, 1.0),
    "rolling": (0.25, 0.5, 0.75, 1.0),
    "shadow": (0.0, 1.0),
    "ab": (0.1, 0.5, 1.0),
}
"""The parts that it has one after another."""


def rollout(strategy: Strategy, objectives: Objectives) -> dict[str, Any]:
    """`rollout` of a model.yaml."""
    period = {"period_seconds": PERIOD_SECONDS}
    waits = {"bake_seconds": BAKE_SECONDS, "termination_wait_seconds": TERMINATION_SECONDS}
    return {
        "strategy": strategy.value,
        **STEPS[strategy.value],
        **{k: v for k, v in waits.items() if k in USES[strategy]},
        "alarms": {
            "server_errors": {"percent": objectives.error_percent, **period},
            "client_errors": {"percent": objectives.error_percent, **period},
            "latency_p99": {"milliseconds": objectives.latency_milliseconds, **period},
            "golden_answers": period,
        },
        "minimum_requests": 50,
    }


def model(strategy: Strategy, objectives: Objectives) -> dict[str, Any]:
    """The whole declaration of the model that is released by this strategy."""
    return {
        "name": "load-" + strategy.value.replace("_", "-"),
        "problem": {"type": "regression", "target": "y"},
        "data": {
            "prefix": "load/",
            "columns": [{"name": "a", "type": "number"}, {"name": "b", "type": "number"}],
        },
        "endpoint": {
            "instance_count": INSTANCES,
            "startup_timeout_seconds": 60,
            # A shadow's answers are judged as they were captured.
            "capture": {"sampling_percent": 100 if strategy is Strategy.SHADOW else 0},
        },
        "monitors": {"data_quality": None},
        "retrain": {"on_drift": False},
        "rollout": rollout(strategy, objectives),
    }
