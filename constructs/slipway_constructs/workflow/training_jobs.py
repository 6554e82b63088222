"""The four jobs of a training: prepare, baseline, train, evaluate."""

import json
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.jobs import INPUT, OUTPUT, ProcessingJob, TrainingJob, result, source, volume
from slipway_constructs.workflow.training_places import Places

DATA_JOB_RUNTIME = Duration.hours(2)
METRICS = (
    "train_logloss",
    "train_auc",
    "train_rmse",
    "train_mae",
    "validation_logloss",
    "validation_auc",
    "validation_rmse",
)
"""What the container may print, as `name=0.123;`."""

_HYPERPARAMETERS = """(
  $asked := $states.context.Execution.Input.hyperparameters;
  $all := $merge([%s, $type($asked) = "object" ? $asked : {}]);
  $merge($append([{}], $each($all, function($value, $name) { { $name: $string($value) } }))))"""

_CHAMPION = '$champion.exists ? [{"InputName": "champion", "S3Input": %s}] : []'


class TrainingJobs:
    """Builds the states. They read `$run`, `$root`, `$data`, `$images` and, to evaluate, `$model`, `$artefact` and
    `$champion`."""

    def __init__(
        self, scope: Construct, *, model: Model, key: kms.IKey, data_role: iam.IRole, trainer_role: iam.IRole
    ) -> None:
        self._scope = scope
        self._model = model
        self._key = key
        self._data_role = data_role
        self._trainer_role = trainer_role

    def prepare(self) -> ProcessingJob:
        """Leaves `prepared/` in the run."""
        return self._processing(
            "Prepare the data",
            step="prepare",
            image="tabular",
            inputs=[
                source("raw", expression("$data.manifest_uri"), f"{INPUT}/raw", manifest=True),
                source("config", Places.at("config/"), f"{INPUT}/config"),
            ],
            outputs=[
                result(name, Places.at(f"prepared/{name}"), f"{OUTPUT}/{name}")
                for name in ("train", "holdout", "baseline", "report")
            ],
            environment={},
        )

    def baseline(self) -> ProcessingJob:
        """Leaves `baseline/` in the run: what live requests will be compared with."""
        quality = self._model.monitors.data_quality
        return self._processing(
            "Describe the training data",
            step="baseline",
            image="monitor",
            inputs=[
                source("baseline_dataset_input", Places.at("prepared/baseline/"), f"{INPUT}/baseline_dataset_input")
            ],
            outputs=[result("monitoring_output", Places.at("baseline"), OUTPUT)],
            environment={
                "dataset_format": json.dumps({"csv": {"header": True}}),
                "dataset_source": f"{INPUT}/baseline_dataset_input",
                "output_path": OUTPUT,
                "publish_cloudwatch_metrics": "Disabled",
                **({"slipway_drift_threshold": f"{quality.drift_threshold:g}"} if quality else {}),
            },
        )

    def train(self) -> TrainingJob:
        """Leaves the model archive below `model/` in the run; its output is the job's description."""
        return TrainingJob(self._scope, "Train model", request=self._training_request(), longest=self.longest_training)

    def evaluate(self) -> ProcessingJob:
        """Leaves `evaluation/` in the run: challenger and champion on the same holdout, in the same job."""
        champion = json.dumps(source("champion", "?", f"{INPUT}/champion")["S3Input"]).replace(
            '"?"', "$champion.model_uri"
        )
        fixed = [
            source("holdout", "$root & 'prepared/holdout/'", f"{INPUT}/holdout"),
            source("config", "$root & 'config/'", f"{INPUT}/config"),
            source("model", "$model", f"{INPUT}/model"),
        ]
        text = json.dumps(fixed)
        for uri in ("$root & 'prepared/holdout/'", "$root & 'config/'", "$model"):
            text = text.replace(f'"{uri}"', uri)
        return self._processing(
            "Evaluate champion and challenger",
            step="evaluate",
            image="tabular",
            inputs=expression(f"$append({text}, {_CHAMPION % champion})"),
            outputs=[result("evaluation", Places.at("evaluation"), f"{OUTPUT}/evaluation")],
            environment={"SLIPWAY_EXPECTED_SHA256": expression("$artefact.sha256")},
        )

    @property
    def longest_training(self) -> Duration:
        """Waiting for spot capacity included."""
        training = self._model.training
        if not training.spot:
            return Duration.seconds(training.max_runtime_seconds)
        return Duration.seconds(training.max_wait_seconds or 2 * training.max_runtime_seconds)

    def _processing(self, id_: str, *, step: str, image: str, **job: Any) -> ProcessingJob:
        arguments = {"prepare": "prepare", "baseline": "baseline", "evaluate": "evaluate"}
        return ProcessingJob(
            self._scope,
            id_,
            job_name=Places.job(step),
            image=expression(f"$images.{image}"),
            arguments=[arguments[step]],
            role=self._data_role,
            instance_type=self._model.monitors.instance_type
            if image == "monitor"
            else self._model.training.instance_type,
            volume_gb=self._model.training.volume_gb,
            key=self._key,
            max_runtime=DATA_JOB_RUNTIME,
            **job,
        )

    def _training_request(self) -> dict[str, Any]:
        training = self._model.training
        stopping = {"MaxRuntimeInSeconds": training.max_runtime_seconds}
        if training.spot:
            stopping["MaxWaitTimeInSeconds"] = int(self.longest_training.to_seconds())
        return {
            "TrainingJobName": Places.job("train"),
            "AlgorithmSpecification": {
                "TrainingImage": expression("$images.tabular"),
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": name, "Regex": f"{name}=([0-9.eE+-]+);"} for name in METRICS],
            },
            "HyperParameters": expression(_HYPERPARAMETERS % json.dumps(training.hyperparameters)),
            "RoleArn": self._trainer_role.role_arn,
            "InputDataConfig": [_channel("train", "prepared/train/"), _channel("config", "config/")],
            "OutputDataConfig": {"S3OutputPath": Places.at("model"), "KmsKeyId": self._key.key_arn},
            "CheckpointConfig": {"S3Uri": Places.at("checkpoints")},
            "ResourceConfig": volume(training.instance_type, training.volume_gb, self._key),
            "StoppingCondition": stopping,
            "EnableManagedSpotTraining": training.spot,
            "EnableNetworkIsolation": True,
        }


def _channel(name: str, path: str) -> dict[str, Any]:
    return {
        "ChannelName": name,
        "DataSource": {
            "S3DataSource": {
                "S3DataType": "S3Prefix",
                "S3Uri": Places.at(path),
                "S3DataDistributionType": "FullyReplicated",
            }
        },
        "InputMode": "File",
    }
