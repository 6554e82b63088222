"""The parts of one running embedded cloud, tied together."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.audit import Audit
from rehearsal.authority import Authority
from rehearsal.clock import Clock


@dataclass
class Runtime:
    """One cloud in one process. `sagemaker` is set once its host exists."""

    state_dir: Path
    url: str
    account: str
    region: str
    clock: Clock
    audit: Audit
    authority: Authority
    sagemaker: Any = None
    alarms: Any = None
    autoscaling: Any = None
    executions: Any = None
    images: Any = None
    keeper: Any = None  # of a cloud whose state survives a kill
    lambda_python: str = ""
    tasks: list[Callable[[], None]] = field(default_factory=list)

    @staticmethod
    async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
        """Run blocking work beside the event loop, in this request's context."""
        return await asyncio.to_thread(function, *arguments)
