"""Arithmetic of scaling policies: steps, percentages and targets."""

from typing import Any

import pytest

from rehearsal.autoscaling.policies import adjusted, refuse_wrong, stepped, tracked
from rehearsal.sagemaker.errors import ServiceError

STEPS = [
    {"MetricIntervalUpperBound": -10.0, "ScalingAdjustment": -2},
    {"MetricIntervalLowerBound": -10.0, "MetricIntervalUpperBound": 0.0, "ScalingAdjustment": -1},
    {"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
    {"MetricIntervalLowerBound": 10.0, "ScalingAdjustment": 3},
]


@pytest.mark.parametrize(
    ("current", "value", "target", "wanted"),
    [(1, 25, 10, 3), (4, 10, 10, 4), (4, 5, 10, 2), (3, 10.1, 10, 4), (10, 0, 10, 0), (3, 9, 10, 3)],
)
def test_target_tracking_keeps_the_share(current: int, value: float, target: float, wanted: int) -> None:
    assert tracked(current, value, target) == wanted


@pytest.mark.parametrize(
    ("beyond", "wanted"), [(0, 11), (9.9, 11), (10, 13), (100, 13), (-1, 9), (-10, 8), (-9.9, 9), (-50, 8)]
)
def test_the_step_whose_interval_holds_the_breach(beyond: float, wanted: int) -> None:
    assert stepped({"AdjustmentType": "ChangeInCapacity", "StepAdjustments": STEPS}, 10, beyond) == wanted


@pytest.mark.parametrize(
    ("current", "percent", "least", "wanted"),
    [
        (10, 25, 0, 12),  # more than 1 is rounded down
        (3, 10, 0, 4),  # between 0 and 1 is 1
        (3, -10, 0, 2),  # between 0 and -1 is -1
        (15, -45, 0, 9),  # less than -1 is rounded towards 0
        (10, 10, 3, 13),  # at least the minimum magnitude
        (10, 0, 3, 10),
    ],
)
def test_percentages_are_rounded_as_documented(current: int, percent: int, least: int, wanted: int) -> None:
    configuration = {"AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": least}
    assert adjusted(configuration, current, percent) == wanted


def policy(**more: Any) -> dict[str, Any]:
    return {"ServiceNamespace": "sagemaker", "PolicyType": "TargetTrackingScaling", **more}


TRACKING = "TargetTrackingScalingPolicyConfiguration"
STEPPING = "StepScalingPolicyConfiguration"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (policy(), f"{TRACKING} is required"),
        (policy(PolicyType="PredictiveScaling"), "does not run predictive scaling"),
        (policy(**{TRACKING: {"TargetValue": 1}}), "Exactly one of Predefined"),
        (
            policy(
                **{
                    TRACKING: {
                        "TargetValue": 1,
                        "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
                    }
                }
            ),
            "is not supported for the service namespace",
        ),
        (
            policy(PolicyType="StepScaling", **{STEPPING: {"AdjustmentType": "ExactCapacity", "StepAdjustments": []}}),
            "StepAdjustments are required",
        ),
        (
            policy(
                PolicyType="StepScaling",
                **{STEPPING: {"AdjustmentType": "ExactCapacity", "StepAdjustments": [STEPS[0], STEPS[2]]}},
            ),
            "no gap between",
        ),
    ],
)
def test_a_wrong_policy_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError, match=words):
        refuse_wrong(given)
