"""Releases by a trial that, with the others, enter every Task state of a machine that has one."""

from release_proof.account import ENDPOINT
from release_proof.machine import AFTER, BEFORE, Bench, Fault
from release_proof.scenarios import ALL, canary
from slipway_lambda.contracts.ledger import LOCK, endpoint_key
from slipway_lambda.contracts.trial import CHALLENGER

PUT, SHARE, JUDGE = "Put the challenger beside the champion", "Give the challenger its next share", "Judge the trial"
TAKE, BACK = "Take its share from the challenger", "Roll back to blue"
BESIDE = frozenset({"Create the trial config", PUT})


def tried(bench: Bench) -> None:
    """Version 2 is tried, and is good."""
    canary(bench)


def worse(bench: Bench) -> None:
    """The challenger fails more often than the champion."""
    canary(bench)
    bench.account.trial_failures = 500


def unvisited(bench: Bench) -> None:
    """Too few requests for a verdict, golden records included."""
    canary(bench)
    bench.account.trial_requests = 10


def taken_back(bench: Bench) -> None:
    """SageMaker takes the trial back and says InService."""
    canary(bench)
    bench.account.sagemaker.fate = lambda action: "rolls_back" if action == "trial" else "good"


def hurried(bench: Bench) -> None:
    """A person asks for the next step at the first look."""
    canary(bench)
    account = bench.account
    asked: list[str] = []

    def ask(execution: str, state: str, when: str) -> None:
        if state == JUDGE and when == BEFORE and not asked:
            at = endpoint_key("flight-delays-dev"), LOCK
            wish = {"promote_by": "max", "promote_reason": "go", "promote_full": "false"}
            account.ledger.items[at] = {**account.ledger.items[at], **{k: {"S": v} for k, v in wish.items()}}
            asked.append(execution)

    bench.host.around = ask


def unheard_trial(bench: Bench) -> None:
    """The endpoint changes, and an alarm is raised, before the machine listens for the trial."""
    canary(bench)
    noted: list[str] = []

    def note(execution: str, state: str, when: str) -> None:
        if state in (PUT, JUDGE) and when == AFTER and state not in noted:
            noted.append(state)
            bench.account.ledger.note_news(ENDPOINT, execution)

    bench.host.around = note


def half_prepared(bench: Bench) -> None:
    """The trial's config is there from an execution that was cut off."""
    canary(bench)
    _cut_off(bench, PUT, BEFORE)


def cut_off(bench: Bench) -> None:
    """A trial serves, and its execution is dead."""
    canary(bench)
    _cut_off(bench, JUDGE, BEFORE)


def unanswered_trial(bench: Bench) -> None:
    """The trial begins, and the answer to that is lost every time."""
    canary(bench)
    bench.host.faults = [Fault(PUT, "States.TaskFailed", AFTER)]


def unanswered_share(bench: Bench) -> None:
    """The challenger has its next share, and the answer to that is lost every time."""
    canary(bench)
    bench.host.faults = [Fault(SHARE, "States.TaskFailed", AFTER)]


def _cut_off(bench: Bench, at: str, when: str) -> None:
    def stop(execution: str, state: str, now: str) -> None:
        if (state, now) == (at, when):
            bench.running(execution).end("ABORTED")

    bench.host.around = stop
    bench.run("approval")
    bench.host.around = lambda *_: None
    bench.account.notices.clear()


def beside(bench: Bench) -> bool:
    """Whether a challenger serves beside the champion."""
    seen = bench.account.sagemaker.endpoint or {}
    both = [*seen.get("ProductionVariants", []), *seen.get("ShadowProductionVariants", [])]
    return CHALLENGER in {v["VariantName"] for v in both}


TRIALS = (
    tried,
    worse,
    unvisited,
    taken_back,
    hurried,
    unheard_trial,
    half_prepared,
    cut_off,
    unanswered_trial,
    unanswered_share,
)
ALL_WITH_TRIALS = (*TRIALS, *ALL)
