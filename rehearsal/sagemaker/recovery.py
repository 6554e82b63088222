"""What the control plane remembers over a restart of the cloud, and what becomes of the work that was under way.

Memory is kept (`snapshot`), processes are not: they die with the cloud, as if all of its hardware had failed at once.
Each module that runs something says with `@resumes` what the service does then: an endpoint gets new instances, a job
without a retry strategy fails.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

Resumer = Callable[["Core"], None]
RESUMERS: list[Resumer] = []
FOLLOWERS: list[Resumer] = []
_JSON = (str, int, float, bool, list, dict, type(None))


def resumes(function: Resumer) -> Resumer:
    """Register what is to be done once, after a restart, with the store as it was kept. It must not block."""
    RESUMERS.append(function)
    return function


def follows(function: Resumer) -> Resumer:
    """As `resumes`, for work that is done by jobs and endpoints: these have been seen to by then."""
    FOLLOWERS.append(function)
    return function


def snapshot(core: "Core") -> list[dict[str, Any]]:
    """Everything worth keeping, in JSON values. Private members that are objects at work are left out."""
    with core.store.lock:
        return [
            {
                "account": scope.account,
                "region": scope.region,
                "tags": state.tags,
                "tokens": {token: list(pair) for token, pair in state.tokens.items()},
                "tables": {
                    kind: {
                        name: {key: value for key, value in record.items() if isinstance(value, _JSON)}
                        for name, record in table.items()
                    }
                    for kind, table in state.tables.items()
                },
            }
            for scope, state in core.store.scopes()
        ]


def resume(core: "Core", kept: list[dict[str, Any]]) -> None:
    """Fill an empty store with a snapshot, then let every module take up its work."""
    last = 0
    with core.store.lock:
        for one in kept:
            state = core.store.state(Scope(one["account"], one["region"]))
            state.tags = one["tags"]
            state.tokens = {token: (pair[0], pair[1]) for token, pair in one["tokens"].items()}
            state.tables = one["tables"]
            records = [record for table in state.tables.values() for record in table.values()]
            last = max([last, *(record.get("_sequence", 0) for record in records)])
        core.store.continue_after(last)
    for resumer in (*RESUMERS, *FOLLOWERS):
        resumer(core)
