"""`models/<name>/model.yaml`: one model from data to retraining. Owned by data scientists.

Limits quoted here are SageMaker's own (CreateEndpointConfig, UpdateEndpoint, CreateTrainingJob); each is checked before synth so that
nothing is created that the service would refuse later.
"""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from slipway.config.base import Declared, Name, Percent

ColumnName = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$", max_length=64)]
InstanceType = Annotated[str, StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$")]
Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._=-]+(/[A-Za-z0-9._=-]+)*/$", max_length=200)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Seconds = Annotated[int, Field(ge=0)]


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
        if doubled := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"column names must differ: {', '.join(doubled)} stands twice")
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
    hyperparameters: dict[Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,64}$")], int | float | str] = {}
    """Passed to the container as strings, as SageMaker does."""

    @model_validator(mode="after")
    def _wait_covers_the_run(self) -> Self:
        if self.max_wait_seconds is not None and not self.spot:
            raise ValueError("max_wait_seconds is for spot training: set spot: true or remove it")
        if self.max_wait_seconds is not None and self.max_wait_seconds < self.max_runtime_seconds:
            raise ValueError(
                f"max_wait_seconds {self.max_wait_seconds} is less than max_runtime_seconds {self.max_runtime_seconds}:"
                " SageMaker wants it equal or greater"
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
            raise ValueError("give exactly one of minimum and maximum")
        return self


class ChampionGate(Declared):
    """The challenger must beat the newest approved version, both judged on the same holdout in the same job."""

    metric: Metric
    minimum_gain: Annotated[float, Field(ge=0)] = 0.0
    """In units of the metric, in its better direction. 0: at least as good."""


class Gates(Declared):
    """What a challenger must pass before it is registered."""

    absolute: list[AbsoluteGate] = []
    champion: ChampionGate | None = None
    minimum_holdout_rows: Annotated[int, Field(ge=1)] = 200
    """Below this the evaluation says nothing and the gate is closed."""


class Capture(Declared):
    """Data capture of requests and answers, which the monitors read."""

    sampling_percent: Annotated[int, Field(ge=0, le=100)] = 100


class Endpoint(Declared):
    """The real-time endpoint."""

    instance_type: InstanceType = "ml.m5.large"
    instance_count: Annotated[int, Field(ge=1, le=100)] = 2
    startup_timeout_seconds: Annotated[int, Field(ge=60, le=3600)] = 480
    """How long an instance may take until `/ping` answers."""
    capture: Capture = Capture()


class Strategy(StrEnum):
    """How a new version takes over."""

    ALL_AT_ONCE = "all_at_once"
    CANARY = "canary"


class ErrorRateAlarm(Declared):
    """Share of requests that failed, over both fleets, in one period."""

    percent: Annotated[float, Field(gt=0, le=100)]
    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class LatencyAlarm(Declared):
    """99th percentile of the model's own latency."""

    milliseconds: Annotated[float, Field(gt=0, le=60000)]
    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class Alarms(Declared):
    """Objectives that guard a release: any of these alarms rolls it back."""

    server_errors: ErrorRateAlarm | None = ErrorRateAlarm(percent=1)
    """5XX answers of the model."""
    client_errors: ErrorRateAlarm | None = ErrorRateAlarm(percent=5)
    """4XX answers of the model: a new version that refuses what the old one took."""
    latency_p99: LatencyAlarm | None = LatencyAlarm(milliseconds=1000)

    @property
    def count(self) -> int:
        """How many alarms are declared; SageMaker takes 1 to 10."""
        return sum(a is not None for a in (self.server_errors, self.client_errors, self.latency_p99))


class SmokeTest(Declared):
    """Golden records of the evaluation, sent to the live endpoint after a release."""

    records: Annotated[int, Field(ge=1, le=200)] = 25
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.001
    """Largest difference between a live answer and the evaluation's, in units of the prediction."""


class Rollout(Declared):
    """How a new version takes over, and what sends it back."""

    strategy: Strategy = Strategy.CANARY
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 50
    """Share of capacity in the canary. SageMaker refuses more than 50; it is whole instances, at least one."""
    bake_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """Between the canary and the rest of the traffic."""
    termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """All traffic on the new fleet, the old one still there."""
    timeout_seconds: Annotated[int, Field(ge=600, le=28800)] = 3600
    """SageMaker's MaximumExecutionTimeoutInSeconds: must exceed the sum of the waits."""
    alarms: Alarms = Alarms()
    minimum_requests: Annotated[int, Field(ge=1)] = 100
    """Requests the new fleet must have answered before a release counts as good. No data is not health."""
    synthetic_traffic: bool = True
    """Send golden records while the release bakes, so that an endpoint nobody calls is still judged."""
    smoke_test: SmokeTest = SmokeTest()
    keep_versions: Annotated[int, Field(ge=1, le=10)] = 2
    """Versions, the live one included, whose model and config stay as rollback targets."""

    @model_validator(mode="after")
    def _waits_fit(self) -> Self:
        bake = self.bake_seconds if self.strategy is Strategy.CANARY else 0
        waits = bake + self.termination_wait_seconds
        if waits >= self.timeout_seconds:
            raise ValueError(
                f"bake_seconds {bake} + termination_wait_seconds {self.termination_wait_seconds} = {waits} must be less"
                f" than timeout_seconds {self.timeout_seconds}"
            )
        if self.alarms.count == 0:
            raise ValueError("a release needs at least one alarm to be rolled back by: declare one under alarms")
        return self


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
    """`slipway` runs our container on a schedule. `sagemaker` is for accounts that still have Model Monitor, which is closed to
    new customers since 2026-07-30."""
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
    owner: str = ""
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

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        faults = []
        if any(c.name == self.problem.target for c in self.data.columns):
            faults.append(f"target {self.problem.target} is also an input column: the model would see the answer")
        known = METRICS_OF[self.problem.type]
        asked = [g.metric for g in self.gates.absolute]
        if self.gates.champion:
            asked.append(self.gates.champion.metric)
        for metric in asked:
            if metric not in known:
                faults.append(
                    f"gate metric {metric} does not exist for {self.problem.type}: use one of {', '.join(sorted(known))}"
                )
        if self.rollout.strategy is Strategy.CANARY and self.endpoint.instance_count < 2:
            faults.append(
                f"a canary of {self.rollout.canary_percent} % of 1 instance is {self.rollout.canary_percent / 100:g}"
                " instance: use endpoint.instance_count of 2 or more, or strategy all_at_once"
            )
        if self.monitors.data_quality and self.endpoint.capture.sampling_percent == 0:
            faults.append(
                "monitors.data_quality reads captured requests, and endpoint.capture.sampling_percent is 0: raise it,"
                " or set monitors.data_quality to null"
            )
        if faults:
            raise ValueError("; ".join(faults))
        return self


__all__ = ["LOWER_IS_BETTER", "METRICS_OF", "Model", "Percent"]
