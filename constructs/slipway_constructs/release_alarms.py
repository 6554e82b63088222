"""The alarms that guard an endpoint's releases."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model

PERIODS, BREACHING = 3, 2
"""Two of three periods: one bad second does not send a release back, and a real fault does so within two periods."""
MICROSECONDS = 1000


class ReleaseAlarms(Construct):
    """One alarm for each declared objective, on the endpoint's own metrics of the one variant: old and new fleet
    together.

    Single metrics, since SageMaker does not document metric math for rollback alarms. No actions: SageMaker watches
    them during an update.
    """

    def __init__(self, scope: Construct, id_: str, *, model: Model, endpoint: str) -> None:
        super().__init__(scope, id_)
        self._dimensions = {"EndpointName": endpoint, "VariantName": names.VARIANT}
        declared = model.rollout.alarms
        self.alarms: list[cloudwatch.Alarm] = []
        if declared.server_errors is not None:
            rate = declared.server_errors
            self._add("ServerErrors", "Invocation5XXErrors", "Average", rate.percent / 100, rate.period_seconds)
        if declared.client_errors is not None:
            rate = declared.client_errors
            self._add("ClientErrors", "Invocation4XXErrors", "Average", rate.percent / 100, rate.period_seconds)
        if declared.latency_p99 is not None:
            latency = declared.latency_p99
            self._add("Latency", "ModelLatency", "p99", latency.milliseconds * MICROSECONDS, latency.period_seconds)

    def _add(self, id_: str, metric: str, statistic: str, threshold: float, period_seconds: int) -> None:
        self.alarms.append(
            cloudwatch.Alarm(
                self,
                id_,
                metric=cloudwatch.Metric(
                    namespace="AWS/SageMaker",
                    metric_name=metric,
                    dimensions_map=self._dimensions,
                    statistic=statistic,
                    period=Duration.seconds(period_seconds),
                ),
                threshold=threshold,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
                evaluation_periods=PERIODS,
                datapoints_to_alarm=BREACHING,
                # A quiet minute is not an error; that nobody calls at all is judged by the release, which demands
                # requests.
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                alarm_description=f"{metric} of {self._dimensions['EndpointName']}: sends a release back.",
            )
        )
