"""How long the embedded cloud takes: `python benchmarks/deploy.py [cdk.out]`. Prints one JSON object."""

import json
import sys
import tempfile
import time
from pathlib import Path

from rehearsal.cloud import Cloud


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return round(int(status.split("VmRSS:")[1].split()[0]) / 1024, 1)


def main(assembly: Path) -> None:
    """Start, bootstrap, deploy, deploy again without a change, stop."""
    figures: dict[str, float | int] = {}
    with tempfile.TemporaryDirectory() as directory:
        started = time.monotonic()
        cloud = Cloud.start(Path(directory))
        try:
            cloud.client("sts").get_caller_identity()
            figures["start_seconds"] = round(time.monotonic() - started, 2)
            figures["idle_megabytes"] = resident_megabytes(cloud.pid)
            figures["bootstrap_seconds"] = round(cloud.bootstrap(), 2)
            figures |= {f"deploy_{key}": value for key, value in cloud.deploy(assembly).items()}
            figures["unchanged_seconds"] = cloud.deploy(assembly)["seconds"]
            figures["deployed_megabytes"] = resident_megabytes(cloud.pid)
        finally:
            started = time.monotonic()
            cloud.stop()
            figures["stop_seconds"] = round(time.monotonic() - started, 2)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "cdk.out"))
