"""A graph of states as SVG: ranks from top to bottom, the path taken in colour."""

from collections import defaultdict
from html import escape

from slipway.report.facts import Edge, Path, State

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 190, 30, 18, 26, 12
LONGEST = 29
MOST_IN_A_ROW = 5


def draw(path: Path) -> str:
    """The whole SVG element, with a text for those who do not see it."""
    if not path.states:
        return ""
    place = positions(path.states, path.edges)
    across = max(x for x, _ in place.values()) + WIDTH + MARGIN
    down = max(y for _, y in place.values()) + HEIGHT + MARGIN
    visited = [s.name for s in path.states if s.visited]
    failed = [s.name for s in path.states if s.failed]
    label = f"{path.title}: {len(visited)} of {len(path.states)} states visited" + (
        f"; {'caught' if path.status == 'SUCCEEDED' else 'failed'}: {', '.join(failed)}" if failed else ""
    )
    parts = [
        f'<svg class="graph" role="img" viewBox="0 0 {across} {down}" width="{across}" height="{down}"'
        f' aria-label="{escape(label, quote=True)}">'
    ]
    # Those taken last, so that they lie on top.
    parts += [_edge(edge, place) for edge in sorted(path.edges, key=lambda e: e.taken)]
    well = path.status == "SUCCEEDED"
    parts += [_state(state, *place[state.name], well=well) for state in path.states]
    return "".join([*parts, "</svg>"])


def positions(states: tuple[State, ...], edges: tuple[Edge, ...]) -> dict[str, tuple[float, float]]:
    """Top left corner of each state. A state stands below all that lead to it, loops aside."""
    rows: dict[int, list[str]] = defaultdict(list)
    for name, rank in ranks(states, edges).items():
        rows[rank].append(name)
    seen = {s.name: s.visited for s in states}
    place: dict[str, tuple[float, float]] = {}
    y = float(MARGIN)
    for rank in sorted(rows):
        # What was visited keeps to the left, so that the path taken is one line down.
        ordered = sorted(rows[rank], key=lambda name: not seen[name])
        for start in range(0, len(ordered), MOST_IN_A_ROW):
            for column, name in enumerate(ordered[start : start + MOST_IN_A_ROW]):
                place[name] = (MARGIN + column * (WIDTH + GAP_X), y)
            y += HEIGHT + GAP_Y
    return place


def ranks(states: tuple[State, ...], edges: tuple[Edge, ...]) -> dict[str, int]:
    """Longest way from the start, edges that lead back left out."""
    order = {state.name: i for i, state in enumerate(states)}
    following: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.source in order and edge.target in order:
            following[edge.source].append(edge.target)
    post: list[str] = []
    colour: dict[str, int] = {}
    back: set[tuple[str, str]] = set()
    for first in order:
        if first in colour:
            continue
        stack = [(first, iter(following[first]))]
        colour[first] = 1
        while stack:
            name, left = stack[-1]
            step = next(left, None)
            if step is None:
                colour[name] = 2
                post.append(stack.pop()[0])
            elif colour.get(step) == 1:
                back.add((name, step))
            elif step not in colour:
                colour[step] = 1
                stack.append((step, iter(following[step])))
    rank = dict.fromkeys(order, 0)
    for name in reversed(post):
        for step in following[name]:
            if (name, step) not in back:
                rank[step] = max(rank[step], rank[name] + 1)
    return rank


def _state(state: State, x: float, y: float, *, well: bool) -> str:
    # In an execution that ended well a failure was expected, and caught.
    kind = ("caught" if well else "failed") if state.failed else "visited" if state.visited else "idle"
    text = state.name if len(state.name) <= LONGEST else state.name[: LONGEST - 1] + "…"
    times = f" ×{state.visited}" if state.visited > 1 else ""
    rounded = HEIGHT / 2 if state.type in {"Succeed", "Fail"} else 4
    return (
        f'<g class="{kind}"><title>{escape(state.name)} ({escape(state.type)}){times}</title>'
        f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="{rounded:g}"/>'
        f'<text x="{x + WIDTH / 2:g}" y="{y + HEIGHT / 2 + 4:g}">{escape(text)}{times}</text></g>'
    )


def _edge(edge: Edge, place: dict[str, tuple[float, float]]) -> str:
    if edge.source not in place or edge.target not in place:
        return ""
    (x1, y1), (x2, y2) = place[edge.source], place[edge.target]
    kind = "taken" if edge.taken else "open"
    if edge.kind == "catch":
        kind += " catch"
    if y2 > y1:
        begin, end = (x1 + WIDTH / 2, y1 + HEIGHT), (x2 + WIDTH / 2, y2)
        bend = max(10.0, (end[1] - begin[1]) / 2)
        start = f"M{begin[0]:g} {begin[1]:g}C{begin[0]:g} {begin[1] + bend:g}"
        line = f"{start} {end[0]:g} {end[1] - bend:g} {end[0]:g} {end[1]:g}"
    else:  # back up, around the right side
        side = max(x1, x2) + WIDTH + GAP_X - 4
        start = f"M{x1 + WIDTH:g} {y1 + HEIGHT / 2:g}C{side:g} {y1:g} {side:g} {y2 + HEIGHT:g}"
        line = f"{start} {x2 + WIDTH:g} {y2 + HEIGHT / 2:g}"
    return f'<path class="{kind}" d="{line}"/>'
