"""SageMaker Pipelines: definitions, executions, and steps that are real jobs."""
