"""The tables beside this file: machines of the public specification with their documented outcome."""

from collections.abc import Callable
from typing import Any


def test_machines_end_as_documented(
    complaints: dict[str, list[str]], full: bool, figure: Callable[[str, object, str, bool], None]
) -> None:
    wrong = {key: faults for key, faults in complaints.items() if faults}
    for key, faults in wrong.items():
        print(f"{key}\n    " + "\n    ".join(faults))
    right = len(complaints) - len(wrong)
    figure("ASL machines right", f"{right} of {len(complaints)}", "≥ 60, all", not wrong and (right >= 60 or not full))


def test_no_two_machines_share_a_name(complaints: dict[str, list[str]], cases: list[dict[str, Any]]) -> None:
    assert len(complaints) == len(cases)
