"""The demo's stages in order, and what happens around them: lock, timing, interruption, the report, the tidy end."""

import errno
import json
import math
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from slipway.demo.errors import (
    CLOUD_FAILED,
    INTERRUPTED,
    NO_SPACE,
    NOT_AS_IT_SHOULD_BE,
    DemoError,
)
from slipway.demo.lock import only_one
from slipway.demo.memory import Sampler
from slipway.demo.progress import Progress
from slipway.demo.result import Iam, Result
from slipway.demo.setting import Demo, Options
from slipway.demo.stages import groundwork, monitoring, releases, training
from slipway.demo.verdict import verdict


@dataclass(frozen=True)
class Stage:
    """One line of the progress, and one of the timings."""

    key: str
    title: str
    run: Callable[[Demo], None]


STAGES = (
    Stage("check", "Check the declarations", groundwork.check),
    Stage("start", "Start the cloud; synthesise; prepare flight records", groundwork.start),
    Stage("deploy", "Deploy every stack with the CDK CLI", groundwork.deploy),
    Stage("train_v1", "Train version 1 on January to March", training.train_first),
    Stage("release_v1", "Release version 1, all at once", releases.release_first),
    Stage("client", "A client starts to call the endpoint", releases.start_client),
    Stage("train_v2", "Train version 2, which must beat version 1", training.train_second),
    Stage("release_v2", "Release version 2 by canary, under traffic", releases.release_second),
    Stage("release_v3", "Release version 3, bad on purpose", releases.release_third),
    Stage("monitor", "Replay the months until drift is found", monitoring.watch),
    Stage("retrain", "Retraining, started by drift", monitoring.retrain),
)


def run(
    options: Options, progress: Progress, explain: Callable[[Exception], DemoError], stages: tuple[Stage, ...] = STAGES
) -> Result:
    """Run the demo. Whatever fails, the result says so; only an interruption is raised, after tidying up, with the
    result as `result`.

    `explain` turns an exception that nobody foresaw into words.
    """
    result = Result(clock_speed=options.speed)
    begun = time.monotonic()
    try:
        with only_one(options.folder / "lock"):
            _run_locked(options, progress, stages, result, explain)
    except Exception as error:
        _tell(result, as_demo_error(error) or explain(error))
    except BaseException as interruption:
        what, fix = "The demo was interrupted.", "Run it again: nothing of it is left running."
        _tell(result, DemoError(INTERRUPTED, what, fix))
        _close(result, begun)
        interruption.result = result  # type: ignore[attr-defined]
        raise
    _close(result, begun)
    return result


def _tell(result: Result, error: DemoError) -> None:
    result.error = {"code": error.code, "what": error.what, "fix": error.fix}


def _run_locked(
    options: Options,
    progress: Progress,
    stages: tuple[Stage, ...],
    result: Result,
    explain: Callable[[Exception], DemoError],
) -> None:
    with ExitStack() as at_the_end:
        demo = Demo(options, progress, result, defer=lambda undo: _defer(at_the_end, undo))
        sampler = at_the_end.enter_context(Sampler())
        try:
            for stage in stages:
                _run_stage(stage, demo)
                if demo.cloud is not None:
                    sampler.include(demo.cloud.pid)
        except Exception as error:
            # Told before the last look, so that the report of a run that failed says so too.
            _tell(result, _death_of_the_cloud(demo) or as_demo_error(error) or explain(error))
        finally:
            result.memory = sampler.peak
        _last_look(demo)


def _death_of_the_cloud(demo: Demo) -> DemoError | None:
    """Whatever failed, if the cloud no longer answers, that is why."""
    from rehearsal.errors import CloudNotRunningError

    if demo.cloud is None:
        return None
    try:
        demo.cloud.clock.now()
    except CloudNotRunningError:
        return DemoError(
            CLOUD_FAILED,
            f"The embedded cloud (process {demo.cloud.pid}) has ended by itself.",
            f"Run the demo again; if it stays so, read {demo.options.state / 'cloud.log'} and see if memory is short.",
        )
    return None


def _run_stage(stage: Stage, demo: Demo) -> None:
    began = time.monotonic()
    try:
        with demo.progress.stage(stage.title):
            stage.run(demo)
    finally:
        demo.result.timings[stage.key] = round(time.monotonic() - began, 1)


def _defer(stack: ExitStack, undo: Callable[[], None]) -> None:
    """Undoing must not keep what comes after it from being undone."""

    def quietly() -> None:
        with suppress(Exception):
            undo()

    stack.callback(quietly)


def canary_share(demo: Demo) -> float:
    """The share of instances in the canary: whole instances, at least one."""
    model = demo.declared[2]
    return model.shift.step_instances / model.endpoint.instance_count


def _last_look(demo: Demo) -> None:
    """Audit, verdict and report, while the cloud is still there; also of a run that failed, as far as it came."""
    if demo.cloud is None or _death_of_the_cloud(demo) is not None:
        return
    began = time.monotonic()
    with suppress(Exception):
        audit = demo.cloud.audit()
        demo.result.iam = Iam(bool(audit["enforced"]), int(audit["allowed"]), int(audit["denied"]))
    if demo.result.error is None:
        demo.result.faults += verdict(demo.result, canary_share(demo))
    if demo.outputs is not None:
        _report(demo)
    demo.result.timings["report"] = round(time.monotonic() - began, 1)


def _report(demo: Demo) -> None:
    from slipway.demo import evidence

    try:
        demo.result.report = str(evidence.report(demo))
    except Exception as error:
        # A report that cannot be written is a fault of the run, not its end: what went before still counts.
        demo.result.faults.append(f"the report could not be written: {type(error).__name__}: {error}")


def _close(result: Result, begun: float) -> None:
    result.seconds = round(time.monotonic() - begun, 1)
    if result.error is None and result.report is None:
        result.faults.append("no report was written")
    if result.error is None and result.faults:
        result.error = {
            "code": NOT_AS_IT_SHOULD_BE,
            "what": "The demo ran to its end and not all is as it should be: " + "; ".join(result.faults),
            "fix": "Run `slipway demo --keep` and look with `slipway status`; the report shows each step.",
        }
    result.ok = result.error is None


def as_demo_error(error: Exception) -> DemoError | None:
    """Known failures of the parts, with their own fix; None for what is a bug."""
    from rehearsal.errors import CloudError
    from slipway.operations.errors import Failure, of_aws

    told: DemoError | None = None
    if isinstance(error, DemoError):
        told = error
    elif isinstance(error, Failure):
        told = DemoError(error.code, error.what, error.fix)
    elif isinstance(error, CloudError):
        told = DemoError(CLOUD_FAILED, f"{error.message}.", error.fix)
    elif isinstance(error, OSError) and error.errno == errno.ENOSPC:
        told = DemoError(NO_SPACE, f"The disk is full: {error.filename or error}.", "Free some space and run again.")
    elif isinstance(error, TimeoutError):
        told = DemoError(CLOUD_FAILED, f"A command of the demo hung: {error}.", "Run it again on an idler machine.")
    elif type(error).__module__.startswith(("botocore", "boto3")):
        failure = of_aws(error, "embedded cloud")
        told = DemoError(failure.code, failure.what, failure.fix)
    return told


def print_json(result: Result) -> str:
    """The one object. JSON has no NaN: what is no number is null."""
    return json.dumps(_finite(result.as_dict()), allow_nan=False, ensure_ascii=True, indent=2)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
