"""Training, processing, transform and tuning jobs: real processes on as many hosts as the request has."""
