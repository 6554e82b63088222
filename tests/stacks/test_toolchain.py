"""The pipeline: what must hold besides the snapshot."""

import json
from pathlib import Path
from typing import Any


def test_it_mutates_itself_with_the_pinned_cli(template: Any, root: Path) -> None:
    """A newer CLI than the lock in the self-mutation cannot read the assembly (F06)."""
    pin = json.loads((root / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    builds = template("Toolchain").of("AWS::CodeBuild::Project").values()
    mutations = [
        b
        for b in builds
        if "deploy slipway-Toolchain" in b["Properties"]["Source"]["BuildSpec"]
        or "deploy Toolchain" in b["Properties"]["Source"]["BuildSpec"]
    ]
    assert len(mutations) == 1
    assert f"aws-cdk@{pin}" in mutations[0]["Properties"]["Source"]["BuildSpec"]


def test_nothing_is_installed_at_its_newest(template: Any) -> None:
    """An install without a version is another program every day (S14)."""
    for build in template("Toolchain").of("AWS::CodeBuild::Project").values():
        assert "@latest" not in build["Properties"]["Source"]["BuildSpec"]


def test_it_is_a_v2_pipeline_from_a_connection_that_queues(template: Any) -> None:
    (pipeline,) = template("Toolchain").of("AWS::CodePipeline::Pipeline").values()
    properties = pipeline["Properties"]
    assert properties["PipelineType"] == "V2"
    assert properties["ExecutionMode"] == "QUEUED"
    assert properties["RestartExecutionOnUpdate"] is True
    source = properties["Stages"][0]["Actions"][0]
    assert source["ActionTypeId"]["Provider"] == "CodeStarSourceConnection"


def test_it_deploys_the_same_stacks_as_a_workstation(template: Any, templates: dict[str, Any]) -> None:
    (pipeline,) = template("Toolchain").of("AWS::CodePipeline::Pipeline").values()
    names = {
        a["Configuration"]["StackName"]
        for s in pipeline["Properties"]["Stages"]
        for a in s["Actions"]
        if a["ActionTypeId"]["Provider"] == "CloudFormation"
    }
    assert names == {n for n in templates if n != "slipway-Toolchain"}


def test_what_it_deploys_has_passed_the_checks(template: Any) -> None:
    builds = template("Toolchain").of("AWS::CodeBuild::Project").values()
    assert any("make check" in b["Properties"]["Source"]["BuildSpec"] for b in builds)
