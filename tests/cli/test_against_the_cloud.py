"""Approvals and the cloud's life against the embedded cloud's own SageMaker, not a fake."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.operations.where import STATE

pytestmark = pytest.mark.rehearsal


def slipway(checkout: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "slipway.cli", *arguments],
        cwd=checkout,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def cloud(checkout: Path) -> Iterator[Any]:
    from rehearsal.cloud import Cloud

    code, out, err = slipway(checkout, "cloud", "up", "--no-deploy")
    assert code == 0, out + err
    running = Cloud.attach(checkout / STATE)
    try:
        yield running
    finally:
        assert slipway(checkout, "cloud", "down", "--quiet") == (0, "", "")


def test_a_version_is_found_refused_and_approved(checkout: Path, cloud: Any) -> None:
    ledger = {
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "BillingMode": "PAY_PER_REQUEST",
                    "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in ("pk", "sk")],
                    "KeySchema": [
                        {"AttributeName": "pk", "KeyType": "HASH"},
                        {"AttributeName": "sk", "KeyType": "RANGE"},
                    ],
                },
            }
        },
        "Outputs": {
            "LedgerTable": {"Value": {"Ref": "Table"}},
            **{n: {"Value": n} for n in ("DataBucket", "ArtefactBucket", "CaptureBucket", "ReportBucket", "Topic")},
        },
    }
    cloud.client("cloudformation").create_stack(StackName="slipway-Dev-Foundation", TemplateBody=json.dumps(ledger))
    cloud.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName="slipway-Dev-Foundation", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    sagemaker = cloud.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="flight-delays")
    image = f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/x@sha256:{'0' * 64}"
    arn = sagemaker.create_model_package(
        ModelPackageGroupName="flight-delays",
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{"Image": image, "ModelDataUrl": "s3://bucket/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    code, out, _ = slipway(checkout, "approve", "flight-delays@2", "--reason", "x", "--json")
    assert (code, json.loads(out)["error"]["fix"]) == (1, "versions there are: v1")
    code, out, err = slipway(checkout, "approve", "flight-delays@1", "--reason", "the first", "--json")
    assert code == 0, err
    assert "embedded cloud" in err
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    assert package["ModelApprovalStatus"] == "Approved"
    assert package["ApprovalDescription"].startswith("the first | by arn:aws:")
    code, out, _ = slipway(checkout, "status", "--json")
    assert code == 1  # the Release stack is not deployed, and status says so
    status = json.loads(out)["models"][0]
    assert status["waiting"] == []
    assert [u["part"] for u in status["unknown"]] == ["live version"]


def test_the_cloud_comes_up_tells_of_itself_and_goes(checkout: Path, cloud: Any) -> None:
    code, out, err = slipway(checkout, "cloud", "status", "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["url"], facts["pid"], facts["iam"]["enforced"]) == (cloud.url, cloud.pid, True)
    assert "already up" in slipway(checkout, "cloud", "up", "--no-deploy")[1]
    code, out, _ = slipway(checkout, "cloud", "reset")
    assert code == 0
    assert not (checkout / STATE).exists()
    assert slipway(checkout, "cloud", "status")[0] == 1
