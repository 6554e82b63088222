"""The API of processing jobs."""

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.jobs.common_actions import forget_job, start_job, stop_job
from rehearsal.sagemaker.jobs.processing import ProcessingJob
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record


@action("CreateProcessingJob")
def create_processing_job(call: Call) -> Record:
    """Starts the job; a name is used once, whatever became of the job."""
    params = call.params
    inputs, outputs = params.get("ProcessingInputs", []), params.get("ProcessingOutputConfig", {}).get("Outputs", [])
    for one in inputs:
        if one.get("AppManaged"):
            raise not_emulated("processing inputs that the application manages (AppManaged)")
        if "DatasetDefinition" in one:
            raise not_emulated("processing inputs from Athena or Redshift (DatasetDefinition)")
        if "S3Input" not in one:
            raise invalid(f"Processing input {one['InputName']} must have an S3Input or a DatasetDefinition.")
        source = one["S3Input"]
        if source.get("S3InputMode", "File") != "File" or source.get("S3CompressionType", "None") != "None":
            raise not_emulated("Pipe input mode (and with it S3CompressionType Gzip) of processing jobs")
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile"):
            raise not_emulated(f"S3DataType {source['S3DataType']}")
        _check_path(source.get("LocalPath"))
    for one in outputs:
        if one.get("AppManaged"):
            raise not_emulated("processing outputs that the application manages (AppManaged)")
        if "S3Output" not in one:
            raise not_emulated("processing outputs into a feature group (FeatureStoreOutput)")
        _check_path(one["S3Output"].get("LocalPath"))
    for rows, member in ((inputs, "InputName"), (outputs, "OutputName")):
        if len({one[member] for one in rows}) < len(rows):
            raise invalid(f"{member} must be unique within a processing job.")
    cluster = params["ProcessingResources"]["ClusterConfig"]
    _check_cluster(cluster)
    instances = [(cluster["InstanceType"], cluster["InstanceCount"])]
    return call.show(start_job(call, ProcessingJob, call.state.processing_jobs, instances))


def _check_cluster(cluster: Record) -> None:
    for member in ("InstanceType", "InstanceCount"):
        if member not in cluster:
            raise invalid(f"{member} is required in the ClusterConfig of a processing job.")


def _check_path(path: str | None) -> None:
    if path is None or not path.startswith("/opt/ml/processing"):
        raise invalid(f'LocalPath "{path}" must start with /opt/ml/processing/.')


@action("DescribeProcessingJob")
def describe_processing_job(call: Call) -> Record:
    """The job as it stands."""
    return call.show(_find(call))


@action("StopProcessingJob")
def stop_processing_job(call: Call) -> Record:
    """SIGTERM, then SIGKILL after 120 s."""
    stop_job(_find(call), "Processing")
    return {}


@action("DeleteProcessingJob")
def delete_processing_job(call: Call) -> Record:
    """Only a job that has ended can go."""
    forget_job(call, _find(call), "Processing", call.state.processing_jobs)
    return {}


@action("ListProcessingJobs")
def list_processing_jobs(call: Call) -> Record:
    """One page of jobs."""
    records = call.state.processing_jobs.values()
    return listed(call, records, name="ProcessingJobName", status="ProcessingJobStatus", order="Ascending")


def _find(call: Call) -> Record:
    name = call.params["ProcessingJobName"]
    if name not in call.state.processing_jobs:
        raise invalid(f"Could not find requested job with name: {name}")
    return call.state.processing_jobs[name]
