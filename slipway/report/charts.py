"""Series over time as SVG."""

from collections.abc import Mapping, Sequence
from html import escape

from slipway.report.facts import Split, Traffic

WIDE, TALL = 860, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 30, 26
COLOURS = 4
"""Classes c0 … c3 of the style sheet."""


class _Plane:
    """Maps values to the drawing."""

    def __init__(self, begin: float, end: float, top: float) -> None:
        self.begin, self.end, self.top = begin, max(end, begin + 1), max(top, 1.0)

    def x(self, value: float) -> float:
        return LEFT + (value - self.begin) / (self.end - self.begin) * (WIDE - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return TALL - BOTTOM - value / self.top * (TALL - TOP - BOTTOM)

    def frame(self, unit: str, across: str) -> list[str]:
        ticks = []
        for part in (0.0, 0.5, 1.0):
            value = self.top * part
            at = self.y(value)
            ticks.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{WIDE - RIGHT}"/>')
            ticks.append(f'<text class="tick end" x="{LEFT - 6}" y="{at + 4:.1f}">{value:.0f}</text>')
        for part in (0.0, 0.25, 0.5, 0.75, 1.0):
            value = self.begin + (self.end - self.begin) * part
            ticks.append(f'<text class="tick mid" x="{self.x(value):.1f}" y="{TALL - 8}">{value:.0f}</text>')
        ticks.append(f'<text class="tick" x="{LEFT}" y="12">{escape(unit)}</text>')
        ticks.append(f'<text class="tick end" x="{WIDE - RIGHT}" y="12">{escape(across)}</text>')
        return ticks


def traffic(told: Traffic) -> str:
    """Requests and failures a second, and what happened when."""
    if not told.seconds:
        return ""
    plane = _Plane(told.seconds[0][0], told.seconds[-1][0] + 1, max(s[1] for s in told.seconds))
    sent = sum(s[1] for s in told.seconds)
    failed = sum(s[2] for s in told.seconds)
    step = plane.x(1) - plane.x(0)
    parts = [_open(f"{sent} requests over {len(told.seconds)} seconds, {failed} failed")]
    parts += plane.frame("requests a second", "seconds since the client's start")
    for at, requests, bad, _ in told.seconds:
        parts.append(_bar(plane, at, step, value=requests, kind="c0", title=f"second {at}: {requests} requests"))
        if bad:
            parts.append(_bar(plane, at, step, value=bad, kind="bad", title=f"second {at}: {bad} failed"))
    for number, (moment, text) in enumerate(told.marks):
        if plane.begin <= moment <= plane.end:
            x = plane.x(moment)
            parts.append(f'<path class="mark" d="M{x:.1f} {TOP - 4}V{TALL - BOTTOM}"/>')
            parts.append(f'<text class="tick" x="{x + 3:.1f}" y="{TOP + 8 + 12 * (number % 3)}">{escape(text)}</text>')
    return "".join([*parts, "</svg>"])


def split(told: Split) -> str:
    """Who answered: invocations a minute by config, one above the other."""
    names = list(told.invocations)
    if not names or not told.minutes:
        return ""
    totals = [sum(told.invocations[n][i] for n in names) for i in range(len(told.minutes))]
    plane = _Plane(told.minutes[0], told.minutes[-1] + 1, max(totals))
    step = plane.x(1) - plane.x(0)
    shares = ", ".join(f"{n} {sum(told.invocations[n]):.0f}" for n in names)
    parts = [_open(f"Invocations by config: {shares}")]
    parts += plane.frame("invocations a minute", f"minutes of cloud time since {told.begin}")
    for i, minute in enumerate(told.minutes):
        base = 0.0
        for number, name in enumerate(names):
            count = told.invocations[name][i]
            if count:
                parts.append(
                    _bar(
                        plane,
                        minute,
                        step,
                        base=base,
                        value=count,
                        kind=f"c{number % COLOURS}",
                        title=f"minute {minute}: {name} {count:.0f}",
                    )
                )
            base += count
        bad = sum(series[i] for series in told.errors.values())
        if bad:
            parts.append(_bar(plane, minute, step, value=bad, kind="bad", title=f"minute {minute}: {bad:.0f} errors"))
    return "".join([*parts, "</svg>"])


def legend(names: Sequence[str]) -> Mapping[str, str]:
    """Config → colour class, as `split` draws them."""
    return {name: f"c{number % COLOURS}" for number, name in enumerate(names)}


def _open(label: str) -> str:
    return (
        f'<svg class="chart" role="img" viewBox="0 0 {WIDE} {TALL}" width="{WIDE}" height="{TALL}"'
        f' aria-label="{escape(label, quote=True)}">'
    )


def _bar(plane: _Plane, at: float, step: float, *, base: float = 0, value: float, kind: str, title: str) -> str:
    top, bottom = plane.y(base + value), plane.y(base)
    return (
        f'<rect class="{kind}" x="{plane.x(at):.1f}" y="{top:.1f}" width="{max(step - 0.6, 0.6):.1f}"'
        f' height="{max(bottom - top, 0.5):.1f}"><title>{escape(title)}</title></rect>'
    )
