"""What the interpreter needs of the cloud around it."""

import contextvars
from dataclasses import dataclass
from typing import Any, Protocol

from rehearsal.asl.resources import Resource
from rehearsal.clock import Clock

Record = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One attempt of a task: which integration, with what, as whom.

    `resumed` says that the same call may have been made before a restart of the cloud, with its answer lost.
    """

    resource: Resource
    arguments: Any
    machine_role: str
    role: str  # of the task's Credentials, else the machine's
    execution_arn: str
    resumed: bool = False

    @property
    def session(self) -> str:
        """Name of the role's session: the execution's name."""
        return self.execution_arn.split(":")[7]


class Host(Protocol):
    """The cloud, as the interpreter sees it. All of it is called without a lock held, except `save…`."""

    clock: Clock

    def context(self, arn: str) -> contextvars.Context:
        """A fresh context for a thread that works for an ARN's account and region."""

    def call(self, call: Call) -> Any:
        """Make the request and return its response. Raises StatesError."""

    def poll(self, call: Call, response: Any) -> Any:
        """What a `.sync` task that `call` began has come to; None while it runs. Raises StatesError if it failed."""

    def cancel(self, call: Call, response: Any) -> None:
        """Stop what a `.sync` task began, since nobody waits for it any more."""

    def s3(self, call: Call) -> Any:
        """A boto3 S3 client with the call's role, for readers and writers of a distributed Map."""

    def save(self, record: Record) -> None:
        """Keep an execution's record, so that it is described and listed."""

    def save_map_run(self, record: Record) -> None:
        """Keep a Map Run's record."""

    def status_changed(self, record: Record) -> None:
        """An execution began or ended."""
