"""A state machine as an execution runs it: the definition and the role it was started with."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

EXPRESS_SECONDS = 300


@lru_cache(maxsize=256)
def load(text: str) -> Mapping[str, Any]:
    """A definition that has been checked, parsed once. It must not be changed."""
    parsed: dict[str, Any] = json.loads(text)
    return parsed


@dataclass(frozen=True)
class Machine:
    """`definition` has StartAt and States; for a child of a distributed Map it is the item processor."""

    arn: str
    definition: Mapping[str, Any]
    role_arn: str
    type: str
    language: str

    @property
    def name(self) -> str:
        """The machine's name; of a child machine, with its label."""
        return self.arn.split(":")[6]

    @property
    def express(self) -> bool:
        """Express: five minutes, no history."""
        return self.type == "EXPRESS"

    @property
    def timeout_seconds(self) -> float | None:
        """How long an execution may take."""
        stated = self.definition.get("TimeoutSeconds")
        return min(stated or EXPRESS_SECONDS, EXPRESS_SECONDS) if self.express else stated

    def processor(self, arn: str, definition: Mapping[str, Any], *, express: bool) -> "Machine":
        """The machine of a distributed Map's children."""
        language = self.language
        return Machine(arn, definition, self.role_arn, "EXPRESS" if express else "STANDARD", language)
