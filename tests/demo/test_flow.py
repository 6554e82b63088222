"""What happens around the stages: order, timings, failure, interruption, the tidy end."""

import copy
import errno
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rehearsal.errors import CloudError, CloudNotRunningError
from slipway.demo import evidence, flow
from slipway.demo.errors import DemoError
from slipway.demo.flow import Stage
from slipway.demo.result import Result
from slipway.demo.setting import Demo, Options
from slipway.demo.summary import facts
from slipway.operations.errors import Failure


class Cloud:
    """Only what the flow itself asks."""

    pid = 1

    def __init__(self) -> None:
        self.stopped = 0
        self.dead = False
        self.clock = self

    def now(self) -> float:
        if self.dead:
            raise CloudNotRunningError("it does not answer", "Start it again")
        return 0.0

    def audit(self) -> dict[str, Any]:
        return {"enforced": True, "allowed": 7, "denied": 0, "calls": []}

    def stop(self) -> None:
        self.stopped += 1


def explain(error: Exception) -> DemoError:
    return DemoError("SLW200", f"unexpected: {error}", "report it")


def start(cloud: Cloud) -> Callable[[Demo], None]:
    def run(demo: Demo) -> None:
        demo.cloud = cloud
        demo.defer(cloud.stop)

    return run


def fail(error: BaseException) -> Callable[[Demo], None]:
    def run(_: Demo) -> None:
        raise error

    return run


def run(tmp_path: Path, progress: Any, *stages: Stage) -> Result:
    return flow.run(Options(tmp_path, report=tmp_path / "report.html"), progress, explain, stages)


def test_a_failed_stage_ends_the_run_and_stops_the_cloud(tmp_path: Path, progress: Any) -> None:
    cloud = Cloud()
    after: list[str] = []
    stages = (
        Stage("start", "Start", start(cloud)),
        Stage("deploy", "Deploy", fail(DemoError("SLW907", "it failed in Deploy", "mend it"))),
        Stage("later", "Later", lambda _: after.append("ran")),
    )
    result = run(tmp_path, progress, *stages)
    assert not result.ok
    assert result.error == {"code": "SLW907", "what": "it failed in Deploy", "fix": "mend it"}
    assert cloud.stopped == 1
    assert after == []
    assert progress.stages == ["Start", "Deploy"]
    assert {"start", "deploy"} <= set(result.timings)
    assert result.iam.allowed == 7, "the audit is read before the cloud goes"
    told = json.loads(flow.print_json(result))
    assert told["ok"] is False
    assert told["error"]["code"] == "SLW907"


def test_a_dead_cloud_is_named_whatever_failed_first(tmp_path: Path, progress: Any) -> None:
    cloud = Cloud()

    def die(_: Demo) -> None:
        cloud.dead = True
        raise ConnectionError("connection refused")

    result = run(tmp_path, progress, Stage("start", "Start", start(cloud)), Stage("x", "X", die))
    assert result.error is not None
    assert result.error["code"] == "SLW906"
    assert "process 1) has ended by itself" in result.error["what"]
    assert "cloud.log" in result.error["fix"]
    assert cloud.stopped == 1


def test_an_interruption_tidies_up_and_says_so(tmp_path: Path, progress: Any) -> None:
    cloud = Cloud()
    with pytest.raises(KeyboardInterrupt) as interruption:
        run(tmp_path, progress, Stage("start", "Start", start(cloud)), Stage("x", "X", fail(KeyboardInterrupt())))
    assert cloud.stopped == 1
    result: Result = interruption.value.result  # type: ignore[attr-defined]
    assert result.error is not None
    assert result.error["code"] == "SLW913"
    assert run(tmp_path, progress, Stage("x", "X", fail(DemoError("SLW907", "a", "b")))).error is not None


def test_tidying_goes_on_when_one_part_fails(tmp_path: Path, progress: Any) -> None:
    cloud = Cloud()

    def broken(demo: Demo) -> None:
        demo.defer(lambda: 1 / 0)  # type: ignore[arg-type,return-value]

    run(
        tmp_path,
        progress,
        Stage("start", "Start", start(cloud)),
        Stage("x", "X", broken),
        Stage("y", "Y", fail(OSError())),
    )
    assert cloud.stopped == 1


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x"), "SLW902", "The disk is full"),
        (CloudError("the port 4566 is in use", "Choose another"), "SLW906", "port 4566 is in use."),
        (Failure("SLW505", "older than live", fix="register anew"), "SLW505", "older than live"),
        (TimeoutError("no end after 300 s"), "SLW906", "hung"),
        (ValueError("a bug"), "SLW200", "unexpected: a bug"),
    ],
)
def test_known_failures_keep_their_words(
    tmp_path: Path, progress: Any, error: Exception, code: str, words: str
) -> None:
    result = run(tmp_path, progress, Stage("x", "X", fail(error)))
    assert result.error is not None
    assert result.error["code"] == code
    assert words in result.error["what"]
    assert result.error["fix"]


def test_a_run_that_reached_its_end_is_judged(tmp_path: Path, progress: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "canary_share", lambda _: 0.25)
    result = run(tmp_path, progress, Stage("start", "Start", start(Cloud())))
    assert not result.ok
    assert result.error is not None
    assert result.error["code"] == "SLW910"
    assert "no window was monitored" in result.faults
    assert "no report was written" in result.faults


def test_a_report_that_fails_is_a_fault_and_not_the_end(
    tmp_path: Path, progress: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Demo) -> Path:
        raise PermissionError("report.html")

    def deployed(demo: Demo) -> None:
        start(Cloud())(demo)
        demo.outputs = object()  # type: ignore[assignment]

    monkeypatch.setattr(evidence, "report", broken)
    monkeypatch.setattr(flow, "canary_share", lambda _: 0.25)
    result = run(tmp_path, progress, Stage("start", "Start", deployed))
    assert any("report could not be written: PermissionError" in fault for fault in result.faults)


@pytest.mark.parametrize("last", [lambda _: None, fail(DemoError("SLW907", "it failed in Deploy", "mend it"))])
def test_the_report_knows_of_the_faults(
    tmp_path: Path, progress: Any, monkeypatch: pytest.MonkeyPatch, last: Callable[[Demo], None]
) -> None:
    seen: list[Result] = []

    def report(demo: Demo) -> Path:
        seen.append(copy.deepcopy(demo.result))
        return tmp_path / "report.html"

    def deployed(demo: Demo) -> None:
        start(Cloud())(demo)
        demo.outputs = object()  # type: ignore[assignment]

    monkeypatch.setattr(evidence, "report", report)
    monkeypatch.setattr(flow, "canary_share", lambda _: 0.25)
    run(tmp_path, progress, Stage("start", "Start", deployed), Stage("x", "X", last))
    assert seen[0].error or "no window was monitored" in seen[0].faults


def test_a_second_demo_is_refused(tmp_path: Path, progress: Any) -> None:
    inner: list[Result] = []

    def again(_: Demo) -> None:
        inner.append(run(tmp_path, progress, Stage("x", "X", fail(AssertionError("must not run")))))

    run(tmp_path, progress, Stage("outer", "Outer", again), Stage("y", "Y", fail(DemoError("SLW907", "end", "fix"))))
    assert inner[0].error is not None
    assert inner[0].error["code"] == "SLW901"


def test_the_summary_says_where_the_time_went(good: Result) -> None:
    good.timings = {"deploy": 12.0, "train_v1": 9.5, "cloud_ready": 0.7, "check": 0.0}
    told = "\n".join(facts(good))
    assert "80.0 s in all, clock at 60 times the wall: deploy 12.0, train v1 9.5" in told
    assert "cloud_ready" not in told
    assert "3000 calls allowed, 0 denied" in told


def test_json_never_holds_what_is_no_json(good: Result) -> None:
    good.training.value = float("nan")
    told = json.loads(flow.print_json(good), parse_constant=lambda name: pytest.fail(f"{name} in the output"))
    assert told["training"]["value"] is None
