"""EventBridge and Scheduler: rules, targets, retries, schedules on cloud time."""
