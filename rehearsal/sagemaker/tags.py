"""Tags of any resource, by its ARN."""

from rehearsal.sagemaker.actions import Call, action, tag_map
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.listing import page
from rehearsal.sagemaker.store import Record

DEPTH = "rules"

_MAX_TAGS = 50
_LISTED = 50  # ListTags: at least 50 to a page


@action("AddTags")
def add_tags(call: Call) -> Record:
    """Adds or overwrites; answers with all tags of the resource."""
    arn = _existing(call)
    _refuse_version(call, arn)
    added = tag_map(call.params["Tags"])
    _refuse_reserved(list(added))
    tags = {**call.state.tags.get(arn, {}), **added}
    if len(tags) > _MAX_TAGS:
        raise invalid(f"A resource can have at most {_MAX_TAGS} tags, this would make {len(tags)}.")
    call.state.tags[arn] = tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@action("ListTags")
def list_tags(call: Call) -> Record:
    """One page of tags, by key. A version of a model package has the tags of its group."""
    arn = _existing(call)
    group = _group_of(call, arn)
    tags = call.state.tags.get(group or arn, {})
    return page(call, [{"Key": key, "Value": value} for key, value in sorted(tags.items())], default=_LISTED)


@action("DeleteTags")
def delete_tags(call: Call) -> Record:
    """Keys that are not there are ignored."""
    arn = _existing(call)
    _refuse_version(call, arn)
    _refuse_reserved(call.params["TagKeys"])
    tags = call.state.tags.get(arn, {})
    for key in call.params["TagKeys"]:
        tags.pop(key, None)
    return {}


def _existing(call: Call) -> str:
    arn = str(call.params["ResourceArn"])
    if arn.lower() not in call.state.arns():
        raise invalid(f"Could not find resource with ARN {arn}.")
    return arn.lower()


def _group_of(call: Call, arn: str) -> str | None:
    version = call.state.packages.get(arn, {})
    group = version.get("ModelPackageGroupName")
    return call.arn("model-package-group", group) if group else None


def _refuse_version(call: Call, arn: str) -> None:
    if _group_of(call, arn):
        raise invalid(f"{arn} is a version of a model package group: the tags of its group apply. Tag the group.")


def _refuse_reserved(keys: list[str]) -> None:
    for key in keys:
        # CloudFormation, which sets the tags of its own prefix, comes through the same door.
        if key.lower().startswith("aws:") and not key.startswith("aws:cloudformation:"):
            raise invalid(f'Tag key "{key}" is reserved: keys that start with aws: are for internal use by AWS.')
