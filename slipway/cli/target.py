"""The target of an operator's verb, from the command line's words."""

from slipway.cli import output, project
from slipway.operations.approvals import parse
from slipway.operations.target import Target
from slipway.operations.target import target as find_target


def target(model: str, environment: str | None, *, aws: bool) -> Target:
    """Says on stderr which place is asked. Raises Failure."""
    found = find_target(project.root(), project.declarations(), model, environment, aws=aws)
    output.err(f"asking {found.where.label}")
    return found


def model_and_version(text: str) -> tuple[str, int | None]:
    """`flight-delays@3`, or `flight-delays` without a version. Raises Failure."""
    return parse(text) if "@" in text else (text, None)
