"""The report's HTML from its facts. Pure: the same facts give the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from slipway.report import charts, graph
from slipway.report.facts import DriftWindow, ReportFacts

TEMPLATE = Path(__file__).with_name("report.html.j2")
MOST_BYTES = 2_000_000


def build(facts: ReportFacts) -> str:
    """One HTML file: styles and drawings inside, no script, nothing to load. At most MOST_BYTES."""
    page = _render(facts, facts.calls)
    # Only the list of calls grows with the run; the denied ones stand first and stay.
    kept = len(facts.calls)
    while len(page.encode()) > MOST_BYTES and kept > 0:
        kept //= 2
        page = _render(facts, facts.calls[:kept])
    return page


def _render(facts: ReportFacts, calls: Sequence[Any]) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = figure
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    # The drawings escape every text they are given; they alone are passed as markup.
    return template.render(
        facts=facts,
        result=facts.result,
        paths=[(path, Markup(graph.draw(path))) for path in facts.paths],  # noqa: S704
        traffic=Markup(charts.traffic(facts.traffic)),  # noqa: S704
        split=Markup(charts.split(facts.split)),  # noqa: S704
        legend=charts.legend(list(facts.split.invocations)),
        heat=heat(facts.drift),
        calls=calls,
        hidden_calls=len(facts.calls) - len(calls),
    )


def heat(windows: Sequence[DriftWindow]) -> list[dict[str, Any]]:
    """Feature rows of the heat table, the one that moved most first. `level` 0 to 4: distance in quarters of the
    threshold, 4 above it."""
    features = sorted({name for w in windows for name in w.features})
    rows = []
    for name in features:
        cells = []
        for window in windows:
            distance, threshold = window.features.get(name, (None, None))
            cells.append({"distance": distance, "level": level(distance, threshold)})
        rows.append({"feature": name, "cells": cells})
    return sorted(rows, key=lambda row: -max((c["distance"] or 0.0 for c in row["cells"]), default=0.0))


def level(distance: float | None, threshold: float | None) -> int | None:
    """How hot a cell is; None without a figure."""
    if distance is None or not threshold:
        return None
    return 4 if distance > threshold else min(3, int(distance / threshold * 4))


def figure(value: Any) -> str:
    """A number for people; a dash for none."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)
