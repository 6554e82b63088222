"""Every reachable state, breadth first, so that the first violation met is a shortest one."""

from collections import deque
from dataclasses import dataclass

from release_proof.protocol import Setting, State
from release_proof.world import Label, moves, settled, violation


@dataclass(frozen=True)
class Found:
    """`violated` empty: no invariant is, in any of `states`. `path` leads there. `whole`: no state was left out."""

    states: int
    transitions: int
    violated: str = ""
    path: tuple[Label, ...] = ()
    whole: bool = True


def search(setting: Setting, *, most_states: int = 10**7) -> Found:
    """Up to the first violation, or the end, or so many states."""
    start = setting.start
    came_from: dict[State, tuple[State, Label] | None] = {start: None}
    open_, transitions = deque([start]), 0
    while open_:
        state = open_.popleft()
        moved = False
        for label, after in moves(setting, state):
            transitions += 1
            moved = moved or after != state
            if after in came_from:
                continue
            came_from[after] = (state, label)
            if violated := violation(after):
                return Found(len(came_from), transitions, violated, _path(came_from, after))
            if len(came_from) >= most_states:
                return Found(len(came_from), transitions, whole=False)
            open_.append(after)
        if not moved and (violated := _stuck(state)):
            return Found(len(came_from), transitions, violated, _path(came_from, state))
    return Found(len(came_from), transitions)


def _stuck(state: State) -> str:
    """What is wrong with an end of everything."""
    if any(e.at for e in state.executions):
        return "an execution never ends"
    if any(e.owner for e in state.endpoints):
        return "a lock is never freed"
    if not all(settled(state, e) for e in state.endpoints):
        return "at the end the newest approved version is neither live nor its failure recorded"
    return ""


def _path(came_from: dict[State, tuple[State, Label] | None], state: State) -> tuple[Label, ...]:
    labels: list[Label] = []
    while (step := came_from[state]) is not None:
        state, label = step
        labels.append(label)
    return tuple(reversed(labels))
