"""Lambda handlers run in an interpreter that has what AWS's Python runtime has, and nothing of this project."""

import re
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from rehearsal.runtime import Runtime

_RAISED = re.compile(r"(?P<name>[A-Za-z_][\w.]*)(?::|$)")
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
    """Python handlers start in the bare interpreter."""

    def detect(name: str) -> tuple[str, str]:
        binary, script = original(name)
        return (runtime.lambda_python, script) if name.startswith("python") else (binary, script)

    return detect


def error_type(original: Callable[..., dict[str, Any]], _: Runtime) -> Callable[..., dict[str, Any]]:
    """A failed handler's `errorType` is the class of its exception, which is what a state machine catches by."""

    def execute(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
        result = original(function, event, request_id)
        body = result.get("body")
        if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
            trace = [line for line in (result.get("log") or "").splitlines() if line.strip()]
            raised = [match for line in trace if (match := _RAISED.match(line))]
            if raised:
                body["errorType"] = raised[-1]["name"].rsplit(".", 1)[-1]
                body["stackTrace"] = [line for line in trace if line.startswith("  ")][-20:]
        return result

    return execute
