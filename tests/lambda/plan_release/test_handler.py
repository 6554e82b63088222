"""The plan as the machine gets it, and what DynamoDB makes of it."""

from typing import Any

import pytest

from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.contracts.errors import BadEventError
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.plan_release.package import read_package


@pytest.mark.parametrize(
    "value", ["text", "", 7, -1.5, True, False, None, ["a", 1, {"b": None}], {"deep": {"er": [True]}}]
)
def test_items_come_back_as_they_went(value: Any) -> None:
    assert from_item(to_item({"value": value})) == {"value": value}


def test_item_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no DynamoDB type"):
        to_item({"a": {1}})


def test_spec_that_lacks_a_field_names_it() -> None:
    with pytest.raises(BadEventError, match=r"lacks alarm_names, bake_seconds, .*variant"):
        ReleaseSpec.from_dict({})


PACKAGE: dict[str, Any] = {
    "ModelPackageArn": "arn:package/2",
    "ModelPackageVersion": 2,
    "CustomerMetadataProperties": {
        "data_version": "1" * 64, "auc": "0.91", "log_loss": "3e-1", "rows": "1e999", "tiny": "1e-300",
        "golden_uri": "s3://a/golden.jsonl", "artefact_sha256": "2" * 64,
    },
    "MetadataProperties": {"CommitId": "c0ffee"},
    "ApprovalDescription": "beats v1 | by arn:ada at 2026-01-01T00:00:00Z",
    "LastModifiedBy": {"IamIdentity": {"Arn": "arn:bob"}},
}  # fmt: skip


def test_a_version_tells_data_commit_metrics_and_approver() -> None:
    read = read_package(PACKAGE)
    assert (read.data_version, read.commit, read.approved_by) == ("1" * 64, "c0ffee", "arn:ada")
    # Digests that are all digits are no metrics, nor is what DynamoDB could not hold.
    assert read.metrics == {"auc": 0.91, "log_loss": 0.3}


@pytest.mark.parametrize(
    ("changes", "approver"),
    [
        ({"ApprovalDescription": "in the console"}, "arn:bob"),
        ({"ApprovalDescription": "in the console", "ModelLifeCycle": {"Stage": "Production"}}, ""),
        ({"ApprovalDescription": "", "LastModifiedBy": {}}, ""),
    ],
)
def test_an_approver_that_no_words_name_is_who_changed_the_version_last(changes: Any, approver: str) -> None:
    """After a release that is the release machine itself, so nobody is named then."""
    assert read_package({**PACKAGE, **changes}).approved_by == approver


def test_a_version_that_says_nothing_is_unknown_and_not_guessed() -> None:
    read = read_package({"ModelPackageArn": "a"})
    assert (read.data_version, read.commit, read.metrics, read.approved_by) == ("", "unknown", {}, "")
