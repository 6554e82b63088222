"""The end of the demo for people: what came out, and where the time went."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from slipway.demo.flow import STAGES
from slipway.demo.result import Result

INSIDE = ("cloud_ready", "bootstrapped", "records_ready", "synthesised")
"""Moments within the start, counted from its beginning."""


def show(result: Result, console: Console, *, keep: bool) -> None:
    """Print it."""
    console.print()
    if result.releases:
        console.print(_releases(result))
    if result.monitoring:
        console.print(_monitoring(result))
    for line in facts(result):
        console.print(escape(line), highlight=False)
    if result.ok:
        console.print("[bold green]All is as it should be.[/bold green]")
    if keep:
        console.print("The cloud stays up: slipway status, slipway cloud status; slipway cloud down stops it.")


def facts(result: Result) -> list[str]:
    """Figures, one a line."""
    lines = []
    if result.deploy.stacks:
        lines.append(
            f"Deployed {result.deploy.stacks} stacks, {result.deploy.resources} resources"
            f" in {result.deploy.seconds:.1f} s"
        )
    lines += [f"Version {r.version} {r.outcome}: {r.cause}" for r in result.releases if r.cause]
    if result.retraining.triggered_by:
        lines.append(
            f"Retraining by {result.retraining.triggered_by}: {result.retraining.outcome}. {result.retraining.reason}"
        )
    if result.iam.enforced:
        lines.append(f"IAM enforced: {result.iam.allowed} calls allowed, {result.iam.denied} denied")
    lines.append(where_the_time_went(result))
    if result.memory.peak_mb is not None:
        lines.append(
            f"Peak memory {result.memory.peak_mb:.0f} MB over {result.memory.processes} processes"
            f" ({result.memory.measure}): "
            + ", ".join(f"{kind} {mb:.0f}" for kind, mb in result.memory.largest.items())
        )
    if result.report:
        lines.append(f"Report: {result.report}")
    return lines


def where_the_time_went(result: Result) -> str:
    """The stages by what they took, the longest first."""
    known = {stage.key: stage.key.replace("_", " ") for stage in STAGES} | {"report": "report"}
    spent = sorted(((s, known[k]) for k, s in result.timings.items() if k in known), reverse=True)
    parts = ", ".join(f"{name} {seconds:.1f}" for seconds, name in spent if seconds >= 0.1)
    return f"{result.seconds:.1f} s in all, clock at {result.clock_speed:g} times the wall: {parts}"


def _releases(result: Result) -> Table:
    table = Table(title="Releases", title_justify="left", box=None, pad_edge=False)
    for name in ("version", "strategy", "outcome", "live after", "requests", "failed"):
        table.add_column(name, justify="right" if name in {"requests", "failed"} else "left")
    for r in result.releases:
        cells = (f"v{r.version}", r.strategy, r.outcome, f"v{r.live_version}", f"{r.requests}", f"{r.failed_requests}")
        table.add_row(*map(escape, cells))
    return table


def _monitoring(result: Result) -> Table:
    table = Table(title="Monitoring", title_justify="left", box=None, pad_edge=False)
    for name in ("month", "records", "violations", "decision"):
        table.add_column(name)
    for w in result.monitoring:
        drifted = ", ".join(sorted({v.split(":")[0] for v in w.violations})) or "none"
        table.add_row(w.month, f"{w.records}", escape(drifted), w.decision)
    return table
