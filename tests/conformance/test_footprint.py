"""What an idle cloud costs."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rehearsal.cloud import Cloud

pytestmark = pytest.mark.rehearsal


def megabytes(cloud: Cloud) -> float:
    """Memory of all processes of a cloud; pages that they share count once (PSS)."""
    return sum(psutil.Process(one["pid"]).memory_full_info().pss for one in cloud.processes()) / 1e6


def test_an_idle_cloud_is_small(tmp_path: Path, figure: Callable[..., None]) -> None:
    began = time.monotonic()
    with Cloud.start(tmp_path) as cloud:
        started = time.monotonic() - began
        cloud.client("sagemaker").list_endpoints()  # what is loaded on first use belongs to it
        cloud.client("stepfunctions").list_state_machines()
        used = megabytes(cloud)
    figure("idle: memory of all processes, MB", f"{used:.0f}", "<= 150", used <= 150)
    figure("idle: seconds to the first answer", f"{started:.2f}", "-", True)
