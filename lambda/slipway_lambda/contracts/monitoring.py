"""What the stages of a monitor run say to each other, and the failures its machine tells apart.

A run's report lies in the report bucket under `<model>/monitor/data-quality/<yyyy/mm/dd/hh>/`, the hour being the
window's first.
"""

from slipway_lambda.contracts.errors import SlipwayError

SCHEDULED_TIME = "scheduled_time"
WINDOW_START = "window_start"
WINDOW_END = "window_end"

RETRAIN = "retrain"
TELL = "tell"
NOTHING = "nothing"

FEATURES_NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"
"""Where Model Monitor's own alarms and dashboards look for the metrics of features."""
COUNTS_NAMESPACE = "Slipway/Monitoring"
DRIFT_METRIC = "feature_baseline_drift_"
PRESENT_METRIC = "feature_non_null_"


class WindowFaultError(SlipwayError):
    """The window asked for is not one that can be looked at."""


class ReportFaultError(SlipwayError):
    """The monitor's report is missing or cannot be read: the window has no verdict, which is not a good one."""


def report_prefix(model: str) -> str:
    """Where the reports of a model's data quality monitor lie, with a slash at the end."""
    return f"{model}/monitor/data-quality/"


def schedule_name(endpoint: str) -> str:
    """The monitor's name in the dimension MonitoringSchedule of its metrics."""
    return f"{endpoint}-data-quality"
