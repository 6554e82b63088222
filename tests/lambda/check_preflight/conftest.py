"""A spec to check."""

import pytest

from slipway_lambda.contracts.release import ReleaseSpec


@pytest.fixture
def release_spec() -> ReleaseSpec:
    """Two ml.m5.large behind a canary."""
    return ReleaseSpec(
        model="flights", environment="dev", endpoint="flights-dev", variant="main",
        instance_type="ml.m5.large", instance_count=2, startup_timeout_seconds=480,
        capture_percent=0, capture_uri="s3://capture/flights", capture_key_arn="", volume_key_arn="",
        hosting_role_arn="arn:aws:iam::111122223333:role/hosting",
        strategy="canary", canary_percent=50, step_percent=50, batch_percent=50, rollback_batch_percent=50,
        bake_seconds=60, termination_wait_seconds=0, timeout_seconds=3600,
        alarm_names=("errors",), new_fleet_alarms=(), other_alarms=(),
        minimum_requests=1, keep_versions=2, smoke_records=1, smoke_tolerance=0.0,
    )  # fmt: skip
