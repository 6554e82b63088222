"""What the release machine is told of the declaration."""

from aws_cdk import aws_iam as iam

from slipway.config import names
from slipway.config.instances import has_own_disks
from slipway.config.model import Model
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_alarms import ReleaseAlarms
from slipway_constructs.release_trial_spec import trial_spec
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.scaling import Scaling


def release_spec(
    model: Model, *, endpoint: str, foundation: Foundation, role: iam.IRole, alarms: ReleaseAlarms
) -> ReleaseSpec:
    """The declaration, joined with what the stack made for it."""
    declared, rollout = model.endpoint, model.rollout
    return ReleaseSpec(
        model=model.name,
        environment=foundation.environment.name,
        endpoint=endpoint,
        variant=names.VARIANT,
        instance_type=declared.instance_type,
        fallback_instance_types=tuple(declared.fallback_instance_types),
        instance_count=declared.instance_count,
        startup_timeout_seconds=declared.startup_timeout_seconds,
        capture_percent=declared.capture.sampling_percent,
        # SageMaker adds <endpoint>/<variant>/yyyy/mm/dd/hh/ itself.
        capture_uri=f"s3://{foundation.capture.bucket_name}/{model.name}/capture",
        capture_key_arn=foundation.keys.data.key_arn,
        volume_key_arn="" if has_own_disks(declared.instance_type) else foundation.keys.models.key_arn,
        hosting_role_arn=role.role_arn,
        strategy=rollout.strategy.value,
        canary_percent=rollout.canary_percent,
        step_percent=rollout.step_percent,
        batch_percent=rollout.batch_percent,
        rollback_batch_percent=rollout.rollback_batch_percent or rollout.batch_percent,
        bake_seconds=rollout.bake_seconds,
        termination_wait_seconds=rollout.termination_wait_seconds,
        timeout_seconds=model.shift.timeout_seconds,
        alarm_names=tuple(alarms.names),
        new_fleet_alarms=tuple(a.alarm_name for a in alarms.of_new_fleet),
        other_alarms=tuple(alarms.others),
        minimum_requests=rollout.minimum_requests,
        keep_versions=rollout.keep_versions,
        smoke_records=rollout.smoke_test.records,
        smoke_tolerance=rollout.smoke_test.tolerance,
        trial=trial_spec(model, alarm_names=tuple(alarms.of_challenger)),
        scaling=Scaling(**declared.scaling.model_dump()) if declared.scaling else None,
    )
