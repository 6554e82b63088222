"""The `sagemaker` SDK against the cloud. It is 730 MB, so it has an environment of its own: `make conformance`."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

HERE = Path(__file__).parent
STEPS = ["train", "register", "approve", "deploy", "invoke", "capture", "monitor", "delete"]


def test_the_sdk_goes_the_whole_way(
    root: Path, workbench: Any, baseline: None, tmp_path: Path, figure: Callable[..., None]
) -> None:
    python = Path(os.environ.get("SLIPWAY_SDK_PYTHON", root / ".venv-sdk" / "bin" / "python"))
    if not python.exists():
        pytest.skip("the sagemaker SDK is not installed: `make conformance` does (730 MB)")
    facts, result = tmp_path / "facts.json", tmp_path / "result.json"
    facts.write_text(json.dumps(workbench.facts))
    done = subprocess.run(
        [str(python), str(HERE / "sdk_journey.py"), str(facts), str(result)],
        env={**workbench.cloud.environment(), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    told = json.loads(result.read_text())
    assert told["done"] == STEPS
    figure("sagemaker SDK 3.27: create to delete", f"all {len(STEPS)} steps", "all", True)
    figure("sagemaker SDK 3.27: own defects met", "; ".join(told["defects"]) or "none", "listed", True)
