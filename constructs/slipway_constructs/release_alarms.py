"""The alarms that guard an endpoint's releases."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model
from slipway.config.objectives import Alarms, ErrorRateAlarm, InvocationFloor, LatencyAlarm
from slipway_lambda.contracts import golden
from slipway_lambda.contracts.monitoring import COUNTS_NAMESPACE, schedule_name
from slipway_lambda.contracts.trial import CHALLENGER

PERIODS, BREACHING = 3, 2
"""Two of three periods: one bad second does not send a release back, and a real fault does so within two periods."""
MICROSECONDS = 1000
NO_CONFIG = "none-released-yet"
"""Of alarms on the new fleet until a release aims them at its config; no endpoint emits it."""
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
QUIET, SILENCE = cloudwatch.TreatMissingData.NOT_BREACHING, cloudwatch.TreatMissingData.BREACHING


class ReleaseAlarms(Construct):
    """One alarm for each declared objective, on the endpoint's own metrics of the one variant: old and new fleet
    together, or the new one alone; where the strategy has a trial, a second one on the challenger's variant.

    `names`: all that guard a shift, with the user's own; `of_new_fleet`: those that each release aims; `others`:
    names of those that watch something else than a fleet; `of_challenger`: names of those that the trial's judge reads,
    which no update lists. Single metrics, since SageMaker does not document metric
    math for rollback alarms. No actions: SageMaker watches them during an update.
    """

    def __init__(self, scope: Construct, id_: str, *, model: Model, endpoint: str) -> None:
        super().__init__(scope, id_)
        self._endpoint, declared = endpoint, model.rollout.alarms
        self._dimensions = {"EndpointName": endpoint, "VariantName": names.VARIANT}
        self._new = {"EndpointConfigName": NO_CONFIG} if declared.new_fleet_only else {}
        self._made: list[cloudwatch.Alarm] = []
        self._on_fleet(declared, "", self._new)
        self.of_new_fleet = list(self._made) if declared.new_fleet_only else []
        self._floor(declared.invocations)
        self.others = [*self._golden_mismatches(model), *self._violations(model), *declared.own]
        shifting = len(self._made)
        if model.rollout.tried is not None:
            self._on_fleet(declared, "Challenger", {"VariantName": CHALLENGER})
        made = [a.alarm_name for a in self._made]
        self.names, self.of_challenger = [*made[:shifting], *self.others], made[shifting:]

    def _on_fleet(self, declared: Alarms, prefix: str, more: dict[str, str]) -> None:
        self._rate(f"{prefix}ServerErrors", "Invocation5XXErrors", declared.server_errors, more)
        self._rate(f"{prefix}ClientErrors", "Invocation4XXErrors", declared.client_errors, more)
        self._latency(f"{prefix}Latency", "ModelLatency", "p99", declared.latency_p99, more)
        self._latency(f"{prefix}LatencyMedian", "ModelLatency", "p50", declared.latency_p50, more)
        self._latency(f"{prefix}Overhead", "OverheadLatency", "p99", declared.overhead_p99, more)

    def _rate(self, id_: str, metric: str, declared: ErrorRateAlarm | None, more: dict[str, str]) -> None:
        """0 or 1 for each request, so that the Average is the rate. A quiet minute is not an error; that nobody calls
        at all is judged by the release, which demands requests.
        """
        if declared is not None:
            of = self._metric(metric, "Average", declared.period_seconds, more)
            self._add(id_, of, declared.percent / 100)

    def _latency(
        self, id_: str, metric: str, statistic: str, declared: LatencyAlarm | None, more: dict[str, str]
    ) -> None:
        if declared is not None:
            of = self._metric(metric, statistic, declared.period_seconds, more)
            self._add(id_, of, declared.milliseconds * MICROSECONDS)

    def _floor(self, declared: InvocationFloor | None) -> None:
        """Of both fleets: before its first request the new one would always be below. No data is no request."""
        if declared is not None:
            of = self._metric("Invocations", "Sum", declared.period_seconds, {})
            self._add("Invocations", of, declared.minimum, operator=BELOW, missing=SILENCE)

    def _golden_mismatches(self, model: Model) -> list[str]:
        """One wrong answer is enough, since the same question has the same answer; it stays raised for three periods,
        so that nobody who looks now and then misses it.
        """
        declared = model.rollout.alarms.golden_answers
        if declared is None or not model.rollout.judges_golden_answers:
            return []
        alarm = cloudwatch.Metric(
            namespace=golden.NAMESPACE,
            metric_name=golden.MISMATCHES,
            dimensions_map=golden.dimensions(self._endpoint),
            statistic="Sum",
            period=Duration.seconds(declared.period_seconds),
        ).create_alarm(
            self,
            "GoldenMismatches",
            threshold=0,
            evaluation_periods=PERIODS,
            datapoints_to_alarm=1,
            comparison_operator=ABOVE,
            treat_missing_data=QUIET,
            alarm_description=f"{self._endpoint} answers golden records as neither version does: sends a release back.",
        )
        return [alarm.alarm_name]

    def _violations(self, model: Model) -> list[str]:
        """Of the last window. No window at all is no data, which keeps a release from starting."""
        quality = model.monitors.data_quality
        if not model.rollout.alarms.monitor_violations or quality is None:
            return []
        alarm = cloudwatch.Metric(
            namespace=COUNTS_NAMESPACE,
            metric_name="Violations",
            dimensions_map={"Endpoint": self._endpoint, "MonitoringSchedule": schedule_name(self._endpoint)},
            statistic="Maximum",
            period=Duration.hours(1) if quality.schedule == "hourly" else Duration.days(1),
        ).create_alarm(
            self,
            "MonitorViolations",
            threshold=0,
            evaluation_periods=1,
            comparison_operator=ABOVE,
            treat_missing_data=cloudwatch.TreatMissingData.MISSING,
            alarm_description=f"Requests to {self._endpoint} differ from the training data: no release meanwhile.",
        )
        return [alarm.alarm_name]

    def _metric(self, name: str, statistic: str, period_seconds: int, more: dict[str, str]) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map={**self._dimensions, **more},
            statistic=statistic,
            period=Duration.seconds(period_seconds),
        )

    def _add(
        self,
        id_: str,
        metric: cloudwatch.Metric,
        threshold: float,
        *,
        operator: cloudwatch.ComparisonOperator = ABOVE,
        missing: cloudwatch.TreatMissingData = QUIET,
    ) -> None:
        self._made.append(
            cloudwatch.Alarm(
                self,
                id_,
                metric=metric,
                threshold=threshold,
                comparison_operator=operator,
                evaluation_periods=PERIODS,
                datapoints_to_alarm=BREACHING,
                treat_missing_data=missing,
                alarm_description=f"{metric.metric_name} of {self._endpoint}: sends a release back.",
            )
        )
