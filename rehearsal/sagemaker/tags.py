"""Tags of any resource, by its ARN."""

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.listing import page
from rehearsal.sagemaker.store import Record

_MAX_TAGS = 50


@action("AddTags")
def add_tags(call: Call) -> Record:
    """Adds or overwrites; answers with all tags of the resource."""
    arn = _existing(call)
    tags = dict(call.state.tags.get(arn, {}))
    tags |= {tag["Key"]: tag["Value"] for tag in call.params["Tags"]}
    if len(tags) > _MAX_TAGS:
        raise invalid(f"A resource can have at most {_MAX_TAGS} tags, this would make {len(tags)}.")
    call.state.tags[arn] = tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


@action("ListTags")
def list_tags(call: Call) -> Record:
    """One page of tags, by key."""
    tags = call.state.tags.get(_existing(call), {})
    return page(call, [{"Key": key, "Value": value} for key, value in sorted(tags.items())])


@action("DeleteTags")
def delete_tags(call: Call) -> Record:
    """Keys that are not there are ignored."""
    tags = call.state.tags.get(_existing(call), {})
    for key in call.params["TagKeys"]:
        tags.pop(key, None)
    return {}


def _existing(call: Call) -> str:
    arn = str(call.params["ResourceArn"])
    if arn.lower() not in call.state.arns():
        raise invalid(f"Could not find resource with ARN {arn}.")
    return arn.lower()
