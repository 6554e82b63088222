"""The two folder names that bite, and what else a stray file would break for everybody."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("folder", ["constructs", "lambda"])
def test_source_roots_are_not_packages(folder: str) -> None:
    """With constructs/__init__.py the library of that name is shadowed; `lambda` is a keyword."""
    assert not (ROOT / folder / "__init__.py").exists()
    packages = [p.name for p in (ROOT / folder).iterdir() if p.is_dir() and p.name != "__pycache__"]
    assert packages == [{"constructs": "slipway_constructs", "lambda": "slipway_lambda"}[folder]]


def test_no_package_marker_under_tests() -> None:
    """tests/constructs/__init__.py would shadow the library too."""
    assert not list((ROOT / "tests").rglob("__init__.py"))


def test_imports_run_one_way() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_handler_imports_the_standard_library_only() -> None:
    """boto3 is most of a cold start: it is imported at the first call that needs it."""
    handlers = sorted(p.parent.name for p in (ROOT / "lambda/slipway_lambda").glob("*/handler.py"))
    assert handlers
    code = (
        "import importlib, sys\n"
        f"for verb in {handlers!r}:\n"
        "    importlib.import_module(f'slipway_lambda.{verb}.handler')\n"
        "heavy = {'boto3', 'botocore', 'pydantic', 'numpy', 'urllib3'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(ROOT / "lambda")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_lock_has_a_hash_for_every_requirement() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / name).read_text(encoding="utf-8"))
        pinned = [b for b in blocks if "==" in b.splitlines()[0]]
        assert len(pinned) > 50
        assert [b.splitlines()[0] for b in pinned if "--hash=sha256:" not in b] == []


def test_containers_hold_the_versions_of_the_lock() -> None:
    """The rehearsal runs the containers' code with this environment's libraries: they must be the images' own."""
    version = re.compile(r"^([a-z0-9-]+)==([^ ;\\]+)", re.MULTILINE)
    lock = set(version.findall((ROOT / "requirements.txt").read_text(encoding="utf-8")))
    for path in sorted((ROOT / "containers").glob("*/requirements.txt")):
        for name, number in version.findall(path.read_text(encoding="utf-8")):
            others = sorted(v for n, v in lock if n == name)  # one for each range of Python versions
            assert (name, number) in lock, f"{path.parent.name}: {name} {number}, the lock has {others}"


def test_the_cdk_cli_is_pinned_in_manifest_and_lock() -> None:
    pin = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"\d+\.\d+\.\d+", pin)
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == pin
