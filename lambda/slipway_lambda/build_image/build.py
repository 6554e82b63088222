"""An image whose tag is the hash of its source: built once, or not at all."""

import time
from collections.abc import Callable

from slipway_lambda.contracts.errors import SlipwayError
from slipway_lambda.ports.builds import Builds

FIRST_POLL_SECONDS = 0.25
POLL_SECONDS = 5.0


class ImageBuildError(SlipwayError):
    """The build ended badly, or not in time."""


def ensure_image(
    builds: Builds,
    *,
    project: str,
    repository: str,
    tag: str,
    token: str,
    seconds_left: Callable[[], float],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Return when `repository:tag` exists, having built it if it did not.

    `seconds_left`: until this function is stopped by its time limit. Raises ImageBuildError.
    """
    if builds.image_exists(repository, tag):
        return
    build = builds.start(project, token)
    wait = FIRST_POLL_SECONDS
    while build.status == "IN_PROGRESS":
        if seconds_left() < 2 * POLL_SECONDS:
            raise ImageBuildError(
                f"Build {build.id} still runs and this function's time is over.",
                f"Let it end ({build.log_url}), then deploy again: a finished image is not built twice.",
            )
        pause(wait)
        wait = min(2 * wait, POLL_SECONDS)
        build = builds.look(build.id)
    if build.status != "SUCCEEDED":
        raise ImageBuildError(f"Build {build.id} ended {build.status}.", f"Read its log: {build.log_url or build.id}")
    if not builds.image_exists(repository, tag):
        raise ImageBuildError(
            f"Build {build.id} succeeded, and {repository}:{tag} is not in the registry.",
            "Look at the push in the build's log: another repository or tag may have been written.",
        )
