"""The monitor's job: our container, told what Model Monitor would tell it."""

import json

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from slipway.config.model import DataQuality, Model
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.jobs import INPUT, OUTPUT, ProcessingJob, result, source
from slipway_constructs.workflow.training_places import RUN
from slipway_lambda.contracts.monitoring import schedule_name

RUNTIME = Duration.hours(1)
VOLUME_GB = 30
BASELINE = "/opt/ml/processing/baseline"
CAPTURE_FORMAT = {"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}


def analyse(
    scope: Construct,
    *,
    model: Model,
    quality: DataQuality,
    endpoint: str,
    role: iam.IRole,
    key: kms.IKey,
) -> ProcessingJob:
    """Expects `$image`, `$capture` and `$live`. Leaves statistics, violations and report.json under
    `$capture.report_uri`."""
    return ProcessingJob(
        scope,
        "Analyse the window",
        job_name=expression(f"{RUN} & '-monitor'"),
        image=expression("$image"),
        arguments=["run"],
        role=role,
        inputs=[
            source("endpoint", expression("$capture.manifest_uri"), f"{INPUT}/endpoint", manifest=True),
            # The live version's own: another version's baseline would call its differences drift (E07).
            source("baseline_statistics", expression("$live.baseline_statistics_uri"), f"{BASELINE}/stats"),
            source("baseline_constraints", expression("$live.baseline_constraints_uri"), f"{BASELINE}/constraints"),
        ],
        outputs=[result("monitoring_output", expression("$capture.report_uri"), OUTPUT)],
        environment={
            "dataset_format": json.dumps(CAPTURE_FORMAT),
            "dataset_source": f"{INPUT}/endpoint",
            "output_path": OUTPUT,
            "start_time": expression("$capture.window_start"),
            "end_time": expression("$capture.window_end"),
            "baseline_statistics": f"{BASELINE}/stats/statistics.json",
            "baseline_constraints": f"{BASELINE}/constraints/constraints.json",
            "sagemaker_endpoint_name": endpoint,
            "sagemaker_monitoring_schedule_name": schedule_name(endpoint),
            # Only the service's own schedules ship a job's metrics file; the machine publishes.
            "publish_cloudwatch_metrics": "Disabled",
            "slipway_minimum_records": str(quality.minimum_records),
        },
        instance_type=model.monitors.instance_type,
        volume_gb=VOLUME_GB,
        key=key,
        max_runtime=RUNTIME,
    )
