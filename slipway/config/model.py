"""`models/<name>/model.yaml`: one model from data to retraining. Owned by data scientists.

Limits quoted here are SageMaker's own (CreateEndpointConfig, UpdateEndpoint, CreateTrainingJob); each is checked before
synth so that nothing is created that the service would refuse later.
"""

import math
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from slipway.config.base import Clash, Declared, Name, refuse, says
from slipway.config.endpoint import Endpoint, InstanceType
from slipway.config.rollout import Rollout
from slipway.config.shift import Shift, longest_shift, shift_clashes
from slipway.config.trial_rules import trial_clashes

ColumnName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$", max_length=64),
    Field(json_schema_extra=says("lower-case letters, digits and underscores, not beginning with a digit")),
]


def _no_dots(prefix: str) -> str:
    if any(part in {".", ".."} for part in prefix.split("/")):
        raise ValueError("has a part that is . or ..: S3 keys are not paths, write the prefix out")
    return prefix


Prefix = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*/$", max_length=200),
    AfterValidator(_no_dots),
    Field(
        json_schema_extra=says("an S3 prefix that begins without and ends with a slash, such as flight-delays/monthly/")
    ),
]
Fraction = Annotated[float, Field(gt=0, lt=1)]


class ProblemType(StrEnum):
    """What is predicted."""

    BINARY_CLASSIFICATION = "binary_classification"
    REGRESSION = "regression"


class Problem(Declared):
    """What is predicted, and which column holds the truth."""

    type: ProblemType
    target: ColumnName


class ColumnType(StrEnum):
    """How a column's text is read."""

    NUMBER = "number"
    CATEGORY = "category"


class Column(Declared):
    """One input column, in the order clients send it."""

    name: ColumnName
    type: ColumnType
    required: bool = True
    """False: the value may be missing; an empty CSV field is a missing value."""


class Data(Declared):
    """The training data: CSV files with a header line, under one prefix of the environment's data bucket."""

    prefix: Prefix
    columns: Annotated[list[Column], Field(min_length=1, max_length=1000)]
    """The model's inputs in the order of a request. Files may hold further columns; they are ignored."""
    minimum_rows: Annotated[int, Field(ge=1)] = 1000
    """Fewer rows than this are refused before any compute is bought."""
    holdout: Fraction = 0.2
    """Share of rows kept from training. Chosen by a hash of the row, so a row never changes sides between runs."""

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        names = [c.name for c in self.columns]
        refuse(
            *(
                Clash(
                    ("columns", at, "name"),
                    f"is also the name of column {names.index(name) + 1}",
                    "rename or remove one",
                )
                for at, name in enumerate(names)
                if names.index(name) < at
            )
        )
        return self


class Container(Declared):
    """What trains and serves. `tabular` is the XGBoost image in `containers/tabular`."""

    image: Literal["tabular"] = "tabular"


class Training(Declared):
    """The training job."""

    instance_type: InstanceType = "ml.m5.xlarge"
    volume_gb: Annotated[int, Field(ge=1, le=16384)] = 30
    max_runtime_seconds: Annotated[int, Field(ge=60, le=432000)] = 3600
    spot: bool = False
    """Managed spot. Checkpoints are always kept, so an interrupted job resumes."""
    max_wait_seconds: Annotated[int, Field(ge=60, le=864000)] | None = None
    """With `spot`: how long to wait for capacity and to run, together. Default: twice `max_runtime_seconds`."""
    hyperparameters: Annotated[
        dict[
            Annotated[
                str,
                StringConstraints(pattern=r"^[a-z_][a-z0-9_]{0,63}$"),
                Field(json_schema_extra=says("lower-case letters, digits and underscores")),
            ],
            int | float | Annotated[str, StringConstraints(max_length=2500)],
        ],
        Field(max_length=100),
    ] = {}  # noqa: RUF012 (pydantic copies defaults)
    """Passed to the container as strings, as SageMaker does."""

    @model_validator(mode="after")
    def _wait_covers_the_run(self) -> Self:
        here, wait, run = ("max_wait_seconds",), self.max_wait_seconds, self.max_runtime_seconds
        if wait is not None:
            refuse(
                None
                if self.spot
                else Clash(here, "is for spot training only", "set training.spot to true, or remove it", (("spot",),)),
                Clash(
                    here,
                    f"is less than max_runtime_seconds {run}, and SageMaker wants it equal or greater",
                    f"give at least {run}",
                    (("max_runtime_seconds",),),
                )
                if wait < run
                else None,
            )
        return self


class Metric(StrEnum):
    """Metrics that the evaluation writes."""

    AUC = "auc"
    ACCURACY = "accuracy"
    F1 = "f1"
    LOG_LOSS = "log_loss"
    RMSE = "rmse"
    MAE = "mae"
    R2 = "r2"


LOWER_IS_BETTER = frozenset({Metric.LOG_LOSS, Metric.RMSE, Metric.MAE})
SCALE_OF = {
    Metric.AUC: (0.0, 1.0),
    Metric.ACCURACY: (0.0, 1.0),
    Metric.F1: (0.0, 1.0),
    Metric.LOG_LOSS: (0.0, math.inf),
    Metric.RMSE: (0.0, math.inf),
    Metric.MAE: (0.0, math.inf),
    Metric.R2: (-math.inf, 1.0),
}
METRICS_OF = {
    ProblemType.BINARY_CLASSIFICATION: frozenset({Metric.AUC, Metric.ACCURACY, Metric.F1, Metric.LOG_LOSS}),
    ProblemType.REGRESSION: frozenset({Metric.RMSE, Metric.MAE, Metric.R2}),
}


class AbsoluteGate(Declared):
    """A bound the challenger must keep on the holdout."""

    metric: Metric
    minimum: float | None = None
    maximum: float | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> Self:
        if (self.minimum is None) == (self.maximum is None):
            refuse(Clash((), "needs one bound", "give exactly one of minimum and maximum"))
        side, bound = ("minimum", self.minimum) if self.maximum is None else ("maximum", self.maximum)
        low, high = SCALE_OF[self.metric]
        wrong_way = (side == "minimum") is (self.metric in LOWER_IS_BETTER)
        better = "smaller" if self.metric in LOWER_IS_BETTER else "larger"
        other = "maximum" if side == "minimum" else "minimum"
        refuse(
            Clash((side,), f"keeps good challengers out: {self.metric} is better when {better}", f"use {other}")
            if wrong_way
            else None,
            Clash(
                (side,),
                f"is outside the scale of {self.metric}, {low:g} to {high:g}",
                "give a value on the metric's scale",
            )
            if bound is not None and not low <= bound <= high
            else None,
        )
        return self


class ChampionGate(Declared):
    """The challenger must beat the newest approved version, both judged on the same holdout in the same job."""

    metric: Metric
    minimum_gain: Annotated[float, Field(ge=0)] = 0.0
    """In units of the metric, in its better direction. 0: at least as good."""

    @model_validator(mode="after")
    def _gain_can_be_reached(self) -> Self:
        low, high = SCALE_OF[self.metric]
        refuse(
            Clash(
                ("minimum_gain",),
                f"is as wide as the scale of {self.metric}: no challenger could pass",
                "give a smaller gain",
            )
            if self.minimum_gain >= high - low
            else None
        )
        return self


class Gates(Declared):
    """What a challenger must pass before it is registered."""

    absolute: list[AbsoluteGate] = []  # noqa: RUF012 (pydantic copies defaults)
    champion: ChampionGate | None = None
    minimum_holdout_rows: Annotated[int, Field(ge=1)] = 200
    """Below this the evaluation says nothing and the gate is closed."""


class MonitorEngine(StrEnum):
    """Who runs the monitors."""

    SLIPWAY = "slipway"
    SAGEMAKER = "sagemaker"


class DataQuality(Declared):
    """Requests compared with the training data."""

    schedule: Literal["hourly", "daily"] = "hourly"
    drift_threshold: Fraction = 0.1
    """Largest distance between two distributions that is not drift."""
    minimum_records: Annotated[int, Field(ge=1)] = 100
    """Fewer records in a window give a finding, not a verdict."""


class Monitors(Declared):
    """What is watched once the model is live."""

    engine: MonitorEngine = MonitorEngine.SLIPWAY
    """`slipway` runs our container on a schedule. `sagemaker` is for accounts that still have Model Monitor, which is
    closed to new customers since 2026-07-30."""
    data_quality: DataQuality | None = DataQuality()
    instance_type: InstanceType = "ml.m5.large"


class Retrain(Declared):
    """When drift starts a training by itself."""

    on_drift: bool = True
    cooldown_hours: Annotated[int, Field(ge=1, le=8760)] = 24
    """At most one retraining in this time, and never two at once."""


class Model(Declared):
    """The whole of `model.yaml`."""

    name: Name
    """Also the folder's name, the model package group's and, with the environment's, the endpoint's."""
    description: Annotated[str, StringConstraints(max_length=1024)] = ""
    """Of the model package group. Line breaks become spaces: SageMaker refuses them."""
    owner: Annotated[str, StringConstraints(max_length=256)] = ""
    problem: Problem
    data: Data
    container: Container = Container()
    training: Training = Training()
    gates: Gates = Gates()
    approval: Literal["manual"] = "manual"
    """A person approves in the registry, with a reason."""
    endpoint: Endpoint = Endpoint()
    rollout: Rollout = Rollout()
    monitors: Monitors = Monitors()
    retrain: Retrain = Retrain()

    @field_validator("description", "owner")
    @classmethod
    def _one_line(cls, text: str) -> str:
        return " ".join(text.split())

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        refuse(
            *self._unsound_columns(),
            *self._unknown_metrics(),
            *self._unfit_rollout(),
            self._nothing_captured(),
            self._nobody_looks(),
            self._cure_kept_out(),
        )
        return self

    def _unsound_columns(self) -> list[Clash]:
        return [
            Clash(
                ("data", "columns", at, "name"),
                "is the target, problem.target: the model would see the answer",
                "remove the column",
                (("problem", "target"),),
            )
            for at, column in enumerate(self.data.columns)
            if column.name == self.problem.target
        ]

    def _unknown_metrics(self) -> list[Clash]:
        known = METRICS_OF[self.problem.type]
        asked: list[tuple[tuple[str | int, ...], Metric]] = [
            (("gates", "absolute", at, "metric"), gate.metric) for at, gate in enumerate(self.gates.absolute)
        ]
        if self.gates.champion:
            asked.append((("gates", "champion", "metric"), self.gates.champion.metric))
        return [
            Clash(
                path,
                f"does not exist for {self.problem.type}",
                f"use one of {', '.join(sorted(known))}",
                (("problem", "type"),),
            )
            for path, metric in asked
            if metric not in known
        ]

    def _unfit_rollout(self) -> list[Clash]:
        return [*shift_clashes(self.rollout, self.endpoint), *trial_clashes(self.rollout, self.endpoint)]

    @property
    def shift(self) -> Shift:
        """The rollout on this endpoint, in whole instances and seconds."""
        return longest_shift(self.rollout, self.endpoint)

    def _nobody_looks(self) -> Clash | None:
        ours = self.monitors.data_quality is not None and self.monitors.engine is MonitorEngine.SLIPWAY
        if ours or not self.rollout.alarms.monitor_violations:
            return None
        return Clash(
            ("rollout", "alarms", "monitor_violations"),
            "has nothing to watch: it reads what monitors.data_quality counts with engine slipway",
            "declare that monitor, or name the alarm you have on SageMaker's own under rollout.alarms.own",
            (("monitors", "data_quality"), ("monitors", "engine")),
        )

    def _cure_kept_out(self) -> Clash | None:
        if not (self.rollout.alarms.monitor_violations and self.retrain.on_drift):
            return None
        return Clash(
            ("rollout", "alarms", "monitor_violations"),
            "keeps every release out while requests have drifted, also that of the version that retrain.on_drift"
            " trains against the drift",
            "remove it, or set retrain.on_drift to false",
            (("retrain", "on_drift"),),
        )

    def _nothing_captured(self) -> Clash | None:
        if self.monitors.data_quality is None or self.endpoint.capture.sampling_percent > 0:
            return None
        return Clash(
            ("endpoint", "capture", "sampling_percent"),
            "captures nothing, and monitors.data_quality reads captured requests",
            "raise it, or set monitors.data_quality to null",
            (("monitors", "data_quality"),),
        )


__all__ = ["LOWER_IS_BETTER", "METRICS_OF", "Model"]
