"""Lambda handlers run in an interpreter that has what AWS's Python runtime has, and nothing of this project."""

import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

from rehearsal.runtime import Runtime

# What the managed Python runtimes ship besides the standard library.
RUNTIME_PACKAGES = ("boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "urllib3", "six")


def make_interpreter(directory: Path) -> Path:
    """A virtual environment of links, made in milliseconds. Returns its python."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = directory / "lib" / version / "site-packages"
    packages.mkdir(parents=True, exist_ok=True)
    (directory / "bin").mkdir(exist_ok=True)
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    (directory / "pyvenv.cfg").write_text(
        f"home = {base.parent}\ninclude-system-site-packages = false\n", encoding="utf-8"
    )
    python = directory / "bin" / "python"
    if not python.exists():
        python.symlink_to(base)
    for name in RUNTIME_PACKAGES:
        for source in _top_levels(name):
            link = packages / source.name
            if not link.exists():
                link.symlink_to(source)
    return python


def _top_levels(name: str) -> set[Path]:
    found = distribution(name)
    tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
    return {Path(str(found.locate_file(top))) for top in tops if not top.endswith(".dist-info")}


def runtime_binary(original: Callable[[str], tuple[str, str]], runtime: Runtime) -> Callable[[str], tuple[str, str]]:
    """What the emulator itself starts for Python, to publish SnapStart versions, starts in the bare interpreter."""

    def detect(name: str) -> tuple[str, str]:
        binary, script = original(name)
        return (runtime.lambda_python, script) if name.startswith("python") else (binary, script)

    return detect
