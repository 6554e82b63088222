"""What must be looked at from time to time: schedules that fall due, work that ends elsewhere."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

TICK_SECONDS = 0.1  # of the wall; moving the clock ticks at once, too
Ticker = Callable[["Core"], None]
TICKERS: list[Ticker] = []


def ticks(function: Ticker) -> Ticker:
    """Register what looks. It runs in one thread for all, so it must not wait for anything."""
    TICKERS.append(function)
    return function


def tick(core: "Core") -> None:
    """One look by everybody."""
    for ticker in TICKERS:
        try:
            ticker(core)
        except Exception:  # the others still look, and so does this one the next time
            logging.getLogger("slipway").exception("%s failed", ticker.__module__)


def keep_ticking(core: "Core") -> None:
    """Until the cloud closes."""
    while not core.stopping.wait(TICK_SECONDS):
        with core.ticking:
            tick(core)
