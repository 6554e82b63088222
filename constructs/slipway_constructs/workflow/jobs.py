"""SageMaker jobs as states that wait for them. The library has no task for processing, and its training task writes
https S3 URLs."""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config.instances import has_own_disks
from slipway_constructs.workflow.patience import retry_job

INPUT, OUTPUT = "/opt/ml/processing/input", "/opt/ml/processing/output"
STARTING_SECONDS = 1800
"""Beyond a job's own time limit: finding an instance, pulling the image, uploading."""


def source(name: str, uri: str, folder: str, *, manifest: bool = False) -> dict[str, Any]:
    """A ProcessingInput: what lies under an S3 prefix, or what a manifest lists, copied to a folder before the job
    starts."""
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": folder,
            "S3DataType": "ManifestFile" if manifest else "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


def result(name: str, uri: str, folder: str) -> dict[str, Any]:
    """A ProcessingOutput, copied to S3 when the job has ended."""
    return {"OutputName": name, "S3Output": {"S3Uri": uri, "LocalPath": folder, "S3UploadMode": "EndOfJob"}}


def volume(instance_type: str, size_gb: int, key: kms.IKey) -> dict[str, Any]:
    """Instances and their disk, under the key where SageMaker takes one."""
    base = {"InstanceCount": 1, "InstanceType": instance_type, "VolumeSizeInGB": size_gb}
    return base if has_own_disks(instance_type) else {**base, "VolumeKmsKeyId": key.key_arn}


class ProcessingJob(sfn.CustomState):
    """createProcessingJob, waited for. Without a network: a job reads and writes only what SageMaker copies for it.

    `inputs`: a list, or a JSONata expression that gives one. A step that is stopped stops its job.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        job_name: str,
        image: str,
        arguments: Sequence[str],
        role: iam.IRole,
        inputs: Sequence[Mapping[str, Any]] | str,
        outputs: Sequence[Mapping[str, Any]],
        environment: Mapping[str, str],
        instance_type: str,
        volume_gb: int,
        key: kms.IKey,
        max_runtime: Duration,
        assign: Mapping[str, Any] | None = None,
    ) -> None:
        request = {
            "ProcessingJobName": job_name,
            "AppSpecification": {"ImageUri": image, "ContainerArguments": list(arguments)},
            "RoleArn": role.role_arn,
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"Outputs": list(outputs), "KmsKeyId": key.key_arn},
            "ProcessingResources": {"ClusterConfig": volume(instance_type, volume_gb, key)},
            "Environment": dict(environment),
            "StoppingCondition": {"MaxRuntimeInSeconds": max_runtime.to_seconds()},
            "NetworkConfig": {"EnableNetworkIsolation": True},
        }
        super().__init__(scope, id_, state_json=_state("createProcessingJob", request, max_runtime, assign))
        retry_job(self)


class TrainingJob(sfn.CustomState):
    """createTrainingJob, waited for. `request`: the API's request without its stopping condition's place in this
    state's own limit."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        request: Mapping[str, Any],
        longest: Duration,
        assign: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, id_, state_json=_state("createTrainingJob", request, longest, assign))
        retry_job(self)


def _state(
    action: str, request: Mapping[str, Any], longest: Duration, assign: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{Aws.PARTITION}:states:::sagemaker:{action}.sync",
        "Arguments": dict(request),
        "TimeoutSeconds": int(longest.to_seconds()) + STARTING_SECONDS,
        **({"Assign": dict(assign)} if assign else {}),
    }


def grant_processing(machine: iam.IRole, roles: Sequence[iam.IRole]) -> None:
    """Start, follow and stop processing jobs under these roles."""
    _grant(machine, "ProcessingJob", "processing-job", "StepFunctionsGetEventsForSageMakerProcessingJobsRule", roles)


def grant_training(machine: iam.IRole, roles: Sequence[iam.IRole]) -> None:
    """Start, follow and stop training jobs under these roles."""
    _grant(machine, "TrainingJob", "training-job", "StepFunctionsGetEventsForSageMakerTrainingJobsRule", roles)


def _grant(machine: iam.IRole, noun: str, job: str, rule: str, roles: Sequence[iam.IRole]) -> None:
    """What Step Functions documents for `.sync`: the job, its tag, and the managed rule by which it hears of the job's
    end."""
    account = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
    for actions, resources in (
        (
            [f"sagemaker:Create{noun}", f"sagemaker:Describe{noun}", f"sagemaker:Stop{noun}", "sagemaker:AddTags"],
            [f"arn:{Aws.PARTITION}:sagemaker:{account}:{job}/*"],
        ),
        (
            ["events:PutTargets", "events:PutRule", "events:DescribeRule"],
            [f"arn:{Aws.PARTITION}:events:{account}:rule/{rule}"],
        ),
    ):
        machine.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=resources))
    machine.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[role.role_arn for role in roles],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
    )
