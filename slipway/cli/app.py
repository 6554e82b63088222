"""The commands and their options. Each imports what it needs when it runs, so that `--help` is instant."""

import importlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from slipway.cli.cloud_app import cloud
from slipway.cli.guard import INTERRUPTED, guarded
from slipway.cli.options import Aws, Json, Reason, Version
from slipway.cli.verbs import add
from slipway.operations.errors import Failure

app = typer.Typer(
    name="slipway",
    help="Declare a model, rehearse its whole life on this machine, watch it and approve it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(cloud, name="cloud")


def run() -> int:
    """Run the command line; returns the exit code."""
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


@app.command()
@guarded
def validate(as_json: Json = False) -> None:
    """Check platform.yaml and every models/*/model.yaml; all faults at once."""
    from slipway.cli.validate import validate as command

    command(as_json=as_json)


@app.command()
@guarded
def doctor(
    as_json: Json = False, port: Annotated[int, typer.Option(min=0, max=65535, help="The port you mean to use.")] = 0
) -> None:
    """Check this machine and checkout; each finding with its fix."""
    from slipway.cli.doctor import doctor as command

    command(as_json=as_json, port=port)


@app.command()
@guarded
def status(
    model: Annotated[str | None, typer.Argument(metavar="[MODEL]")] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again every few seconds, until Ctrl-C.")] = False,
    interval: Annotated[float, typer.Option(min=1, max=3600, help="Seconds between looks.")] = 5,
    as_json: Json = False,
    aws: Aws = False,
) -> None:
    """What is live, what waits for approval, what ran last and what alarms."""
    from slipway.cli.status import status as command

    command(model, watch_seconds=interval if watch else None, as_json=as_json, aws=aws)


@app.command()
@guarded
def approve(version: Version, reason: Reason = None, as_json: Json = False, aws: Aws = False) -> None:
    """Approve a model version: its release starts by itself."""
    from slipway.cli.approvals import decide

    decide(version, "Approved", reason, as_json=as_json, aws=aws)


@app.command()
@guarded
def reject(version: Version, reason: Reason = None, as_json: Json = False, aws: Aws = False) -> None:
    """Refuse a model version: it is never released."""
    from slipway.cli.approvals import decide

    decide(version, "Rejected", reason, as_json=as_json, aws=aws)


add(app)


@app.command()
@guarded
def report(path: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("report.html")) -> None:
    """Write the report of the last demo run as one HTML file."""
    from slipway.cli.report import report as command

    command(path)


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    short_help="Data, training, releases, drift and retraining, on this machine.",
)
def demo(context: typer.Context) -> None:
    """Hand over to `slipway.cli.demo`, which is imported only now."""
    try:
        command = importlib.import_module("slipway.cli.demo").demo
    except ModuleNotFoundError as error:
        missing = error.name or "slipway.cli.demo"
        guarded(_absent)(missing)
        return
    one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    one.command()(command)
    one(args=context.args, prog_name="slipway demo")


def _absent(module: str) -> None:
    raise Failure(
        "SLW603", f"This installation lacks {module}.", where=sys.prefix, fix="run make setup in the checkout"
    )
