"""`platform.yaml`: accounts, regions, promotion order and notifications. Owned by ML platform engineers."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from slipway.config.base import Declared, Name

AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]


class Role(StrEnum):
    """What an environment is for."""

    BUILD = "build"
    SERVE = "serve"


class Retention(StrEnum):
    """What becomes of stateful resources when a stack is deleted."""

    RETAIN = "retain"
    DESTROY = "destroy"


class Environment(Declared):
    """One account and region with its role in the platform."""

    name: Name
    """Names the CDK stage, and ends the endpoint names."""
    account: AccountId
    """Twelve digits, in quotes: YAML reads a bare 012345678901 as a number."""
    region: Region
    roles: Annotated[list[Role], Field(min_length=1)] = [Role.BUILD, Role.SERVE]
    """`build` trains and registers; `serve` releases and monitors."""
    retention: Retention = Retention.RETAIN
    """`destroy` is for sandboxes: buckets, keys, tables and the registry go with the stack."""
    approval: bool = False
    """The pipeline waits for a person before this environment's wave."""


class Notifications(Declared):
    """Who hears of releases, refusals, findings and failures."""

    email: list[Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]] = []


class Source(Declared):
    """The repository the pipeline follows, through AWS CodeConnections."""

    connection_arn: Annotated[
        str,
        StringConstraints(
            pattern=r"^arn:[a-z-]+:(codeconnections|codestar-connections):[a-z0-9-]+:\d{12}:connection/[0-9a-f-]+$"
        ),
    ]
    repository: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    """owner/name"""
    branch: Annotated[str, StringConstraints(min_length=1)] = "main"


class Toolchain(Declared):
    """The self-mutating pipeline. Without it there is no Toolchain stack and people deploy with `cdk deploy`."""

    account: AccountId
    region: Region
    source: Source


class Platform(Declared):
    """The whole of `platform.yaml`."""

    name: Name = "slipway"
    """Prefix of stack names; the value of the `platform` tag."""
    environments: Annotated[list[Environment], Field(min_length=1)]
    """In promotion order."""
    notifications: Notifications = Notifications()
    toolchain: Toolchain | None = None
    tags: dict[str, str] = {}
    """Put on every resource."""

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        names = [e.name for e in self.environments]
        if doubled := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"environment names must differ: {', '.join(doubled)} stands twice")
        if not any(Role.BUILD in e.roles for e in self.environments):
            raise ValueError("no environment has the role build: nothing could train or register a model")
        return self
