"""The stages of a monitor run that decide something."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from slipway.config import names
from slipway.config.model import DataQuality, Model
from slipway_constructs.access import Access, accept_wildcards
from slipway_constructs.foundation import Foundation
from slipway_constructs.stage_function import StageFunction
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.training_stages import REASON, call
from slipway_lambda.contracts.monitoring import SCHEDULED_TIME, WINDOW_END, WINDOW_START, schedule_name

ASKED = (
    f"$exists($states.input.{WINDOW_START}) or $exists($states.input.{WINDOW_END})"
    f" ? $sift($states.input, function($value, $key) {{ $key in ['{WINDOW_START}', '{WINDOW_END}'] }})"
    f" : {{'{SCHEDULED_TIME}': $exists($states.input.{SCHEDULED_TIME}) ? $states.input.{SCHEDULED_TIME} : $now()}}"
)
"""What the execution was asked to look at: an operator's window, or the time the schedule fired."""


class MonitorStages:
    """Builds the functions and the tasks. `train_machine` None: this environment trains nothing, and drift is only
    told."""

    def __init__(
        self,
        scope: Construct,
        *,
        foundation: Foundation,
        model: Model,
        quality: DataQuality,
        endpoint: str,
        train_machine: sfn.IStateMachine | None,
    ) -> None:
        self._scope = scope
        self._foundation = foundation
        self._model = model
        self._quality = quality
        self._endpoint = endpoint
        self._train_machine = train_machine

    def find_capture(self) -> tasks.LambdaInvoke:
        """Expects the execution's input in `$asked`. Leaves `$capture`."""
        function = self._function("CaptureFinder", "find_capture", Duration.minutes(2), {})
        access = Access(function.role)  # type: ignore[arg-type]  # StageFunction makes it an iam.Role
        access.list(self._foundation.capture, f"{self._model.name}/capture/*")
        access.write(self._foundation.reports, f"{self._model.name}/monitor/*/input/manifest.json")
        accept_wildcards(function.role, REASON)  # type: ignore[arg-type]
        fixed = {
            "capture_bucket": self._foundation.capture.bucket_name,
            "capture_prefix": f"{self._model.name}/capture/",
            "endpoint": self._endpoint,
            "variant": names.VARIANT,
            "report_bucket": self._foundation.reports.bucket_name,
            "model": self._model.name,
            "schedule": self._quality.schedule,
        }
        return call(
            self._scope,
            "Find the captured records",
            function,
            {**fixed, "asked": expression("$asked")},
            assign={"capture": expression("$states.result.Payload")},
        )

    def decide(self) -> tasks.LambdaInvoke:
        """Expects `$capture`. Leaves `$decision` {decision, reason, next_step, records, violations, violation_count,
        features, counts}."""
        function = self._function(
            "RetrainingDecision",
            "decide_retraining",
            Duration.minutes(1),
            {"LEDGER_TABLE": self._foundation.ledger.table_name},
        )
        Access(function.role).read(self._foundation.reports, f"{self._model.name}/monitor/*")  # type: ignore[arg-type]
        function.add_to_role_policy(
            iam.PolicyStatement(actions=["dynamodb:GetItem"], resources=[self._foundation.ledger.table_arn])
        )
        machine = self._train_machine
        if machine is not None:
            function.add_to_role_policy(
                iam.PolicyStatement(actions=["states:ListExecutions"], resources=[machine.state_machine_arn])
            )
        accept_wildcards(function.role, REASON)  # type: ignore[arg-type]
        return call(
            self._scope,
            "Decide what follows",
            function,
            {
                "report_uri": expression("$capture.report_uri"),
                "endpoint": self._endpoint,
                "schedule": schedule_name(self._endpoint),
                "model": self._model.name,
                "on_drift": self._model.retrain.on_drift,
                "cooldown_seconds": self._model.retrain.cooldown_hours * 3600,
                "now": expression("$floor($millis() / 1000)"),
                "train_machine": machine.state_machine_arn if machine is not None else "",
            },
            assign={"decision": expression("$states.result.Payload")},
        )

    def _function(self, id_: str, verb: str, timeout: Duration, environment: dict[str, str]) -> StageFunction:
        return StageFunction(
            self._scope, id_, verb=verb, foundation=self._foundation, timeout=timeout, environment=environment
        )
