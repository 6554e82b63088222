"""`endpoint` of `model.yaml`: kinds, and instance types to fall back to."""

from typing import Any

import pytest
from pydantic import ValidationError

from slipway.config.endpoint import Endpoint
from slipway.config.instances import hardware, has_own_disks


def test_fall_backs_keep_their_order() -> None:
    endpoint = Endpoint(instance_type="ml.m5.large", fallback_instance_types=["ml.m5.xlarge", "ml.c5.xlarge"])
    assert endpoint.instance_types == ("ml.m5.large", "ml.m5.xlarge", "ml.c5.xlarge")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"fallback_instance_types": ["ml.m5.large"]}, "is instance_type itself"),
        ({"fallback_instance_types": ["ml.m5.xlarge", "ml.m5.xlarge"]}, "is also entry 1"),
        ({"fallback_instance_types": ["ml.m6g.large"]}, "is Arm hardware and instance_type ml.m5.large is x86"),
        ({"fallback_instance_types": ["ml.m5d.large"]}, "ml.m5d.large encrypts its own disks"),
        (
            {"instance_type": "ml.g5.xlarge", "fallback_instance_types": ["ml.m5.large"]},
            "ml.g5.xlarge encrypts its own",
        ),
        ({"fallback_instance_types": ["ml.m5.xlarge"] * 4}, "at most 3 items"),
        ({"kind": "serverless"}, "serverless is not offered by this version: SageMaker captures no requests"),
        ({"kind": "asynchronous"}, "asynchronous is not offered by this version"),
        ({"kind": "batch"}, "'real_time', 'serverless' or 'asynchronous'"),
    ],
)
def test_what_could_not_serve_is_refused(declared: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Endpoint(**declared)


@pytest.mark.parametrize(
    ("kind", "expected", "own_disks"),
    [
        ("ml.m5.large", "x86", False),
        ("ml.g4dn.xlarge", "x86", True),
        ("ml.g6e.xlarge", "x86", True),
        ("ml.m7i.large", "x86", False),
        ("ml.m6g.large", "Arm", False),
        ("ml.r7gd.large", "Arm", True),
        ("ml.p6e-gb200.36xlarge", "Arm", False),
        ("ml.inf2.xlarge", "Neuron", False),
        ("ml.trn1.2xlarge", "Neuron", True),
    ],
)
def test_hardware_by_name(kind: str, expected: str, own_disks: bool) -> None:
    assert (hardware(kind), has_own_disks(kind)) == (expected, own_disks)
