"""The thin wrappers over AWS, against botocore's own request and response shapes."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from slipway_lambda.ports import executions, lineage, objects, retrainings, tokens, versions


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any, str], Stubber]]:
    """Replace the client that a port module uses by a stubbed one."""
    stubs = []

    def stub(module: Any, service: str) -> Stubber:
        client = boto3.client(  # type: ignore[call-overload]
            service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        monkeypatch.setattr(module, "client", lambda _: client)
        stubs.append(Stubber(client))
        stubs[-1].activate()
        return stubs[-1]

    yield stub
    for used in stubs:
        used.assert_no_pending_responses()


def body(text: bytes) -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(text), len(text))}


def test_both_ends_are_fetched_by_range(stubbed: Any) -> None:
    s3 = stubbed(objects, "s3")
    s3.add_response("get_object", body(b"ab"), {"Bucket": "b", "Key": "k", "Range": "bytes=0-9"})
    s3.add_response("get_object", body(b"yz"), {"Bucket": "b", "Key": "k", "Range": "bytes=-10"})
    port = objects.S3Objects()
    assert (port.head("b", "k", 10), port.tail("b", "k", 10)) == (b"ab", b"yz")


def test_listing_follows_pages(stubbed: Any) -> None:
    s3 = stubbed(objects, "s3")
    page = {"IsTruncated": True, "NextContinuationToken": "t", "Contents": [{"Key": "a", "ETag": '"e"', "Size": 1}]}
    s3.add_response("list_objects_v2", page, {"Bucket": "b", "Prefix": "p/"})
    s3.add_response(
        "list_objects_v2", {"IsTruncated": False}, {"Bucket": "b", "Prefix": "p/", "ContinuationToken": "t"}
    )
    assert list(objects.S3Objects().list("b", "p/")) == [objects.Listed("a", "e", 1)]


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_a_missing_object_is_named(stubbed: Any, code: str) -> None:
    stubbed(objects, "s3").add_client_error("get_object", code)
    with pytest.raises(objects.ObjectMissingError, match="s3://b/k"):
        objects.S3Objects().stream("b", "k")


def test_other_errors_of_s3_stay_what_they_are(stubbed: Any) -> None:
    stubbed(objects, "s3").add_client_error("get_object", "SlowDown")
    with pytest.raises(Exception, match="SlowDown"):
        objects.S3Objects().stream("b", "k")


@pytest.mark.parametrize("uri", ["", "b/k", "s3://", "s3://b", "s3://b/", "https://b/k"])
def test_what_is_no_uri_of_an_object_is_refused(uri: str) -> None:
    with pytest.raises(objects.BadUriError, match="is not s3://<bucket>/<key>"):
        objects.split_uri(uri)


@pytest.mark.parametrize("over", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
@pytest.mark.fault("D16")
def test_a_task_that_waits_no_more_is_no_error(stubbed: Any, over: str) -> None:
    stub = stubbed(tokens, "stepfunctions")
    stub.add_response("send_task_success", {}, {"taskToken": "t", "output": "{}"})
    stub.add_client_error("send_task_success", over)
    assert [tokens.StepFunctionsTokens().answer("t") for _ in range(2)] == [True, False]


def test_running_executions_are_asked_for_in_one_page(stubbed: Any) -> None:
    sfn = stubbed(executions, "stepfunctions")
    arn = "arn:aws:states:eu-west-1:111122223333:execution:M:e"
    item = {"executionArn": arn, "stateMachineArn": "arn:m", "name": "e", "status": "RUNNING", "startDate": 0}
    sfn.add_response(
        "list_executions",
        {"executions": [item]},
        {"stateMachineArn": "arn:m", "statusFilter": "RUNNING", "maxResults": 100},
    )
    assert executions.StepFunctionsExecutions().running("arn:m") == [arn]


KEY = {"pk": {"S": "model#m"}, "sk": {"S": "retraining"}}


@pytest.mark.parametrize(("answer", "at"), [({}, None), ({"Item": {**KEY, "last_started_at": {"N": "12"}}}, 12.0)])
def test_the_last_retraining_is_read_consistently(
    stubbed: Any, monkeypatch: pytest.MonkeyPatch, answer: Any, at: float | None
) -> None:
    monkeypatch.setenv("LEDGER_TABLE", "t")
    table = stubbed(retrainings, "dynamodb")
    table.add_response("get_item", answer, {"TableName": "t", "Key": KEY, "ConsistentRead": True})
    assert retrainings.LedgerRetrainings().last_started_at("m") == at


@pytest.mark.parametrize("item", [KEY, {**KEY, "last_started_at": {"S": "12"}}])
def test_a_retraining_without_its_time_is_an_error_and_not_none(
    stubbed: Any, monkeypatch: pytest.MonkeyPatch, item: Any
) -> None:
    monkeypatch.setenv("LEDGER_TABLE", "t")
    stubbed(retrainings, "dynamodb").add_response("get_item", {"Item": item})
    with pytest.raises(retrainings.LedgerFaultError, match="has no readable last_started_at"):
        retrainings.LedgerRetrainings().last_started_at("m")


URI = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/m/2"
ARTIFACT = "arn:aws:sagemaker:eu-west-1:111122223333:artifact/a1"
ACTION = "arn:aws:sagemaker:eu-west-1:111122223333:action/m-dev-v2-0000000a-release"


def summaries(*arns: str) -> dict[str, Any]:
    return {"ArtifactSummaries": [{"ArtifactArn": arn} for arn in arns]}


def test_an_artifact_that_somebody_made_meanwhile_is_taken(stubbed: Any) -> None:
    sagemaker = stubbed(lineage, "sagemaker")
    sagemaker.add_response("list_artifacts", summaries(), {"SourceUri": URI})
    sagemaker.add_client_error("create_artifact", "ValidationException", "it exists already")
    sagemaker.add_response("list_artifacts", summaries(ARTIFACT), {"SourceUri": URI})
    assert lineage.SageMakerLineage().artifact(URI, "m-2", "ModelPackage") == ARTIFACT


def test_a_refusal_that_is_none_of_existence_is_raised(stubbed: Any) -> None:
    sagemaker = stubbed(lineage, "sagemaker")
    sagemaker.add_response("list_artifacts", summaries())
    sagemaker.add_client_error("create_artifact", "ResourceLimitExceeded", "6000")
    sagemaker.add_response("list_artifacts", summaries())
    with pytest.raises(Exception, match="6000"):
        lineage.SageMakerLineage().artifact(URI, "m-2", "ModelPackage")


def test_a_deployment_begun_again_keeps_no_old_property(stubbed: Any) -> None:
    sagemaker, name = stubbed(lineage, "sagemaker"), ACTION.rsplit("/", 1)[1]
    known = {"ActionArn": ACTION, "Properties": {"version": "2", "commit": "old", "stale": "x"}, "Status": "Completed"}
    sagemaker.add_response("describe_action", known, {"ActionName": name})
    asked = {
        "ActionName": name, "Status": "InProgress", "Properties": {"version": "2", "commit": "new"},
        "PropertiesToRemove": ["stale"],
    }  # fmt: skip
    sagemaker.add_response("update_action", {"ActionArn": ACTION}, asked)
    port = lineage.SageMakerLineage()
    assert port.begin_action(name, "arn:endpoint", asked["Properties"], "new", "arn:run") == ACTION


def test_a_deployment_that_is_not_there_is_empty_and_another_fault_is_not(stubbed: Any) -> None:
    sagemaker = stubbed(lineage, "sagemaker")
    sagemaker.add_client_error("describe_action", "ResourceNotFound", "no")
    sagemaker.add_client_error("describe_action", "AccessDeniedException", "denied")
    assert lineage.SageMakerLineage().action("a") == {}
    with pytest.raises(Exception, match="denied"):
        lineage.SageMakerLineage().action("a")


def test_approved_versions_are_listed_over_pages_and_marked_by_stage_alone(stubbed: Any) -> None:
    sagemaker = stubbed(versions, "sagemaker")
    asked = {
        "ModelPackageGroupName": "m", "ModelApprovalStatus": "Approved", "SortBy": "CreationTime",
        "SortOrder": "Descending",
    }  # fmt: skip
    one = {
        "ModelPackageArn": URI, "CreationTime": 0, "ModelPackageStatus": "Completed",
        "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Approved"},
    }  # fmt: skip
    sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": [one], "NextToken": "t"}, asked)
    sagemaker.add_response("list_model_packages", {"ModelPackageSummaryList": []}, {**asked, "NextToken": "t"})
    port = versions.RegistryVersions()
    assert [v["ModelLifeCycle"]["Stage"] for v in port.approved("m")] == ["Production"]
    life = {"Stage": "Archived", "StageStatus": "Approved", "StageDescription": "Replaced."}
    sagemaker.add_response(
        "update_model_package", {"ModelPackageArn": URI}, {"ModelPackageArn": URI, "ModelLifeCycle": life}
    )
    port.mark(URI, "Archived", "Approved", "Replaced.")


@pytest.mark.parametrize(
    "verb", ["validate_data", "inspect_artefact", "evaluate_gate", "find_capture", "decide_retraining", "note_live"]
)
def test_a_handler_imports_nothing_heavy(verb: str) -> None:
    """Importing boto3 is most of a cold start; it is paid at the first call and only then."""
    heavy = ["boto3", "botocore", "urllib3", "pydantic", "numpy", "tarfile"]
    script = (
        f"import sys, json, slipway_lambda.{verb}.handler;print(json.dumps([m for m in {heavy!r} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
