"""A first day with boto3: train, register, approve, deploy, invoke, capture, monitor, delete."""

import json
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

NAME = "first-day"
ROWS = ["1,2", "3,4", "5,6", "7,8", "9,10"]


def test_boto3_goes_the_whole_way(
    workbench: Any, baseline: None, wait_until: Callable[..., Any], figure: Callable[..., None], full: bool
) -> None:
    facts, cloud = workbench.facts, workbench.cloud
    sagemaker, s3 = cloud.client("sagemaker"), cloud.client("s3")
    root = f"s3://{facts['bucket']}"

    sagemaker.create_training_job(
        TrainingJobName=NAME,
        RoleArn=facts["role"],
        AlgorithmSpecification={
            "TrainingImage": facts["image"],
            "TrainingInputMode": "File",
            "MetricDefinitions": [{"Name": "mean", "Regex": "mean=([0-9.]+);"}],
        },
        InputDataConfig=[
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"{root}/data/"}},
            }
        ],
        OutputDataConfig={"S3OutputPath": f"{root}/models"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5},
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(
        TrainingJobName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    trained = sagemaker.describe_training_job(TrainingJobName=NAME)
    assert trained["TrainingJobStatus"] == "Completed"
    assert [(one["MetricName"], one["Value"]) for one in trained["FinalMetricDataList"]] == [("mean", 2.5)]

    sagemaker.create_model_package_group(ModelPackageGroupName=NAME)
    package = sagemaker.create_model_package(
        ModelPackageGroupName=NAME,
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": facts["image"], "ModelDataUrl": trained["ModelArtifacts"]["S3ModelArtifacts"]}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
    (approved,) = sagemaker.list_model_packages(ModelPackageGroupName=NAME, ModelApprovalStatus="Approved")[
        "ModelPackageSummaryList"
    ]
    assert approved["ModelPackageArn"] == package

    sagemaker.create_model(
        ModelName=NAME, ExecutionRoleArn=facts["role"], PrimaryContainer={"ModelPackageName": package}
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=NAME,
        ProductionVariants=[
            {
                "VariantName": "main",
                "ModelName": NAME,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                "InitialVariantWeight": 1.0,
            }
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"{root}/capture",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
    sagemaker.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60})

    runtime = cloud.client("sagemaker-runtime")
    answers = [
        float(
            runtime.invoke_endpoint(EndpointName=NAME, ContentType="text/csv", Accept="text/csv", Body=row)["Body"]
            .read()
            .decode()
        )
        for row in ROWS
    ]
    assert answers == [sum(map(float, row.split(","))) + 2.5 for row in ROWS]

    cloud.flush()

    def captured() -> list[dict[str, Any]]:
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=facts["bucket"], Prefix="capture/").get("Contents", [])]
        assert all(key.startswith(f"capture/{NAME}/main/") and key.endswith(".jsonl") for key in keys)
        texts = [s3.get_object(Bucket=facts["bucket"], Key=key)["Body"].read().decode() for key in keys]
        lines = [json.loads(line) for text in texts for line in text.splitlines()]
        return lines if len(lines) == len(ROWS) else []

    records = wait_until(captured, "five captured records")
    assert sorted(one["captureData"]["endpointInput"]["data"].strip() for one in records) == sorted(ROWS)

    status = monitor(sagemaker, facts, wait_until)
    assert status in ("Completed", "CompletedWithViolations")

    for delete, arguments in (
        (sagemaker.delete_monitoring_schedule, {"MonitoringScheduleName": NAME}),
        (sagemaker.delete_data_quality_job_definition, {"JobDefinitionName": NAME}),
        (sagemaker.delete_endpoint, {"EndpointName": NAME}),
        (sagemaker.delete_endpoint_config, {"EndpointConfigName": NAME}),
        (sagemaker.delete_model, {"ModelName": NAME}),
        (sagemaker.delete_model_package, {"ModelPackageName": package}),
        (sagemaker.delete_model_package_group, {"ModelPackageGroupName": NAME}),
    ):
        delete(**arguments)
    wait_until(lambda: not sagemaker.list_endpoints()["Endpoints"], "the endpoint's end")
    assert not sagemaker.list_models()["Models"]
    assert not sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert not [one for one in cloud.processes() if one["kind"] == "server"]
    figure("boto3: create to delete", "all 8 steps", "all", reached=True)


def monitor(sagemaker: Any, facts: dict[str, str], wait_until: Callable[..., Any]) -> str:
    """Baseline, schedule, one execution; how it ended."""
    root, cluster = (
        f"s3://{facts['bucket']}",
        {
            "InstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "VolumeSizeInGB": 5,
        },
    )
    sagemaker.create_data_quality_job_definition(
        JobDefinitionName=NAME,
        RoleArn=facts["role"],
        DataQualityAppSpecification={"ImageUri": facts["analyzer"]},
        DataQualityBaselineConfig={
            "ConstraintsResource": {"S3Uri": f"{root}/monitor/baseline/constraints.json"},
            "StatisticsResource": {"S3Uri": f"{root}/monitor/baseline/statistics.json"},
        },
        DataQualityJobInput={"EndpointInput": {"EndpointName": NAME, "LocalPath": "/opt/ml/processing/input/endpoint"}},
        DataQualityJobOutputConfig={
            "MonitoringOutputs": [
                {
                    "S3Output": {
                        "S3Uri": f"{root}/monitor/reports",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    }
                }
            ]
        },
        JobResources={"ClusterConfig": cluster},
    )
    sagemaker.create_monitoring_schedule(
        MonitoringScheduleName=NAME,
        MonitoringScheduleConfig={
            "MonitoringJobDefinitionName": NAME,
            "MonitoringType": "DataQuality",
            "ScheduleConfig": {
                "ScheduleExpression": "NOW",
                "DataAnalysisStartTime": "-PT2H",
                "DataAnalysisEndTime": "-PT0H",
            },
        },
    )

    def ended() -> str | None:
        found = sagemaker.list_monitoring_executions(MonitoringScheduleName=NAME)["MonitoringExecutionSummaries"]
        if not found or found[0]["MonitoringExecutionStatus"] in ("Pending", "InProgress"):
            return None
        status: str = found[0]["MonitoringExecutionStatus"]
        return status if status.startswith("Completed") else f"{status}: {found[0].get('FailureReason')}"

    status: str = wait_until(ended, "the monitoring execution")
    return status
