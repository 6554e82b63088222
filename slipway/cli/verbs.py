"""What an operator does with releases. Each command imports what it needs when it runs."""

from typing import Annotated

import typer

from slipway.cli.guard import guarded
from slipway.cli.options import Aws, Env, Json, MaybeVersion, Model, Reason, Watch


def add(app: typer.Typer) -> None:
    """Put the commands into the command line."""
    for command in (history, diff, plan, release, rollback, retry, promote, abort, pause, resume, redrive):
        app.command()(guarded(command))


def history(
    model: Model,
    *,
    env: Env = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="The newest so many.")] = 20,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """Every release: version, outcome, when, how, who approved it and who asked for it, what guarded it."""
    from slipway.cli.history import history as command

    command(model, env, limit=limit, as_json=as_json, aws=aws)


def diff(
    model: Model,
    one: Annotated[str, typer.Argument(metavar="V1")],
    other: Annotated[str, typer.Argument(metavar="V2")],
    *,
    env: Env = None,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """What differs between two versions: metrics, data, columns, gates, image, hyperparameters, artefact."""
    from slipway.cli.diff import diff as command

    command(model, one, other, env, as_json=as_json, aws=aws)


def plan(
    version: MaybeVersion,
    *,
    hourly_price: Annotated[
        float | None,
        typer.Option(min=0.0001, max=10_000, help="Of one instance; else prices of platform.yaml.", show_default=False),
    ] = None,
    env: Env = None,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """What a release of it would do now, in a sentence; decided by the release machine's own code. Changes nothing."""
    from slipway.cli.release import release as command

    command(version, env, None, dry_run=True, watch=False, as_json=as_json, aws=aws, hourly_price=hourly_price)


def release(
    version: MaybeVersion,
    *,
    env: Env = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    watch: Watch = False,
    reason: Reason = None,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """Release an approved version, the newest unless you name one. Asked for twice, it is released once."""
    from slipway.cli.release import release as command

    command(version, env, reason, dry_run=dry_run, watch=watch, as_json=as_json, aws=aws)


def rollback(
    model: Model,
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="V", help="A version that was live before.")] = None,
    env: Env = None,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    watch: Watch = False,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """Go back to the last good version, or to one you name, by a guarded release."""
    from slipway.cli.release import rollback as command

    command(model, to, env, reason, dry_run=dry_run, watch=watch, as_json=as_json, aws=aws)


def retry(
    version: MaybeVersion,
    *,
    env: Env = None,
    reason: Reason = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do.")] = False,
    watch: Watch = False,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """Try a release again that failed, was refused or cut off: one approval is otherwise one attempt."""
    from slipway.cli.release import retry as command

    command(version, env, reason, dry_run=dry_run, watch=watch, as_json=as_json, aws=aws)


def promote(
    model: Model,
    *,
    full: Annotated[bool, typer.Option("--full", help="To the end of the trial, not to its next step.")] = False,
    env: Env = None,
    reason: Reason = None,
    watch: Watch = False,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """Hurry the trial (strategy shadow or ab) that is under way: its next step now. Harm and an abort win over it."""
    from slipway.cli.steer import promote as command

    command(model, env, reason, full=full, watch=watch, as_json=as_json, aws=aws)


def abort(
    model: Model,
    *,
    env: Env = None,
    reason: Reason = None,
    watch: Watch = False,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """Stop the release that is under way: the last good version stays, or comes back."""
    from slipway.cli.steer import abort as command

    command(model, env, reason, watch=watch, as_json=as_json, aws=aws)


def pause(model: Model, *, env: Env = None, reason: Reason = None, as_json: Json = False, aws: Aws = False) -> None:
    """Hold new releases of a model. One that is under way goes on; going back stays possible."""
    from slipway.cli.steer import pause as command

    command(model, env, reason, as_json=as_json, aws=aws)


def resume(model: Model, *, env: Env = None, as_json: Json = False, aws: Aws = False) -> None:
    """Lift the hold, and release what was approved meanwhile."""
    from slipway.cli.steer import resume as command

    command(model, env, as_json=as_json, aws=aws)


def redrive(
    model: Model,
    *,
    env: Env = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what waits.")] = False,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """Send again what could not be delivered: starts of the release machine, and bad ends that nobody was told."""
    from slipway.cli.redrive import redrive as command

    command(model, env, dry_run=dry_run, as_json=as_json, aws=aws)
