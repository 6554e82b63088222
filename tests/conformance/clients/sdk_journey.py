"""A first day with the `sagemaker` SDK 3.27, in an interpreter of its own; writes what it did as JSON.

    python sdk_journey.py facts.json result.json

The environment names the cloud. Where the SDK itself is wrong on any target, AWS included, the journey goes around it
and lists the defect.
"""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ParamValidationError
from sagemaker.core.resources import (
    DataQualityJobDefinition,
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
    MonitoringSchedule,
    TrainingJob,
)
from sagemaker.core.shapes import (
    AlgorithmSpecification,
    CaptureContentTypeHeader,
    CaptureOption,
    Channel,
    ContainerDefinition,
    DataCaptureConfig,
    DataQualityAppSpecification,
    DataQualityBaselineConfig,
    DataQualityJobInput,
    DataSource,
    EndpointInput,
    InferenceSpecification,
    MonitoringClusterConfig,
    MonitoringConstraintsResource,
    MonitoringOutput,
    MonitoringOutputConfig,
    MonitoringResources,
    MonitoringS3Output,
    MonitoringScheduleConfig,
    MonitoringStatisticsResource,
    OutputDataConfig,
    ProductionVariant,
    ResourceConfig,
    S3DataSource,
    ScheduleConfig,
    StoppingCondition,
)
from sagemaker.core.shapes.model_card_shapes import ContainersItem

NAME = "sdk-day"
done: list[str] = []
defects: list[str] = []


def until(question: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


def train(facts: dict[str, str], root: str) -> str:
    job = TrainingJob.create(
        training_job_name=NAME,
        role_arn=facts["role"],
        algorithm_specification=AlgorithmSpecification(training_image=facts["image"], training_input_mode="File"),
        input_data_config=[
            Channel(
                channel_name="train",
                data_source=DataSource(s3_data_source=S3DataSource(s3_data_type="S3Prefix", s3_uri=f"{root}/data/")),
            )
        ],
        output_data_config=OutputDataConfig(s3_output_path=f"{root}/models"),
        resource_config=ResourceConfig(instance_type="ml.m5.large", instance_count=1, volume_size_in_gb=5),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=3600),
    )
    job.wait(poll=1, logs=False)
    assert job.training_job_status == "Completed", job.training_job_status
    done.append("train")
    return str(job.model_artifacts.s3_model_artifacts)


def register(facts: dict[str, str], artefact: str) -> str:
    ModelPackageGroup.create(model_package_group_name=NAME).wait_for_status("Completed", poll=1)
    # The API's shape is hidden by the model card's of the same name, which knows no content types.
    assert set(InferenceSpecification.model_fields) == {"containers"}, "the SDK has mended it: give content types too"
    defects.append("InferenceSpecification is the model card's: SupportedContentTypes cannot be given")
    container = ContainersItem(image=facts["image"], model_data_url=artefact)
    specification = InferenceSpecification(containers=[container])
    try:
        ModelPackage.create(
            model_package_group_name=NAME,
            model_approval_status="PendingManualApproval",
            inference_specification=specification,
        )
    except KeyError as error:
        # The package is made: only the answer's ARN is looked for under a name that the API never gives.
        assert str(error) == "'ModelPackageName'", error
        defects.append("ModelPackage.create raises KeyError 'ModelPackageName': CreateModelPackage answers an ARN only")
    (package,) = boto3.client("sagemaker").list_model_packages(ModelPackageGroupName=NAME)["ModelPackageSummaryList"]
    arn = str(package["ModelPackageArn"])
    done.append("register")
    found = ModelPackage.get(model_package_name=arn)
    found.update(model_approval_status="Approved")
    assert ModelPackage.get(model_package_name=arn).model_approval_status == "Approved"
    done.append("approve")
    return arn


def deploy(facts: dict[str, str], package: str, root: str) -> Any:
    Model.create(
        model_name=NAME,
        execution_role_arn=facts["role"],
        primary_container=ContainerDefinition(model_package_name=package),
    )
    EndpointConfig.create(
        endpoint_config_name=NAME,
        production_variants=[
            ProductionVariant(
                variant_name="main", model_name=NAME, instance_type="ml.m5.large", initial_instance_count=1
            )
        ],
        data_capture_config=DataCaptureConfig(
            enable_capture=True,
            initial_sampling_percentage=100,
            destination_s3_uri=f"{root}/sdk-capture",
            capture_options=[CaptureOption(capture_mode="Input"), CaptureOption(capture_mode="Output")],
            capture_content_type_header=CaptureContentTypeHeader(csv_content_types=["text/csv"]),
        ),
    )
    endpoint = Endpoint.create(endpoint_name=NAME, endpoint_config_name=NAME)
    endpoint.wait_for_status("InService", poll=1)
    done.append("deploy")
    return endpoint


def invoke(endpoint: Any, facts: dict[str, str]) -> None:
    answer = endpoint.invoke(body=b"1,2", content_type="text/csv", accept="text/csv")
    body = answer.body.read() if hasattr(answer.body, "read") else answer.body
    assert float(io.BytesIO(body).read()) == 5.5, body
    done.append("invoke")
    s3 = boto3.client("s3")

    def captured() -> int:
        return int(s3.list_objects_v2(Bucket=facts["bucket"], Prefix=f"sdk-capture/{NAME}/main/")["KeyCount"])

    until(captured, "a captured record")
    done.append("capture")


def monitor(facts: dict[str, str], root: str) -> Any:
    DataQualityJobDefinition.create(
        job_definition_name=NAME,
        role_arn=facts["role"],
        data_quality_app_specification=DataQualityAppSpecification(image_uri=facts["analyzer"]),
        data_quality_baseline_config=DataQualityBaselineConfig(
            constraints_resource=MonitoringConstraintsResource(s3_uri=f"{root}/monitor/baseline/constraints.json"),
            statistics_resource=MonitoringStatisticsResource(s3_uri=f"{root}/monitor/baseline/statistics.json"),
        ),
        data_quality_job_input=DataQualityJobInput(
            endpoint_input=EndpointInput(endpoint_name=NAME, local_path="/opt/ml/processing/input/endpoint")
        ),
        data_quality_job_output_config=MonitoringOutputConfig(
            monitoring_outputs=[
                MonitoringOutput(
                    s3_output=MonitoringS3Output(s3_uri=f"{root}/monitor/sdk", local_path="/opt/ml/processing/output")
                )
            ]
        ),
        job_resources=MonitoringResources(
            cluster_config=MonitoringClusterConfig(instance_count=1, instance_type="ml.m5.large", volume_size_in_gb=5)
        ),
    )
    schedule = MonitoringSchedule.create(
        monitoring_schedule_name=NAME,
        monitoring_schedule_config=MonitoringScheduleConfig(
            monitoring_job_definition_name=NAME,
            monitoring_type="DataQuality",
            schedule_config=ScheduleConfig(
                schedule_expression="NOW", data_analysis_start_time="-PT2H", data_analysis_end_time="-PT0H"
            ),
        ),
    )
    client = boto3.client("sagemaker")

    def ended() -> bool:
        found = client.list_monitoring_executions(MonitoringScheduleName=NAME)["MonitoringExecutionSummaries"]
        return bool(found) and found[0]["MonitoringExecutionStatus"].startswith("Completed")

    until(ended, "the monitoring execution")
    done.append("monitor")
    return schedule


def delete_package(package: str) -> None:
    try:
        ModelPackage.get(model_package_name=package).delete()
    except ParamValidationError:
        # A versioned package has an ARN and a version, but no ModelPackageName: the SDK asks for nothing else.
        defects.append("ModelPackage.delete sends no name: DescribeModelPackage gives a version's ARN only")
        boto3.client("sagemaker").delete_model_package(ModelPackageName=package)


def main() -> None:
    facts = json.loads(Path(sys.argv[1]).read_text())
    root = f"s3://{facts['bucket']}"
    package = register(facts, train(facts, root))
    endpoint = deploy(facts, package, root)
    invoke(endpoint, facts)
    schedule = monitor(facts, root)
    schedule.delete()
    DataQualityJobDefinition.get(job_definition_name=NAME).delete()
    endpoint.delete()
    endpoint.wait_for_delete(poll=1)
    EndpointConfig.get(endpoint_config_name=NAME).delete()
    Model.get(model_name=NAME).delete()
    delete_package(package)
    ModelPackageGroup.get(model_package_group_name=NAME).delete()
    assert not list(Model.get_all(name_contains=NAME))
    done.append("delete")
    Path(sys.argv[2]).write_text(json.dumps({"done": done, "defects": defects}))


main()
