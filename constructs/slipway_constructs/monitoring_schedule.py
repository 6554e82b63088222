"""The service's own Model Monitor, for accounts that still have it."""

from aws_cdk import Fn
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from slipway.config.model import DataQuality, Model
from slipway.config.platform import Environment
from slipway_constructs.foundation import Foundation
from slipway_constructs.job_roles import JobRole
from slipway_constructs.monitoring_images import analyser_image, analyser_repository
from slipway_lambda.contracts.monitoring import report_prefix, schedule_name

RUNTIME_SECONDS = 3600
"""The most that SageMaker gives an hourly data quality job."""
HOURLY, DAILY = "cron(0 * ? * * *)", "cron(0 0 ? * * *)"
INPUT, OUTPUT = "/opt/ml/processing/input/endpoint", "/opt/ml/processing/output"


class SageMakerMonitor(Construct):
    """A MonitoringSchedule and the data quality job it runs.

    It reads the baseline under `<model>/live/baseline/` in the artefact bucket, where a release puts the live
    version's: the schedule stays as it is while versions come and go.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        foundation: Foundation,
        environment: Environment,
        model: Model,
        quality: DataQuality,
        endpoint: str,
    ) -> None:
        super().__init__(scope, id_)
        role = self._role(foundation, environment, model)
        definition = self._definition(foundation, environment, model, endpoint, role)
        definition.node.add_dependency(role)
        sagemaker.CfnMonitoringSchedule(
            self,
            "Schedule",
            # Required, and create-only: the one name here that CloudFormation cannot choose.
            monitoring_schedule_name=schedule_name(endpoint),
            monitoring_schedule_config=sagemaker.CfnMonitoringSchedule.MonitoringScheduleConfigProperty(
                monitoring_type="DataQuality",
                monitoring_job_definition_name=_name_in(definition.attr_job_definition_arn),
                schedule_config=sagemaker.CfnMonitoringSchedule.ScheduleConfigProperty(
                    schedule_expression=HOURLY if quality.schedule == "hourly" else DAILY
                ),
            ),
        )

    def _definition(
        self, foundation: Foundation, environment: Environment, model: Model, endpoint: str, role: JobRole
    ) -> sagemaker.CfnDataQualityJobDefinition:
        """Without a name: every property makes a new definition, which a fixed name would stop."""
        props = sagemaker.CfnDataQualityJobDefinition
        baseline = f"s3://{foundation.artefacts.bucket_name}/{model.name}/live/baseline/"
        return sagemaker.CfnDataQualityJobDefinition(
            self,
            "Definition",
            role_arn=role.role_arn,
            data_quality_app_specification=props.DataQualityAppSpecificationProperty(
                image_uri=analyser_image(environment.region)
            ),
            data_quality_baseline_config=props.DataQualityBaselineConfigProperty(
                constraints_resource=props.ConstraintsResourceProperty(s3_uri=f"{baseline}constraints.json"),
                statistics_resource=props.StatisticsResourceProperty(s3_uri=f"{baseline}statistics.json"),
            ),
            data_quality_job_input=props.DataQualityJobInputProperty(
                endpoint_input=props.EndpointInputProperty(endpoint_name=endpoint, local_path=INPUT)
            ),
            data_quality_job_output_config=props.MonitoringOutputConfigProperty(
                kms_key_id=foundation.keys.models.key_arn,
                monitoring_outputs=[
                    props.MonitoringOutputProperty(
                        s3_output=props.S3OutputProperty(
                            local_path=OUTPUT,
                            s3_uri=f"s3://{foundation.reports.bucket_name}/{report_prefix(model.name).rstrip('/')}",
                            s3_upload_mode="EndOfJob",
                        )
                    )
                ],
            ),
            job_resources=props.MonitoringResourcesProperty(
                cluster_config=props.ClusterConfigProperty(
                    instance_count=1,
                    instance_type=model.monitors.instance_type,
                    volume_size_in_gb=30,
                    volume_kms_key_id=foundation.keys.models.key_arn,
                )
            ),
            network_config=props.NetworkConfigProperty(
                enable_inter_container_traffic_encryption=True, enable_network_isolation=True
            ),
            stopping_condition=props.StoppingConditionProperty(max_runtime_in_seconds=RUNTIME_SECONDS),
        )

    def _role(self, foundation: Foundation, environment: Environment, model: Model) -> JobRole:
        repository = ecr.Repository.from_repository_arn(self, "Analyser", analyser_repository(environment.region))
        role = JobRole(
            self,
            "JobRole",
            job="processing-job",
            log_group="/aws/sagemaker/ProcessingJobs",
            images=[repository],
            volume_key=foundation.keys.models,
        )
        for bucket, pattern in (
            (foundation.capture, f"{model.name}/capture/*"),
            (foundation.artefacts, f"{model.name}/live/baseline/*"),
        ):
            role.access.list(bucket, pattern)
            role.access.read(bucket, pattern)
        role.access.write(foundation.reports, f"{report_prefix(model.name)}*")
        role.settle()
        return role


def _name_in(arn: str) -> str:
    """The generated name: the last part of the definition's ARN."""
    return Fn.select(1, Fn.split("/", arn))
