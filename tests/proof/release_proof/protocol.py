"""The release protocol as a transition system: registry, endpoints, ledger, executions, and all that can go wrong.

What the machine decides is decided by the functions that are shipped: `decide`, `last_good`, `verify`, `recovery`,
`needed_configs`. An action is one task or one step of the service; each call can fail, lose its answer, or be the last
thing its execution does. Time is left out: a wait may end at any moment, and a lock runs out while its owner is
alive, but not between a renewal and the changes this stands for (that is the guard `a_lease_outlasts_its_changes`,
which tests/proof/test_lease.py reads off the definition).

Status events of Step Functions are taken to arrive at last (they are retried and have a dead-letter queue); those of
SageMaker are lost, doubled and late.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from slipway_lambda.contracts.release import OF_PEOPLE

GUARDS = (
    "lock_is_taken_only_if_free",
    "a_lease_outlasts_its_changes",
    "lock_is_renewed_before_each_change",
    "wish_to_abort_is_looked_for",
    "seal_refuses_a_late_wish",
    "lock_is_freed_only_by_its_owner",
    "dead_owner_frees_the_lock",
    "success_needs_the_live_config",
    "success_needs_the_digest",
    "failure_makes_the_last_good_live",
    "clean_up_spares_the_way_back",
    "what_served_is_never_deleted",
    "older_versions_are_superseded",
    "registry_is_read_again_under_the_lock",
    "approval_is_looked_at_again",
    "unverified_is_not_done",
    "one_approval_is_one_attempt",
    "halt_stops_automation",
    "ledger_write_is_fenced",
    "bad_ends_are_told_by_the_rule",
    "telling_is_claimed",
    "sweep_finds_lost_approvals",
    "new_versions_are_tried_first",
    "trial_left_behind_is_ended",
    "trial_goes_back_to_the_champion",
)
"""Each can be dropped."""
FREE, GHOST = 0, 99
"""Owners of a lock that are no living execution."""


class Attempt(NamedTuple):
    """The ledger's `attempt#<version>`. `outcome` empty: none."""

    outcome: str = ""
    tries: int = 0


class Endpoint(NamedTuple):
    """One endpoint with its partition of the ledger. Versions are numbers, 0 is none; sets of versions are bits."""

    status: str = ""
    live: int = 0
    target: int = 0
    beside: int = 0
    """The challenger of the trial that serves: the champion is `live`, and the config is neither's own."""
    target_beside: int = 0
    guarded: bool = False
    other_bytes: bool = False
    """What serves is another image than its config names."""
    configs: int = 0
    served: bool = False
    owner: int = FREE
    leased: bool = False
    """Between a renewal of the lock and the changes that it stands for: it cannot run out."""
    wish: bool = False
    """A person's, in the lock, that its owner stop."""
    sealed: bool = False
    held: bool = False
    fence: int = 0
    ledger: int = 0
    verified: tuple[int, ...] = ()
    """As the live item lists them, newest first."""
    ledger_fence: int = 0
    attempts: tuple[Attempt, ...] = ()
    rejected: int = 0
    halted: bool = False
    swept: bool = False
    """A sweep has ended since anything changed."""
    failed: int = 0
    """Versions whose failure was told under the approval they have."""
    late: tuple[int, int] = (0, 0)
    """A write of the ledger that its dead execution sent: version, fence. It lands at any time."""


class Execution(NamedTuple):
    """One execution, or the place where one can run: `at` is "" then."""

    at: str = ""
    endpoint: int = 0
    trigger: str = ""
    asked: int = 0
    candidate: int = 0
    newest: int = 0
    """The newest approved version when the lock was taken, to judge by."""
    fit: bool = True
    seen: tuple[str, int, int] = ("", 0, 0)
    """Status, version and challenger."""
    decision: str = ""
    tries: int = 1
    """What the attempt counts, as the plan has it."""
    left: int = 0
    """The version that a rollback leaves."""
    last_good: int = 0
    ever_served: bool = False
    fence: int = 0
    judged: bool = False
    """Its trial ended with promotion, or there is no champion to be tried against."""
    shifted: bool = False
    turned_back: bool = False
    withdrawn: bool = False
    """The approval was withdrawn while it waited."""
    outcome: str = ""
    told: int = 0
    noted: bool = False
    known: bool = False
    """It was refused before with this approval."""
    undisturbed: bool = False
    lost_word: bool = False
    """Whether the message was sent is not known, so it may be sent twice."""


class Budget(NamedTuple):
    """How often each kind of trouble may still happen, over the whole run."""

    approvals: int = 2
    starts: int = 3
    operators: int = 0
    crashes: int = 1
    errors: int = 1
    withdrawals: int = 1
    swaps: int = 1
    maintenance: int = 0
    expiries: int = 0
    """Locks that run out while their owner is alive."""
    aborts: int = 0
    holds: int = 0


class State(NamedTuple):
    """`registry`: for each version from 1: pending | approved | withdrawn."""

    registry: tuple[str, ...]
    endpoints: tuple[Endpoint, ...]
    executions: tuple[Execution, ...]
    budget: Budget
    broken: str = ""
    """An invariant that an action has just violated."""


@dataclass(frozen=True)
class Setting:
    """What is searched: how many of each, and which guard is dropped."""

    endpoints: int = 1
    executions: int = 2
    versions: int = 2
    budget: Budget = field(default_factory=Budget)
    dropped: str = ""
    trial: bool = False
    """The strategy has one."""
    wishes: tuple[str, ...] = ("operator",)
    """Triggers of people that occur."""
    everything: bool = False
    """Also what changes nothing: sweeps when nothing happened since the last, wishes for what is not approved."""

    def __post_init__(self) -> None:
        if self.dropped and self.dropped not in GUARDS:
            raise ValueError(f"{self.dropped!r} is no guard; there are {', '.join(GUARDS)}")

    def has(self, guard: str) -> bool:
        """Whether the guard is in force."""
        return guard != self.dropped

    @property
    def start(self) -> State:
        """Nothing is approved, nothing serves."""
        attempts = (Attempt(),) * self.versions
        endpoint = Endpoint(attempts=attempts, swept=True)
        idle = (Execution(),) * self.executions
        return State(("pending",) * self.versions, (endpoint,) * self.endpoints, idle, self.budget)


def is_of_people(execution: Execution) -> bool:
    """Somebody asked for exactly this."""
    return execution.trigger in OF_PEOPLE


def verified_with(endpoint: Endpoint, version: int) -> tuple[int, ...]:
    """The live item's list when the version is added."""
    return (version, *(v for v in endpoint.verified if v != version))


def freed(endpoint: Endpoint) -> Endpoint:
    """Its lock without an owner, and without what stands in it for an owner alone."""
    return endpoint._replace(owner=FREE, leased=False, wish=False, sealed=False)


def newest_approved(state: State) -> int:
    """0 if none is."""
    return max((v for v, status in enumerate(state.registry, 1) if status == "approved"), default=0)


def put_endpoint(state: State, number: int, endpoint: Endpoint) -> State:
    """The state with one endpoint changed."""
    endpoints = state.endpoints
    return state._replace(endpoints=(*endpoints[:number], endpoint, *endpoints[number + 1 :]))


def put_execution(state: State, number: int, execution: Execution) -> State:
    """The state with one execution changed."""
    executions = state.executions
    return state._replace(executions=(*executions[:number], execution, *executions[number + 1 :]))


def spend(state: State, name: str) -> State:
    """One less of a kind of trouble."""
    return state._replace(budget=state.budget._replace(**{name: getattr(state.budget, name) - 1}))


def disturb(state: State, number: int) -> State:
    """Something changed at this endpoint: what a sweep saw before does not count any more."""
    state = put_endpoint(state, number, state.endpoints[number]._replace(swept=False))
    for n, execution in enumerate(state.executions):
        if execution.endpoint == number and execution.undisturbed:
            state = put_execution(state, n, execution._replace(undisturbed=False))
    return state
