"""The stages of a training that decide something: each a Lambda function and the task that calls it."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.access import Access, accept_wildcards
from slipway_constructs.foundation import Foundation
from slipway_constructs.stage_function import StageFunction
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.patience import retry_function
from slipway_constructs.workflow.training_places import RUN, Places

REASON = "A stage reads and writes below this model's own prefixes; which objects is known only when it runs."


def call(
    scope: Construct, name: str, function: StageFunction, payload: dict[str, Any], **more: Any
) -> tasks.LambdaInvoke:
    """A task that calls a stage; its limit is the function's own, and something for the way."""
    assert function.timeout is not None
    task = tasks.LambdaInvoke.jsonata(
        scope,
        name,
        lambda_function=function,
        payload=sfn.TaskInput.from_object(payload),
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(Duration.seconds(function.timeout.to_seconds() + 15)),
        **more,
    )
    retry_function(task)
    return task


class TrainingStages:
    """Builds the functions and the tasks. Each writes one variable: `data`, `artefact`, `gate`."""

    def __init__(self, scope: Construct, *, foundation: Foundation, model: Model, places: Places) -> None:
        self._scope = scope
        self._foundation = foundation
        self._model = model
        self._places = places

    def check_data(self) -> tasks.LambdaInvoke:
        """Expects nothing. Leaves `$data`, and `$run`, `$root` and `$asked` for all that follows."""
        model = self._model
        function = self._function("DataCheck", "validate_data", Duration.minutes(5))
        access = Access(function.role)  # type: ignore[arg-type]  # StageFunction makes it an iam.Role
        access.list(self._foundation.data, f"{model.data.prefix}*")
        access.read(self._foundation.data, f"{model.data.prefix}*")
        runs = f"{self._places.prefix}*"
        access.write(self._foundation.artefacts, f"{runs}/manifest.json", f"{runs}/config/*")
        accept_wildcards(function.role, REASON)  # type: ignore[arg-type]
        return call(
            self._scope,
            "Check the data",
            function,
            {
                "run_bucket": self._places.bucket,
                "run_prefix": self._places.run_prefix,
                "data_bucket": self._places.data_bucket,
                "data_prefix": model.data.prefix,
                "schema": {
                    "problem": model.problem.type.value,
                    "target": model.problem.target,
                    "columns": [
                        {"name": c.name, "type": c.type.value, "required": c.required} for c in model.data.columns
                    ],
                },
                "prepare": {"holdout": model.data.holdout, "minimum_rows": model.data.minimum_rows},
            },
            assign={
                "run": expression(RUN),
                "root": self._places.root,
                "data": expression("$states.result.Payload"),
                "asked": expression(
                    '($input := $states.input; {"trigger": $exists($input.trigger) ? $input.trigger : "manual",'
                    ' "reason": $exists($input.reason) ? $input.reason : "no reason given",'
                    ' "window": $exists($input.window) ? $input.window : null})'
                ),
            },
        )

    def inspect_artefact(self) -> tasks.LambdaInvoke:
        """Expects `$model`, the archive's URI. Leaves `$artefact` {sha256, bytes, members}."""
        # Python unpacks about 100 MiB a second on the share of a CPU that this much memory buys; 2 GiB is the largest
        # archive taken.
        function = self._function("ArtefactInspection", "inspect_artefact", Duration.minutes(5), memory_mib=1024)
        Access(function.role).read(self._foundation.artefacts, f"{self._places.prefix}*/model/*")  # type: ignore[arg-type]
        accept_wildcards(function.role, REASON)  # type: ignore[arg-type]
        return call(
            self._scope,
            "Inspect the artefact",
            function,
            {"uri": expression("$model")},
            assign={"artefact": expression("$states.result.Payload")},
        )

    def judge(self) -> tasks.LambdaInvoke:
        """Expects `evaluation/` and `$artefact`. Leaves `$gate` {passed, rows, metrics, data_rows, refusal}."""
        function = self._function("GateKeeper", "evaluate_gate", Duration.seconds(30))
        access = Access(function.role)  # type: ignore[arg-type]
        runs = f"{self._places.prefix}*"
        access.read(self._foundation.artefacts, f"{runs}/evaluation/*", f"{runs}/prepared/report/*")
        access.write(self._foundation.artefacts, f"{runs}/gate.json")
        accept_wildcards(function.role, REASON)  # type: ignore[arg-type]
        return call(
            self._scope,
            "Judge",
            function,
            {
                "evaluation_uri": Places.at("evaluation/evaluation.json"),
                "data_report_uri": Places.at("prepared/report/data_report.json"),
                "gate_uri": Places.at("gate.json"),
                "artefact_sha256": expression("$artefact.sha256"),
                "champion_expected": expression("$champion.exists"),
                "gates": self._model.gates.model_dump(mode="json", exclude_none=True),
            },
            assign={"gate": expression("$states.result.Payload")},
        )

    def _function(self, id_: str, verb: str, timeout: Duration, memory_mib: int = 256) -> StageFunction:
        return StageFunction(
            self._scope, id_, verb=verb, foundation=self._foundation, timeout=timeout, memory_mib=memory_mib
        )
