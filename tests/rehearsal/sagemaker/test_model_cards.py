import json
import re

import pytest

from rehearsal.sagemaker import SageMaker, ServiceError
from rehearsal.sagemaker.registry.json_schema import faults
from rehearsal.sagemaker.registry.model_card_schema import CARD

EVENT = "SageMaker Model Card State Change"
CONTENT = {
    "model_overview": {"model_id": "flights-7", "model_name": "flights", "model_version": 7},
    "intended_uses": {"risk_rating": "Low", "purpose_of_model": "tell (late) flights \\ early"},
    "evaluation_details": [
        {
            "name": "holdout",
            "metric_groups": [
                {
                    "name": "binary",
                    "metric_data": [
                        {"name": "auc", "type": "number", "value": 0.87},
                        {"name": "roc", "type": "linear_graph", "value": [[0, 0], [1, 1]], "x_axis_name": "fpr"},
                        {"name": "confusion", "type": "matrix", "value": [[1, 2], [3, 4]], "x_axis_name": ["a", "b"]},
                    ],
                }
            ],
        }
    ],
}


def _create(kit, name="card", content=CONTENT, **more):
    return kit.call(
        "CreateModelCard", ModelCardName=name, Content=json.dumps(content), ModelCardStatus="Draft", **more
    )["ModelCardArn"]


def _refused(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


def _export(kit, **more):
    request = {
        "ModelCardName": "card",
        "ModelCardExportJobName": "export",
        "OutputConfig": {"S3OutputPath": "s3://artefacts/cards"},
    }
    arn = kit.call("CreateModelCardExportJob", **(request | more))["ModelCardExportJobArn"]
    describe = lambda: kit.call("DescribeModelCardExportJob", ModelCardExportJobArn=arn)  # noqa: E731
    kit.until(lambda: describe()["Status"] != "InProgress")
    return describe()


def test_new_content_is_a_new_version_and_a_new_status_is_not(kit):
    arn = _create(kit)
    kit.call("UpdateModelCard", ModelCardName="card", Content="{}")
    kit.call("UpdateModelCard", ModelCardName=arn, ModelCardStatus="Approved")
    latest = kit.call("DescribeModelCard", ModelCardName="card")
    assert (latest["ModelCardVersion"], latest["ModelCardStatus"], latest["Content"]) == (2, "Approved", "{}")
    first = kit.call("DescribeModelCard", ModelCardName="card", ModelCardVersion=1)
    assert (json.loads(first["Content"]), first["ModelCardStatus"]) == (CONTENT, "Draft")
    versions = kit.call("ListModelCardVersions", ModelCardName="card")["ModelCardVersionSummaryList"]
    assert [(one["ModelCardVersion"], one["ModelCardStatus"]) for one in versions] == [(2, "Approved"), (1, "Draft")]
    assert "one request" in _refused(kit, "UpdateModelCard", ModelCardName="card").message
    both = {"Content": "{}", "ModelCardStatus": "Draft"}
    assert "one request" in _refused(kit, "UpdateModelCard", ModelCardName="card", **both).message
    assert _refused(kit, "DescribeModelCard", ModelCardName="card", ModelCardVersion=9).code == "ResourceNotFound"


def test_an_event_is_sent_in_the_documented_form(kit):
    _create(kit)
    kit.call("UpdateModelCard", ModelCardName="card", ModelCardStatus="PendingReview")
    created, updated = kit.details(EVENT)
    assert created["ModelCardStatus"] == "Draft"
    assert {key: updated[key] for key in ("ModelCardName", "ModelId", "ModelCardVersion", "AccountId")} == {
        "ModelCardName": "card", "ModelId": "flights-7", "ModelCardVersion": 1, "AccountId": "111122223333",
    }  # fmt: skip
    assert updated["CreationTime"] == "2026-11-20T14:05:09.000Z"
    assert updated["SecurityConfig"] == {}
    assert "Content" not in updated


def test_codes_are_those_the_model_lists(kit):
    _create(kit)
    again = {"ModelCardName": "card", "Content": "{}", "ModelCardStatus": "Draft"}
    assert _refused(kit, "CreateModelCard", **again).code == "ConflictException"
    for action in ("DescribeModelCard", "DeleteModelCard", "ListModelCardVersions"):
        assert _refused(kit, action, ModelCardName="none").code == "ResourceNotFound"
    kit.call("UpdateModelCard", ModelCardName="card", ModelCardStatus="Archived")
    assert _refused(kit, "UpdateModelCard", ModelCardName="card", Content="{}").code == "ConflictException"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "$: [] is not of type object"),
        ({"colour": "red"}, "$: colour is not a member"),
        ({"model_overview": {"model_version": 0}}, "$.model_overview.model_version: 0 is less than 1"),
        ({"model_overview": {"model_artifact": ["x"] * 16}}, "has 16 entries, at most 15"),
        ({"model_overview": {"model_owner": "x" * 1025}}, "has 1025 characters, at most 1024"),
        ({"model_overview": {"model_version": True}}, "True is not of type number"),
        ({"intended_uses": {"risk_rating": "low"}}, "'low' is not one of High, Medium, Low, Unknown"),
        ({"evaluation_details": [{}]}, "$.evaluation_details[0]: name is missing"),
        ({"additional_information": {"custom_details": {"a": 1}}}, "custom_details.a: 1 is not of type string"),
        (
            {"training_details": {"training_job_details": {"training_metrics": [{"name": "auc", "value": "high"}]}}},
            "training_metrics[0].value: 'high' is not of type number",
        ),
    ],
)
def test_content_that_does_not_fit_is_refused_at_its_place(kit, content, words):
    text = content if isinstance(content, str) else json.dumps(content)
    refusal = _refused(kit, "CreateModelCard", ModelCardName="card", Content=text, ModelCardStatus="Draft")
    assert refusal.code == "ValidationException"
    assert words in refusal.message


def test_a_metric_fits_one_of_four_forms():
    def found(**metric):
        group = {"name": "g", "metric_data": [{"name": "m", **metric}]}
        return list(faults(CARD, {"evaluation_details": [{"name": "e", "metric_groups": [group]}]}))

    assert not found(type="bar_chart", value=[1, 2])
    assert not found(type="boolean", value=True)
    for metric in ({"type": "bar_chart", "value": [[1]]}, {"type": "matrix", "value": []}, {"type": "pie", "value": 1}):
        assert "fits none of the 4 forms" in found(**metric)[0]


def test_metadata_only_leaves_what_identifies_the_model(kit):
    _create(kit)
    shown = kit.call("DescribeModelCard", ModelCardName="card", IncludedData="MetadataOnly")
    assert json.loads(shown["Content"]) == {
        "model_overview": {"model_id": "flights-7", "model_name": "flights"},
        "intended_uses": {"risk_rating": "Low"},
    }


def _read(pdf):
    """Offsets of the cross-reference table lead to the objects; the text of all pages."""
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF", pdf)[1])
    assert pdf[start:].startswith(b"xref")
    offsets = [int(one) for one in re.findall(rb"(\d{10}) 00000 n ", pdf[start:])]
    for number, offset in enumerate(offsets, 1):
        assert pdf[offset:].startswith(b"%d 0 obj" % number)
    lines = re.findall(rb"^\((.*)\) '$", pdf, re.MULTILINE)
    return re.sub(rb"\\(.)", rb"\1", b"\n".join(lines)).decode("cp1252"), pdf.count(b"/Type /Page ")


def test_an_export_is_a_document_with_the_whole_content(kit):
    _create(kit)
    kit.call("UpdateModelCard", ModelCardName="card", Content="{}")
    job = _export(kit, ModelCardVersion=1)
    assert (job["Status"], job["ModelCardVersion"]) == ("Completed", 1)
    assert job["ExportArtifacts"] == {"S3ExportArtifacts": "s3://artefacts/cards/export.pdf"}
    text, pages = _read(kit.host.objects["artefacts", "cards/export.pdf"])
    assert pages == 1
    for words in ("Model card: card", "Version: 1", "Risk rating: Low", "tell (late) flights \\ early", "Value: 0.87"):
        assert words in text
    events = kit.details("SageMaker Model Card Export Job State Change")
    assert [one["Status"] for one in events] == ["InProgress", "Completed"]
    listed = kit.call("ListModelCardExportJobs", ModelCardName="card", StatusEquals="Completed")
    assert [one["ModelCardExportJobArn"] for one in listed["ModelCardExportJobSummaries"]] == [
        job["ModelCardExportJobArn"]
    ]


def test_a_long_card_has_several_pages(kit):
    _create(kit, content={"additional_information": {"custom_details": {f"k{n}": "x" * 200 for n in range(100)}}})
    _export(kit)
    text, pages = _read(kit.host.objects["artefacts", "cards/export.pdf"])
    assert pages == 5
    assert text.count("xxx") > 100


def test_an_export_that_s3_refuses_fails_with_its_reason(kit):
    _create(kit)
    nobody = "arn:aws:sts::111122223333:assumed-role/nobody/x"
    for principal, words in ((nobody, "AccessDenied"), ("arn:aws:iam::111122223333:user/x", "is not a role")):
        request = {
            "ModelCardName": "card",
            "ModelCardExportJobName": principal.split("/")[1],
            "OutputConfig": {"S3OutputPath": "s3://artefacts/x"},
        }
        arn = kit.sm.handle("CreateModelCardExportJob", request, kit.scope, principal)["ModelCardExportJobArn"]
        kit.until(
            lambda arn=arn: kit.call("DescribeModelCardExportJob", ModelCardExportJobArn=arn)["Status"] == "Failed"
        )
        assert words in kit.call("DescribeModelCardExportJob", ModelCardExportJobArn=arn)["FailureReason"]


def test_an_export_under_way_is_made_after_a_restart(kit, tmp_path):
    _create(kit)
    arn = _export(kit)["ModelCardExportJobArn"]
    kept = json.loads(json.dumps(kit.sm.snapshot()))
    kept[0]["tables"]["model_card_exports"][arn]["Status"] = "InProgress"
    kit.host.objects.clear()
    again = SageMaker(kit.host, tmp_path / "again")
    try:
        again.resume(kept)
        describe = {"ModelCardExportJobArn": arn}
        kit.until(lambda: again.handle("DescribeModelCardExportJob", describe, kit.scope, "p")["Status"] == "Completed")
        assert ("artefacts", "cards/export.pdf") in kit.host.objects
    finally:
        again.close()


def test_a_deleted_card_leaves_nothing(kit):
    arn = _create(kit, Tags=[{"Key": "a", "Value": "b"}])
    _export(kit)
    kit.call("DeleteModelCard", ModelCardName="card")
    assert kit.call("ListModelCards") == {"ModelCardSummaries": []}
    assert kit.call("ListModelCardExportJobs", ModelCardName="card") == {"ModelCardExportJobSummaries": []}
    assert "Could not find resource" in _refused(kit, "ListTags", ResourceArn=arn).message
