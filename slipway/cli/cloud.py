"""`slipway cloud`: the embedded cloud's life."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from slipway.cli import output, project
from slipway.config import names
from slipway.operations.errors import Failure
from slipway.operations.where import STATE, running_cloud

ASSEMBLY = Path(".slipway") / "cdk.out"
SYNTH_SECONDS = 300


def up(*, port: int, speed: float, deploy: bool, quiet: bool) -> None:
    """Start, bootstrap, synthesise, deploy. A cloud that this call started is stopped again when a later step fails."""
    root, found = project.root(), project.declarations()

    def say(text: str) -> None:
        if not quiet:
            output.out(text)

    cloud = running_cloud(root)
    started = cloud is None
    if cloud is None:
        first = found.platform.environments[0]
        (root / STATE).mkdir(parents=True, exist_ok=True)
        cloud = _cloud_class().start(
            root / STATE, account=first.account, region=first.region, port=port, speed=speed, detach=True
        )
        say(f"embedded cloud up at {cloud.url}, clock {speed:g} × the wall")
    else:
        say(f"embedded cloud already up at {cloud.url}")
    try:
        if deploy:
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


def down(*, quiet: bool) -> None:
    """Safe to call twice."""
    cloud = running_cloud(project.root())
    if cloud is not None:
        cloud.stop()
    if not quiet:
        output.out("embedded cloud stopped" if cloud is not None else "no embedded cloud was running")


def reset(*, quiet: bool) -> None:
    """Stop, and remove state and assembly."""
    root = project.root()
    down(quiet=True)
    for folder in (root / STATE, root / ASSEMBLY):
        if folder.is_symlink():
            raise Failure("SLW204", f"{folder} is a link.", where=str(folder), fix="remove it by hand")
        if folder.exists():
            shutil.rmtree(folder)
    if not quiet:
        output.out("embedded cloud stopped and its state removed")


def status(*, as_json: bool) -> None:
    """Exit code 1 when none runs."""
    cloud = running_cloud(project.root())
    if cloud is None:
        raise Failure("SLW401", "No embedded cloud runs for this checkout.", where=str(STATE), fix="slipway cloud up")
    audit, clock = cloud.audit(), cloud.control("GET", "clock")
    facts: dict[str, Any] = {
        "ok": True,
        "url": cloud.url,
        "pid": cloud.pid,
        "clock_speed": clock["speed"],
        "clock": clock["now"],
        "iam": {key: audit[key] for key in ("enforced", "allowed", "denied")},
    }
    if as_json:
        output.json_object(facts)
        return
    output.out(f"embedded cloud at {facts['url']}, process {facts['pid']}, clock {facts['clock_speed']:g} × the wall")
    output.out(f"IAM enforced: {audit['enforced']}; calls allowed {audit['allowed']}, denied {audit['denied']}")


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
