"""CloudWatch metrics and alarms on cloud time: statistics, metric math, states, actions."""
