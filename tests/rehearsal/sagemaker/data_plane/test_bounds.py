"""Containers that misbehave: bounded and reported."""

import time
from dataclasses import replace

import pytest

from rehearsal.sagemaker.accounting import members
from rehearsal.sagemaker.processes import Spawner

ON = ("EndpointName", "VariantName")


def _marks(plane) -> set[str]:
    """Of the containers that run."""
    return {one.mark for one in plane.kit.sm._core.spawner.running()}


def _processes(marks) -> int:
    """Of these containers, in whatever group."""
    return sum(len(pids) for pids in members(marks).values())


@pytest.fixture(autouse=True)
def patient(plane):
    """One wrong start is enough, and there is time for it however busy the machine is."""
    core = plane.kit.sm._core
    core.limits = replace(core.limits, startup_seconds=30, startup_exits=1)


@pytest.fixture
def small(plane, monkeypatch):
    """Containers may use 120 MiB."""
    monkeypatch.setattr("rehearsal.sagemaker.serving.instance.memory_bytes", lambda _: 120 << 20)
    return plane


def _fail(plane, mode, **container):
    model = plane.model("m", plane.container(MODE=mode, **container))
    return plane.endpoint(plane.variant(model), expected="Failed")["FailureReason"]


def test_a_container_that_eats_memory_is_ended_and_the_reason_told(small):
    reason = _fail(small, "eat")
    assert "did not pass the ping health check" in reason
    assert "last with code 137 (out of memory: it used" in reason
    assert "of 120 MiB" in reason
    assert "out of memory" in small.logs()


def test_a_container_that_forks_without_end_is_ended(plane, monkeypatch):
    monkeypatch.setattr("rehearsal.sagemaker.processes.MAX_PROCESSES", 30)
    marks: set[str] = set()
    plain = Spawner.forget
    monkeypatch.setattr(Spawner, "forget", lambda self, one: (marks.add(one.mark), plain(self, one)))
    assert "started more than 30 processes" in _fail(plane, "forks")
    assert marks
    plane.kit.until(lambda: not _processes(marks))


def test_a_daemon_that_left_the_group_ends_with_its_container(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container(MODE="daemon"))))
    marks = _marks(plane)
    assert _processes(marks) == 2
    plane.kit.call("DeleteEndpoint", EndpointName="e")
    plane.kit.until(lambda: not _processes(marks))


def test_output_without_end_is_cut_and_a_line_says_so(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container(MODE="prints"))))
    assert plane.invoke(b"x")[0] == 200
    assert "log truncated: the log takes" in plane.logs()
    plane.kit.call("DeleteEndpoint", EndpointName="e")
    plane.kit.until(lambda: "bytes of output are not kept" in plane.logs())
    assert len(plane.logs()) < 10 << 20


def test_a_container_that_hangs_is_replaced(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container(MODE="hang_pings"))))
    first = plane.invoke(b"pid")[2]
    (fleet,) = plane.kit.sm._core.live[plane.kit.scope, "e"].fleets()
    hang = fleet.directory / "opt" / "hang"
    hang.touch()
    plane.kit.until(lambda: "/ping failed 3 times in a row" in plane.logs(), 20)
    hang.unlink()
    plane.kit.until(lambda: plane.invoke(b"pid")[0] == 200)
    assert plane.invoke(b"pid")[2] != first


def test_a_container_that_ignores_sigterm_is_killed_after_the_grace(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container(MODE="stubborn"))))
    began = time.monotonic()
    plane.kit.call("DeleteEndpoint", EndpointName="e")
    plane.kit.until(lambda: not plane.kit.sm.processes())
    assert 2.5 < time.monotonic() - began < 8


def test_utilisation_of_the_instances_is_measured(plane, clock):
    plane.endpoint(plane.variant(plane.model("m", plane.container()), InitialInstanceCount=2))
    for _ in range(2):
        clock.advance(60)
        plane.kit.until(
            lambda: plane.values("MemoryUtilization", *ON, namespace="/aws/sagemaker/Endpoints"), seconds=20
        )
        time.sleep(1.1)  # wall: two looks at processes are that far apart
    memory = plane.values("MemoryUtilization", *ON, namespace="/aws/sagemaker/Endpoints")
    assert len(memory) == 4
    assert all(0.05 < value < 10 for value in memory), "per cent of 8 GiB, or of half this machine"
    assert len(plane.values("CPUUtilization", *ON, namespace="/aws/sagemaker/Endpoints")) == 4
    assert plane.values("ConcurrentRequestsPerModel", *ON) == [0.0, 0.0]
