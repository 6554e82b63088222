"""Experiments, trials and trial components."""

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_found
from rehearsal.sagemaker.lineage.store import (
    EXPERIMENT,
    TRIAL,
    TRIAL_COMPONENT,
    Kind,
    created,
    deleted,
    find,
    of_kind,
    updated,
)
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record

DEPTH = "rules"
DIFFERENCES = (
    "Metrics of trial components come from training jobs only: BatchPutMetrics of the SageMaker Metrics service is "
    "not there.",
)

_MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")


@action("CreateExperiment")
def create_experiment(call: Call) -> Record:
    """A collection of trials."""
    return call.show(_named(call, EXPERIMENT))


@action("DescribeExperiment")
def describe_experiment(call: Call) -> Record:
    """The experiment."""
    return call.show(find(call, EXPERIMENT, call.params["ExperimentName"]))


@action("UpdateExperiment")
def update_experiment(call: Call) -> Record:
    """Display name and description."""
    record = find(call, EXPERIMENT, call.params["ExperimentName"])
    return call.show(updated(call, record, "DisplayName", "Description"))


@action("DeleteExperiment")
def delete_experiment(call: Call) -> Record:
    """Its trials must be deleted first."""
    record = find(call, EXPERIMENT, call.params["ExperimentName"])
    if any(trial["ExperimentName"] == record["ExperimentName"] for trial in of_kind(call.state, TRIAL)):
        raise invalid(f"Experiment {record['ExperimentArn']} has trials. Delete them before you delete it.")
    return deleted(call, record)


@action("ListExperiments")
def list_experiments(call: Call) -> Record:
    """One page of experiments."""
    return _listed(call, EXPERIMENT, of_kind(call.state, EXPERIMENT))


@action("CreateTrial")
def create_trial(call: Call) -> Record:
    """A set of steps in an experiment that exists."""
    experiment = find(call, EXPERIMENT, call.params["ExperimentName"])
    record = _named(call, TRIAL)
    record["ExperimentName"] = experiment["ExperimentName"]
    return call.show(record)


@action("DescribeTrial")
def describe_trial(call: Call) -> Record:
    """The trial."""
    return call.show(find(call, TRIAL, call.params["TrialName"]))


@action("UpdateTrial")
def update_trial(call: Call) -> Record:
    """Display name."""
    return call.show(updated(call, find(call, TRIAL, call.params["TrialName"]), "DisplayName"))


@action("DeleteTrial")
def delete_trial(call: Call) -> Record:
    """Its components must be taken out of it first."""
    record = find(call, TRIAL, call.params["TrialName"])
    if _components(call, [record["TrialName"]]):
        raise invalid(f"Trial {record['TrialArn']} has trial components. Disassociate them before you delete it.")
    return deleted(call, record)


@action("ListTrials")
def list_trials(call: Call) -> Record:
    """One page, of an experiment or of the trials that a component is in."""
    rows = of_kind(call.state, TRIAL)
    if "ExperimentName" in call.params:
        name = find(call, EXPERIMENT, call.params["ExperimentName"])["ExperimentName"]
        rows = [row for row in rows if row["ExperimentName"] == name]
    if "TrialComponentName" in call.params:
        held = find(call, TRIAL_COMPONENT, call.params["TrialComponentName"]).get("_trials", [])
        rows = [row for row in rows if row["TrialName"] in held]
    return _listed(call, TRIAL, rows)


@action("CreateTrialComponent")
def create_trial_component(call: Call) -> Record:
    """A step, in no trial yet."""
    return call.show(_named(call, TRIAL_COMPONENT, "TrialComponent"))


@action("DescribeTrialComponent")
def describe_trial_component(call: Call) -> Record:
    """The component."""
    return call.show(find(call, TRIAL_COMPONENT, call.params["TrialComponentName"]))


@action("UpdateTrialComponent")
def update_trial_component(call: Call) -> Record:
    """All but what it is the record of."""
    record = find(call, TRIAL_COMPONENT, call.params["TrialComponentName"])
    return call.show(updated(call, record, "DisplayName", "Status", "StartTime", "EndTime", maps=_MAPS))


@action("DeleteTrialComponent")
def delete_trial_component(call: Call) -> Record:
    """It must be taken out of every trial first."""
    record = find(call, TRIAL_COMPONENT, call.params["TrialComponentName"])
    if record.get("_trials"):
        where = ", ".join(record["_trials"])
        raise invalid(f"Trial component {record['TrialComponentArn']} is in trials: {where}. Disassociate it first.")
    return deleted(call, record)


@action("ListTrialComponents")
def list_trial_components(call: Call) -> Record:
    """One page, of an experiment, a trial or a job (SourceArn): of one of them at most."""
    given = [key for key in ("ExperimentName", "TrialName", "SourceArn") if key in call.params]
    if len(given) > 1:
        raise invalid(
            f"You can filter by one of ExperimentName, TrialName and SourceArn, not by {' and '.join(given)}."
        )
    rows = of_kind(call.state, TRIAL_COMPONENT)
    if "TrialName" in call.params:
        rows = _components(call, [find(call, TRIAL, call.params["TrialName"])["TrialName"]])
    elif "ExperimentName" in call.params:
        name = find(call, EXPERIMENT, call.params["ExperimentName"])["ExperimentName"]
        trials = [one["TrialName"] for one in of_kind(call.state, TRIAL) if one["ExperimentName"] == name]
        rows = _components(call, trials)
    elif "SourceArn" in call.params:
        rows = [row for row in rows if row.get("Source", {}).get("SourceArn") == call.params["SourceArn"].lower()]
    return _listed(call, TRIAL_COMPONENT, rows)


@action("AssociateTrialComponent")
def associate_trial_component(call: Call) -> Record:
    """Put a component into a trial; it may be in several, and once more changes nothing."""
    component, trial = _pair(call)
    if trial["TrialName"] not in component.setdefault("_trials", []):
        component["_trials"].append(trial["TrialName"])
    return call.show({**trial, **component})


@action("DisassociateTrialComponent")
def disassociate_trial_component(call: Call) -> Record:
    """Take a component out of a trial."""
    component, trial = _pair(call)
    if trial["TrialName"] not in component.get("_trials", []):
        raise not_found(f"Trial component {component['TrialComponentArn']} is not in trial {trial['TrialArn']}.")
    component["_trials"].remove(trial["TrialName"])
    return call.show({**trial, **component})


def _pair(call: Call) -> tuple[Record, Record]:
    component = find(call, TRIAL_COMPONENT, call.params["TrialComponentName"])
    return component, find(call, TRIAL, call.params["TrialName"])


def _components(call: Call, trials: list[str]) -> list[Record]:
    return [one for one in of_kind(call.state, TRIAL_COMPONENT) if set(one.get("_trials", [])) & set(trials)]


def _named(call: Call, kind: Kind, shown_type: str | None = None) -> Record:
    record = created(call, kind, call.arn(kind.arn_kind, call.params[kind.name_key]), shown_type)
    record.setdefault("DisplayName", call.params[kind.name_key])
    return record


def _listed(call: Call, kind: Kind, rows: list[Record]) -> Record:
    renamed = {"Source": f"{kind.noun}Source"}
    shown = [{**row, **{new: row[old] for old, new in renamed.items() if old in row}} for row in rows]
    return listed(call, shown, name=kind.name_key, order="Descending")
