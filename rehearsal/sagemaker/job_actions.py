"""The API of training and processing jobs."""

import re
from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid, not_emulated
from rehearsal.sagemaker.jobs import TERMINAL, Job
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.processing import ProcessingJob
from rehearsal.sagemaker.store import Record
from rehearsal.sagemaker.training import TrainingJob


@action("CreateTrainingJob")
def create_training_job(call: Call) -> Record:
    """Starts the job; a name is used once, whatever became of the job."""
    params = call.params
    for member in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
        if member not in params:
            raise invalid(f"{member} is required to create a training job.")
    if "TrainingImage" not in params["AlgorithmSpecification"]:
        raise not_emulated("algorithms without a TrainingImage")
    for definition in params["AlgorithmSpecification"].get("MetricDefinitions", []):
        _regex(definition)
    if params["ResourceConfig"].get("InstanceCount", 1) > 1 or "InstanceGroups" in params["ResourceConfig"]:
        raise not_emulated("training on more than one instance")
    if params.get("EnableManagedSpotTraining"):
        condition = params["StoppingCondition"]
        if condition.get("MaxWaitTimeInSeconds", 0) < condition.get("MaxRuntimeInSeconds", 86_400):
            raise invalid(
                "MaxWaitTimeInSeconds must be present and not less than MaxRuntimeInSeconds with managed spot training."
            )
    for channel in params.get("InputDataConfig", []):
        if "S3DataSource" not in channel["DataSource"]:
            raise not_emulated("training data that is not in S3")
        _check_mode(channel.get("InputMode", params["AlgorithmSpecification"]["TrainingInputMode"]))
        _check_type(channel["DataSource"]["S3DataSource"]["S3DataType"])
    return _create(call, TrainingJob, call.state.training_jobs)


@action("CreateProcessingJob")
def create_processing_job(call: Call) -> Record:
    """Starts the job; a name is used once, whatever became of the job."""
    params = call.params
    if params["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) > 1:
        raise not_emulated("processing on more than one instance")
    for one in params.get("ProcessingInputs", []):
        if "S3Input" not in one:
            raise not_emulated("processing inputs that are not an S3Input")
        _check_mode(one["S3Input"].get("S3InputMode", "File"))
        _check_type(one["S3Input"]["S3DataType"])
        _check_path(one["S3Input"].get("LocalPath"))
    for one in params.get("ProcessingOutputConfig", {}).get("Outputs", []):
        if "S3Output" not in one:
            raise not_emulated("processing outputs that are not an S3Output")
        _check_path(one["S3Output"].get("LocalPath"))
    return _create(call, ProcessingJob, call.state.processing_jobs)


def _create(call: Call, kind: type[Job], table: dict[str, Record]) -> Record:
    name = call.params[f"{kind.kind}JobName"]
    arn = call.arn(f"{kind.kind.lower()}-job", name)
    if name in table:
        raise ServiceError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists "
            f"({arn})",
        )
    record = call.new(f"{kind.kind}JobArn", arn)
    job = kind(call.core, call.scope, record)
    record["_job"] = job
    table[name] = record
    job.status("InProgress", "Starting")
    call.core.run(f"job-{name}", job.run)
    return call.show(record)


def _regex(definition: dict[str, Any]) -> None:
    try:
        re.compile(definition["Regex"])
    except re.error as error:
        raise invalid(f"Metric definition {definition['Name']} has an invalid regular expression: {error}.") from error


def _check_mode(mode: str) -> None:
    if mode == "Pipe":
        raise not_emulated("Pipe input mode")


def _check_type(data_type: str) -> None:
    if data_type not in ("S3Prefix", "ManifestFile"):
        raise not_emulated(f"S3DataType {data_type}")


def _check_path(path: str | None) -> None:
    if path is None or not path.startswith("/opt/ml/processing"):
        raise invalid(f'LocalPath "{path}" must start with /opt/ml/processing/.')


@action("DescribeTrainingJob")
def describe_training_job(call: Call) -> Record:
    """The job as it stands."""
    return call.show(_training(call))


@action("DescribeProcessingJob")
def describe_processing_job(call: Call) -> Record:
    """The job as it stands."""
    return call.show(_processing(call))


@action("StopTrainingJob")
def stop_training_job(call: Call) -> Record:
    """SIGTERM, then SIGKILL after 120 s."""
    record = _training(call)
    _stop(record, record["TrainingJobStatus"], "training")
    record["_job"].status("Stopping", "Stopping")
    return {}


@action("StopProcessingJob")
def stop_processing_job(call: Call) -> Record:
    """SIGTERM, then SIGKILL after 120 s."""
    record = _processing(call)
    _stop(record, record["ProcessingJobStatus"], "processing")
    record["_job"].status("Stopping")
    return {}


def _stop(record: Record, status: str, kind: str) -> None:
    if status in TERMINAL:
        raise invalid(f"The request was rejected because the {kind} job is in status {status}.")
    record["_job"].stop_requested.set()


@action("DeleteTrainingJob")
def delete_training_job(call: Call) -> Record:
    """Only a job that has ended can go."""
    record = _training(call)
    _refuse_running(record["TrainingJobStatus"], record["TrainingJobArn"])
    del call.state.training_jobs[record["TrainingJobName"]]
    return {}


@action("DeleteProcessingJob")
def delete_processing_job(call: Call) -> Record:
    """Only a job that has ended can go."""
    record = _processing(call)
    _refuse_running(record["ProcessingJobStatus"], record["ProcessingJobArn"])
    del call.state.processing_jobs[record["ProcessingJobName"]]
    return {}


def _refuse_running(status: str, arn: str) -> None:
    if status not in TERMINAL:
        raise ServiceError(
            "ResourceInUse", f"Job {arn} is in status {status}; only a job that has ended can be deleted."
        )


@action("ListTrainingJobs")
def list_training_jobs(call: Call) -> Record:
    """One page of jobs."""
    records = call.state.training_jobs.values()
    return listed(call, records, name="TrainingJobName", status="TrainingJobStatus", order="Ascending")


@action("ListProcessingJobs")
def list_processing_jobs(call: Call) -> Record:
    """One page of jobs."""
    records = call.state.processing_jobs.values()
    return listed(call, records, name="ProcessingJobName", status="ProcessingJobStatus", order="Ascending")


def _training(call: Call) -> Record:
    name = call.params["TrainingJobName"]
    if name not in call.state.training_jobs:
        raise invalid("Requested resource not found.")
    return call.state.training_jobs[name]


def _processing(call: Call) -> Record:
    name = call.params["ProcessingJobName"]
    if name not in call.state.processing_jobs:
        raise invalid(f"Could not find requested job with name: {name}")
    return call.state.processing_jobs[name]
