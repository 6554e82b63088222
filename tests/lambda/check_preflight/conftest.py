"""A spec to check."""

from dataclasses import replace

import pytest

from release_proof import sample
from slipway_lambda.contracts.release import ReleaseSpec


@pytest.fixture
def release_spec() -> ReleaseSpec:
    """Two ml.m5.large behind a canary."""
    return replace(
        sample.SPEC, instance_count=2, canary_percent=50, step_percent=50, batch_percent=50, rollback_batch_percent=50
    )
