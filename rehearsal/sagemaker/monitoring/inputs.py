"""The processing job of one monitoring execution: its inputs, environment and outputs, as the service sets them."""

import json
from datetime import UTC, datetime
from typing import Any

from rehearsal.sagemaker.monitoring.job_definitions import Definition
from rehearsal.sagemaker.store import Record

BASELINE = "/opt/ml/processing/baseline"
_ANALYSIS = {"ModelQuality": "MODEL_QUALITY", "ModelBias": "MODEL_BIAS", "ModelExplainability": "MODEL_EXPLAINABILITY"}
_BASELINES = (
    ("ConstraintsResource", "constraints", "baseline_constraints", "constraints"),
    ("StatisticsResource", "baseline", "baseline_statistics", "stats"),
)
"""Member of the definition, input, variable, folder."""
_SCRIPTS = tuple(
    (f"{key}SourceUri", f"{variable}_script", f"/opt/ml/processing/code/{folder}processing")
    for key, variable, folder in (
        ("RecordPreprocessor", "record_preprocessor", "pre"),
        ("PostAnalyticsProcessor", "post_analytics_processor", "post"),
    )
)
"""Member and input, variable, folder."""
_ATTRIBUTES = {
    "FeaturesAttribute": "features_attribute",
    "InferenceAttribute": "inference_attribute",
    "ProbabilityAttribute": "probability_attribute",
    "ProbabilityThresholdAttribute": "probability_threshold_attribute",
    "ExcludeFeaturesAttribute": "exclude_features_attribute",
}


def request(  # one call gathers what the service knows of an execution
    definition: Definition,
    schedule: Record,
    *,
    name: str,
    window: tuple[float, float],
    prefixes: list[str],
    merged: bool,
) -> Record:
    """CreateProcessingJob's parameters. `prefixes` are the S3 prefixes that hold data, `window` is [start, end)."""
    source, app = definition.source, definition.app
    parameters: Record = {
        "ProcessingJobName": name,
        "RoleArn": definition.record["RoleArn"],
        "AppSpecification": {
            key: app[key] for key in ("ImageUri", "ContainerEntrypoint", "ContainerArguments") if key in app
        },
        "Environment": _environment(definition, schedule, window, merged=merged),
        "ProcessingInputs": _inputs(definition, prefixes),
        "ProcessingOutputConfig": {
            "Outputs": [{"OutputName": "monitoring_output", "S3Output": _output(definition, schedule)}],
        },
        "ProcessingResources": {"ClusterConfig": definition.record["JobResources"]["ClusterConfig"]},
        "StoppingCondition": {"MaxRuntimeInSeconds": definition.max_seconds},
    }
    if definition.kms_key:
        parameters["ProcessingOutputConfig"]["KmsKeyId"] = definition.kms_key
    if network := definition.record.get("NetworkConfig"):
        parameters["NetworkConfig"] = network
    if not source["LocalPath"].startswith("/opt/ml/processing/"):
        raise ValueError(f"LocalPath {source['LocalPath']} is not below /opt/ml/processing/")
    return parameters


def _output(definition: Definition, schedule: Record) -> Record:
    output = definition.output
    day = datetime.fromtimestamp(schedule["_due"], UTC)
    owner = schedule.get("EndpointName") or "batch"
    prefix = f"{output['S3Uri'].rstrip('/')}/{owner}/{schedule['MonitoringScheduleName']}/{day:%Y/%m/%d/%H}"
    return {"S3Uri": prefix, "LocalPath": output["LocalPath"], "S3UploadMode": output.get("S3UploadMode", "EndOfJob")}


def _inputs(definition: Definition, prefixes: list[str]) -> list[Record]:
    source = definition.source
    found = []
    for number, prefix in enumerate(prefixes, 1):
        # …/<endpoint>/<variant>/yyyy/mm/dd/hh stands below the local path as it stands in S3
        tail = "/".join(prefix.rstrip("/").split("/")[-6:])
        mode, spread = source.get("S3InputMode", "File"), source.get("S3DataDistributionType", "FullyReplicated")
        found.append(_input(f"endpoint_input_{number}", prefix, f"{source['LocalPath']}/{tail}", mode, spread))
    for key, name, _, folder in _BASELINES:
        if uri := definition.baseline.get(key, {}).get("S3Uri"):
            found.append(_input(name, uri, f"{BASELINE}/{folder}"))
    if config := definition.app.get("ConfigUri"):
        found.append(_input("analysis_config", config, "/opt/ml/processing/input/analysis_config"))
    for key, _, folder in _SCRIPTS:
        if uri := definition.app.get(key):
            found.append(_input(key, uri, folder))
    return found


def _input(name: str, uri: str, path: str, mode: str = "File", spread: str = "FullyReplicated") -> Record:
    source = {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": mode}
    return {"InputName": name, "S3Input": {**source, "S3DataDistributionType": spread}}


def _environment(
    definition: Definition, schedule: Record, window: tuple[float, float], *, merged: bool
) -> dict[str, str]:
    source, app = definition.source, definition.app
    names = {"captureIndexNames": ["endpointInput", "endpointOutput"]}
    data_format: Any = {"sagemakerMergeJson" if merged else "sagemakerCaptureJson": names}
    if "DatasetFormat" in source:  # of a batch transform
        given = source["DatasetFormat"]
        data_format = {key.lower(): {k.lower(): v for k, v in one.items()} for key, one in given.items()}
    found = {
        "dataset_format": json.dumps(data_format),
        "dataset_source": source["LocalPath"],
        "output_path": definition.output["LocalPath"],
        "publish_cloudwatch_metrics": "Enabled",
        "sagemaker_monitoring_schedule_name": schedule["MonitoringScheduleName"],
        "start_time": _iso(window[0]),
        "end_time": _iso(window[1]),
    }
    if schedule.get("EndpointName"):
        found["sagemaker_endpoint_name"] = schedule["EndpointName"]
    for key, _, variable, folder in _BASELINES:
        if uri := definition.baseline.get(key, {}).get("S3Uri"):
            found[variable] = f"{BASELINE}/{folder}/{uri.rpartition('/')[2]}"
    if definition.kind in _ANALYSIS:
        found["analysis_type"] = _ANALYSIS[definition.kind]
    if "ProblemType" in app:
        found["problem_type"] = app["ProblemType"]
    for member, variable in _ATTRIBUTES.items():
        if member in source:
            found[variable] = str(source[member])
    for key, variable, folder in _SCRIPTS:
        if uri := app.get(key):
            found[variable] = f"{folder}/{uri.rpartition('/')[2]}"
    return {**found, **{key: str(value) for key, value in app.get("Environment", {}).items()}}


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
