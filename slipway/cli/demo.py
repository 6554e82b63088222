"""`slipway demo`."""

import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from slipway.cli import guard, output, project

if TYPE_CHECKING:
    from slipway.demo.errors import DemoError

MOST_SPEED = 600.0
INTERRUPTED = 130


def demo(  # noqa: PLR0917 - the options of a command
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object on stdout; progress goes to stderr.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the embedded cloud up; `slipway cloud down` stops it.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the embedded cloud; 0: any free one.")] = 0,
    speed: Annotated[float, typer.Option(min=1, max=MOST_SPEED, help="Cloud seconds in one second.")] = 60.0,
    report: Annotated[Path, typer.Option(help="Where to write the report.")] = Path("report.html"),
    patience: Annotated[float, typer.Option(min=0.1, max=100, help="Times the usual bounds on waiting.")] = 1.0,
) -> None:
    """Take one model from data to releases, a rollback, drift and retraining, on this machine. Needs no account."""
    from slipway.demo import flow
    from slipway.demo.progress import Shown, console
    from slipway.demo.setting import Options
    from slipway.demo.summary import show

    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    screen = console(json=as_json)
    try:
        options = Options(project.root(), keep, port, speed, report.resolve(), patience)
        if not report.resolve().parent.is_dir():
            raise _no_folder(report)
    except Exception as error:
        raise typer.Exit(guard.tell(error, as_json=as_json)) from None
    try:
        result = flow.run(options, Shown(screen), _explain)
    except KeyboardInterrupt as interruption:
        result = interruption.result  # type: ignore[attr-defined]
    if as_json:
        print(flow.print_json(result))
    else:
        show(result, screen, keep=keep)
    if result.error is not None:
        output.err(f"error[{result.error['code']}]: {result.error['what']}\n  fix:   {result.error['fix']}")
    raise typer.Exit(0 if result.ok else INTERRUPTED if result.error and result.error["code"] == "SLW913" else 1)


def _no_folder(report: Path) -> Exception:
    from slipway.operations.errors import Failure

    fix = "make the folder, or name another path"
    return Failure("SLW602", f"{report.parent} is not a folder.", where="--report", fix=fix, exit_code=2)


def _explain(error: Exception) -> "DemoError":
    from slipway.demo.errors import DemoError

    failure = guard._as_failure(error)
    return DemoError(failure.code, f"{failure.what} ({failure.where})", failure.fix)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """Once: a second Ctrl-C would only interrupt the tidying up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
