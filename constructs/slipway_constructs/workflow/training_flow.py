"""The training machine's flow, from a request to a version that waits for approval."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from slipway_constructs.container_image import ContainerImage
from slipway_constructs.registry import Images
from slipway_constructs.workflow.chain import expression, in_sequence
from slipway_constructs.workflow.failing import remember
from slipway_constructs.workflow.patience import retry_call
from slipway_constructs.workflow.telling import Telling
from slipway_constructs.workflow.training_jobs import TrainingJobs
from slipway_constructs.workflow.training_registration import Registration
from slipway_constructs.workflow.training_stages import TrainingStages
from slipway_lambda.contracts.training import REFUSED, REGISTERED

AGAIN = "Mend what the cause names, then start the training again."


class TrainingFlow:
    """Expects an input of {trigger, reason, hyperparameters?, window?}.

    Leaves {outcome, model_package_arn, version, metrics, gate_rows, data_version, rows, triggered_by}, or fails as
    `TrainingFailed`.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        stages: TrainingStages,
        jobs: TrainingJobs,
        registration: Registration,
        telling: Telling,
        images: Images,
    ) -> None:
        self._scope = scope
        self._stages = stages
        self._jobs = jobs
        self._registration = registration
        self._telling = telling
        self._images = images
        self._failed = self._telling.failure()

    def definition(self) -> sfn.IChainable:
        """One state a line."""
        return in_sequence(
            [
                self._caught(self._stages.check_data(), "Mend the data, then start the training again."),
                self._caught(
                    self._find_image("training", "tabular", self._images.tabular), "Deploy the Registry stack."
                ),
                self._caught(
                    self._find_image("monitor", "monitor", self._images.monitor), "Deploy the Registry stack."
                ),
                self._caught(self._registration.find_champion(), AGAIN),
                self._with_champion(),
                self._caught(self._jobs.prepare(), "Read the job's message and log, mend the data, train again."),
                self._train_and_describe(),
                self._only_if_completed(),
                self._caught(
                    self._stages.inspect_artefact(), "Do not use this archive; look at the training job's log."
                ),
                self._caught(self._jobs.evaluate(), "Read the job's message and log, then train again."),
                self._caught(self._stages.judge(), "Look at the evaluation in the run's folder."),
                self._only_if_passed(),
                self._caught(self._registration.register(), AGAIN),
                self._tell_registered(),
            ]
        )

    def _caught(self, task: Any, next_step: str) -> Any:
        task.add_catch(self._failed, errors=["States.ALL"], assign=remember(task.id, next_step))
        return task

    def _find_image(self, what: str, key: str, image: ContainerImage) -> tasks.CallAwsService:
        """Leaves `$images.<key>`, by digest: a tag could be another image tomorrow (S06)."""
        uri, digest = image.repository.repository_uri, "$states.result.ImageDetails[0].ImageDigest"
        found = f'{{"{key}": "{uri}@" & {digest}, "{key}_digest": {digest}}}'
        task = tasks.CallAwsService.jsonata(
            self._scope,
            f"Find the {what} image",
            service="ecr",
            action="describeImages",
            iam_action="ecr:DescribeImages",
            iam_resources=[image.repository.repository_arn],
            parameters={
                "RepositoryName": image.repository.repository_name,
                "ImageIds": [{"ImageTag": image.tag}],
            },
            assign={"images": expression(found if key == "tabular" else f"$merge([$images, {found}])")},
            task_timeout=sfn.Timeout.duration(Duration.seconds(60)),
        )
        retry_call(task, final=["Ecr.ImageNotFoundException", "Ecr.RepositoryNotFoundException"])
        return task

    def _with_champion(self) -> sfn.IChainable:
        choice = sfn.Choice.jsonata(self._scope, "Is there a champion?")
        read = self._caught(self._registration.read_champion(), AGAIN)
        blind = self._refuse_to_go_on(
            "$not($champion.searched_all)",
            "The hundred newest approved versions were all rolled back, and there are more.",
            "Reject versions that must not be compared with, then train again.",
        )
        choice.when(sfn.Condition.jsonata(expression("$champion.exists")), read)
        choice.when(blind[0], self._failed, assign=blind[1])
        return choice.afterwards(include_otherwise=True)

    def _train_and_describe(self) -> sfn.IChainable:
        """Both need only the prepared data. The training's description is the second branch's result."""
        both = sfn.Parallel.jsonata(
            self._scope,
            "Train, and describe the data",
            assign={
                "model": expression("$states.result[1].ModelArtifacts.S3ModelArtifacts"),
                "training": expression(
                    '{"status": $states.result[1].TrainingJobStatus, "secondary": $states.result[1].SecondaryStatus}'
                ),
            },
        )
        both.branch(self._jobs.baseline(), self._jobs.train())
        return self._caught(both, "Read the failed job's log, then train again.")  # type: ignore[no-any-return]

    def _only_if_completed(self) -> sfn.IChainable:
        """A job stopped by its time limit may leave half a model behind (B06)."""
        choice = sfn.Choice.jsonata(self._scope, "Did the training end by itself?")
        stopped = self._refuse_to_go_on(
            '$not($training.status = "Completed")',
            "The training job was stopped before it was done: its model, if any, is not used.",
            "Raise training.max_runtime_seconds in model.yaml, or find out who stopped it.",
        )
        return choice.when(stopped[0], self._failed, assign=stopped[1]).afterwards(include_otherwise=True)

    def _only_if_passed(self) -> sfn.IChainable:
        choice = sfn.Choice.jsonata(self._scope, "Is it good enough?")
        refused = self._telling.tell(
            "not good enough",
            outcome=REFUSED,
            version="null",
            cause="$gate.refusal",
            next_step='"See gate.json in the run\'s folder; better data or parameters may pass."',
            then=self._end("Refused", REFUSED, "null", "null"),
            untold=self._untold(),
        )
        # Written so that anything but a clear yes is a no (B13).
        return choice.when(sfn.Condition.jsonata(expression("$not($gate.passed = true)")), refused).afterwards(
            include_otherwise=True
        )

    def _refuse_to_go_on(self, when: str, cause: str, next_step: str) -> tuple[sfn.Condition, dict[str, Any]]:
        failure = {"state": "Train", "error": "TrainingFailed", "cause": cause, "next_step": next_step}
        return sfn.Condition.jsonata(expression(when)), {"failure": failure}

    def _tell_registered(self) -> sfn.IChainable:
        return self._telling.tell(
            "waiting for approval",
            outcome=REGISTERED,
            version="$version.number",
            cause="'It passed every gate. Asked for by: ' & $asked.trigger & ', ' & $asked.reason",
            next_step='"Read its gate table, then approve or reject it in the registry."',
            then=self._end("Waiting for approval", REGISTERED, "$version.arn", "$version.number"),
            untold=self._untold(),
        )

    def _untold(self) -> sfn.Fail:
        return self._telling.untold(
            "The training has ended and its message could not be sent. Read the run's gate.json."
        )

    def _end(self, name: str, outcome: str, arn: str, version: str) -> sfn.Succeed:
        return sfn.Succeed.jsonata(
            self._scope,
            name,
            outputs={
                "outcome": outcome,
                "model_package_arn": expression(arn),
                "version": expression(version),
                "metrics": expression("$gate.metrics"),
                "gate_rows": expression("$gate.rows"),
                "data_version": expression("$data.data_version"),
                "rows": expression("$gate.data_rows"),
                "triggered_by": expression("$asked.trigger"),
                "reason": expression("$asked.reason"),
                "window": expression("$asked.window"),
            },
        )
