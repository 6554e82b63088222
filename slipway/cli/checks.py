"""What can be wrong with a machine or checkout. Each check reads little, changes nothing and never raises."""

import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

GIB = 1 << 30
ACCIDENT = "3.0.0"
SETUP = "run make setup in the checkout"


@dataclass(frozen=True)
class Finding:
    """One result; `fix` is empty when there is nothing to do."""

    check: str
    state: Literal["ok", "warn", "fail"]
    what: str
    fix: str = ""


def every_check(root: Path, port: int) -> list[Finding]:
    """All findings, in a fixed order."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", lambda: python(root)),
        ("lock", lambda: lock(root)),
        ("node", lambda: node(root)),
        ("cdk", lambda: cdk(root)),
        ("port", lambda: free_port(port)),
        ("disk", lambda: disk(root)),
        ("memory", memory),
        ("byte code", byte_code),
        ("git", lambda: git(root)),
        ("settings", lambda: settings(os.environ.get("AWS_ENDPOINT_URL", ""))),
        ("declarations", lambda: declarations(root)),
    ]
    found: list[Finding] = []
    for name, check in checks:
        try:
            found += check()
        except Exception as error:
            what = f"could not be looked at: {type(error).__name__}: {error}"
            found.append(Finding(name, "fail", what, "mend what the message names, then call slipway doctor again"))
    return found


def python(root: Path, version: tuple[int, int] = sys.version_info[:2], prefix: str = sys.prefix) -> Iterator[Finding]:
    """New enough, and the checkout's own."""
    shown = f"Python {version[0]}.{version[1]} at {prefix}"
    if version < (3, 11):
        yield Finding("python", "fail", f"{shown}: Slipway needs 3.11 or newer", "make PYTHON=python3.11 setup")
    elif Path(prefix).resolve() != (root / ".venv").resolve():
        yield Finding("python", "warn", f"{shown} is not the checkout's .venv", f"{SETUP}, then call .venv/bin/slipway")
    else:
        yield Finding("python", "ok", shown)


def lock(root: Path) -> Iterator[Finding]:
    """What is installed is what the lock names."""
    path = root / "requirements.txt"
    if not path.is_file():
        yield Finding("lock", "warn", f"{path} is not there", "call slipway inside a checkout of Slipway")
        return
    differ: list[str] = []
    pins = locked(path.read_text(encoding="utf-8"))
    for name, pin in pins.items():
        try:
            have = metadata.version(name)
        except metadata.PackageNotFoundError:
            if not pin.conditional:
                differ.append(f"{name} {' or '.join(sorted(pin.versions))} is missing")
            continue
        if have not in pin.versions:
            differ.append(f"{name} is {have}, the lock says {' or '.join(sorted(pin.versions))}")
    if differ:
        shown = "; ".join(differ[:5]) + (f"; and {len(differ) - 5} more" if len(differ) > 5 else "")
        yield Finding("lock", "fail", shown, f"rm .venv/.ready, then {SETUP}")
    else:
        yield Finding("lock", "ok", f"{len(pins)} packages as locked")


@dataclass
class Pin:
    """What a lock says of one package; a marker makes a line conditional, so there may be several versions or none."""

    versions: set[str]
    conditional: bool


def locked(text: str) -> dict[str, Pin]:
    """The pins of a lock file by package."""
    pins: dict[str, Pin] = {}
    for name, version, marker in re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;)?", text, re.MULTILINE
    ):
        pin = pins.setdefault(name, Pin(set(), True))
        pin.versions.add(version)
        pin.conditional = pin.conditional and bool(marker)
    return pins


def node(root: Path) -> Iterator[Finding]:
    """The node that the lock brings, for the CDK."""
    binary = root / ".venv" / "bin" / "node"
    if not binary.exists():
        yield Finding("node", "fail", f"{binary} is not there", SETUP)
        return
    version = _output([str(binary), "--version"])
    major = int(match[1]) if (match := re.match(r"v(\d+)\.", version)) else 0
    if major < 20:
        yield Finding("node", "fail", f"{binary} says {version or 'nothing'}", f"rm -rf .venv, then {SETUP}")
    else:
        yield Finding("node", "ok", f"{version} from the lock")


def cdk(root: Path) -> Iterator[Finding]:
    """The CDK CLI is the pinned one, and no other one is in the way."""
    pinned = _version(root / "package.json", pin=True)
    have = _version(root / "node_modules" / "aws-cdk" / "package.json")
    if not pinned:
        yield Finding("cdk", "fail", "package.json pins no aws-cdk", "restore package.json from the repository")
    elif not have:
        yield Finding("cdk", "fail", "node_modules holds no CDK CLI", SETUP)
    elif have != pinned:
        fix = f"rm -rf node_modules, then {SETUP}"
        yield Finding("cdk", "fail", f"CDK CLI {have} is installed, package.json pins {pinned}{_accident(have)}", fix)
    else:
        yield Finding("cdk", "ok", f"CDK CLI {have}, as package.json pins")
    other = shutil.which("cdk")
    if other and not Path(other).resolve().is_relative_to((root / "node_modules").resolve()):
        version = _output([other, "--version"]).split(" ")[0]
        if version != pinned:
            what = f"the cdk on your PATH, {other}, is {version or 'broken'}{_accident(version)}"
            yield Finding("cdk", "warn", what, "call node_modules/.bin/cdk, or the make targets, which do")


def _accident(version: str) -> str:
    if version != ACCIDENT:
        return ""
    return " (3.0.0 is an accidental publish that npm serves as latest; it cannot read this library's assembly)"


def free_port(port: int) -> Iterator[Finding]:
    """The loopback port can be had."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            what = f"127.0.0.1:{port} cannot be used: {error.strerror}"
            fix = "choose another --port (0 takes any free one), or stop what holds it (ss -ltnp, lsof -i)"
            yield Finding("port", "fail", what, fix)
            return
        yield Finding("port", "ok", f"127.0.0.1:{probe.getsockname()[1]} is free")


def disk(root: Path) -> Iterator[Finding]:
    """Room for the assembly, the images and the demo's data, and leave to write."""
    free = shutil.disk_usage(root).free / GIB
    if not os.access(root, os.W_OK):
        yield Finding("disk", "fail", f"{root} cannot be written", "work in a checkout that is yours")
    elif free < 1:
        yield Finding(
            "disk", "fail", f"{free:.1f} GiB free at {root}", "free at least 1 GiB; make clean removes what we made"
        )
    else:
        yield Finding("disk", "ok", f"{free:.0f} GiB free")


def memory(facts: Path = Path("/proc/meminfo")) -> Iterator[Finding]:
    """The demo takes up to 1.5 GB in all its processes."""
    if not facts.is_file():
        yield Finding("memory", "ok", "not looked at on this system")
        return
    match = re.search(r"^MemAvailable:\s+(\d+) kB", facts.read_text(encoding="ascii"), re.MULTILINE)
    free = int(match[1]) * 1024 / GIB if match else 0.0
    if free < 1.5:
        yield Finding("memory", "warn", f"{free:.1f} GiB available; the demo takes up to 1.5", "close something large")
    else:
        yield Finding("memory", "ok", f"{free:.1f} GiB available")


def byte_code() -> Iterator[Finding]:
    """Compiled modules: without them every start of every process costs seconds."""
    if sys.dont_write_bytecode:
        yield Finding("byte code", "warn", "PYTHONDONTWRITEBYTECODE is set: every start is slower", "unset it")
        return
    spec = importlib.util.find_spec("botocore.client")
    source = spec.origin if spec else None
    if source and not Path(importlib.util.cache_from_source(source)).exists():
        yield Finding(
            "byte code", "warn", "the packages are not compiled: starts are slower", f"rm .venv/.ready, then {SETUP}"
        )
    else:
        yield Finding("byte code", "ok", "packages are compiled")


def git(root: Path) -> Iterator[Finding]:
    """Assets are named by their bytes: line ends that git rewrites give every machine other names."""
    if not shutil.which("git"):
        yield Finding("git", "warn", "git is not there", "install git to keep your declarations' history")
    elif not (root / ".git").exists():
        yield Finding(
            "git", "warn", f"{root} is not a git work tree", "git init, so that changes to declarations are kept"
        )
    elif _output(["git", "-C", str(root), "config", "core.autocrlf"]) == "true":
        what = "core.autocrlf is true: line ends change, and with them every asset's hash"
        yield Finding("git", "warn", what, "git config core.autocrlf input, then check out again")
    else:
        yield Finding("git", "ok", "a work tree with its line ends as they are")


def settings(endpoint: str) -> Iterator[Finding]:
    """Settings of the shell that send calls astray."""
    if endpoint:
        what = f"AWS_ENDPOINT_URL is set: every AWS call of this shell goes to {endpoint}"
        yield Finding("settings", "warn", what, "unset AWS_ENDPOINT_URL, unless you mean it")
    else:
        yield Finding("settings", "ok", "no AWS endpoint is overridden")


def declarations(root: Path) -> Iterator[Finding]:
    """They load."""
    from slipway.config.errors import DeclarationError
    from slipway.config.loader import load

    try:
        found = load(root)
    except DeclarationError as error:
        first = error.faults[0].render()
        yield Finding(
            "declarations", "fail", f"{len(error.faults)} fault(s); the first: {first}", "slipway validate shows all"
        )
        return
    yield Finding(
        "declarations", "ok", f"{len(found.platform.environments)} environment(s), {len(found.models)} model(s)"
    )


def _version(path: Path, *, pin: bool = False) -> str:
    """The version in a package.json, or the one it pins of aws-cdk; empty when it cannot be read."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return str(facts["devDependencies"]["aws-cdk"] if pin else facts["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _output(command: list[str]) -> str:
    """First line of a command's output; empty when it fails or takes long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().splitlines()[0] if done.returncode == 0 and done.stdout.strip() else ""
