"""One page on one model: its endpoint, its drift, its workflows."""

from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config import names
from slipway_constructs.monitoring_alarms import MonitoringAlarms
from slipway_lambda.contracts.monitoring import DRIFT_METRIC, FEATURES_NAMESPACE, schedule_name

HALF = 12


class ModelDashboard(Construct):
    """Requests, errors and latency of the endpoint; distance of every feature; records and violations; ends of the
    machines."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        endpoint: str,
        alarms: MonitoringAlarms | None,
        machines: Mapping[str, sfn.IStateMachine],
    ) -> None:
        super().__init__(scope, id_)
        self._endpoint = endpoint
        rows: list[list[cloudwatch.IWidget]] = [[self._requests(), self._latency()]]
        if alarms is not None:
            rows.append([self._drift(), self._windows(alarms)])
        if machines:
            rows.append([self._ends(name, machine) for name, machine in machines.items()])
        cloudwatch.Dashboard(self, "Dashboard", widgets=rows, default_interval=Duration.days(7))

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/SageMaker",
            metric_name=name,
            dimensions_map={"EndpointName": self._endpoint, "VariantName": names.VARIANT},
            statistic=statistic,
            period=Duration.minutes(1),
            label=f"{name} {statistic}",
        )

    def _requests(self) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title="Requests and errors a minute",
            width=HALF,
            left=[self._metric(m, "Sum") for m in ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")],
        )

    def _latency(self) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title="Model latency, microseconds",
            width=HALF,
            left=[self._metric("ModelLatency", p) for p in ("p50", "p99")],
        )

    def _drift(self) -> cloudwatch.GraphWidget:
        """A search, so that a new column needs no new dashboard."""
        search = (
            f'SEARCH(\'{{{FEATURES_NAMESPACE},Endpoint,MonitoringSchedule}} Endpoint="{self._endpoint}"'
            f' MonitoringSchedule="{schedule_name(self._endpoint)}" MetricName="{DRIFT_METRIC}"\', \'Maximum\', 3600)'
        )
        return cloudwatch.GraphWidget(
            title="Distance of every feature from the training data",
            width=HALF,
            left=[cloudwatch.MathExpression(expression=search, label="", using_metrics={}, period=Duration.hours(1))],
        )

    def _windows(self, alarms: MonitoringAlarms) -> cloudwatch.GraphWidget:
        return cloudwatch.GraphWidget(
            title="Captured records and violations of each window",
            width=HALF,
            left=[alarms.metric("RecordsCaptured", "Maximum"), alarms.metric("RecordsUnparsable", "Maximum")],
            right=[alarms.metric("Violations", "Maximum")],
        )

    def _ends(self, name: str, machine: sfn.IStateMachine) -> cloudwatch.GraphWidget:
        day = Duration.days(1)
        return cloudwatch.GraphWidget(
            title=f"{name}: ends a day",
            width=24 // 3,
            left=[
                machine.metric_succeeded(period=day),
                machine.metric_failed(period=day),
                machine.metric_timed_out(period=day),
                machine.metric_aborted(period=day),
            ],
        )
