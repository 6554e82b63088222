"""Alarms on what a data quality monitor publishes. One class names and builds them."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from constructs import Construct

from slipway.config.model import DataQuality
from slipway_constructs.foundation import Foundation
from slipway_lambda.contracts.monitoring import COUNTS_NAMESPACE, schedule_name


class MonitoringAlarms(Construct):
    """`violations`: the last window had some. `records_missing`: two windows running had none, or the monitor itself
    has stopped.

    Only `records_missing` notifies: the monitor's machine tells of violations itself, and cannot tell that it does not
    run.
    """

    def __init__(
        self, scope: Construct, id_: str, *, foundation: Foundation, endpoint: str, quality: DataQuality
    ) -> None:
        super().__init__(scope, id_)
        self._dimensions = {"Endpoint": endpoint, "MonitoringSchedule": schedule_name(endpoint)}
        self._period = Duration.hours(1) if quality.schedule == "hourly" else Duration.days(1)
        self.violations = self.metric("Violations", "Maximum").create_alarm(
            self,
            "DriftFound",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.IGNORE,
            alarm_description=f"Requests to {endpoint} differ from the training data: read the window's report.",
        )
        self.records_missing = self.metric("RecordsCaptured", "Maximum").create_alarm(
            self,
            "RecordsMissing",
            threshold=1,
            evaluation_periods=2,
            comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            # Without data it is INSUFFICIENT_DATA, never OK: silent until a first release, told when data stops.
            treat_missing_data=cloudwatch.TreatMissingData.MISSING,
            alarm_description=(
                f"Two windows without a captured record of {endpoint}, or without a monitor run: nothing is known of"
                " its requests. See whether clients call it, its data capture is on and the monitor's schedule runs."
            ),
        )
        self.records_missing.add_alarm_action(actions.SnsAction(foundation.topic))
        self.records_missing.add_insufficient_data_action(actions.SnsAction(foundation.topic))

    def metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        """A count of the monitor's windows."""
        return cloudwatch.Metric(
            namespace=COUNTS_NAMESPACE,
            metric_name=name,
            dimensions_map=self._dimensions,
            statistic=statistic,
            period=self._period,
        )
