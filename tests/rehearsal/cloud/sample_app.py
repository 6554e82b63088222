"""A small CDK app with one of each thing that the embedded cloud must run: `python sample_app.py <directory>`."""

import sys

import aws_cdk as cdk
from aws_cdk import (
    aws_cloudwatch as cloudwatch,
)
from aws_cdk import (
    aws_codebuild as codebuild,
)
from aws_cdk import (
    aws_dynamodb as dynamodb,
)
from aws_cdk import (
    aws_ecr as ecr,
)
from aws_cdk import (
    aws_events as events,
)
from aws_cdk import (
    aws_events_targets as targets,
)
from aws_cdk import (
    aws_iam as iam,
)
from aws_cdk import (
    aws_lambda as lambda_,
)
from aws_cdk import (
    aws_s3 as s3,
)
from aws_cdk import (
    aws_sagemaker as sagemaker,
)
from aws_cdk import (
    aws_scheduler as scheduler,
)
from aws_cdk import (
    aws_sns as sns,
)
from aws_cdk import (
    aws_sqs as sqs,
)
from aws_cdk import (
    aws_stepfunctions as sfn,
)

PASSING = "def main(event, context):\n    return {'echo': event}\n"
FAILING = "class RowError(Exception):\n    pass\n\ndef main(event, context):\n    raise RowError('bad row 7')\n"
BARE = """
import importlib.util, os, boto3
def main(event, context):
    names = ("ministack", "numpy", "aws_cdk", "rehearsal", "slipway", "pydantic")
    found = [name for name in names if importlib.util.find_spec(name)]
    arn = boto3.client("sts").get_caller_identity()["Arn"]
    return {"found": found, "arn": arn, "path": os.environ.get("PYTHONPATH")}
"""


class Sample(cdk.Stack):
    """Bucket, queue, topic, table, functions, machines, alarm, schedule, registry, image build, model package group."""

    def __init__(self, scope: cdk.App) -> None:
        super().__init__(scope, "Sample")
        self.bucket = s3.Bucket(self, "Source", enforce_ssl=True, block_public_access=s3.BlockPublicAccess.BLOCK_ALL)
        self.out("Bucket", self.bucket.bucket_name)
        queue = sqs.Queue(self, "Queue", enforce_ssl=True)
        self.out("Queue", queue.queue_url)
        topic = sns.Topic(self, "Topic")
        table = dynamodb.TableV2(
            self, "Table", partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
        )
        self.out("Table", table.table_name)
        functions = {
            name: lambda_.Function(
                self,
                name,
                runtime=lambda_.Runtime.PYTHON_3_12,
                handler="index.main",
                code=lambda_.Code.from_inline(code),
            )
            for name, code in (("Passing", PASSING), ("Failing", FAILING), ("Bare", BARE))
        }
        for name, function in functions.items():
            self.out(name, function.function_name)
        self.machine("Flow", self.flow(functions, table), functions, table)
        self.machine("Job", self.job(), functions, table, events_rule=True)
        waiter = self.machine("Waiter", WAITER, functions, table)
        alarm = cloudwatch.Alarm(
            self,
            "Errors",
            metric=cloudwatch.Metric(
                namespace="Sample",
                metric_name="Errors",
                dimensions_map={"Variant": "blue"},
                period=cdk.Duration.minutes(1),
                statistic="Sum",
            ),
            threshold=3,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        self.out("Alarm", alarm.alarm_name)
        cloudwatch.CompositeAlarm(
            self, "Any", alarm_rule=cloudwatch.AlarmRule.from_alarm(alarm, cloudwatch.AlarmState.ALARM)
        )
        events.Rule(
            self,
            "AlarmChanges",
            event_pattern=events.EventPattern(source=["aws.cloudwatch", "aws.states"]),
            targets=[targets.SqsQueue(queue)],
        )
        topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
        role = iam.Role(self, "SchedulerRole", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        queue.grant_send_messages(role)
        scheduler.CfnSchedule(
            self,
            "Hourly",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            schedule_expression="cron(0 * * * ? *)",
            target=scheduler.CfnSchedule.TargetProperty(
                arn=queue.queue_arn, role_arn=role.role_arn, input='{"due":"<aws.scheduler.scheduled-time>"}'
            ),
        )
        self.images()
        sagemaker.CfnModelPackageGroup(self, "Group", model_package_group_name="sample")
        self.out("Waits", waiter.attr_arn)

    def out(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, f"{name}Out", value=value)

    def machine(
        self,
        name: str,
        definition: dict[str, object],
        functions: dict[str, lambda_.Function],
        table: dynamodb.TableV2,
        *,
        events_rule: bool = False,
    ) -> sfn.CfnStateMachine:
        role = iam.Role(self, f"{name}Role", assumed_by=iam.ServicePrincipal("states.amazonaws.com"))
        for function in functions.values():
            function.grant_invoke(role)
        table.grant_write_data(role)
        role.add_to_policy(
            iam.PolicyStatement(actions=["ecr:DescribeImages", "cloudwatch:DescribeAlarms"], resources=["*"])
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["cloudwatch:PutMetricData", "states:ListExecutions"], resources=["*"])
        )
        if events_rule:
            jobs = f"arn:aws:sagemaker:{self.region}:{self.account}:processing-job/*"
            verbs = ("Create", "Describe", "Stop")
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=[f"sagemaker:{v}ProcessingJob" for v in verbs] + ["sagemaker:AddTags"], resources=[jobs]
                )
            )
            rule = (
                f"arn:aws:events:{self.region}:{self.account}:rule/StepFunctionsGetEventsForSageMakerProcessingJobsRule"
            )
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["events:PutRule", "events:PutTargets", "events:DescribeRule"], resources=[rule]
                )
            )
            passed = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
            role.add_to_policy(
                iam.PolicyStatement(actions=["iam:PassRole"], resources=[self.job_role().role_arn], conditions=passed)
            )
        machine = sfn.CfnStateMachine(
            self,
            name,
            role_arn=role.role_arn,
            definition_string=cdk.Stack.of(self).to_json_string({"QueryLanguage": "JSONata", **definition}),
        )
        policy = role.node.find_child("DefaultPolicy").node.default_child
        machine.add_dependency(policy)  # type: ignore[arg-type]  # it is a CfnPolicy
        self.out(name, machine.attr_arn)
        self.out(f"{name}Role", role.role_name)
        return machine

    def job_role(self) -> iam.Role:
        known = self.node.try_find_child("ExecutionRole")
        return known or iam.Role(self, "ExecutionRole", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))  # type: ignore[return-value]

    def flow(self, functions: dict[str, lambda_.Function], table: dynamodb.TableV2) -> dict[str, object]:
        invoke = "arn:aws:states:::lambda:invoke"

        def pass_on(name: str, resource: str, arguments: dict[str, object], following: str) -> dict[str, object]:
            return {"Type": "Task", "Resource": resource, "Arguments": arguments, "Next": following}

        return {
            "StartAt": "Both",
            "TimeoutSeconds": 600,
            "States": {
                "Both": {
                    "Type": "Parallel",
                    "Arguments": {"n": "{% $states.input.n * 2 %}"},
                    "Branches": [
                        {
                            "StartAt": "A",
                            "States": {"A": {"Type": "Pass", "Output": "{% $states.input.n + 1 %}", "End": True}},
                        },
                        {"StartAt": "B", "States": {"B": {"Type": "Pass", "Output": "{% $millis() %}", "End": True}}},
                    ],
                    "Assign": {"both": "{% $states.result %}"},
                    "Next": "Put",
                },
                "Put": pass_on(
                    "Put",
                    "arn:aws:states:::dynamodb:putItem",
                    {"TableName": table.table_name, "Item": {"id": {"S": "{% $states.context.Execution.Name %}"}}},
                    "Metric",
                ),
                "Metric": pass_on(
                    "Metric",
                    "arn:aws:states:::aws-sdk:cloudwatch:putMetricData",
                    {"Namespace": "Sample", "MetricData": [{"MetricName": "Runs", "Value": 1}]},
                    "Alarms",
                ),
                "Alarms": pass_on("Alarms", "arn:aws:states:::aws-sdk:cloudwatch:describeAlarms", {}, "Listed"),
                "Listed": pass_on(
                    "Listed",
                    "arn:aws:states:::aws-sdk:sfn:listExecutions",
                    {"StateMachineArn": "{% $states.context.StateMachine.Id %}", "StatusFilter": "RUNNING"},
                    "Update",
                ),
                "Update": pass_on(
                    "Update",
                    "arn:aws:states:::aws-sdk:dynamodb:updateItem",
                    {
                        "TableName": table.table_name,
                        "Key": {"id": {"S": "{% $states.context.Execution.Name %}"}},
                        "UpdateExpression": "SET running = :n",
                        "ExpressionAttributeValues": {":n": {"N": "{% $string($count($states.input.Executions)) %}"}},
                    },
                    "Call",
                ),
                "Call": {
                    "Type": "Task",
                    "Resource": invoke,
                    "Arguments": {"FunctionName": functions["Failing"].function_name, "Payload": {}},
                    "Catch": [
                        {
                            "ErrorEquals": ["RowError"],
                            "Next": "Told",
                            "Assign": {"why": "{% $states.errorOutput.Error %}"},
                        }
                    ],
                    "End": True,
                },
                "Told": {
                    "Type": "Task",
                    "Resource": invoke,
                    "Arguments": {"FunctionName": functions["Bare"].function_name, "Payload": {"why": "{% $why %}"}},
                    "Output": {"why": "{% $why %}", "both": "{% $both %}", "bare": "{% $states.result.Payload %}"},
                    "End": True,
                },
            },
        }

    def job(self) -> dict[str, object]:
        return {
            "StartAt": "Prepare",
            "States": {
                "Prepare": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::sagemaker:createProcessingJob.sync",
                    "Arguments": {
                        "ProcessingJobName": "{% $states.input.name %}",
                        "RoleArn": self.job_role().role_arn,
                        "AppSpecification": {"ImageUri": "{% $states.input.image %}"},
                        "ProcessingResources": {
                            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
                        },
                    },
                    "Catch": [
                        {
                            "ErrorEquals": ["States.TaskFailed"],
                            "Next": "Caught",
                            "Output": "{% $states.errorOutput %}",
                        }
                    ],
                    "End": True,
                },
                "Caught": {"Type": "Pass", "End": True},
            },
        }

    def images(self) -> None:
        repository = ecr.Repository(self, "Images", image_tag_mutability=ecr.TagMutability.IMMUTABLE)
        project = codebuild.Project(
            self,
            "Build",
            source=codebuild.Source.s3(bucket=self.bucket, path="source.zip"),
            environment=codebuild.BuildEnvironment(privileged=True),
            build_spec=codebuild.BuildSpec.from_object(
                {"version": "0.2", "phases": {"build": {"commands": ["docker build ."]}}}
            ),
            environment_variables={
                "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=repository.repository_uri),
            },
        )
        repository.grant_pull_push(project)
        self.out("Project", project.project_name)
        self.out("Repository", repository.repository_uri)


WAITER: dict[str, object] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Wait a day",
    "TimeoutSeconds": 172_800,
    "States": {"Wait a day": {"Type": "Wait", "Seconds": 86_400, "Next": "Done"}, "Done": {"Type": "Succeed"}},
}


if __name__ == "__main__":
    app = cdk.App(outdir=sys.argv[1], analytics_reporting=False)
    Sample(app)
    app.synth()
