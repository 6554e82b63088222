"""What the embedded cloud does, as tables for docs/embedded-cloud.md: taken from the code, so that they cannot lag.

    python -m rehearsal.catalogue docs/embedded-cloud.md           # writes the tables between their markers
    python -m rehearsal.catalogue docs/embedded-cloud.md --check   # exit code 1 if any of them is out of date

A module of `rehearsal.sagemaker` says how deep its actions go with `DEPTH` (one of DEPTHS; `real` unless it says
otherwise), and names with `DIFFERENCES`, a tuple of sentences, what the service does that it does not.
"""

import argparse
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from types import ModuleType

DEPTHS = {
    "real": "works: processes, files, traffic, time and permissions, with the service's rules",
    "rules": "state, rules, errors, paging and tags as the service's; nothing runs behind it",
    "record": "kept and shown, and says itself that nothing is done",
}


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


def _depth(module: ModuleType) -> str:
    depth = str(getattr(module, "DEPTH", "real"))
    if depth not in DEPTHS:
        raise ValueError(f"{module.__name__}.DEPTH is {depth!r}: it must be one of {', '.join(DEPTHS)}")
    return depth


def _first_line(thing: object) -> str:
    text = inspect.getdoc(thing) or ""
    sentence = " ".join(text.split("\n\n")[0].split())
    return sentence.replace("|", "\\|")


def actions() -> Iterator[str]:
    """Every SageMaker action, by the module that has it."""
    _module("rehearsal.sagemaker")
    table = _module("rehearsal.sagemaker.actions").TABLE
    yield f"{len(table)} actions of SageMaker."
    yield from (f"- **{name}**: {what}." for name, what in DEPTHS.items())
    yield ""
    rows = sorted(table.items(), key=lambda row: (row[1].__module__, row[0]))
    yield "| Actions | Depth | |"
    yield "| --- | --- | --- |"
    for name, group in groupby(rows, key=lambda row: row[1].__module__):
        module = _module(name)
        names = ", ".join(action for action, _ in group)
        yield f"| {names} | {_depth(module)} | {_first_line(module)} |"


def differences() -> Iterator[str]:
    """What SageMaker does and the overlay does not, as its modules say."""
    _module("rehearsal.sagemaker")
    _module("rehearsal.hooks")  # what the rest of the cloud says of itself
    for name, module in sorted(sys.modules.items()):
        if name.startswith("rehearsal.") and isinstance(found := getattr(module, "DIFFERENCES", None), tuple):
            yield from (f"- {sentence}" for sentence in found)


def faults() -> Iterator[str]:
    """Every row that can be switched on."""
    _module("rehearsal.sagemaker")
    _module("rehearsal.hooks")  # what the rest of the cloud injects is declared there
    rows = _module("rehearsal.sagemaker.faults").ROWS
    yield "| Row | Narrowed by |"
    yield "| --- | --- |"
    yield from (f"| {row} | {', '.join(f'`{key}`' for key in sorted(rows[row]))} |" for row in sorted(rows))


def hooks() -> Iterator[str]:
    """Every change to the emulator."""
    table = _module("rehearsal.hooks")
    yield f"ministack {table.EMULATOR_VERSION}, changed at {len(table.HOOKS)} places:"
    yield ""
    yield "| Place | Why |"
    yield "| --- | --- |"
    yield from (f"| `{hook.name.removeprefix('ministack.')}` | {hook.why} |" for hook in table.HOOKS)


BLOCKS: dict[str, Callable[[], Iterator[str]]] = {
    "actions": actions,
    "differences": differences,
    "faults": faults,
    "hooks": hooks,
}


def render(text: str) -> str:
    """The text with every block anew. Raises ValueError for a block without its two markers."""
    for name, lines in BLOCKS.items():
        pattern = re.compile(rf"(<!-- {name}: from the code -->\n).*?(<!-- end -->)", re.S)
        if not pattern.search(text):
            raise ValueError(f"there is no block {name!r}: <!-- {name}: from the code --> … <!-- end -->")
        block = "\n".join(lines())
        text = pattern.sub(lambda found, block=block: f"{found[1]}{block}\n{found[2]}", text)  # type: ignore[misc]
    return text


def main() -> int:
    """See the module's words."""
    parser = argparse.ArgumentParser(prog="rehearsal.catalogue")
    parser.add_argument("path", type=Path)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    before = arguments.path.read_text(encoding="utf-8")
    after = render(before)
    if arguments.check:
        return int(before != after)
    arguments.path.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
