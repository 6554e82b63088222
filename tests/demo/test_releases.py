"""Which record is a version's release, what is live, and a release that fails without a record."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from slipway.demo.errors import DemoError
from slipway.demo.stages import releases

OLD, NEW = "arn:x:execution:release:old", "arn:x:execution:release:new"


class Aws:
    """DynamoDB, Step Functions and SageMaker of one endpoint."""

    def __init__(self, items: list[dict[str, Any]], failed: list[str], config: str, status: str, live: int) -> None:
        self.items, self.failed, self.config, self.status, self.live = items, failed, config, status, live
        self.exceptions = SimpleNamespace(ClientError=LookupError)
        self.looks = 0

    def query(self, **_: Any) -> dict[str, Any]:
        return {"Items": self.items}

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {"Item": {"version": {"N": str(self.live)}}}

    def describe_endpoint(self, **_: Any) -> dict[str, Any]:
        return {"EndpointConfigName": self.config, "EndpointStatus": self.status}

    def list_executions(self, **_: Any) -> dict[str, Any]:
        # One that failed long ago, then those that fail while we wait.
        self.looks += 1
        arns = [OLD, *(self.failed if self.looks > 1 else [])]
        return {"executions": [{"executionArn": arn} for arn in arns]}

    def describe_execution(self, **_: Any) -> dict[str, Any]:
        return {"status": "FAILED", "error": "ReleaseRefused", "cause": "Automation is halted"}

    def get_execution_history(self, **_: Any) -> dict[str, Any]:
        entered = {"id": 1, "type": "FailStateEntered", "stateEnteredEventDetails": {"name": "Refused"}}
        return {"events": [entered]}


def demo(aws: Aws) -> Any:
    places = SimpleNamespace(ledger_table="ledger", need=lambda _: "machine")
    return SimpleNamespace(
        client=lambda _: aws,
        where=SimpleNamespace(client=lambda _: aws),
        places=places,
        endpoint="m-dev",
        seconds=lambda _: 5.0,
        alive=lambda: None,
        progress=SimpleNamespace(say=lambda _: None),
    )


def aws(
    *, items: list[dict[str, Any]] | None = None, failed: list[str] | None = None, config: str = "m-dev-v2-0123abcd",
    status: str = "InService", live: int = 2,
) -> Aws:  # fmt: skip
    return Aws(items or [], failed or [], config, status, live)


def record(version: int, execution: str) -> dict[str, Any]:
    return {"version": {"N": str(version)}, "execution": {"S": execution}, "ended_at": {"N": "10"}}


def test_a_recorded_release_is_found_whoever_did_it() -> None:
    found = releases.settled(demo(aws(items=[record(1, "arn:a:b"), record(2, NEW)], failed=[NEW])), 2)
    assert int(found["version"]) == 2


def test_a_release_that_failed_without_a_record_is_told_at_once() -> None:
    with pytest.raises(
        DemoError, match=r"version 3 failed in Refused \(new\): ReleaseRefused Automation is halted"
    ) as error:
        releases.settled(demo(aws(failed=[NEW])), 3)
    assert error.value.code == "SLW907"


@pytest.mark.parametrize(
    ("config", "status", "live", "expected"),
    [
        ("m-dev-v2-0123abcd", "InService", 2, 2),
        ("m-dev-v3-0123abcd", "InService", 2, None),
        ("m-dev-v2-0123abcd", "Updating", 2, None),
        ("made-by-hand", "InService", 2, None),
    ],
)
def test_live_is_what_endpoint_and_ledger_agree_on(config: str, status: str, live: int, expected: int | None) -> None:
    assert releases.live_version(demo(aws(config=config, status=status, live=live))) == expected


def test_the_hotfix_is_registered_as_any_version_with_its_own_sha() -> None:
    import hashlib
    import io
    import tarfile

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        schema = json.dumps({"columns": [{"name": "a"}, {"name": "b"}]}).encode()
        entry = tarfile.TarInfo("schema.json")
        entry.size = len(schema)
        tar.addfile(entry, io.BytesIO(schema))
    put: dict[str, Any] = {}
    made: dict[str, Any] = {}
    container = {
        "Image": "i@sha256:1",
        "ImageDigest": "sha256:1",
        "ModelDataUrl": "s3://artefacts/m/runs/r/model.tar.gz",
    }
    client = SimpleNamespace(
        list_model_packages=lambda **_: {
            "ModelPackageSummaryList": [{"ModelPackageVersion": 2, "ModelPackageArn": "p/2"}]
        },
        describe_model_package=lambda **_: {
            "ModelPackageGroupName": "m",
            "InferenceSpecification": {"Containers": [container], "SupportedContentTypes": ["text/csv"]},
            "CustomerMetadataProperties": {"artefact_sha256": "old", "golden_uri": "s3://g"},
        },
        get_object=lambda **_: {"Body": io.BytesIO(packed.getvalue())},
        put_object=lambda **given: put.update(given),
        create_model_package=lambda **given: made.update(given),
    )
    releases.register_hotfix(
        SimpleNamespace(  # type: ignore[arg-type]
            client=lambda _: client,
            declared=(None, None, SimpleNamespace(name="m")),
            places=SimpleNamespace(artefact_bucket="artefacts"),
        )
    )
    metadata = made["CustomerMetadataProperties"]
    assert metadata["artefact_sha256"] == hashlib.sha256(put["Body"]).hexdigest() != "old"
    assert metadata["golden_uri"] == "s3://g"
    assert made["ModelApprovalStatus"] == "PendingManualApproval"
    place = made["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
    assert place == f"s3://artefacts/{put['Key']}"
    assert put["Key"].startswith("m/runs/")
