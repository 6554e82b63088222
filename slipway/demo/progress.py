"""What a person sees while the demo runs: one line a stage, the running one alive."""

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape


class Progress(Protocol):
    """Told by the flow and its stages."""

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Around the work of one stage."""

    def say(self, text: str) -> None:
        """What the running stage is doing now."""

    def note(self, text: str) -> None:
        """A finding that stays on the screen."""


class Shown:
    """Progress on a console: a spinner where it is a terminal, plain lines where it is not."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("") if console.is_terminal else None
        self._name, self._begun, self._last = "", time.monotonic(), ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._name, begun = name, time.monotonic()
        if self._status:
            self._status.update(escape(name))
            self._status.start()
        try:
            yield
        except BaseException:
            self._end(name, time.monotonic() - begun, "[red]✗[/red]")
            raise
        self._end(name, time.monotonic() - begun, "[green]✓[/green]")

    def _end(self, name: str, seconds: float, mark: str) -> None:
        if self._status:
            self._status.stop()
        self._console.print(f"{mark} {escape(name):<58} [dim]{seconds:6.1f} s[/dim]", highlight=False)

    def say(self, text: str) -> None:
        """Only a terminal shows it: a log would fill with it."""
        if self._status and text != self._last:
            self._last = text
            self._status.update(f"{escape(self._name)} [dim]· {escape(text)}[/dim]")

    def note(self, text: str) -> None:
        self._console.print(f"    [dim]{escape(text)}[/dim]", highlight=False)


def console(*, json: bool) -> Console:
    """Where people read. With `--json` stdout belongs to the object, so progress goes to stderr."""
    return Console(file=sys.stderr if json else sys.stdout, soft_wrap=True)
