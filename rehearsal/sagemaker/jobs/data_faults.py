"""Fault B12: the data that a job downloaded is empty, cut short, lacks a column, or is not text at all."""

from collections.abc import Sequence
from pathlib import Path

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.faults import declare

declare("B12", "job", "data")


def spoil(core: Core, job: str, files: Sequence[Path]) -> None:
    """Change the files of a job when the fault is armed; `data` is empty (default), truncated, column or garbled."""
    if not files:
        return
    fault = core.faults.take("B12", job=job)
    if fault is None:
        return
    how = fault.where.get("data", "empty")
    for path in files:
        path.chmod(0o644)
        body = path.read_bytes()
        if how == "truncated":
            changed = body[: len(body) // 2]
        elif how == "column":
            lines = body.splitlines()
            changed = b"".join(line.partition(b",")[2] + b"\n" for line in lines)
        elif how == "garbled":
            changed = bytes(byte ^ 0xFF for byte in body)
        else:
            changed = b""
        path.write_bytes(changed)
