"""A release spec, for tests to change with `dataclasses.replace`."""

from slipway_lambda.contracts.release import ReleaseSpec

KEY = "arn:aws:kms:eu-west-1:111122223333:key/"
SPEC = ReleaseSpec(
    model="flights",
    environment="dev",
    endpoint="flights-dev",
    variant="main",
    instance_type="ml.m5.large",
    instance_count=4,
    startup_timeout_seconds=480,
    capture_percent=100,
    capture_uri="s3://capture/flights/capture",
    capture_key_arn=f"{KEY}data",
    volume_key_arn=f"{KEY}models",
    hosting_role_arn="arn:aws:iam::111122223333:role/hosting",
    strategy="canary",
    canary_percent=25,
    step_percent=25,
    batch_percent=25,
    rollback_batch_percent=25,
    bake_seconds=600,
    termination_wait_seconds=300,
    timeout_seconds=3600,
    alarm_names=("errors", "latency"),
    new_fleet_alarms=(),
    other_alarms=(),
    minimum_requests=100,
    keep_versions=2,
    smoke_records=25,
    smoke_tolerance=0.001,
)
"""A canary of one of four instances."""
