"""`run`: one scheduled execution over the captured requests of a window."""

import json
import os
from typing import Any

from monitor import capture, checks, constraints, metrics
from monitor.capture import Captured
from monitor.faults import Fault
from monitor.files import local, read_json, write_json, write_message, write_text
from monitor.profile import Profile, statistics

DONE = "Job completed successfully with"
NEEDED = ("start_time", "end_time", "baseline_constraints", "baseline_statistics")


def main() -> None:
    env = os.environ
    if missing := [name for name in NEEDED if not env.get(name)]:
        raise Fault(f"environment variable {', '.join(missing)} is not set")
    _check_format(env.get("dataset_format", '{"sagemakerCaptureJson": {}}'))
    start, end = env["start_time"], env["end_time"]
    if capture.moment(start) >= capture.moment(end):
        raise Fault(f"start_time {start} is not before end_time {end}")
    minimum = _minimum(env.get("slipway_minimum_records", "1"))
    rules = constraints.read(local(env["baseline_constraints"]))
    baseline = read_json(local(env["baseline_statistics"]), "baseline_statistics")
    source = local(env.get("dataset_source", "/opt/ml/processing/input/endpoint"))
    captured = capture.read(source, start, end, [f["name"] for f in rules["features"]])

    columns = list(zip(*captured.rows, strict=True)) or [()] * len(captured.columns)
    profiles = [Profile(name, texts) for name, texts in zip(captured.columns, columns, strict=True)]
    judged = len(captured.rows) + captured.widths.total()
    found = checks.check(captured, profiles, rules, baseline) if judged >= minimum else _unjudged(profiles)
    verdict = _verdict(judged, minimum, found)

    output = local(env.get("output_path", "/opt/ml/processing/output"))
    kinds = {f["name"]: f.get("inferred_type", "String") for f in rules["features"]}
    write_json(output / "statistics.json", statistics(profiles, len(captured.rows), kinds))
    write_json(output / "constraints.json", rules)
    write_json(output / "constraint_violations.json", {"violations": found.violations})
    write_json(output / "report.json", _report(captured, found, verdict, start, end))
    if env.get("publish_cloudwatch_metrics", "Enabled") != "Disabled" and _emits(rules) and judged >= minimum:
        names = (env.get("sagemaker_endpoint_name", ""), env.get("sagemaker_monitoring_schedule_name", ""))
        path = local("/opt/ml/output/metrics/cloudwatch/cloudwatch_metrics.jsonl")
        write_text(path, metrics.lines(profiles, found, end, *names))
    write_message(_message(verdict, found, judged, minimum))


def _check_format(text: str) -> None:
    try:
        known = "sagemakerCaptureJson" in json.loads(text)
    except (ValueError, TypeError):
        known = False
    if not known:
        raise Fault(f'dataset_format is {text}; a run reads {{"sagemakerCaptureJson": {{}}}}')


def _minimum(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise Fault(f"slipway_minimum_records is {text!r}, not a whole number from 1")
    return int(text)


def _unjudged(profiles: list[Profile]) -> checks.Findings:
    found = checks.Findings()
    for p in profiles:
        share = len(p.present) / len(p.texts) if p.texts else None
        found.features[p.name] = {"distance": None, "threshold": None, "completeness": share}
    return found


def _verdict(judged: int, minimum: int, found: checks.Findings) -> str:
    if judged < minimum:
        return "TooFewRecords"
    return "CompletedWithViolations" if found.violations else "Completed"


def _emits(rules: dict[str, Any]) -> bool:
    return bool((rules.get("monitoring_config") or {}).get("emit_metrics", "Enabled") != "Disabled")


def _report(captured: Captured, found: checks.Findings, verdict: str, start: str, end: str) -> dict[str, Any]:
    return {
        "window": {"start": start, "end": end},
        "records": captured.records,
        "rows": len(captured.rows),
        "unparsable": captured.unparsable,
        "unparsable_share": captured.unparsable / captured.records,
        "outside_window": captured.outside,
        "golden": captured.golden,
        "features": found.features,
        "violations": len(found.violations),
        "verdict": verdict,
    }


def _message(verdict: str, found: checks.Findings, judged: int, minimum: int) -> str:
    if verdict == "TooFewRecords":
        return f"TooFewRecords: {judged} rows in the window, under the {minimum} asked for; nothing was compared."
    count = len(found.violations)
    return f"{verdict}: {DONE} {f'{count} violations' if count else 'no violations'}."
