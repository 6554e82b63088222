"""`train`: from prepared rows to a model artefact, resumable, deterministic for one seed and number of processors."""

import signal
import sys
from dataclasses import replace
from types import FrameType
from typing import Any

import numpy as np
import xgboost

from tabular import dataset, model, paths
from tabular.checkpoints import Checkpoints, fingerprint
from tabular.encode import Encoder
from tabular.faults import DataFault, InterruptedFault, ParameterFault
from tabular.hyperparameters import Hyperparameters
from tabular.schema import Schema

CHECKPOINT_EVERY_ROUNDS = 10
CATEGORIES_AT_MOST = 10_000


class Stop:
    """Set by SIGTERM: SageMaker stops a job, or Spot takes the machine, 120 s before the kill."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def main() -> None:
    stop = Stop()
    settings = Hyperparameters.read(paths.hyperparameters())
    declared = Schema.read(paths.channel("config") / "schema.json").declaration()
    train_files = dataset.csv_files(paths.channel("train"))
    has_validation = paths.channel("validation").is_dir()
    validation_files = dataset.csv_files(paths.channel("validation")) if has_validation else []
    if settings.early_stopping_rounds and not has_validation:
        raise ParameterFault("early_stopping_rounds needs a validation channel: add one or set it to 0")
    schema = _learn(declared, train_files)
    sets = {"train": dataset.read(train_files, schema)}
    if has_validation:
        sets["validation"] = dataset.read(validation_files, schema)
    _refuse_one_class(schema, sets["train"][1])
    print_ = fingerprint([*train_files, *validation_files], schema.document(), settings.document(), xgboost.__version__)
    run = Run(schema, settings, sets, Checkpoints(paths.checkpoints(), print_))
    run.train(stop)
    run.save()


def _learn(schema: Schema, files: list[Any]) -> Schema:
    known = dataset.vocabulary(files, schema)
    for name, values in known.items():
        if len(values) > CATEGORIES_AT_MOST:
            raise DataFault(f'column "{name}" has {len(values)} categories, over {CATEGORIES_AT_MOST}: is it an id?')
    return replace(schema, columns=tuple(replace(c, categories=known.get(c.name)) for c in schema.columns))


def _refuse_one_class(schema: Schema, labels: dataset.Labels) -> None:
    if labels.min() == labels.max():
        raise DataFault(f'target "{schema.target}" is {labels[0]:g} in every row: there is nothing to learn')


class Run:
    """One training, from the newest checkpoint or from nothing."""

    def __init__(self, schema: Schema, settings: Hyperparameters, sets: dict[str, Any], kept: Checkpoints) -> None:
        self._schema, self._settings, self._checkpoints = schema, settings, kept
        self._rows = {name: len(labels) for name, (_, labels) in sets.items()}
        kinds = Encoder(schema).feature_types
        options = {"feature_types": kinds, "enable_categorical": True, "nthread": model.processors()}
        first = xgboost.QuantileDMatrix(*sets["train"], **options)
        self._sets = [(first, "train")]
        if "validation" in sets:
            self._sets.append((xgboost.QuantileDMatrix(*sets["validation"], ref=first, **options), "validation"))
        found = kept.newest()
        self._done, raw, self._best = found or (0, None, {})
        start = None if raw is None else bytearray(raw)
        self._booster = xgboost.Booster(self._parameters(), [d for d, _ in self._sets], model_file=start)
        if raw is None:
            kept.clear()
        else:
            say(f"resumed after round {self._done}")

    def _parameters(self) -> dict[str, Any]:
        known = self._settings.document()
        named = {k: v for k, v in known.items() if k not in ("num_round", "early_stopping_rounds")}
        goal = (
            {"objective": "binary:logistic", "eval_metric": ["auc", "logloss"]}
            if self._schema.is_classification
            else {"objective": "reg:squarederror", "eval_metric": ["mae", "rmse"]}
        )
        return {**named, **goal, "tree_method": "hist", "nthread": model.processors()}

    def train(self, stop: Stop) -> None:
        while self._done < self._settings.num_round and not self._is_stale():
            if stop.asked:
                self._keep()
                raise InterruptedFault(
                    f"stopped after round {self._done} of {self._settings.num_round}; checkpoint kept"
                )
            self._booster.update(self._sets[0][0], self._done)
            self._done += 1
            watching = self._settings.early_stopping_rounds > 0
            at_checkpoint = self._done % CHECKPOINT_EVERY_ROUNDS == 0
            if watching or at_checkpoint:
                self._judge(self._sets[1:] if not at_checkpoint else self._sets)
            if at_checkpoint:
                self._keep()

    def _judge(self, sets: list[Any]) -> dict[str, float]:
        """Metrics, printed for MetricDefinitions; the loss is the last of a set and the lower the better."""
        found = self._booster.eval_set(sets, self._done).split("\t")[1:]
        metrics = {k.replace("-", "_"): float(v) for k, v in (pair.rsplit(":", 1) for pair in found)}
        say(f"round={self._done}; " + " ".join(f"{k}={v:.6f};" for k, v in metrics.items()))
        loss = metrics.get("validation_logloss", metrics.get("validation_rmse"))
        if loss is not None and loss < self._best.get("loss", np.inf):
            self._best = {"loss": loss, "rounds": self._done}
        return metrics

    def _is_stale(self) -> bool:
        patience = self._settings.early_stopping_rounds
        return patience > 0 and self._done - self._best.get("rounds", self._done) >= patience

    def _keep(self) -> None:
        if self._done:
            self._checkpoints.save(self._done, bytes(self._booster.save_raw("ubj")), self._best)

    def save(self) -> None:
        if self._settings.early_stopping_rounds and self._best:
            self._booster = self._booster[: self._best["rounds"]]
            self._done = self._best["rounds"]
        training = {
            "rows": self._rows,
            "rounds": self._done,
            "hyperparameters": self._settings.document(),
            "xgboost": xgboost.__version__,
            "metrics": self._judge(self._sets),
        }
        model.save(paths.model(), self._booster, self._schema, training)


def say(line: str) -> None:
    """To the job's log, whole and at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
