"""The one place where errors become words and exit codes. People never see a traceback for a fault of theirs.

Exit codes: 0 all is well, 1 a finding or failure, 2 wrong usage or declarations, 130 Ctrl-C, 143 SIGTERM.
"""

import functools
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, ParamSpec

import typer

from slipway.cli import output
from slipway.config.errors import DeclarationError, printable
from slipway.operations.errors import Failure

P = ParamSpec("P")

INTERRUPTED = 130
TERMINATED = 143


class _TerminatedError(BaseException):
    """SIGTERM, so that `finally` blocks run."""


def guarded(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command: whatever it raises is told once, and the process ends with the right code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs.get("as_json", False))
        previous = _terminate_politely()
        try:
            command(*args, **kwargs)
            sys.stdout.flush()
        except typer.Exit:
            raise
        except BaseException as error:
            raise typer.Exit(tell(error, as_json=as_json)) from None
        finally:
            if previous is not None:
                signal.signal(signal.SIGTERM, previous)

    return run


def tell(error: BaseException, *, as_json: bool) -> int:
    """Say what went wrong and return the exit code."""
    if isinstance(error, KeyboardInterrupt):
        output.err("Interrupted.")
        return INTERRUPTED
    if isinstance(error, _TerminatedError):
        output.err("Terminated.")
        return TERMINATED
    if isinstance(error, BrokenPipeError):
        # The reader has gone; what is still buffered must not raise again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, DeclarationError):
        if as_json:
            output.json_object({"ok": False, "faults": [fault.as_dict() for fault in error.faults]})
        output.faults(error.faults)
        return 2
    failure = _as_failure(error)
    if as_json:
        output.json_object({"ok": False, "error": failure.as_dict()})
    output.failure(failure)
    return failure.exit_code


def _as_failure(error: BaseException) -> Failure:
    if isinstance(error, Failure):
        return error
    fix = getattr(error, "fix", "")
    if isinstance(fix, str) and fix:  # the embedded cloud's own errors, which know nothing of this package
        code = str(getattr(error, "code", "") or "SLW402")
        what = str(getattr(error, "what", "") or getattr(error, "message", "") or error)
        return Failure(code, printable(what, 1000), where=".slipway", fix=fix)
    module = type(error).__module__
    if module.startswith(("botocore", "boto3")) and isinstance(error, Exception):
        from slipway.operations.errors import of_aws

        return of_aws(error)
    if isinstance(error, OSError) and error.errno is not None and error.strerror:
        place = str(error.filename or "")
        fix = (
            "free some disk space"
            if error.strerror.startswith("No space")
            else "check that the path is there and yours"
        )
        return Failure("SLW204", f"{error.strerror}.", where=place, fix=fix)
    return _unexpected(error)


def _unexpected(error: BaseException) -> Failure:
    """A bug of ours: short on the screen, whole in a file."""
    text = "".join(traceback.format_exception(error))
    name = f"slipway-error-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}.txt"
    saved = "nowhere: no folder could be written"
    for folder in (Path.cwd() / ".slipway", Path(tempfile.gettempdir())):
        try:
            if folder.parent == Path.cwd() and not folder.is_dir():
                continue
            (folder / name).write_text(text, encoding="utf-8", errors="replace")
        except OSError:
            continue
        saved = str(folder / name)
        break
    what = f"Slipway met something it did not expect: {type(error).__name__}: {printable(str(error), 300)}"
    return Failure("SLW200", what, where=f"traceback saved in {saved}", fix="please report it, with that file")


def _terminate_politely() -> Any:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _TerminatedError

    try:
        return signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        return None
