"""Model Monitor: job definitions, schedules, executions, alerts."""
