"""What the demo's report is made of."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.config.names import VARIANT
from slipway.demo import traffic
from slipway.demo.setting import Demo
from slipway.demo.stages import releases
from slipway.report import last
from slipway.report.build import build
from slipway.report.collect import Sources, collect
from slipway.report.facts import Approval, Traffic


def report(demo: Demo) -> Path:
    """Collect, keep and write the report; where it is."""
    facts = collect(sources(demo))
    last.keep(demo.options.root, facts)
    demo.options.report.write_text(build(facts), encoding="utf-8")
    return demo.options.report


def sources(demo: Demo) -> Sources:
    """What the run left behind, as far as it came."""
    trainings = [(f"Training: {_titled(name)}", arn) for name, arn in demo.trainings.items()]
    missing: list[str] = []
    records: list[dict[str, Any]] = []
    try:
        records = sorted(releases.records(demo), key=lambda r: float(r.get("ended_at", 0)))
    except Exception as error:
        missing.append(f"the ledger's releases: {error}")
    released = [(f"Release of version {r['version']}: {r['outcome']}", str(r["execution"])) for r in records]
    watched = [(f"Monitor: {name}", arn) for name, arn, _ in demo.watched]
    return Sources(
        client=demo.client,
        audit=demo.cloud.audit,
        model=demo.declared[2].name,
        environment=demo.declared[1].name,
        endpoint=demo.endpoint,
        variant=VARIANT,
        result=demo.result.as_dict(),
        written_at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        executions=[*trainings, *released, *watched],
        trainings=trainings,
        releases=[r for r in records if r.get("started_at") and r.get("ended_at")],
        windows=[(name, uri) for name, _, uri in demo.watched if uri],
        traffic=seen(demo),
        words=[Approval(w.version.number, w.verdict, w.who, w.when, w.reason) for w in demo.words],
        missing=missing,
    )


def seen(demo: Demo) -> Traffic:
    """The client's log as a series that begins at 0."""
    log = traffic.read(demo.options.folder / "traffic" / traffic.LOG) if demo.marks else []
    series = traffic.by_second(log)
    if not series:
        return Traffic()
    begin = series[0].at
    return Traffic(
        tuple((s.at - begin, s.requests, s.failed, round(s.p99_ms, 1)) for s in series),
        tuple((float(mark["at"]) - begin, str(mark["text"])) for mark in demo.marks),
    )


def _titled(name: str) -> str:
    return "started by drift" if name == "drift" else f"version {name.removeprefix('v')}"
