"""Real releases on real serving processes under load: nothing is dropped, and no bad model stays.

`make proof` runs all strategies with every kind of bad model, and 100,000 requests for each; `make test` a sample.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from release_load import drops, matrix
from release_load.badness import KINDS, SAMPLE, Case, beyond_share
from release_load.rig import Rig
from release_load.shift import Shift
from release_load.strategies import FIRST_SHARE, SHARES, STEPS
from slipway.config.rollout import Strategy

pytestmark = pytest.mark.rehearsal
Figure = Callable[[str, object, str, bool], None]
SPLIT_POINTS, SPLIT_REQUESTS = 1.0, 20_000


@pytest.mark.fault("H03")
@pytest.mark.fault("A27")
def test_a_release_drops_nothing_though_a_worker_is_killed_in_each_phase(rig: Rig, full: bool, figure: Figure) -> None:
    if full:
        found = drops.releases(rig, rate=1000, requests=100_000, one_by_one=True)
    else:
        found = drops.releases(rig, rate=200, requests=2_500, one_by_one=False, speed=40, steady_seconds=1)
    for one in found:
        assert one.outcome == "released", one
        told(one, figure)
        assert one.shares == SHARES[one.strategy], one
        assert len(one.kills) == 1 + len(one.shares) + 1, one.kills
        for asked, measured, answers in one.splits:
            points = abs(asked - measured) * 100
            words = f"{one.strategy}: split at {asked:.0%}, points off in {answers} answers"
            figure(words, f"{points:.2f}", f"<= {SPLIT_POINTS}", points <= SPLIT_POINTS or answers < SPLIT_REQUESTS)


@pytest.mark.fault("H03")
def test_an_operators_way_back_drops_nothing(rig: Rig, full: bool, figure: Figure) -> None:
    if not full:
        pytest.skip("with make proof")
    for done in drops.ways_back(rig, rate=1000, requests=25_000):
        assert done.outcome == "released", done
        told(done, figure)


@pytest.mark.fault("A11")
def test_an_alarms_way_back_drops_nothing_of_the_champion(rig: Rig, full: bool, figure: Figure) -> None:
    if not full:
        pytest.skip("with make proof")
    for done in drops.alarms(rig, rate=1000, requests=25_000):
        assert done.outcome == "rolled_back", done
        assert (done.blamed > 0) == (FIRST_SHARE[done.strategy] > 0), done
        told(done, figure)


def told(one: Shift, figure: Figure) -> None:
    """Its figures."""
    print(one, flush=True)
    name = f"{one.strategy}, {one.what}"
    words = f"{name}: failures that no version is to blame for, in {one.requests} requests, {len(one.kills)} kills"
    figure(words, one.dropped, "0", one.dropped == 0)
    figure(f"{name}: answers that are not their version's", one.wrong, "0", one.wrong == 0)
    times = (
        f"{one.calm_milliseconds} ms ({one.shift_milliseconds} with the kills), steady {one.steady_milliseconds} ms, "
        f"starting {one.start_milliseconds} ms"
    )
    figure(f"{name}: p99 during the shift", times, "<= 2 x steady on a quiet machine", True)


@pytest.mark.fault("A10")
@pytest.mark.fault("A11")
@pytest.mark.fault("A12")
@pytest.mark.fault("A13")
def test_every_kind_of_bad_model_goes_back(rig: Rig, root: Path, full: bool, figure: Figure) -> None:
    measured: list[Case] = []
    kinds, speed = (list(KINDS), matrix.SPEED) if full else (list(SAMPLE), matrix.SAMPLE_SPEED)
    for case in matrix.cases(rig, kinds, speed, again=full):
        measured.append(case)
        print(matrix.line(case), flush=True)
        assert full or not case.faults, case
    last = {(case.kind, case.strategy): case for case in measured}
    found = list(last.values())
    if full:
        folder = root / ".slipway" / "proof"
        folder.mkdir(parents=True, exist_ok=True)
        matrix.write(measured, folder / "bad-models.json")
    good = sum(not any(c.faults for c in measured if (c.kind, c.strategy) == one) for one in last)
    in_time = sum(not case.late for case in found)
    name = f"bad models: {len({c.kind for c in found})} kinds x {len({c.strategy for c in found})} strategies"
    figure(f"{name}: rolled back, live on the last good one, bad answers <= the share", good, "all", good == len(found))
    beyond = beyond_share(measured)
    figure(f"{name}: strategies with more bad answers than their share, of all", beyond or 0, "0", not beyond)
    again = len(measured) - len(found)
    words = f"{name}: within a period + 5 s of the first breach, {again} of them when measured again alone"
    figure(words, in_time, "all", in_time == len(found) or not full)


def test_every_strategy_that_can_be_declared_is_proved() -> None:
    for table in (FIRST_SHARE, SHARES, STEPS):
        assert {s.value for s in Strategy} <= set(table)
