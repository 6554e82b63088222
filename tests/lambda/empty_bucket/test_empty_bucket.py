"""A bucket is emptied when its stack is deleted, and at no other time."""

from typing import Any

import pytest

from slipway_lambda.contracts.teardown import TAG
from slipway_lambda.empty_bucket.handler import carry_out


class Held:
    def __init__(self, tags: dict[str, str]) -> None:
        self._tags, self.emptied = tags, []  # type: ignore[var-annotated]

    def tags(self, bucket: str) -> dict[str, str]:
        return self._tags

    def empty(self, bucket: str) -> None:
        self.emptied.append(bucket)


def send(kind: str, held: Any, *, old: str = "data") -> str:
    event = {"RequestType": kind, "PhysicalResourceId": old, "ResourceProperties": {"BucketName": "data"}}
    return carry_out(event, held).physical_id


def test_deleting_empties_what_is_tagged() -> None:
    held = Held({TAG: "true"})
    assert send("Delete", held) == "data"
    assert held.emptied == ["data"]


@pytest.mark.parametrize("tags", [{}, {TAG: "false"}, {"other": "true"}])
def test_what_was_switched_to_retain_is_kept(tags: dict[str, str]) -> None:
    """CloudFormation takes the tag off first, then deletes the resource that would empty the bucket."""
    held = Held(tags)
    send("Delete", held)
    assert held.emptied == []


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_nothing_else_empties(kind: str) -> None:
    held = Held({TAG: "true"})
    assert send(kind, held) == "data"
    assert held.emptied == []
