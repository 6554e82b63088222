"""Declarations, cloud, data, templates, deployment: what the story needs before it begins."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from slipway.config.errors import DeclarationError
from slipway.config.loader import load
from slipway.config.model import ProblemType
from slipway.config.platform import Role
from slipway.config.rollout import Strategy
from slipway.demo.background import Background
from slipway.demo.errors import (
    CLOUD_FAILED,
    DATA_UNAVAILABLE,
    DECLARATIONS,
    NO_SPACE,
    SYNTH_FAILED,
    DemoError,
)
from slipway.demo.result import Deploy
from slipway.demo.setting import MODEL, TRAINED_MONTHS, Demo, own_environment
from slipway.operations.outputs import outputs

FREE_BYTES_NEEDED = 1_000_000_000
KEY = "month=2013-{month:02}/part-0.csv"


def check(demo: Demo) -> None:
    """Disk and declarations, before anything is started."""
    free = shutil.disk_usage(demo.options.root).free
    if free < FREE_BYTES_NEEDED:
        raise DemoError(
            NO_SPACE,
            f"Only {free / 1e6:.0f} MB are free where {demo.options.root} lies;"
            f" the demo wants {FREE_BYTES_NEEDED / 1e9:.0f} GB.",
            "Free some space, or move the checkout.",
        )
    try:
        declared = load(demo.options.root)
    except DeclarationError as error:
        raise DemoError(
            DECLARATIONS,
            f"The declarations have faults: {error.faults[0].render()}",
            "Run `slipway validate` for all of them.",
        ) from None
    model = next((m for m in declared.models if m.name == MODEL), None)
    environment = next(
        (e for e in declared.platform.environments if Role.BUILD in e.roles and Role.SERVE in e.roles), None
    )
    if model is None or environment is None:
        raise DemoError(
            DECLARATIONS,
            f"The demo needs the model {MODEL} and an environment that both builds and serves.",
            "Bring models/flight-delays and platform.yaml back from version control.",
        )
    quality = model.monitors.data_quality
    if (
        model.problem.type is not ProblemType.BINARY_CLASSIFICATION
        or model.rollout.strategy is not Strategy.CANARY
        or quality is None
        or quality.schedule != "hourly"
        or not model.retrain.on_drift
        or model.gates.champion is None
    ):
        raise DemoError(
            DECLARATIONS,
            f"models/{MODEL}/model.yaml no longer tells the demo's story: a binary classification with a champion gate,"
            " released by canary, its data quality monitored hourly, retrained on drift.",
            f"Bring models/{MODEL}/model.yaml back from version control.",
        )
    demo.platform, demo.environment, demo.model = declared.platform, environment, model


def start(demo: Demo) -> None:
    """The cloud's start and bootstrap, with the synthesis and the flight records beside it."""
    options = demo.options
    options.folder.mkdir(parents=True, exist_ok=True)
    synth = _synth(demo)
    records = Background(
        [sys.executable, "-m", "slipway.demo.flights", str(options.data)], options.folder / "flights.log",
        cwd=options.root, environment=own_environment(),
    )  # fmt: skip
    demo.defer(records.stop)
    begun = time.monotonic()
    demo.cloud = _cloud(demo)
    demo.result.timings["cloud_ready"] = round(time.monotonic() - begun, 1)
    demo.progress.say("bootstrapping with the CDK CLI")
    demo.cloud.bootstrap()
    demo.result.timings["bootstrapped"] = round(time.monotonic() - begun, 1)
    demo.progress.say("preparing the flight records")
    _finish_records(records)
    demo.result.timings["records_ready"] = round(time.monotonic() - begun, 1)
    demo.progress.say("synthesising the templates")
    if code := synth.wait():
        raise DemoError(
            SYNTH_FAILED,
            f"`python app.py` ended with {code}: {synth.last_lines()}",
            "Run `make synth` to see all of it.",
        )
    demo.result.timings["synthesised"] = round(time.monotonic() - begun, 1)


def _synth(demo: Demo) -> Background:
    out = demo.options.folder / "cdk.out"
    shutil.rmtree(out, ignore_errors=True)
    synth = Background(
        [sys.executable, "app.py"], demo.options.folder / "synth.log", cwd=demo.options.root,
        environment={**own_environment(), "CDK_OUTDIR": str(out), "CDK_DISABLE_CLI_TELEMETRY": "1"},
    )  # fmt: skip
    demo.defer(synth.stop)
    return synth


def _finish_records(records: Background) -> None:
    code = records.wait()
    try:
        told: dict[str, Any] = json.loads(records.output.splitlines()[-1])
    except (ValueError, IndexError):
        told = {}
    if code == 0 and told.get("rows"):
        return
    raise DemoError(
        str(told.get("code", DATA_UNAVAILABLE)),
        str(told.get("what", f"Preparing the flight records ended with {code}: {records.last_lines()}")),
        str(told.get("fix", "Delete .slipway/data and run again.")),
    )


def _cloud(demo: Demo) -> Any:
    from rehearsal.cloud import Cloud
    from rehearsal.errors import CloudError

    options, (_, environment, _) = demo.options, demo.declared
    if not options.keep:
        # Left by a demo that was killed; a cloud that still runs there holds its own lock and refuses below.
        _remove_stale(options.state)
    try:
        cloud = Cloud.start(
            options.state,
            account=environment.account,
            region=environment.region,
            port=options.port,
            speed=options.speed,
            detach=options.keep,
        )
    except CloudError as error:
        raise DemoError(CLOUD_FAILED, f"The embedded cloud did not start: {error.message}.", error.fix) from None
    if not options.keep:
        demo.defer(cloud.stop)
    demo.result.clock_speed = options.speed
    return cloud


def _remove_stale(state: Path) -> None:
    from rehearsal.cloud import Cloud
    from rehearsal.errors import CloudError

    if not state.exists():
        return
    try:
        Cloud.attach(state)
    except CloudError:
        shutil.rmtree(state, ignore_errors=True)


def deploy(demo: Demo) -> None:
    """`cdk deploy` of every stack; then the months that version 1 learns from."""
    platform, environment, model = demo.declared
    assembly = demo.options.folder / "cdk.out"
    stage = _nested(assembly)
    told = demo.cloud.deploy(stage, on_event=lambda line: demo.progress.say(str(line)[:100]))
    demo.result.deploy = Deploy(int(told["stacks"]), int(told["resources"]), round(float(told["seconds"]), 1))
    demo.outputs = outputs(demo, platform, environment, model)
    for month in TRAINED_MONTHS:
        upload(demo, month)


def _nested(assembly: Path) -> Path:
    """The environment's own assembly inside the app's: the toolchain's stack belongs to another account and is not
    deployed."""
    inside = sorted(p for p in assembly.glob("assembly-*") if (p / "manifest.json").exists())
    return inside[0] if len(inside) == 1 else assembly


def upload(demo: Demo, month: int) -> None:
    """Put one month's file where the declaration says the data is."""
    model = demo.declared[2]
    demo.client("s3").upload_file(
        str(demo.month_file(month)), demo.places.data_bucket, model.data.prefix + KEY.format(month=month)
    )
