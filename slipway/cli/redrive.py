"""`slipway redrive`."""

from slipway.cli import output
from slipway.cli.target import target
from slipway.operations import dead_letters


def redrive(name: str, env: str | None, *, dry_run: bool, as_json: bool, aws: bool) -> None:
    """Show what waits in the dead-letter queue of a model's releases, and send it again. Raises Failure."""
    at = target(name, env, aws=aws)
    letters = dead_letters.read(at, hide=not dry_run)
    for letter in letters:
        if not as_json:
            output.out(f"{'waits' if dry_run else 'sends'}  {letter.words}")
        if not dry_run:
            dead_letters.send(at, letter)
    facts = [{"id": x.id, "settles": x.event is not None, "why": x.why} for x in letters]
    if as_json:
        output.json_object({"ok": True, "model": name, "environment": at.environment.name, "sent": not dry_run,
                            "letters": facts})  # fmt: skip
    elif not letters:
        output.out(f"Nothing waits in the dead-letter queue of {at.label}.")
