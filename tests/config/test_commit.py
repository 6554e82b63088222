"""The commit that a synth is told of."""

import pytest

from slipway.config.commit import said_commit
from slipway.config.errors import Code, DeclarationError


@pytest.mark.parametrize(
    ("context", "pipeline", "commit"),
    [
        (None, None, "unknown"),
        ("", "", "unknown"),
        ("abc123", None, "abc123"),
        (None, "f" * 40, "f" * 40),
        ("abc123", "f" * 40, "abc123"),
    ],
)
def test_commit_is_what_somebody_says(context: str | None, pipeline: str | None, commit: str) -> None:
    assert said_commit(context, pipeline) == commit


@pytest.mark.parametrize("said", ["{% $states %}", "a b", "-x", "a" * 129, 7, ["a"]])
def test_what_is_no_commit_is_refused_with_the_form(said: object) -> None:
    with pytest.raises(DeclarationError) as raised:
        said_commit(said, None)
    (fault,) = raised.value.faults
    assert (fault.code, fault.file) == (Code.BAD_FORMAT, "-c commit")
    assert "git rev-parse HEAD" in fault.fix
