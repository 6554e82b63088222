"""Checks of paths, payload templates and expressions in a definition."""

from collections.abc import Callable
from typing import Any

from rehearsal.asl import expressions, intrinsics, jsonpath
from rehearsal.asl.diagnostics import EXPRESSION

Say = Callable[..., None]


class TemplateForm:
    """Checks what a state of one query language may hold."""

    def __init__(self, say: Say, language: str) -> None:
        self._say, self._language = say, language

    def path(self, text: Any, field: str, *, intrinsic: bool = False) -> None:
        """A path, of the input, the context object or a variable; or an intrinsic function where one may stand."""
        if not isinstance(text, str):
            self._say(field, f"The value for the field '{field}' must be a valid JSONPath")
            return
        if intrinsic and text.startswith("States."):
            self._call(text, field)
            return
        try:
            jsonpath.parse(text)
        except ValueError as error:
            self._say(field, f"The value for the field '{field}' must be a valid JSONPath: {error}")

    def reference(self, text: Any, field: str) -> None:
        """A path that identifies one place of the state's input."""
        try:
            path = jsonpath.parse(text if isinstance(text, str) else "")
        except ValueError as error:
            self._say(field, f"The value for the field '{field}' must be a valid reference path: {error}")
            return
        if not path.reference or path.root != "$":
            self._say(field, f"The value for the field '{field}' must be a reference path, which '{text}' is not")

    def _call(self, text: str, field: str) -> None:
        try:
            intrinsics.parse(text)
        except ValueError as error:
            self._say(field, f"The value for the field '{field}' must be a valid intrinsic function: {error}")

    def check(self, template: Any, field: str) -> None:
        """A payload template, or a value with expressions."""
        if isinstance(template, dict):
            for key, value in template.items():
                if self._language == "JSONPath" and key.endswith(".$"):
                    self.path(value, f"{field}/{key}", intrinsic=True)
                else:
                    self.check(value, f"{field}/{key}")
        elif isinstance(template, list):
            for number, value in enumerate(template):
                self.check(value, f"{field}[{number}]")
        elif self._language == "JSONata" and isinstance(template, str):
            self._expression(template, field)

    def _expression(self, text: str, field: str) -> None:
        if not expressions.is_expression(text):
            if text.startswith("{%"):
                self._say(field, f"'{text}' begins like an expression but does not end with %}}", EXPRESSION)
            return
        try:
            expressions.check(text)
        except ValueError as error:
            self._say(field, str(error), EXPRESSION)
