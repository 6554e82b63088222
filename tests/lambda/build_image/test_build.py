"""An image is built once, and its absence is never taken for success."""

import pytest

from slipway_lambda.build_image.build import ImageBuildError, ensure_image
from slipway_lambda.ports.builds import Build


class Registry:
    """A registry with a build that goes through `statuses` and pushes at the end, or does not."""

    def __init__(self, statuses: list[str], *, present: bool = False, pushes: bool = True) -> None:
        self.statuses, self.present, self.pushes = statuses, present, pushes
        self.started: list[tuple[str, str]] = []
        self.waits: list[float] = []

    def start(self, project: str, token: str) -> Build:
        self.started.append((project, token))
        return self.look("build:1")

    def look(self, build_id: str) -> Build:
        status = self.statuses.pop(0)
        self.present = self.present or (status == "SUCCEEDED" and self.pushes)
        return Build(build_id, status, "https://logs")

    def image_exists(self, repository: str, tag: str) -> bool:
        return self.present

    def ensure(self, seconds_left: float = 900) -> None:
        ensure_image(
            self,
            project="p",
            repository="r",
            tag="t",
            token="request-1",
            seconds_left=lambda: seconds_left,
            pause=self.waits.append,
        )


def test_does_not_build_what_is_there() -> None:
    registry = Registry([], present=True)
    registry.ensure()
    assert registry.started == []


def test_builds_and_waits_until_the_image_is_there() -> None:
    registry = Registry(["IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "SUCCEEDED"])
    registry.ensure()
    assert registry.started == [("p", "request-1")]
    assert registry.waits == [0.25, 0.5, 1.0]


@pytest.mark.parametrize("status", ["FAILED", "FAULT", "TIMED_OUT", "STOPPED"])
def test_a_bad_end_names_the_build_and_its_log(status: str) -> None:
    with pytest.raises(ImageBuildError, match=rf"build:1 ended {status}.*https://logs"):
        Registry(["IN_PROGRESS", status]).ensure()


def test_a_success_without_an_image_is_a_failure() -> None:
    with pytest.raises(ImageBuildError, match="not in the registry"):
        Registry(["SUCCEEDED"], pushes=False).ensure()


def test_gives_up_before_its_time_is_over_and_says_what_to_do() -> None:
    with pytest.raises(ImageBuildError, match="deploy again"):
        Registry(["IN_PROGRESS"] * 5).ensure(seconds_left=9)
