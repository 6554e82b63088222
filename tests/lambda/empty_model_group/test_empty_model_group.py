"""A group's versions are deleted when its stack is, and at no other time."""

from collections.abc import Iterator

import pytest

from slipway_lambda.contracts.teardown import TAG
from slipway_lambda.empty_model_group.handler import carry_out

ARN = "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/flights"


class Group:
    def __init__(self, **tags: str) -> None:
        self._tags, self.left = tags, ["flights/1", "flights/2"]

    def tags(self, group_arn: str) -> dict[str, str]:
        return self._tags

    def of_group(self, group: str) -> Iterator[str]:
        return iter(self.left)

    def delete(self, version_arn: str) -> None:
        self.left.remove(version_arn)


def send(kind: str, group: Group, physical_id: str = ARN) -> None:
    properties = {"GroupArn": ARN, "GroupName": "flights"}
    event = {"RequestType": kind, "PhysicalResourceId": physical_id, "ResourceProperties": properties}
    assert carry_out(event, group).physical_id in (ARN, physical_id)


def test_deleting_takes_every_version_of_what_is_tagged() -> None:
    group = Group(**{TAG: "true"})
    send("Delete", group)
    assert group.left == []


@pytest.mark.parametrize(
    ("kind", "tags", "physical_id"),
    [("Delete", {}, ARN), ("Delete", {TAG: "true"}, "EmptiedFailed1234"), ("Update", {TAG: "true"}, ARN)],
)
def test_nothing_else_deletes_any(kind: str, tags: dict[str, str], physical_id: str) -> None:
    group = Group(**tags)
    send(kind, group, physical_id)
    assert len(group.left) == 2
