"""An operator's verbs against the deployed app: the command line as people call it, on a checkout of its own."""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from slipway.cli.app import run as main
from slipway.operations.where import STATE

pytestmark = pytest.mark.rehearsal

MODEL, ENDPOINT = "flight-delays", "flight-delays-dev"


@pytest.fixture
def slipway(
    app: Any, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, dict[str, Any]]]]:
    """Call the command line with --json: exit code and its object. Whatever it held is lifted at the end."""
    shutil.copy(root / "platform.yaml", tmp_path)
    shutil.copytree(root / "models", tmp_path / "models")
    (tmp_path / STATE).parent.mkdir()
    (tmp_path / STATE).symlink_to(app.cloud.directory, target_is_directory=True)

    def call(*arguments: str) -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["slipway", *arguments, "--json"])
        code = main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return code, json.loads(printed.out)

    monkeypatch.chdir(tmp_path)
    yield call
    hold = {"pk": {"S": f"endpoint#{ENDPOINT}"}, "sk": {"S": "hold"}}
    app.client("dynamodb").delete_item(TableName=app.outputs["LedgerTable"], Key=hold)


@contextmanager
def slower(app: Any) -> Iterator[None]:
    """While a person reads and decides."""
    speed = app.cloud.control("GET", "status")["speed"]
    app.cloud.clock.set_speed(1)
    try:
        yield
    finally:
        app.cloud.clock.set_speed(speed)


def stages(app: Any) -> dict[int, tuple[str, str]]:
    """Lifecycle stage and its status, by version."""
    found = app.client("sagemaker").list_model_packages(ModelPackageGroupName=MODEL, MaxResults=100)
    life = {v["ModelPackageVersion"]: v.get("ModelLifeCycle", {}) for v in found["ModelPackageSummaryList"]}
    return {version: (of["Stage"], of["StageStatus"]) for version, of in life.items() if of}


def deployment(app: Any, config: str) -> dict[str, Any]:
    """The lineage's action of a config's release."""
    found: dict[str, Any] = app.client("sagemaker").describe_action(ActionName=f"{config}-release")
    return found


def versions_behind(app: Any) -> set[int]:
    """Versions that the lineage leads to from the endpoint."""
    sagemaker, arn = app.client("sagemaker"), app.endpoint()["EndpointArn"]
    (context,) = sagemaker.list_contexts(SourceUri=arn)["ContextSummaries"]
    asked: dict[str, Any] = {
        "StartArns": [context["ContextArn"]],
        "Direction": "Ascendants",
        "Filters": {"Types": ["ModelPackage"]},
    }
    found: list[dict[str, Any]] = []
    while True:  # boto3 has no paginator for it
        page = sagemaker.query_lineage(**asked)
        found += page["Vertices"]
        if "NextToken" not in page:
            break
        asked["NextToken"] = page["NextToken"]
    artifacts = [v["Arn"] for v in found if v["LineageType"] == "Artifact" and v["Type"] == "ModelPackage"]
    uris = [sagemaker.describe_artifact(ArtifactArn=a)["Source"]["SourceUri"] for a in artifacts]
    return {int(uri.rsplit("/", 1)[1]) for uri in uris}


@pytest.mark.fault("A28")
@pytest.mark.fault("C11")
def test_hold_resume_roll_back_abort_and_retry(
    app: Any, slipway: Callable[..., tuple[int, dict[str, Any]]], hand_register: Callable[..., str]
) -> None:
    def live() -> int:
        return int(app.ledger(f"endpoint#{ENDPOINT}", "live")["version"])

    before, arn = live(), hand_register()
    denied = app.cloud.audit()["denied"]
    new = int(arn.rsplit("/", 1)[1])

    # A hold keeps an approved version out, whoever asks.
    assert slipway("pause", MODEL, "--reason", "audit")[0] == 0
    known = app.known("ReleaseMachine")
    app.approve(arn)
    (ended,) = app.ends_since("ReleaseMachine", known)
    assert (ended.output["outcome"], "on hold" in ended.output["cause"]) == ("nothing", True)
    code, answer = slipway("release", f"{MODEL}@{new}")
    assert (code, answer["error"]["code"]) == (1, "SLW513")
    assert slipway("resume", MODEL)[0] == 0
    app.wait_for(lambda: live() == new, "the sweep releases what was held", wall_seconds=60)
    app.wait_for(lambda: "owner" not in (app.ledger(f"endpoint#{ENDPOINT}", "lock") or {}), "the release ends")

    # Back, by name, through the machine; nothing else goes back, and no event that is replayed goes forward again.
    code, answer = slipway("release", f"{MODEL}@{before}")
    assert (code, answer["error"]["code"]) == (1, "SLW505")
    code, answer = slipway("rollback", MODEL, "--to", str(before), "--reason", "late flights", "-w")
    assert (code, live()) == (0, before), answer
    assert app.run("ReleaseMachine", {"trigger": "approval"}).output["outcome"] == "nothing"

    # Forward again on purpose, and aborted in the middle of the shift.
    app.told()
    code, answer = slipway("release", f"{MODEL}@{new}")
    assert code == 0, answer
    app.wait_for(lambda: app.endpoint()["EndpointStatus"] == "Updating", "the endpoint updates", wall_seconds=60)
    with slower(app):
        moving = slipway("status", MODEL)[1]["models"][0]["release"]
        assert (moving["version"], moving["strategy"]) == (new, "canary")
        code, asked = slipway("abort", MODEL, "--reason", "changed my mind")
    assert (code, asked["execution"]) == (0, answer["execution"]), asked
    ended = app.end_of(answer["execution"])
    assert (ended.error, "changed my mind" in ended.cause) == ("ReleaseRolledBack", True)
    assert (live(), app.endpoint()["EndpointStatus"]) == (before, "InService")
    assert [n["outcome"] for n in app.told("release")] == ["rolled_back"]
    assert slipway("abort", MODEL, "--reason", "again")[1]["error"]["code"] == "SLW518"

    # Another attempt; and all of it is told afterwards.
    code, answer = slipway("retry", MODEL, "-w")
    assert (code, live()) == (0, new), answer
    told = slipway("history", MODEL)[1]["releases"][:4]
    assert [(r["trigger"], r["version"], r["outcome"]) for r in told] == [
        ("retry", new, "released"),
        ("operator", new, "rolled_back"),
        ("rollback", before, "released"),
        ("reconcile", new, "released"),
    ]
    assert (told[2]["from_version"], told[2]["asked_reason"]) == (new, "late flights")
    found = slipway("diff", MODEL, str(before), str(new))[1]
    assert "artefact sha256" in found["differences"]
    assert told[0]["data_version"]
    assert told[0]["metrics"]["auc"]
    # What is live is tied to the endpoint in the lineage, and the version it replaced stands in the archive.
    app.wait_for(lambda: stages(app).get(before) == ("Archived", "Approved"), "the version it replaced is archived")
    assert stages(app)[new] == ("Production", "Approved")
    config = app.ledger(f"endpoint#{ENDPOINT}", "live")["config"]
    app.wait_for(lambda: deployment(app, config)["Status"] == "Completed", "the lineage is written")
    noted = deployment(app, config)["Properties"]
    assert (noted["version"], noted["execution"]) == (str(new), answer["execution"])
    assert {before, new} <= versions_behind(app)
    assert app.cloud.audit()["denied"] == denied
    assert "metrics" in found["same"]
    assert any(gap["part"] == "hyperparameters" for gap in found["missing"])
