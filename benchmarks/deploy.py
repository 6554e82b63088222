"""How long the embedded cloud takes to deploy: `python benchmarks/deploy.py [assembly] [stack]`; prints JSON.

Without arguments: the trial app of tests/conformance/deployments, 99 resources of 62 types with a real endpoint. The
emulator's share of a deployment is told against the CDK command line's whole time in the same run: its processor time,
and the time from the stack's first event to its last.
"""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rehearsal.cloud import Cloud
from rehearsal.control import group_members

ROOT = Path(__file__).resolve().parent.parent
TRIAL = ROOT / "tests" / "conformance" / "deployments"
ASKED_SECONDS = 2.0


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return round(int(status.split("VmRSS:")[1].split()[0]) / 1024, 1)


def processor_seconds(cloud: Cloud) -> float:
    """Processor time that the cloud's living processes have used."""
    ticks = 0
    for pid in group_members(cloud.pid):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def span_seconds(cloud: Cloud, stack: str) -> float:
    """From the first to the last event of a stack."""
    pages = cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=stack)
    times = [event["Timestamp"].timestamp() for page in pages for event in page["StackEvents"]]
    return max(times) - min(times)


def synthesised(directory: Path) -> Path:
    """The trial app's first assembly."""
    environment = {**os.environ, "JSII_NODE": str(ROOT / ".venv/bin/node")}
    environment["JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION"] = "1"
    command = [sys.executable, str(TRIAL / "trial_app.py"), str(directory)]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    return directory / "first"


def fill(cloud: Cloud) -> None:
    """What the trial's endpoint needs."""
    found = importlib.util.spec_from_file_location("filling", TRIAL / "filling.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    module.fill(cloud)


def measured(cloud: Cloud, assembly: Path, stack: str) -> dict[str, Any]:
    """One deployment: the command line's seconds, and the cloud's part in them."""
    before = processor_seconds(cloud)
    report = cloud.deploy(assembly, (stack,))
    resources = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    count = sum(len(page["StackResourceSummaries"]) for page in resources)
    processor = round(processor_seconds(cloud) - before, 2)
    return {
        "resources": count,
        "command_line_seconds": report["seconds"],
        "emulator_processor_seconds": processor,
        "emulator_processor_seconds_of_75": round(processor * 75 / count, 2),
        "asked_seconds_of_75": ASKED_SECONDS,
        "stack_event_seconds": round(span_seconds(cloud, stack), 2),
    }


def main(assembly: Path | None, stack: str) -> None:
    """Start, bootstrap, deploy, deploy again without a change, stop."""
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as directory:
        chosen = assembly or synthesised(Path(directory) / "trial")
        started = time.monotonic()
        cloud = Cloud.start(Path(directory) / "state")
        try:
            cloud.client("sts").get_caller_identity()
            figures["start_seconds"] = round(time.monotonic() - started, 2)
            figures["idle_megabytes"] = resident_megabytes(cloud.pid)
            figures["bootstrap_seconds"] = round(cloud.bootstrap(), 2)
            if assembly is None:
                cloud.deploy(chosen, ("TrialBase",))
                fill(cloud)
            figures["deploy"] = measured(cloud, chosen, stack)
            figures["unchanged_seconds"] = cloud.deploy(chosen, (stack,))["seconds"]
            figures["deployed_megabytes"] = resident_megabytes(cloud.pid)
        finally:
            started = time.monotonic()
            cloud.stop()
            figures["stop_seconds"] = round(time.monotonic() - started, 2)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None, sys.argv[2] if len(sys.argv) > 2 else "Trial")
