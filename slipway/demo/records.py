"""Real records of the monthly files, as requests."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from slipway.demo.errors import DATA_CHANGED, DemoError


def sample(files: Iterable[Path], columns: Sequence[str], number: int, seed: int = 2013) -> list[str]:
    """`number` rows drawn over all the files alike, as header-less CSV in the declared column order.

    The same seed draws the same rows.
    """
    rows: list[str] = []
    for file in files:
        header, *lines = file.read_text(encoding="ascii").splitlines()
        names = header.split(",")
        if missing := [name for name in columns if name not in names]:
            raise DemoError(
                DATA_CHANGED,
                f"{file.name} has no column {', '.join(missing)}, which models/flight-delays/model.yaml declares.",
                "The demo's data has the columns " + ", ".join(names[1:]) + ": declare only these.",
            )
        order = [names.index(name) for name in columns]
        # The whole file is read, the sample alone is parsed.
        chosen = random.Random(f"{seed}-{file.name}").sample(lines, min(len(lines), number))
        for line in chosen:
            fields = line.split(",")
            rows.append(",".join(fields[i] for i in order))
    random.Random(seed).shuffle(rows)
    return rows[:number]
