"""`platform.yaml`: accounts, regions, promotion order and notifications. Owned by ML platform engineers."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from slipway.config.base import Clash, Declared, Name, refuse, says
from slipway.config.endpoint import InstanceType
from slipway.config.prices import Price

AccountId = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9]{12}$"),
    Field(json_schema_extra=says("an AWS account id: twelve digits in quotes")),
]
Region = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$", max_length=32),
    Field(json_schema_extra=says("an AWS Region, such as eu-west-1")),
]


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
    roles: Annotated[list[Role], Field(min_length=1)] = [Role.BUILD, Role.SERVE]  # noqa: RUF012 (pydantic copies defaults)
    """`build` trains and registers; `serve` releases and monitors."""
    retention: Retention = Retention.RETAIN
    """`destroy` is for sandboxes: buckets, keys, tables and the registry go with the stack."""
    approval: bool = False
    """The pipeline waits for a person before this environment's wave."""


class Notifications(Declared):
    """Who hears of releases, refusals, findings and failures."""

    email: list[
        Annotated[
            str,
            StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254),
            Field(json_schema_extra=says("a mail address")),
        ]
    ] = []  # noqa: RUF012 (pydantic copies defaults)


class Source(Declared):
    """The repository the pipeline follows, through AWS CodeConnections."""

    connection_arn: Annotated[
        str,
        StringConstraints(
            pattern=r"^arn:aws[a-z-]*:(codeconnections|codestar-connections):[a-z0-9-]+:[0-9]{12}:connection/[0-9a-f-]+$"
        ),
        Field(json_schema_extra=says("the ARN of an AWS CodeConnections connection")),
    ]
    repository: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+$", max_length=200),
        Field(json_schema_extra=says("owner/name")),
    ]
    """owner/name"""
    branch: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "main"


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
    prices: dict[InstanceType, Price] = {}  # noqa: RUF012 (pydantic copies defaults)
    """By instance type: `slipway plan` then says what a release costs, not only its instance-minutes."""
    tags: Annotated[dict[str, str], Field(max_length=40)] = {}  # noqa: RUF012 (pydantic copies defaults)
    """Put on every resource."""

    @model_validator(mode="after")
    def _one_name_each(self) -> Self:
        names = [e.name for e in self.environments]
        refuse(
            *(
                Clash(
                    ("environments", at, "name"),
                    f"is also the name of environment {names.index(name) + 1}",
                    "rename one",
                )
                for at, name in enumerate(names)
                if names.index(name) < at
            ),
            None
            if any(Role.BUILD in e.roles for e in self.environments)
            else Clash(
                ("environments", 0, "roles"),
                "holds no build, and no other environment does: nothing could train or register a model",
                "give one environment the role build",
                tuple(("environments", at, "roles") for at in range(len(self.environments))),
            ),
            *self._unsound_tags(),
        )
        return self

    def _unsound_tags(self) -> list[Clash]:
        faults = []
        for key, value in self.tags.items():
            if key.lower().startswith("aws:"):
                faults.append(Clash(("tags", key), "begins with aws:, which AWS keeps for itself", "rename the tag"))
            elif key in {"platform", "environment"}:
                faults.append(Clash(("tags", key), "is a tag that Slipway sets", "rename the tag"))
            elif not 1 <= len(key) <= 128 or len(value) > 256:
                faults.append(
                    Clash(("tags", key), "is too long: AWS takes 128 characters, and 256 in the value", "shorten it")
                )
        return faults
