"""What a live endpoint runs on, in words."""

from typing import Any

import pytest

from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.verify_release.fleet import fell_back, served_by


def _spec(*fallbacks: str) -> ReleaseSpec:
    known: dict[str, Any] = dict.fromkeys(ReleaseSpec.__dataclass_fields__, "")
    known |= {"instance_type": "ml.m5.large", "fallback_instance_types": fallbacks}
    return ReleaseSpec(**known)


def _pools(large: int, xlarge: int) -> dict[str, Any]:
    counts = {"ml.m5.large": large, "ml.m5.xlarge": xlarge}
    pools = [{"InstanceType": kind, "CurrentInstanceCount": count} for kind, count in counts.items()]
    return {"ProductionVariants": [{"CurrentInstanceCount": large + xlarge, "InstancePools": pools}]}


@pytest.mark.fault("A09")
@pytest.mark.parametrize(
    ("large", "xlarge", "words", "told"),
    [
        (2, 0, "2 × ml.m5.large", ""),
        (1, 1, "1 × ml.m5.large, 1 × ml.m5.xlarge", "For want of capacity of ml.m5.large it runs on 1 × ml.m5.xlarge."),
        (0, 2, "2 × ml.m5.xlarge", "For want of capacity of ml.m5.large it runs on 2 × ml.m5.xlarge."),
    ],
)
def test_a_fall_back_is_told(large: int, xlarge: int, words: str, told: str) -> None:
    spec, endpoint = _spec("ml.m5.xlarge"), _pools(large, xlarge)
    assert (served_by(spec, endpoint), fell_back(spec, endpoint)) == (words, told)


def test_without_pools_it_is_the_declared_type() -> None:
    endpoint = {"ProductionVariants": [{"CurrentInstanceCount": 3}]}
    assert (served_by(_spec(), endpoint), fell_back(_spec(), endpoint)) == ("3 × ml.m5.large", "")
    assert (served_by(_spec(), {}), fell_back(_spec(), {})) == ("", "")
