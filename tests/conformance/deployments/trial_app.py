"""A platform of 75 resources and more for the trial of deployments: `python trial_app.py <directory>`.

One assembly for each step of its life: `first`; `changed` (in place, with replacements, one resource less);
`failing` (an alarm that no service accepts). `base` holds what the endpoint needs before it can be made.
"""

import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_logs as logs
from aws_cdk import aws_pipes as pipes
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from aws_cdk import custom_resources as custom

STEPS = ("first", "changed", "failing")
ACCOUNT, REGION = "111122223333", "eu-west-1"
ECHO = "def main(event, context):\n    return {'echo': event}\n"
ANSWERING = (
    "def main(event, context):\n"
    "    said = event['ResourceProperties']['Say']\n"
    "    return {'PhysicalResourceId': 'kept', 'Data': {'Said': said}}\n"
)
PYTHON = lambda_.Runtime.PYTHON_3_12


class Base(cdk.Stack):
    """Registry, build and bucket: filled before the platform is deployed."""

    def __init__(self, scope: cdk.App) -> None:
        super().__init__(scope, "TrialBase", env=cdk.Environment(account=ACCOUNT, region=REGION))
        self.bucket = s3.Bucket(
            self, "Artefacts", enforce_ssl=True, removal_policy=cdk.RemovalPolicy.DESTROY, versioned=True
        )
        self.repository = ecr.Repository(self, "Images", removal_policy=cdk.RemovalPolicy.DESTROY, empty_on_delete=True)
        project = codebuild.Project(
            self,
            "Build",
            source=codebuild.Source.s3(bucket=self.bucket, path="source.zip"),
            environment=codebuild.BuildEnvironment(privileged=True),
            build_spec=codebuild.BuildSpec.from_object(
                {"version": "0.2", "phases": {"build": {"commands": ["docker build ."]}}}
            ),
            environment_variables={
                "REPOSITORY_URI": codebuild.BuildEnvironmentVariable(value=self.repository.repository_uri),
                "IMAGE_TAG": codebuild.BuildEnvironmentVariable(value="v1"),
            },
        )
        self.repository.grant_pull_push(project)
        cdk.CfnOutput(self, "Bucket", value=self.bucket.bucket_name)
        cdk.CfnOutput(self, "Project", value=project.project_name)


class Inner(cdk.NestedStack):
    """A nested stack with a parameter from, and an output to, the stack around it."""

    def __init__(self, scope: cdk.Stack, topic: sns.ITopic, step: str) -> None:
        super().__init__(scope, "Inner")
        parameter = ssm.StringParameter(self, "Topic", string_value=f"{topic.topic_arn}/{step != 'first'}")
        self.name = parameter.parameter_name


class Platform(cdk.Stack):
    """One of nearly everything that such a platform provisions."""

    def __init__(self, scope: cdk.App, base: Base, step: str) -> None:
        super().__init__(scope, "Trial", env=cdk.Environment(account=ACCOUNT, region=REGION))
        self.step = step
        self.base = base
        self.key = kms.Key(self, "Key", enable_key_rotation=True, removal_policy=cdk.RemovalPolicy.DESTROY)
        self.key.add_alias("alias/trial")
        self.role = self.execution_role()
        self.messaging()
        self.data()
        self.functions()
        self.workflows()
        self.buses()
        self.serving()
        self.registry()
        self.watching()
        self.schedules()
        self.network()
        self.rest()
        inner = Inner(self, self.topic, step)
        cdk.CfnOutput(self, "InnerName", value=inner.name)
        # Tags of a feature group are create-only, and this one has a name of its own.
        cdk.Tags.of(self).add("step", step, exclude_resource_types=["AWS::SageMaker::FeatureGroup"])

    @property
    def changed(self) -> bool:
        return self.step != "first"

    def execution_role(self) -> iam.Role:
        role = iam.Role(
            self,
            "ExecutionRole",
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy(
                    self,
                    "Metrics",
                    statements=[iam.PolicyStatement(actions=["cloudwatch:PutMetricData"], resources=["*"])],
                )
            ],
        )
        self.base.bucket.grant_read_write(role)
        self.base.repository.grant_pull(role)
        role.add_to_policy(iam.PolicyStatement(actions=["logs:*"], resources=["*"]))
        return role

    def messaging(self) -> None:
        # Another name is another topic: all that refers to it follows.
        self.topic = sns.Topic(self, "Topic", topic_name="trial-two" if self.changed else "trial-one")
        self.dead = sqs.Queue(self, "Dead", enforce_ssl=True)
        self.queue = sqs.Queue(
            self,
            "Queue",
            enforce_ssl=True,
            visibility_timeout=cdk.Duration.seconds(60 if self.changed else 30),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead, max_receive_count=3),
        )
        self.topic.add_subscription(subscriptions.SqsSubscription(self.queue))
        ssm.StringParameter(self, "TopicArn", parameter_name="/trial/topic", string_value=self.topic.topic_arn)

    def data(self) -> None:
        self.table = dynamodb.Table(
            self,
            "Ledger",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            stream=dynamodb.StreamViewType.NEW_IMAGE,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        self.bucket = s3.Bucket(
            self,
            "Data",
            enforce_ssl=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self.key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
            event_bridge_enabled=True,
        )
        secretsmanager.Secret(self, "Secret")

    def functions(self) -> None:
        def function(name: str, code: str = ECHO, **more: object) -> lambda_.Function:
            return lambda_.Function(
                self, name, runtime=PYTHON, handler="index.main", code=lambda_.Code.from_inline(code), **more
            )

        group = logs.LogGroup(self, "HandlerLog", removal_policy=cdk.RemovalPolicy.DESTROY)
        self.handler = function(
            "Handler", environment={"STEP": self.step, "TOPIC": self.topic.topic_arn}, log_group=group
        )
        self.table.grant_read_write_data(self.handler)
        self.alias = lambda_.Alias(self, "Live", alias_name="live", version=self.handler.current_version)
        self.handler.add_function_url(auth_type=lambda_.FunctionUrlAuthType.AWS_IAM)
        consumer = function("Consumer", on_failure=destinations.SqsDestination(self.dead), retry_attempts=1)
        consumer.add_event_source(sources.SqsEventSource(self.queue, batch_size=5))
        consumer.add_event_source(
            sources.DynamoEventSource(self.table, starting_position=lambda_.StartingPosition.LATEST)
        )
        provider = custom.Provider(self, "Provider", on_event_handler=function("Answering", ANSWERING))
        said = cdk.CustomResource(
            self, "Said", service_token=provider.service_token, properties={"Say": f"hello {self.step}"}
        )
        cdk.CfnOutput(self, "SaidOut", value=said.get_att_string("Said"))
        logs.MetricFilter(
            self,
            "Errors",
            log_group=group,
            filter_pattern=logs.FilterPattern.literal("ERROR"),
            metric_namespace="Trial",
            metric_name="Errors",
        )
        if not self.changed:
            function("Surplus")  # the change removes it

    def workflows(self) -> None:
        call = tasks.LambdaInvoke(self, "Call", lambda_function=self.alias)
        self.machine = sfn.StateMachine(
            self,
            "Flow",
            definition_body=sfn.DefinitionBody.from_chainable(call.next(sfn.Succeed(self, "Done"))),
            timeout=cdk.Duration.minutes(10 if self.changed else 5),
            logs=sfn.LogOptions(
                destination=logs.LogGroup(self, "FlowLog", removal_policy=cdk.RemovalPolicy.DESTROY),
                level=sfn.LogLevel.ALL,
            ),
        )
        sfn.Activity(self, "Activity", activity_name="trial")
        api = apigateway.RestApi(self, "Api", cloud_watch_role=False)
        api.root.add_method("POST", apigateway.LambdaIntegration(self.handler))

    def buses(self) -> None:
        bus = events.EventBus(self, "Bus")
        bus.archive("Archive", event_pattern=events.EventPattern(source=["trial"]), retention=cdk.Duration.days(3))
        events.Rule(
            self,
            "Started",
            event_bus=bus,
            event_pattern=events.EventPattern(source=["trial"]),
            targets=[targets.SfnStateMachine(self.machine), targets.SqsQueue(self.queue)],
        )
        events.Rule(
            self,
            "Nightly",
            schedule=events.Schedule.cron(hour="3", minute="0"),
            targets=[targets.LambdaFunction(self.alias)],
        )
        connection = events.Connection(
            self,
            "Connection",
            authorization=events.Authorization.api_key("x-key", cdk.SecretValue.unsafe_plain_text("k")),
        )
        events.ApiDestination(self, "Hook", connection=connection, endpoint="https://example.com/hook")
        pipe_role = iam.Role(self, "PipeRole", assumed_by=iam.ServicePrincipal("pipes.amazonaws.com"))
        self.dead.grant_consume_messages(pipe_role)
        self.topic.grant_publish(pipe_role)
        pipes.CfnPipe(
            self, "Pipe", role_arn=pipe_role.role_arn, source=self.dead.queue_arn, target=self.topic.topic_arn
        )

    def serving(self) -> None:
        image = f"{self.base.repository.repository_uri}:v1"
        model = sagemaker.CfnModel(
            self,
            "Model",
            execution_role_arn=self.role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=image,
                model_data_url=f"s3://{self.base.bucket.bucket_name}/model.tar.gz",
                environment={"MODE": self.step},
            ),
        )
        model.node.add_dependency(self.role)
        config = sagemaker.CfnEndpointConfig(
            self,
            "Config",
            production_variants=[
                sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                    variant_name="AllTraffic",
                    model_name=model.attr_model_name,
                    initial_instance_count=1,
                    instance_type="ml.m5.large",
                    initial_variant_weight=1,
                )
            ],
        )
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name="trial",
            endpoint_config_name=config.attr_endpoint_config_name,
            retain_all_variant_properties=True,
        )
        target = scaling.ScalableTarget(
            self,
            "Capacity",
            service_namespace=scaling.ServiceNamespace.SAGEMAKER,
            resource_id="endpoint/trial/variant/AllTraffic",
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            min_capacity=1,
            max_capacity=3 if self.changed else 2,
        )
        target.node.add_dependency(self.endpoint)
        target.scale_to_track_metric(
            "Load",
            target_value=70,
            predefined_metric=scaling.PredefinedMetric.SAGEMAKER_VARIANT_INVOCATIONS_PER_INSTANCE,
        )

    def registry(self) -> None:
        sagemaker.CfnModelPackageGroup(self, "Group", model_package_group_name="trial")
        sagemaker.CfnModelCard(
            self,
            "Card",
            model_card_name="trial",
            model_card_status="Approved" if self.changed else "Draft",
            content=sagemaker.CfnModelCard.ContentProperty(),
        )
        sagemaker.CfnFeatureGroup(
            self,
            "Features",
            feature_group_name="trial",
            record_identifier_feature_name="id",
            event_time_feature_name="at",
            feature_definitions=[
                sagemaker.CfnFeatureGroup.FeatureDefinitionProperty(feature_name=name, feature_type="String")
                for name in (("id", "at", "more") if self.changed else ("id", "at"))
            ],
            online_store_config={"EnableOnlineStore": True},
            role_arn=self.role.role_arn,
        )

    def watching(self) -> None:
        errors = self.handler.metric_errors(period=cdk.Duration.minutes(1))
        rate = cloudwatch.MathExpression(
            expression="IF(all > 0, 100 * errors / all, 0)",
            using_metrics={
                "errors": errors,
                "all": self.handler.metric_invocations(period=cdk.Duration.minutes(1)),
            },
            period=cdk.Duration.minutes(1),
        )
        plain = errors.create_alarm(self, "Plain", threshold=1, evaluation_periods=3, datapoints_to_alarm=2)
        math = rate.create_alarm(self, "Share", threshold=10 if self.changed else 5, evaluation_periods=1)
        plain.add_alarm_action(actions.SnsAction(self.topic))
        cloudwatch.CompositeAlarm(self, "Either", alarm_rule=cloudwatch.AlarmRule.any_of(plain, math))
        cloudwatch.Dashboard(self, "Board", widgets=[[cloudwatch.GraphWidget(left=[errors])]])
        if self.step == "failing":
            cloudwatch.CfnAlarm(
                self,
                "Impossible",
                comparison_operator="GreaterThanThreshold",
                evaluation_periods=2,
                datapoints_to_alarm=5,
                metric_name="M",
                namespace="N",
                statistic="Sum",
                period=60,
                threshold=1,
            ).node.add_dependency(self.endpoint)

    def schedules(self) -> None:
        group = scheduler.CfnScheduleGroup(self, "Group2", name="trial")
        role = iam.Role(self, "SchedulerRole", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
        self.queue.grant_send_messages(role)
        scheduler.CfnSchedule(
            self,
            "Hourly",
            group_name=group.ref,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            schedule_expression="rate(2 hours)" if self.changed else "rate(1 hour)",
            target=scheduler.CfnSchedule.TargetProperty(arn=self.queue.queue_arn, role_arn=role.role_arn),
        )

    def network(self) -> None:
        vpc = ec2.Vpc(self, "Vpc", max_azs=1, nat_gateways=0)
        group = ec2.SecurityGroup(self, "Firewall", vpc=vpc)
        group.add_ingress_rule(ec2.Peer.ipv4("10.0.0.0/8"), ec2.Port.tcp(443))

    def rest(self) -> None:
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=20 if self.changed else 10, unit="USD"),
            ),
        )
        glue.CfnDatabase(
            self,
            "Catalogue",
            catalog_id=self.account,
            database_input=glue.CfnDatabase.DatabaseInputProperty(name="trial"),
        )
        people = iam.Group(self, "People")
        people.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"]))
        condition = cdk.CfnCondition(self, "Never", expression=cdk.Fn.condition_equals(cdk.Aws.REGION, "nowhere-1"))
        sizes = cdk.CfnMapping(self, "Sizes", mapping={REGION: {"size": "small"}})
        ssm.StringParameter(self, "Size", string_value=sizes.find_in_map(cdk.Aws.REGION, "size"))
        skipped = ssm.CfnParameter(self, "Skipped", type="String", value="never made")
        skipped.cfn_options.condition = condition


def synthesise(directory: Path) -> None:
    """Every step's assembly in a folder of its own."""
    for step in STEPS:
        app = cdk.App(outdir=str(directory / step), analytics_reporting=False)
        base = Base(app)
        Platform(app, base, step)
        app.synth()


if __name__ == "__main__":
    synthesise(Path(sys.argv[1]))
