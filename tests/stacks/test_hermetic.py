"""Synth asks nobody: no credentials, network, clock or registry; the same source gives the same bytes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path


def digests(folder: Path) -> dict[str, str]:
    """Of what synth wrote; a deployment of another test leaves its zips in .cache."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and ".cache" not in p.parts
    }


def test_two_synths_are_byte_identical(assembly: Path, root: Path, tmp_path: Path) -> None:
    """A hash that moves makes the pipeline mutate itself for ever (F07)."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_", "CODEBUILD_"))}
    environment |= {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "TZ": "Pacific/Auckland"}
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=root,
        env={**environment, "CDK_OUTDIR": str(tmp_path / "again"), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = digests(assembly), digests(tmp_path / "again")
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
