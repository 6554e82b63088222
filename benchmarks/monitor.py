"""Monitor: a run over captured records against reading and json.loads of the same file, in the same run.

python benchmarks/monitor.py [records]
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MONITOR = Path(__file__).parents[1] / "containers" / "monitor"
ROUNDS = 3
LOADS = """
import json, sys
with open(sys.argv[1], "rb") as lines:
    print(sum(len(json.loads(line)) for line in lines))
"""


def row(chance: random.Random) -> str:
    return ",".join([chance.choice(("AA", "B6", "UA")), *(f"{chance.gauss(i, 1):.2f}" for i in range(15))])


def main() -> None:
    records = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    base, chance = Path(tempfile.mkdtemp(prefix="slipway-bench-")), random.Random(1)
    inputs = base / "processing/input"
    env = {**os.environ, "SAGEMAKER_BASE_DIR": str(base)}
    try:
        for name in ("baseline_dataset_input", "endpoint"):
            (inputs / name).mkdir(parents=True)
        rows = [row(chance) for _ in range(20_000)]
        header = ",".join(f"c{i}" for i in range(16))
        (inputs / "baseline_dataset_input/baseline.csv").write_text("\n".join([header, *rows, ""]))
        capture = inputs / "endpoint/a.jsonl"
        with capture.open("w") as file:
            for i in range(records):
                payload = {"observedContentType": "text/csv", "mode": "INPUT", "data": row(chance), "encoding": "CSV"}
                answer = {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "0.5", "encoding": "CSV"}
                meta = {"eventId": str(i), "inferenceTime": f"2026-11-20T14:{i % 60:02d}:00Z"}
                document = {
                    "captureData": {"endpointInput": payload, "endpointOutput": answer},
                    "eventMetadata": meta,
                    "eventVersion": "0",
                }
                file.write(json.dumps(document) + "\n")
        subprocess.run([sys.executable, "-m", "monitor", "baseline"], cwd=MONITOR, env=env, check=True)
        env |= {
            "start_time": "2026-11-20T14:00:00Z",
            "end_time": "2026-11-20T15:00:00Z",
            "baseline_constraints": "/opt/ml/processing/output/constraints.json",
            "baseline_statistics": "/opt/ml/processing/output/statistics.json",
            "output_path": "/opt/ml/processing/result",
        }
        ours: list[float] = []
        peer: list[float] = []
        for _ in range(ROUNDS):  # interleaved, so that a busy neighbour slows both
            for taken, command in (
                (ours, [sys.executable, "-m", "monitor", "run"]),
                (peer, [sys.executable, "-c", LOADS, str(capture)]),
            ):
                began = time.perf_counter()
                subprocess.run(command, cwd=MONITOR, env=env, check=True, stdout=subprocess.DEVNULL)
                taken.append(time.perf_counter() - began)
    finally:
        shutil.rmtree(base)
    ours_s, peer_s = statistics.median(ours), statistics.median(peer)
    print(f"run over {records} records of 16 columns: {ours_s:.2f} s")
    print(f"read + json.loads of the same file: {peer_s:.2f} s; ours is {ours_s / peer_s:.1f} times that")


if __name__ == "__main__":
    main()
