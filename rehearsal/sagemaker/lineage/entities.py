"""Artifacts, actions and contexts: the entities of the lineage graph that are not experiments."""

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_found
from rehearsal.sagemaker.lineage.store import (
    ACTION,
    ARTIFACT,
    CONTEXT,
    Kind,
    artifact_arn,
    created,
    deleted,
    entities,
    find,
    of_kind,
    updated,
)
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record

DEPTH = "rules"


@action("CreateArtifact")
def create_artifact(call: Call) -> Record:
    """There can be one artifact for a SourceUri."""
    arn = artifact_arn(call.scope, call.params["Source"]["SourceUri"])
    return call.show(created(call, ARTIFACT, arn, call.params["ArtifactType"]))


@action("DescribeArtifact")
def describe_artifact(call: Call) -> Record:
    """The artifact."""
    return call.show(find(call, ARTIFACT, call.params["ArtifactArn"]))


@action("UpdateArtifact")
def update_artifact(call: Call) -> Record:
    """Name and properties."""
    record = find(call, ARTIFACT, call.params["ArtifactArn"])
    return call.show(updated(call, record, "ArtifactName", maps=("Properties",)))


@action("DeleteArtifact")
def delete_artifact(call: Call) -> Record:
    """By ARN or by Source."""
    arn, source = call.params.get("ArtifactArn"), call.params.get("Source")
    if (arn is None) == (source is None):
        raise invalid("You must specify exactly one of ArtifactArn and Source.")
    if source is not None:
        arn = artifact_arn(call.scope, source["SourceUri"])
        if arn not in entities(call.state):
            raise not_found(f"Artifact with SourceUri {source['SourceUri']} does not exist.")
    return deleted(call, find(call, ARTIFACT, str(arn)))


@action("ListArtifacts")
def list_artifacts(call: Call) -> Record:
    """One page of artifacts."""
    return _listed(call, ARTIFACT)


@action("CreateAction")
def create_action(call: Call) -> Record:
    """A step that was taken."""
    return call.show(_named(call, ACTION, call.params["ActionType"]))


@action("DescribeAction")
def describe_action(call: Call) -> Record:
    """The action."""
    return call.show(find(call, ACTION, call.params["ActionName"]))


@action("UpdateAction")
def update_action(call: Call) -> Record:
    """Description, status and properties."""
    record = find(call, ACTION, call.params["ActionName"])
    return call.show(updated(call, record, "Description", "Status", maps=("Properties",)))


@action("DeleteAction")
def delete_action(call: Call) -> Record:
    """Only without associations."""
    return deleted(call, find(call, ACTION, call.params["ActionName"]))


@action("ListActions")
def list_actions(call: Call) -> Record:
    """One page of actions."""
    return _listed(call, ACTION)


@action("CreateContext")
def create_context(call: Call) -> Record:
    """A group of other entities."""
    return call.show(_named(call, CONTEXT, call.params["ContextType"]))


@action("DescribeContext")
def describe_context(call: Call) -> Record:
    """The context."""
    return call.show(find(call, CONTEXT, call.params["ContextName"]))


@action("UpdateContext")
def update_context(call: Call) -> Record:
    """Description and properties."""
    record = find(call, CONTEXT, call.params["ContextName"])
    return call.show(updated(call, record, "Description", maps=("Properties",)))


@action("DeleteContext")
def delete_context(call: Call) -> Record:
    """Only without associations."""
    return deleted(call, find(call, CONTEXT, call.params["ContextName"]))


@action("ListContexts")
def list_contexts(call: Call) -> Record:
    """One page of contexts."""
    return _listed(call, CONTEXT)


def _named(call: Call, kind: Kind, shown_type: str) -> Record:
    return created(call, kind, call.arn(kind.arn_kind, call.params[kind.name_key]), shown_type)


def _listed(call: Call, kind: Kind) -> Record:
    rows = of_kind(call.state, kind)
    if "SourceUri" in call.params:
        rows = [row for row in rows if row["Source"]["SourceUri"] == call.params["SourceUri"]]
    given = f"{kind.noun}Type"
    return listed(call, rows, name=kind.name_key, order="Descending", equal={given: given})
