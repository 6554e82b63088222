"""Where AWS is: the embedded cloud when one runs here, else the account of the caller's profile."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from slipway.config.platform import Environment
from slipway.operations.errors import Failure, of_aws

STATE = Path(".slipway") / "cloud"
CLOUDS = Path(".slipway") / "clouds"
NAME_VARIABLE = "SLIPWAY_CLOUD_NAME"


def state_of(name: str = "") -> Path:
    """State directory of the cloud of that name, below the checkout; of the one that has none by default.

    Without a name, that of the environment's SLIPWAY_CLOUD_NAME. Raises Failure for one that is no folder's name.
    """
    name = name or os.environ.get(NAME_VARIABLE, "")
    if name and not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name):
        what = f"{name!r} is no name for a cloud."
        raise Failure("SLW206", what, where="--name", fix="lower-case letters, digits and hyphens, at most 32")
    return CLOUDS / name if name else STATE


class Clients(Protocol):
    """What makes clients: a boto3 session, the embedded cloud, or a test's."""

    def client(self, service: str, /) -> Any:
        """A boto3 client."""


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Where:
    """One place to ask."""

    clients: Clients
    account: str
    region: str
    embedded: bool
    now: Callable[[], datetime] = _wall
    """The place's own time: the embedded cloud's may run faster."""

    @property
    def label(self) -> str:
        """For people."""
        return (
            f"the embedded cloud ({self.account}, {self.region})"
            if self.embedded
            else f"AWS ({self.account}, {self.region})"
        )

    def client(self, service: str, /) -> Any:
        """A boto3 client."""
        return self.clients.client(service)


class _Session:
    """A boto3 session whose clients give up in reasonable time."""

    def __init__(self, region: str) -> None:
        import boto3
        from botocore.config import Config

        self._session = boto3.Session(region_name=region)
        self._config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 4})

    def client(self, service: str, /) -> Any:
        make: Any = self._session.client
        return make(service, config=self._config)


def find(root: Path, environment: Environment, *, aws: bool = False) -> Where:
    """The place of an environment; `aws` passes over an embedded cloud that runs. Raises Failure."""
    if not aws and (cloud := running_cloud(root)) is not None:
        if (cloud.account, cloud.region) != (environment.account, environment.region):
            what = f"The embedded cloud is {cloud.account} {cloud.region}; environment {environment.name} is elsewhere."
            fix = "restart it for the first environment (slipway cloud reset, then up), or use --aws"
            raise Failure("SLW302", what, where=f"environment {environment.name}", fix=fix)
        return Where(cloud, cloud.account, cloud.region, True, _cloud_time(cloud))
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        session = _Session(environment.region)
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise of_aws(error, f"environment {environment.name}") from error
    if account != environment.account:
        raise Failure(
            "SLW302",
            f"The credentials are of account {account}; environment {environment.name} is in {environment.account}.",
            where=f"environment {environment.name}",
            fix=f"set AWS_PROFILE to a profile of account {environment.account}",
        )
    return Where(session, account, environment.region, False)


def running_cloud(root: Path, name: str = "") -> Any:
    """The embedded cloud of that name that runs for this checkout, or None.

    Raises Failure for one that runs and does not answer: what was meant for it must not reach AWS instead.
    """
    place = root / state_of(name)
    if not place.is_dir():
        return None
    try:
        from rehearsal import statefile
        from rehearsal.cloud import Cloud, CloudNotRunningError
    except ModuleNotFoundError:
        return None
    try:
        return Cloud.attach(place)
    except CloudNotRunningError as error:
        if not statefile.is_held(place):
            return None
        state = statefile.read(place)
        fix = f"end process {state.pid}, then: slipway cloud up" if state else "wait until it has started"
        what = "The embedded cloud of this checkout runs and does not answer."
        raise Failure("SLW402", what, where=str(state_of(name)), fix=fix) from error


def _cloud_time(cloud: Any) -> Callable[[], datetime]:
    return lambda: datetime.fromtimestamp(cloud.clock.now(), UTC)
