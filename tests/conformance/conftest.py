"""Figures of the embedded cloud against what is asked of it, printed as a table at the end of the run."""

from collections.abc import Callable, Iterator

import pytest

FIGURES = pytest.StashKey[list[tuple[str, str, str, bool]]]()


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether every vector is asked for (`make conformance`), or a sample of the long lists (`make test`)."""
    return bool(request.config.getoption("--conformance"))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object, str, bool], None]:
    """`figure(name, measured, asked, reached)` adds a row to the table and fails the test if it is not reached.

    Only counts and outcomes belong here; a figure of time is printed with `reached` true, and judged by benchmarks/.
    """

    def record(name: str, measured: object, asked: str, reached: bool) -> None:
        request.config.stash.setdefault(FIGURES, []).append((name, str(measured), asked, reached))
        assert reached, f"{name}: {measured}, asked {asked}"

    return record


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Print the table."""
    yield
    rows = terminalreporter.config.stash.get(FIGURES, [])
    if not rows or not terminalreporter.config.getoption("--conformance"):
        return
    terminalreporter.section("conformance")
    width = max(len(name) for name, *_ in rows)
    for name, measured, asked, reached in sorted(rows):
        terminalreporter.write_line(f"{'ok  ' if reached else 'MISS'} {name:<{width}}  {measured}  (asked {asked})")
