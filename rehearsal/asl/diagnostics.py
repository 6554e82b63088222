"""What is wrong with a definition, as ValidateStateMachineDefinition reports it."""

from dataclasses import dataclass

SCHEMA = "SCHEMA_VALIDATION_FAILED"
TARGET = "MISSING_TRANSITION_TARGET"
JSON = "INVALID_JSON_DESCRIPTION"
DUPLICATE = "DUPLICATE_STATE_NAME"
EXPRESSION = "INVALID_JSONATA_EXPRESSION"
UNREACHABLE = "UNREACHABLE_STATE"


@dataclass(frozen=True)
class Diagnostic:
    """One fault, at a place such as /States/Train/Next."""

    code: str
    message: str
    location: str

    def __str__(self) -> str:
        return f"{self.code}: {self.message} at {self.location or '/'}"


class Findings:
    """Collects diagnostics in the order they are found."""

    def __init__(self) -> None:
        self.all: list[Diagnostic] = []

    def add(self, location: str, message: str, code: str = SCHEMA) -> None:
        """One more."""
        found = Diagnostic(code, message, location)
        if found not in self.all:
            self.all.append(found)
