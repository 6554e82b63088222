"""The embedded cloud against what is asked of it."""

import pytest


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether every vector is asked for (`make conformance`), or a sample of the long lists (`make test`)."""
    return bool(request.config.getoption("--conformance"))
