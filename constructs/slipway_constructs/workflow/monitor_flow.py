"""The monitor machine's flow, from a window of time to a verdict and what follows from it."""

from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from slipway_constructs.container_image import ContainerImage
from slipway_constructs.foundation import Foundation
from slipway_constructs.workflow.chain import expression, in_sequence
from slipway_constructs.workflow.failing import remember
from slipway_constructs.workflow.jobs import ProcessingJob
from slipway_constructs.workflow.monitor_retraining import Retraining
from slipway_constructs.workflow.monitor_stages import ASKED, MonitorStages
from slipway_constructs.workflow.patience import retry_call
from slipway_constructs.workflow.telling import Telling
from slipway_lambda.contracts.ledger import LIVE, PARTITION_KEY, SORT_KEY, endpoint_key
from slipway_lambda.contracts.monitoring import COUNTS_NAMESPACE, FEATURES_NAMESPACE, RETRAIN, TELL, schedule_name

NO_DATA = "/could not find any (jsonl|record)|had no data/i"
"""How Model Monitor, and our container after it, say that a window is empty. SageMaker's own "No S3 objects found"
is not among them: the records were listed a moment ago, so it means a permission or a baseline that is missing."""

NO_BASELINE = {
    "state": "What is live?",
    "error": "MonitoringFailed",
    "cause": "The ledger names no baseline of the live version, and another version's would not do.",
    "next_step": "Release a version that was registered with a baseline.",
}


class MonitorFlow:
    """Expects {scheduled_time} or {window_start, window_end}.

    Leaves {outcome, window, version, records, violations, decision, reason, report_uri, training_execution}, or fails
    as
    `MonitoringFailed`. A window that could not be judged is told, and never counts as a good one.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        foundation: Foundation,
        endpoint: str,
        stages: MonitorStages,
        analyse: ProcessingJob,
        retraining: Retraining | None,
        telling: Telling,
        image: ContainerImage,
    ) -> None:
        self._scope = scope
        self._foundation = foundation
        self._endpoint = endpoint
        self._stages = stages
        self._analyse = analyse
        self._retraining = retraining
        self._telling = telling
        self._image = image
        self._failed = self._telling.failure(
            version="$exists($live.version) ? $live.version : null", adding="The window has no verdict."
        )
        self._no_records = self._tell_no_records()

    def definition(self) -> sfn.IChainable:
        """One state a line."""
        return in_sequence(
            [
                self._caught(self._what_is_live(), "Look whether the ledger can be read."),
                self._only_if_live(),
                self._caught(self._find_image(), "Deploy the Registry stack."),
                self._caught(
                    self._stages.find_capture(), "Give a window as in the cause, or look at the capture bucket."
                ),
                self._only_if_records(),
                self._with_empty_window(self._analyse),
                self._caught(self._stages.decide(), "Look at the window's report."),
                self._caught(
                    self._publish("Publish the counts", COUNTS_NAMESPACE, "$decision.counts"), "Look at the report."
                ),
                self._publish_features(),
                self._what_follows(),
            ]
        )

    def _caught(self, task: Any, next_step: str) -> Any:
        task.add_catch(self._failed, errors=["States.ALL"], assign=remember(task.id, next_step))
        return task

    def _what_is_live(self) -> tasks.DynamoGetItem:
        """Leaves `$asked` and `$live` {exists, version, baseline_statistics_uri, baseline_constraints_uri}."""
        text = tasks.DynamoAttributeValue.from_string
        item = "$states.result.Item"
        task = tasks.DynamoGetItem.jsonata(
            self._scope,
            "What is live?",
            table=self._foundation.ledger,
            key={PARTITION_KEY: text(endpoint_key(self._endpoint)), SORT_KEY: text(LIVE)},
            consistent_read=True,
            task_timeout=_timeout(),
            assign={
                "asked": expression(ASKED),
                "live": expression(
                    f'$exists({item}) ? {{"exists": true, "version": $number({item}.version.N),'
                    f' "baseline_statistics_uri": {item}.baseline_statistics_uri.S,'
                    f' "baseline_constraints_uri": {item}.baseline_constraints_uri.S}} : {{"exists": false}}'
                ),
            },
        )
        retry_call(task)
        return task

    def _only_if_live(self) -> sfn.IChainable:
        # Before the first release there is nothing to find out; an hourly message would teach people to ignore them.
        nothing = self._end("Nothing is live", outcome="nothing_live", window="$asked", decision="nothing")
        choice = sfn.Choice.jsonata(self._scope, "Is anything live?")
        choice.when(sfn.Condition.jsonata(expression("$not($live.exists)")), nothing)
        choice.when(sfn.Condition.jsonata(expression(_NO_BASELINE)), self._failed, assign={"failure": NO_BASELINE})
        return choice.afterwards(include_otherwise=True)

    def _find_image(self) -> tasks.CallAwsService:
        repository = self._image.repository
        task = tasks.CallAwsService.jsonata(
            self._scope,
            "Find the monitor image",
            service="ecr",
            action="describeImages",
            iam_action="ecr:DescribeImages",
            iam_resources=[repository.repository_arn],
            parameters={"RepositoryName": repository.repository_name, "ImageIds": [{"ImageTag": self._image.tag}]},
            assign={
                "image": expression(f"'{repository.repository_uri}@' & $states.result.ImageDetails[0].ImageDigest")
            },
            task_timeout=_timeout(),
        )
        retry_call(task, final=["Ecr.ImageNotFoundException", "Ecr.RepositoryNotFoundException"])
        return task

    def _only_if_records(self) -> sfn.IChainable:
        choice = sfn.Choice.jsonata(self._scope, "Are there records?")
        return choice.when(
            sfn.Condition.jsonata(expression("$not($capture.records_found = true)")), self._no_records
        ).afterwards(include_otherwise=True)

    def _with_empty_window(self, analyse: ProcessingJob) -> ProcessingJob:
        """Objects may lie in the window's hours while none of their records does; the job then fails as Model Monitor's
        would."""
        empty = sfn.Choice.jsonata(self._scope, "Did the job only lack records?")
        empty.when(sfn.Condition.jsonata(expression(f"$contains($failure.cause, {NO_DATA})")), self._no_records)
        empty.otherwise(self._failed)
        analyse.add_catch(empty, errors=["States.ALL"], assign=remember(analyse.id, "Read the job's message and log."))
        return analyse

    def _publish_features(self) -> sfn.IChainable:
        """PutMetricData refuses an empty list, which is what a window of too few records has."""
        publish = self._caught(
            self._publish("Publish the features", FEATURES_NAMESPACE, "$decision.features"), "Look at the report."
        )
        choice = sfn.Choice.jsonata(self._scope, "Was anything measured?")
        return choice.when(sfn.Condition.jsonata(expression("$count($decision.features) > 0")), publish).afterwards(
            include_otherwise=True
        )

    def _publish(self, name: str, namespace: str, metrics: str) -> sfn.CustomState:
        """Not the library's task: its own statement would allow every namespace; `permit_metrics` names ours."""
        task = sfn.CustomState(
            self._scope,
            name,
            state_json={
                "Type": "Task",
                "Resource": f"arn:{Aws.PARTITION}:states:::aws-sdk:cloudwatch:putMetricData",
                "Arguments": {"Namespace": namespace, "MetricData": expression(metrics)},
                "TimeoutSeconds": 60,
            },
        )
        retry_call(task)
        return task

    def _what_follows(self) -> sfn.IChainable:
        finding = self._tell("a finding", outcome="finding", then=self._verdict("Told", outcome="finding"))
        choice = sfn.Choice.jsonata(self._scope, "What follows?")
        if self._retraining is not None:
            started = self._tell(
                "retraining started",
                outcome="retraining",
                then=self._verdict("Retraining", outcome="retraining", training="$training"),
            )
            choice.when(
                _decided(RETRAIN), self._retraining.start(started=started, refused=finding, failed=self._failed)
            )
        choice.when(_decided(TELL), finding)
        choice.when(_decided("nothing"), self._verdict("All is well", outcome="completed"))
        return choice.otherwise(self._failed_without_a_decision())

    def _failed_without_a_decision(self) -> sfn.Fail:
        return sfn.Fail.jsonata(
            self._scope,
            "No decision",
            error="MonitoringFailed",
            cause="The decision is none of retrain, tell and nothing: handler and machine disagree. Report it.",
        )

    def _tell(self, name: str, *, outcome: str, then: sfn.IChainable) -> sfn.IChainable:
        return self._telling.tell(
            name,
            outcome=outcome,
            version="$live.version",
            cause="$decision.reason & ' Window ' & $capture.window_start & ' to ' & $capture.window_end & '.'",
            next_step="$decision.next_step",
            then=then,
            untold=self._untold(),
        )

    def _tell_no_records(self) -> sfn.IChainable:
        dimensions = (
            f'[{{"Name": "Endpoint", "Value": "{self._endpoint}"}},'
            f' {{"Name": "MonitoringSchedule", "Value": "{schedule_name(self._endpoint)}"}}]'
        )
        count = self._publish(
            "Count no records",
            COUNTS_NAMESPACE,
            f'[{{"MetricName": "RecordsCaptured", "Value": 0, "Unit": "Count", "Dimensions": {dimensions}}}]',
        )
        tell = self._telling.tell(
            "no records",
            outcome="no_records",
            version="$live.version",
            cause="'No record was captured from ' & $capture.window_start & ' to ' & $capture.window_end & '.'",
            next_step='"See whether clients call the endpoint and whether its data capture is on."',
            then=self._end("No records", outcome="no_records", window=_WINDOW, decision=TELL),
            untold=self._untold(),
        )
        self._caught(count, "Look whether metrics can be published.")
        return count.next(tell)

    def _untold(self) -> sfn.Fail:
        return self._telling.untold(
            "The monitor has a finding and its message could not be sent. Next step: read the window's report."
        )

    def _verdict(self, name: str, *, outcome: str, training: str = "null") -> sfn.Succeed:
        return sfn.Succeed.jsonata(
            self._scope,
            name,
            outputs={
                "outcome": outcome,
                "window": expression(_WINDOW),
                "version": expression("$live.version"),
                "records": expression("$decision.records"),
                "violations": expression("$decision.violations"),
                "decision": expression("$decision.decision"),
                "reason": expression("$decision.reason"),
                "report_uri": expression("$capture.report_uri"),
                "training_execution": expression(training),
            },
        )

    def _end(self, name: str, *, outcome: str, window: str, decision: str) -> sfn.Succeed:
        return sfn.Succeed.jsonata(
            self._scope,
            name,
            outputs={
                "outcome": outcome,
                "window": expression(window),
                "records": 0,
                "violations": [],
                "decision": decision,
                "reason": outcome,
                "training_execution": expression("null"),
            },
        )


_NO_BASELINE = "$not($exists($live.baseline_statistics_uri) and $exists($live.baseline_constraints_uri))"
_WINDOW = '{"start": $capture.window_start, "end": $capture.window_end}'


def permit_metrics(role: iam.IRole) -> None:
    """PutMetricData takes no resource; the namespaces narrow it."""
    role.add_to_principal_policy(
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"],
            resources=["*"],
            conditions={"StringEquals": {"cloudwatch:namespace": [COUNTS_NAMESPACE, FEATURES_NAMESPACE]}},
        )
    )


def _decided(decision: str) -> sfn.Condition:
    return sfn.Condition.jsonata(expression(f'$decision.decision = "{decision}"'))


def _timeout() -> sfn.Timeout:
    return sfn.Timeout.duration(Duration.seconds(60))
