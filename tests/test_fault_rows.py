"""Every fault that concerns a release has a test of the platform that names its row."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROWS = [*(f"A{n:02}" for n in range(1, 32)), *(f"C{n:02}" for n in range(1, 15)), *(f"D{n:02}" for n in range(1, 19))]
"""A: endpoint deployment; C: events, registry, approval; D: Step Functions and Lambda. Rows as in the tests' marks."""
PLATFORM = ("cli", "config", "constructs", "lambda", "proof", "stacks", "rehearsal/flows", "rehearsal/cfn")
"""Where the platform itself is tested. The other folders show that the embedded cloud has the fault."""
OF_THE_SERVICE = {"A09", "A12", "A24", "A25", "A27", "A29"}
"""Capacity, fleets and what requests meet on them: what only real processes show is shown on the embedded cloud."""


def marked(root: Path, *folders: str) -> Iterator[tuple[str, str]]:
    """Row and file of every mark."""
    for folder in folders:
        for path in sorted((root / "tests" / folder).rglob("test_*.py")):
            for row in re.findall(r"mark\.fault\(\"([A-Z]\d\d)\"\)", path.read_text(encoding="utf-8")):
                yield row, path.name


@pytest.mark.parametrize("row", ROWS)
def test_the_platform_has_a_test_that_guards_the_row(root: Path, row: str) -> None:
    folders = ("",) if row in OF_THE_SERVICE else PLATFORM
    assert {name for found, name in marked(root, *folders) if found == row}, f"no test of the platform is marked {row}"
