"""What happens around the executions: approvals, starts, crashes, the service's steps, expiry; and what must hold."""

from collections.abc import Iterator

from release_proof.protocol import (
    FREE,
    GHOST,
    Endpoint,
    Execution,
    Setting,
    State,
    disturb,
    freed,
    newest_approved,
    put_endpoint,
    put_execution,
    spend,
    verified_with,
)
from release_proof.tasks import GOOD, WRITING, ways

Label = tuple[str, str, str]
"""who, what, how"""
Move = tuple[Label, State]
ENDED, BAD_END = "ended", "bad end"


def moves(setting: Setting, state: State) -> Iterator[Move]:
    """Everything that can happen next."""
    for n, execution in enumerate(state.executions):
        if not execution.at:
            yield from _starts(setting, state, n)
        elif execution.at == ENDED:
            yield (f"execution {n}", ENDED, execution.outcome), _end(state, n)
        elif execution.at == BAD_END:
            yield (f"execution {n}", "settle", ""), _settle(setting, state, n)
        else:
            for outcome, after in ways(setting, state, n):
                yield (f"execution {n}", execution.at, outcome), after
            yield from _crashes(state, n)
    for n in range(setting.endpoints):
        for what, after in _service(state, n):
            yield (f"endpoint {n}", what, ""), after
        yield from _ledger(setting, state, n)
    yield from _people(setting, state)


def _people(setting: Setting, state: State) -> Iterator[Move]:
    for version, status in enumerate(state.registry, 1):
        word = {"pending": "approved", "approved": "withdrawn"}.get(status)
        kind = {"approved": "approvals", "withdrawn": "withdrawals"}.get(word or "")
        if word is None or kind is None or not getattr(state.budget, kind):
            continue
        registry = (*state.registry[: version - 1], word, *state.registry[version:])
        after = spend(state._replace(registry=registry), kind)
        for n in range(setting.endpoints):
            after = disturb(after, n)
        for n, execution in enumerate(after.executions):
            asks = execution.candidate == version and execution.at in WATCHED
            if word == "withdrawn" and asks:
                after = put_execution(after, n, execution._replace(withdrawn=True))
        yield ("person", word, str(version)), after
    for n, endpoint in enumerate(state.endpoints):
        sealed = endpoint.sealed and setting.has("seal_refuses_a_late_wish")
        alive = endpoint.owner not in (FREE, GHOST) and state.executions[endpoint.owner - 1].at != BAD_END
        if state.budget.aborts and alive and not sealed and not endpoint.wish:
            wished = put_endpoint(state, n, endpoint._replace(wish=True))
            yield ("person", "abort", str(n)), spend(disturb(wished, n), "aborts")
        if endpoint.held:
            yield ("person", "resume", str(n)), disturb(put_endpoint(state, n, endpoint._replace(held=False)), n)
        elif state.budget.holds:
            holding = put_endpoint(state, n, endpoint._replace(held=True))
            yield ("person", "hold", str(n)), spend(disturb(holding, n), "holds")


WATCHED = frozenset({
    "Check before the shift", "Note the attempt", "Create the endpoint config", "Create the endpoint",
    "Update the endpoint", "Did the change begin?", "Look at the endpoint", "Verify what is live", "Was it aborted?",
    "Is the endpoint config already there?", "Create the trial config", "Is the trial config already there?",
    "Put the challenger beside the champion", "Did the trial begin?", "Look at the trial", "Judge the trial",
    "Give the challenger its next share", "Did its share change?", "Take its share from the challenger",
})  # fmt: skip


def _starts(setting: Setting, state: State, n: int) -> Iterator[Move]:
    if any(not e.at for e in state.executions[:n]):
        return  # any free place is as good as the first
    for number in range(setting.endpoints):
        began = Execution(at="Read the registry", endpoint=number)
        if state.budget.starts and newest_approved(state):
            yield (
                (f"execution {n}", "start", "approval"),
                spend(put_execution(state, n, began._replace(trigger="approval")), "starts"),
            )
        sweeping = any(e.at and e.endpoint == number and e.trigger == "reconcile" for e in state.executions)
        idle = state.endpoints[number].swept and not setting.everything
        if setting.has("sweep_finds_lost_approvals") and not idle and not sweeping:
            yield (f"execution {n}", "start", "reconcile"), put_execution(state, n, began._replace(trigger="reconcile"))
        if setting.everything and newest_approved(state):
            yield (f"execution {n}", "start", "spec"), put_execution(state, n, began._replace(trigger="spec"))
        if state.budget.operators:
            for version, status in enumerate(state.registry, 1):
                for wish in setting.wishes if status == "approved" or setting.everything else ():
                    asked = began._replace(trigger=wish, asked=version)
                    after = spend(put_execution(disturb(state, number), n, asked), "operators")
                    yield (f"execution {n}", "start", f"{wish} {version}"), after


def _end(state: State, n: int) -> State:
    """The last state is reached: a good end is over, a bad one is to be settled."""
    me = state.executions[n]
    endpoint = state.endpoints[me.endpoint]
    if me.outcome not in GOOD:
        return put_execution(state, n, me._replace(at=BAD_END))
    broken = "told twice" if me.told > 1 and not me.lost_word else ""
    if endpoint.owner == n + 1:  # giving it back failed, and a good end is not settled: it expires
        endpoint = endpoint._replace(owner=GHOST)
    return _over(put_endpoint(state, me.endpoint, endpoint), n, broken)


def _settle(setting: Setting, state: State, n: int) -> State:
    me = state.executions[n]
    endpoint, has = state.endpoints[me.endpoint], setting.has
    mine = endpoint.owner == n + 1
    if has("dead_owner_frees_the_lock") and (mine or not has("lock_is_freed_only_by_its_owner")):
        endpoint = freed(endpoint)
    told = me.told
    if has("bad_ends_are_told_by_the_rule") and not (me.noted and has("telling_is_claimed")):
        told += 1
    broken = ""
    if not told:
        broken = "a failed end that nobody was told"
    elif told > 1 and not me.lost_word:
        broken = "told twice"
    elif endpoint.owner == n + 1:
        broken = "a dead execution keeps the lock"
    return _over(put_endpoint(state, me.endpoint, endpoint), n, broken)


def _over(state: State, n: int, broken: str) -> State:
    me = state.executions[n]
    if me.trigger == "reconcile":
        endpoint = state.endpoints[me.endpoint]
        state = put_endpoint(state, me.endpoint, endpoint._replace(swept=me.undisturbed))
    elif me.at != ENDED or me.outcome != "nothing":
        state = disturb(state, me.endpoint)
    return put_execution(state, n, Execution())._replace(broken=broken)


def _crashes(state: State, n: int) -> Iterator[Move]:
    """Aborted, timed out, or ended by an error that cannot be caught."""
    if not state.budget.crashes:
        return
    me = state.executions[n]
    unheard = me.lost_word or me.at == "Note that it was told"
    dead = spend(disturb(put_execution(state, n, me._replace(at=BAD_END, lost_word=unheard)), me.endpoint), "crashes")
    yield (f"execution {n}", "crash", me.at), dead
    if me.at == "Write the ledger":
        endpoint = dead.endpoints[me.endpoint]._replace(late=(me.candidate, me.fence))
        yield (f"execution {n}", "crash", "its write still on the way"), put_endpoint(dead, me.endpoint, endpoint)


def _ledger(setting: Setting, state: State, n: int) -> Iterator[Move]:
    endpoint = state.endpoints[n]
    if endpoint.late[0]:
        version, fence = endpoint.late
        new = endpoint._replace(late=(0, 0))
        if endpoint.ledger_fence <= fence or not setting.has("ledger_write_is_fenced"):
            verified = verified_with(endpoint, version)
            new = new._replace(ledger=version, verified=verified, ledger_fence=fence, served=True)
        yield (f"ledger {n}", "late write", str(version)), put_endpoint(state, n, new)
    owner = endpoint.owner
    if owner == FREE:
        return
    after = put_endpoint(state, n, freed(endpoint))
    if owner == GHOST or state.executions[owner - 1].at == BAD_END:
        yield (f"ledger {n}", "lock expires", ""), after
    elif state.budget.expiries and not (endpoint.leased and setting.has("a_lease_outlasts_its_changes")):
        yield (f"ledger {n}", "lock expires", ""), spend(disturb(after, n), "expiries")


def _service(state: State, n: int) -> Iterator[tuple[str, State]]:
    """The endpoint's next step, whichever it may be."""
    e = state.endpoints[n]

    def becomes(new: Endpoint) -> State:
        return put_endpoint(state, n, new)

    if e.status == "Creating":
        yield "InService", becomes(e._replace(status="InService", target=0))
        yield "Failed", becomes(e._replace(status="Failed", target=0))
    elif e.status == "Updating":
        new = e._replace(status="InService", live=e.target, target=0, guarded=False, other_bytes=False)
        new = new._replace(beside=e.target_beside, target_beside=0)
        yield "InService on the new config", becomes(new)
        yield "RollingBack", becomes(e._replace(status="RollingBack", target=0, target_beside=0))
        if state.budget.swaps:
            yield "InService with other bytes", spend(becomes(new._replace(other_bytes=True)), "swaps")
    elif e.status == "RollingBack":
        yield "InService on the old config", becomes(e._replace(status="InService", guarded=False))
        yield "UpdateRollbackFailed", becomes(e._replace(status="UpdateRollbackFailed", guarded=False))
    elif e.status == "InService" and state.budget.maintenance:
        yield "SystemUpdating", spend(becomes(e._replace(status="SystemUpdating")), "maintenance")
    elif e.status == "SystemUpdating":
        yield "InService", becomes(e._replace(status="InService"))
    elif e.status == "Deleting":
        yield "gone", becomes(e._replace(status="", live=0, beside=0, other_bytes=False))


def violation(state: State) -> str:
    """What does not hold, or empty."""
    if state.broken:
        return state.broken
    for number, endpoint in enumerate(state.endpoints):
        writers = [e for e in state.executions if e.at in WRITING and e.endpoint == number]
        if len(writers) > 1:
            return "two writers on one endpoint"
        at_work = any(e.at and e.endpoint == number for e in state.executions)
        if endpoint.swept and not at_work and not settled(state, endpoint):
            return "after a sweep the newest approved version is neither live nor its failure recorded"
    return ""


def settled(state: State, endpoint: Endpoint) -> bool:
    """The newest approved version is live and the ledger says so, or it is recorded why not."""
    newest = newest_approved(state)
    if newest == 0 or endpoint.halted or endpoint.status not in ("", "InService"):
        return True
    if endpoint.beside:
        return False
    if endpoint.held:
        return True
    attempt = endpoint.attempts[newest - 1]
    recorded = attempt.outcome in ("failed", "refused") or (attempt.outcome == "started" and attempt.tries >= 2)
    replaced = attempt.outcome == "released" and endpoint.status and endpoint.live != newest
    if recorded or replaced or endpoint.rejected >> newest & 1 or endpoint.live > newest:
        return True
    return endpoint.status == "InService" and endpoint.live == newest == endpoint.ledger
