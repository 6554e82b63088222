"""An execution at one task of the model: how it goes on, fails, or loses an answer."""

from collections.abc import Iterator

from release_proof.protocol import Endpoint, Setting, State, disturb, put_endpoint, put_execution, spend

Way = tuple[str, State]
Ways = Iterator[Way]
UNLOCK, OURS, RECOVER, LOOK, JUDGE = (
    "Give the lock back",
    "Is it still ours to put right?",
    "What is live now?",
    "Look at the endpoint",
    "Judge the trial",
)
RENEWING = frozenset({OURS, JUDGE, "Keep the lock meanwhile", "Was it aborted?", "Was it aborted meanwhile?"})


class Step:
    """One execution at one task."""

    def __init__(self, setting: Setting, state: State, n: int) -> None:
        self.setting, self.state, self.n = setting, state, n
        self.me = state.executions[n]
        self.place = self.me.endpoint
        self.endpoint = state.endpoints[self.place]

    def to(self, at: str, endpoint: Endpoint | None = None, broken: str = "", **changes: object) -> State:
        """Go on there, with the endpoint and the execution changed.

        What renews the lock needs no lease that is left: up to there it may run out.
        """
        if at in RENEWING and (endpoint or self.endpoint).owner == self.n + 1:
            endpoint = (endpoint or self.endpoint)._replace(leased=False)
        state = self.state if endpoint is None else put_endpoint(self.state, self.place, endpoint)
        state = put_execution(state, self.n, self.me._replace(at=at, **changes))  # type: ignore[arg-type]
        return state._replace(broken=broken) if broken else state

    def fails(self, state: State) -> Ways:
        """The same, as trouble that is counted."""
        if self.state.budget.errors:
            yield "error", spend(disturb(state, self.place), "errors")

    def lost(self, state: State) -> Ways:
        """The effect took place and the call is made again."""
        if self.state.budget.errors:
            yield "lost", spend(disturb(state, self.place), "errors")

    def refuse(self) -> State:
        """Nothing was touched. A failed attempt stays on record as one."""
        failed = self.me.decision and self.endpoint.attempts[self.me.candidate - 1].outcome == "failed"
        return self.to("Note the refusal" if self.me.decision and not failed else UNLOCK, outcome="refused")

    def refuse_or_end(self) -> State:
        """A trial that was cut off and may not go on is ended."""
        left = self.setting.trial and self.me.seen[0] == "InService" and self.me.seen[2] and self.me.last_good
        return self.to(OURS) if left else self.refuse()

    def give_up(self) -> State:
        """Refused without having seen a settled endpoint: that does not count as a look at it."""
        self.me, me = self.me._replace(undisturbed=False), self.me
        refused, self.me = self.refuse(), me
        return refused

    @property
    def mine(self) -> bool:
        """The lock is this execution's."""
        return self.endpoint.owner == self.n + 1

    def idle(self, endpoint: Endpoint | None = None) -> Endpoint:
        """The endpoint with a lock that can run out: no change is ahead that has its renewal behind it."""
        endpoint = endpoint or self.endpoint
        return endpoint._replace(leased=False) if self.mine else endpoint

    def unlocked(self) -> str:
        """What is wrong with a change by this execution now; empty: nothing."""
        return "" if self.mine else "a change by an execution that has not the lock"
