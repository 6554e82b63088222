"""Images and versions: what must hold besides the snapshot."""

from pathlib import Path
from typing import Any


def test_image_tags_cannot_move_and_images_are_scanned(template: Any) -> None:
    repositories = template("Registry").of("AWS::ECR::Repository")
    assert len(repositories) == 2
    for repository in repositories.values():
        assert repository["Properties"]["ImageTagMutability"] == "IMMUTABLE"
        assert repository["Properties"]["ImageScanningConfiguration"] == {"ScanOnPush": True}
        assert "LifecyclePolicy" in repository["Properties"]


def test_each_image_is_tagged_with_the_hash_of_its_source(template: Any) -> None:
    """So that the same source is never built twice, and another source never takes the tag."""
    registry = template("Registry")
    tags = [i["Properties"]["Tag"] for i in registry.of("Custom::ContainerImage").values()]
    assert len(set(tags)) == 2
    for project in registry.of("AWS::CodeBuild::Project").values():
        values = {v["Name"]: v["Value"] for v in project["Properties"]["Environment"]["EnvironmentVariables"]}
        assert values["IMAGE_TAG"] in tags
        assert values["IMAGE_TAG"] in str(project["Properties"]["Source"]["Location"])


def test_every_container_folder_has_an_image(template: Any, root: Path) -> None:
    folders = {p.parent.name for p in (root / "containers").glob("*/Dockerfile")}
    assert folders == {"tabular", "monitor"}
    assert len(template("Registry").of("AWS::CodeBuild::Project")) == len(folders)


def test_there_is_a_group_for_each_model(template: Any) -> None:
    (group,) = template("Registry").of("AWS::SageMaker::ModelPackageGroup").values()
    assert group["Properties"]["ModelPackageGroupName"] == "flight-delays"
