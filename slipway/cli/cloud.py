"""`slipway cloud`: the embedded cloud's life."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slipway.cli import output, project
from slipway.config import names
from slipway.operations.errors import Failure
from slipway.operations.where import CLOUDS, STATE, running_cloud, state_of

ASSEMBLY = Path(".slipway") / "cdk.out"
SYNTH_SECONDS = 300


@dataclass(frozen=True)
class Settings:
    """How to start a cloud. `place` is account and region, or None for those of platform.yaml's first environment."""

    port: int
    speed: float
    keep: bool
    name: str
    place: tuple[str, str] | None


def place(account: str | None, region: str | None) -> tuple[str, str] | None:
    """Account and region from the options. Raises Failure for half of them or an impossible one."""
    if account is None and region is None:
        return None
    if account is None or region is None:
        missing = "--account" if account is None else "--region"
        raise Failure("SLW206", f"{missing} is missing.", where="options", fix="give both, or neither")
    if not re.fullmatch(r"\d{12}", account):
        raise Failure("SLW206", f"{account!r} is no account id.", where="--account", fix="12 digits")
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d", region):
        raise Failure("SLW206", f"{region!r} is no region.", where="--region", fix="such as eu-west-1")
    return account, region


def up(settings: Settings, *, deploy: bool, quiet: bool) -> None:
    """Start, bootstrap, synthesise, deploy. A cloud that this call started is stopped again when a later step fails."""
    root = project.root()
    found = None if settings.place and not deploy else project.declarations()
    first = found.platform.environments[0] if found else None
    account, region = settings.place or ((first.account, first.region) if first else ("", ""))
    state = root / state_of(settings.name)

    def say(text: str) -> None:
        if not quiet:
            output.out(text)

    cloud = running_cloud(root, settings.name)
    started = cloud is None
    resumed = started and settings.keep and (state / "keep").is_dir()
    if cloud is None:
        state.mkdir(parents=True, exist_ok=True)
        options = {"account": account, "region": region, "port": settings.port, "speed": settings.speed}
        cloud = _cloud_class().start(state, detach=True, keep=settings.keep, **options)
        say(f"embedded cloud up at {cloud.url}, clock {settings.speed:g} × the wall")
    else:
        say(f"embedded cloud already up at {cloud.url}")
    if resumed:
        say("taken up where the kept state ends")
    try:
        if deploy and found and not resumed:
            assembly = synthesise(root)
            say("synthesised")
            cloud.bootstrap()
            stacks = tuple(f"{names.stage(environment)}/*" for environment in found.platform.environments)
            done = cloud.deploy(assembly, stacks=stacks)
            say(f"{done['stacks']} stacks, {done['resources']} resources deployed in {done['seconds']:.1f} s")
    except BaseException:
        if started:
            cloud.stop()
        raise
    say("look with: slipway status    stop with: slipway cloud down")


def down(*, name: str, keep: bool, quiet: bool) -> None:
    """Safe to call twice. Leaves nothing, but for a kept state: with `keep`, or when no cloud ran."""
    root = project.root()
    cloud, state = running_cloud(root, name), root / state_of(name)
    if cloud is not None:
        cloud.stop(keep=keep)
    held = (state / "keep").is_dir()
    if not held and state.is_dir() and not state.is_symlink():
        shutil.rmtree(state)
    if quiet:
        return
    output.out("embedded cloud stopped" if cloud is not None else "no embedded cloud was running")
    if held:
        output.out("its kept state stays: go on with `slipway cloud up --keep`, remove it with `slipway cloud reset`")


def reset(*, name: str, quiet: bool) -> None:
    """Stop, and remove state and assembly."""
    root = project.root()
    down(name=name, keep=False, quiet=True)
    for folder in (root / state_of(name), root / ASSEMBLY):
        if folder.is_symlink():
            raise Failure("SLW204", f"{folder} is a link.", where=str(folder), fix="remove it by hand")
        if folder.exists():
            shutil.rmtree(folder)
    if not quiet:
        output.out("embedded cloud stopped and its state removed")


def clouds(*, as_json: bool) -> None:
    """Every cloud of the checkout, the nameless one first."""
    root = project.root()
    named = sorted(path.name for path in (root / CLOUDS).glob("*") if path.is_dir())
    rows = []
    for name in ["", *named]:
        state = root / (CLOUDS / name if name else STATE)
        cloud = running_cloud(root, name) if state.is_dir() else None
        kept = (state / "keep").is_dir()
        if cloud is not None or kept:
            rows.append({"name": name, "url": cloud.url if cloud else None, "kept": kept})
    if as_json:
        output.json_object({"ok": True, "clouds": rows})
        return
    if not rows:
        output.out("no embedded cloud runs here, and none is kept")
    output.table(
        [(str(row["name"]) or "(no name)", str(row["url"] or "stopped"), "kept" if row["kept"] else "") for row in rows]
    )


def required(name: str) -> Any:
    """The running cloud of that name. Raises Failure when there is none."""
    cloud = running_cloud(project.root(), name)
    if cloud is None:
        where = str(state_of(name))
        raise Failure("SLW401", "No embedded cloud runs for this checkout.", where=where, fix="slipway cloud up")
    return cloud


def status(*, name: str, as_json: bool) -> None:
    """Exit code 1 when none runs."""
    cloud = required(name)
    audit, facts_of = cloud.audit(), cloud.control("GET", "status")
    facts: dict[str, Any] = {
        "ok": facts_of["keep_error"] is None,
        "url": cloud.url,
        "pid": cloud.pid,
        "clock_speed": facts_of["speed"],
        "clock": facts_of["now"],
        "kept": facts_of["kept"],
        "keep_error": facts_of["keep_error"],
        "iam": {key: audit[key] for key in ("enforced", "allowed", "denied")},
    }
    if as_json:
        output.json_object(facts)
        return
    output.out(f"embedded cloud at {facts['url']}, process {facts['pid']}, clock {facts['clock_speed']:g} × the wall")
    output.out(f"IAM enforced: {audit['enforced']}; calls allowed {audit['allowed']}, denied {audit['denied']}")
    if facts["kept"]:
        output.out("state is kept: it survives a kill" if facts["ok"] else f"! {facts['keep_error']}")


def synthesise(root: Path) -> Path:
    """The cloud assembly, made as `cdk synth` makes it, free of the caller's AWS settings. Raises Failure."""
    assembly = root / ASSEMBLY
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    try:
        done = subprocess.run(
            [sys.executable, "app.py"],
            cwd=root,
            env={**environment, "CDK_OUTDIR": str(assembly)},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SYNTH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failure(
            "SLW403", f"Synthesis took more than {SYNTH_SECONDS} s.", where="app.py", fix="slipway doctor"
        ) from None
    if done.returncode != 0:
        output.err(done.stderr[-6000:] or done.stdout[-6000:])
        raise Failure(
            "SLW403", "Synthesis failed; its own words stand above.", where="app.py", fix="make synth shows it whole"
        )
    return assembly


def _cloud_class() -> Any:
    try:
        from rehearsal.cloud import Cloud
    except ModuleNotFoundError as error:
        raise Failure(
            "SLW603", f"This installation lacks {error.name}.", fix="run make setup in the checkout"
        ) from error
    return Cloud
