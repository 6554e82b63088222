"""Inference experiments (shadow tests): their API. What they do to the endpoint is in `shadow_tests`."""

from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.endpoints import shadow_tests
from rehearsal.sagemaker.errors import ServiceError, conflict, invalid, not_found
from rehearsal.sagemaker.listing import epoch, listed
from rehearsal.sagemaker.store import Record

DIFFERENCES = ("What an inference experiment does to its endpoint is not checked against the permissions of its role.",)

_DEFAULT_SECONDS = 7 * 86_400
_OVER = ("Completed", "Cancelled")
_VARIANT_STATUS = {
    "Creating": "Creating", "Created": "Creating", "Starting": "Creating", "Updating": "Updating",
    "Running": "InService", "Stopping": "Updating",
}  # fmt: skip


@action("CreateInferenceExperiment")
def create_inference_experiment(call: Call) -> Record:
    """It begins at its StartTime, or at once, and ends at its EndTime, or 7 days later."""
    name = call.params["Name"]
    arn = call.arn("inference-experiment", name)
    if name in _table(call):
        raise ServiceError("ResourceInUse", f"Inference experiment {arn} already exists.")
    _check_variants(call, call.params["ModelVariants"], call.params["ShadowModeConfig"])
    if call.params["EndpointName"] not in call.state.endpoints:
        raise invalid(f'Could not find endpoint "{call.arn("endpoint", call.params["EndpointName"])}".')
    record = call.new("Arn", arn)
    record |= {"Status": "Creating", "LastModifiedTime": call.now, "Schedule": _schedule(call, call.now)}
    _table(call)[name] = record
    return _named(record)


@action("DescribeInferenceExperiment")
def describe_inference_experiment(call: Call) -> Record:
    """The experiment, its endpoint and what has become of its variants."""
    record = _find(call)
    endpoint = shadow_tests.endpoint_of(call.core, record)
    members = ("EndpointName", "EndpointConfigName", "EndpointStatus", "FailureReason")
    metadata = {"EndpointName": record["EndpointName"], **{key: endpoint[key] for key in members if endpoint.get(key)}}
    status = _VARIANT_STATUS.get(record["Status"])
    live = _live_variants(call, record)
    variants = [
        {**one, "Status": status or ("InService" if one["VariantName"] in live else "Deleted")}
        for one in record["ModelVariants"]
    ]
    return call.show({**record, "EndpointMetadata": metadata, "ModelVariants": variants})


def _live_variants(call: Call, record: Record) -> set[str]:
    live = call.core.live.get((call.scope, record["EndpointName"]))
    return {*live.routes, *live.shadows} if live else set()


@action("ListInferenceExperiments")
def list_inference_experiments(call: Call) -> Record:
    """One page of experiments."""
    rows = _table(call).values()
    return listed(call, rows, name="Name", status="Status", order="Descending", equal={"Type": "Type"})


@action("StartInferenceExperiment")
def start_inference_experiment(call: Call) -> Record:
    """Before its time."""
    record = _find(call)
    if record["Status"] not in ("Creating", "Created"):
        raise conflict(f"Inference experiment {record['Arn']} cannot be started in status {record['Status']}.")
    schedule = record["Schedule"]
    late = call.now >= schedule["EndTime"]
    shadow_tests.begin(call.core, record)
    ends = call.now + _DEFAULT_SECONDS if late else schedule["EndTime"]
    record["Schedule"] = {"StartTime": call.now, "EndTime": ends}
    return _named(record)


@action("UpdateInferenceExperiment")
def update_inference_experiment(call: Call) -> Record:
    """All but its name, type, role and endpoint. Variants and their share are changed on the endpoint as well."""
    record = _find(call)
    status = record["Status"]
    if status not in ("Creating", "Created", "Running"):
        raise conflict(f"Inference experiment {record['Arn']} cannot be updated in status {status}.")
    wanted = {key: value for key, value in call.params.items() if key not in ("Name", "Schedule")}
    changed = {**record, **wanted}
    _check_variants(call, changed["ModelVariants"], changed["ShadowModeConfig"])
    if "Schedule" in call.params:
        if status == "Running" and "StartTime" in call.params["Schedule"]:
            raise invalid("The StartTime of an inference experiment that is running cannot be changed.")
        wanted["Schedule"] = _schedule(call, record["Schedule"]["StartTime"])
    if status == "Running" and {"ModelVariants", "ShadowModeConfig", "DataStorageConfig"} & set(wanted):
        shadow_tests.begin(call.core, changed, "Updating")
        record |= changed
    record |= {**wanted, "LastModifiedTime": call.now}
    return _named(record)


@action("StopInferenceExperiment")
def stop_inference_experiment(call: Call) -> Record:
    """Keep, remove or promote each variant. One that has not begun is cancelled and leaves the endpoint alone."""
    record = _find(call)
    mode, actions = record["ShadowModeConfig"], call.params["ModelVariantActions"]
    source = mode["SourceModelVariantName"]
    shadow = mode["ShadowModelVariants"][0]["ShadowModelVariantName"]
    if set(actions) != {source, shadow}:
        raise invalid(f"ModelVariantActions must name the variants {source} and {shadow}.")
    if actions[source] == "Promote" or (actions[source] == "Remove") != (actions[shadow] == "Promote"):
        raise invalid(
            "ModelVariantActions must retain the production variant, or remove it and promote the shadow variant."
        )
    if "DesiredModelVariants" in call.params:
        kept = {name for name, what in actions.items() if what != "Remove"}
        if {one["VariantName"] for one in call.params["DesiredModelVariants"]} != kept:
            raise invalid(f"DesiredModelVariants must be those that are kept: {', '.join(sorted(kept))}.")
    if record["Status"] in ("Creating", "Created"):
        record |= {"Status": "Cancelled", "CompletionTime": call.now, "LastModifiedTime": call.now}
    elif record["Status"] == "Running":
        state = call.params.get("DesiredState", "Completed")
        shadow_tests.end(call.core, record, actions, call.params.get("DesiredModelVariants"), state)
    else:
        raise conflict(f"Inference experiment {record['Arn']} cannot be stopped in status {record['Status']}.")
    if "Reason" in call.params:
        record["StatusReason"] = call.params["Reason"]
    return _named(record)


@action("DeleteInferenceExperiment")
def delete_inference_experiment(call: Call) -> Record:
    """The record goes; endpoint and variants stay as they are."""
    record = _find(call)
    if record["Status"] not in (*_OVER, "Created"):
        raise conflict(f"Inference experiment {record['Arn']} cannot be deleted in status {record['Status']}.")
    del _table(call)[record["Name"]]
    call.state.tags.pop(record["Arn"], None)
    return _named(record)


def _table(call: Call) -> dict[str, Record]:
    return call.state.table(shadow_tests.TABLE_NAME)


def _find(call: Call) -> Record:
    name = call.params["Name"]
    if name not in _table(call):
        raise not_found(f"Inference experiment {call.arn('inference-experiment', name)} does not exist.")
    return _table(call)[name]


def _named(record: Record) -> Record:
    return {"InferenceExperimentArn": record["Arn"]}


def _schedule(call: Call, start: float) -> Record:
    given = call.params.get("Schedule", {})
    start = epoch(given.get("StartTime", start))
    finish = epoch(given.get("EndTime", start + _DEFAULT_SECONDS))
    if finish <= start or finish <= call.now:
        raise invalid("The EndTime of an inference experiment must be after its StartTime and in the future.")
    return {"StartTime": start, "EndTime": finish}


def _check_variants(call: Call, variants: list[dict[str, Any]], mode: dict[str, Any]) -> None:
    names = {one["VariantName"] for one in variants}
    wanted = {mode["SourceModelVariantName"], mode["ShadowModelVariants"][0]["ShadowModelVariantName"]}
    if names != wanted or len(variants) != 2:
        raise invalid(f"ModelVariants must be the two that ShadowModeConfig names: {', '.join(sorted(wanted))}.")
    for one in variants:
        if one["ModelName"] not in call.state.models:
            raise invalid(f'Could not find model "{call.arn("model", one["ModelName"])}".')
