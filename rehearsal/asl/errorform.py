"""Checks of Retry and Catch."""

from collections.abc import Callable
from typing import Any

from rehearsal.asl.errors import ALL
from rehearsal.asl.templateform import Say, TemplateForm
from rehearsal.asl.values import LONGEST_SECONDS, is_number

_RETRY = {
    "ErrorEquals",
    "IntervalSeconds",
    "BackoffRate",
    "MaxAttempts",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
}
_CATCH = {"ErrorEquals", "Next", "ResultPath", "Output", "Assign", "Comment"}


class ErrorForm:
    """Checks what a state does about errors; `variables` checks an Assign field."""

    def __init__(
        self, say: Say, templates: TemplateForm, language: str, variables: Callable[[dict[str, Any], str], None]
    ) -> None:
        self._say, self._templates, self._language, self._variables = say, templates, language, variables

    def check(self, state: dict[str, Any]) -> None:
        """Both fields of a state."""
        for name, known in (("Retry", _RETRY), ("Catch", _CATCH)):
            entries = state.get(name, [])
            if not isinstance(entries, list):
                self._say(name, f"'{name}' must be an array")
                continue
            for number, entry in enumerate(entries):
                place = f"{name}[{number}]"
                if not isinstance(entry, dict):
                    self._say(place, "An object is required")
                    continue
                for field in entry:
                    if field not in known:
                        self._say(f"{place}/{field}", f"Field '{field}' is not supported")
                self._names(entry, place, last=number == len(entries) - 1)
                (self._retrier if name == "Retry" else self._catcher)(entry, place)

    def _names(self, entry: dict[str, Any], place: str, *, last: bool) -> None:
        names = entry.get("ErrorEquals")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            self._say(f"{place}/ErrorEquals", "'ErrorEquals' must be a non-empty array of error names")
        elif ALL in names and (len(names) > 1 or not last):
            self._say(f"{place}/ErrorEquals", f"{ALL} must appear alone, and in the last entry")

    def _retrier(self, entry: dict[str, Any], place: str) -> None:
        for name, low, high in (("IntervalSeconds", 1, LONGEST_SECONDS), ("MaxAttempts", 0, LONGEST_SECONDS),
                                ("MaxDelaySeconds", 1, 31_622_400)):  # fmt: skip
            value = entry.get(name, low)
            if not is_number(value) or int(value) != value or not low <= value <= high:
                self._say(f"{place}/{name}", f"{name} must be an integer from {low} to {high}")
        rate = entry.get("BackoffRate", 2.0)
        if not is_number(rate) or rate < 1:
            self._say(f"{place}/BackoffRate", "BackoffRate must be a number of at least 1.0")
        longest, interval = entry.get("MaxDelaySeconds"), entry.get("IntervalSeconds", 1)
        if is_number(longest) and is_number(interval) and longest <= interval:
            self._say(f"{place}/MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds")
        if entry.get("JitterStrategy", "NONE") not in ("NONE", "FULL"):
            self._say(f"{place}/JitterStrategy", "JitterStrategy must be FULL or NONE")

    def _catcher(self, entry: dict[str, Any], place: str) -> None:
        if not isinstance(entry.get("Next"), str):
            self._say(place, "The field 'Next' is required")
        if self._language == "JSONata" and "ResultPath" in entry:
            self._say(f"{place}/ResultPath", "Field 'ResultPath' is not supported in a JSONata state")
        elif entry.get("ResultPath") is not None:
            self._templates.reference(entry["ResultPath"], f"{place}/ResultPath")
        if self._language == "JSONPath" and "Output" in entry:
            self._say(f"{place}/Output", "Field 'Output' is not supported in a JSONPath state")
        elif "Output" in entry:
            self._templates.check(entry["Output"], f"{place}/Output")
        if "Assign" in entry:
            self._templates.check(entry["Assign"], f"{place}/Assign")
            self._variables(entry, f"{place}/Assign")
