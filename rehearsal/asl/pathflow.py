"""Data flow of JSONPath states: InputPath, Parameters, ResultSelector, ResultPath, OutputPath, Assign."""

from collections.abc import Mapping
from typing import Any

from rehearsal.asl import intrinsics, jsonpath
from rehearsal.asl.errors import (
    PARAMETER_PATH_FAILURE,
    RESULT_PATH_MATCH_FAILURE,
    RUNTIME,
    StatesError,
)
from rehearsal.asl.flow import Flow, Leaving, State, check_variables
from rehearsal.asl.values import dump, kind


class PathFlow(Flow):
    """See the module."""

    def read(self, text: str, data: Any, extra: Mapping[str, Any] | None = None) -> Any:
        """What a path selects from `data`, the context object ($$) or a variable ($name). Raises NoMatchError."""
        return self._select(jsonpath.parse(text), data, extra or {})

    def _select(self, path: jsonpath.Path, data: Any, extra: Mapping[str, Any]) -> Any:
        if path.root == "$":
            return path.read(data)
        if path.root == "$$":
            return path.read({**self.around.context, **extra})
        if path.root not in self.around.variables:
            raise jsonpath.NoMatchError(path.text)
        return path.read(self.around.variables[path.root])

    def _field(self, field: str, text: str | None, data: Any) -> Any:
        """InputPath or OutputPath: null is an empty object."""
        if text is None:
            return {}
        if text == "$":
            return data
        try:
            return self.read(text, data)
        except jsonpath.NoMatchError:
            raise self._failed(
                RUNTIME, f"Invalid path '{text}' specified for the field '{field}': no such path", data
            ) from None

    def _failed(self, error: str, message: str, data: Any) -> StatesError:
        around = self.around
        return StatesError(
            error,
            f"An error occurred while executing the state '{around.name}' (entered at the event id "
            f"#{around.entered_event}). {message} in the input '{dump(data)[:1000]}'",
        )

    def fill(self, template: Any, data: Any, error: str, extra: Mapping[str, Any] | None = None) -> Any:
        """A payload template with every member whose name ends in .$ replaced by what its path or function gives."""
        if isinstance(template, dict):
            return {
                (key[:-2] if key.endswith(".$") else key): (
                    self._dynamic(key, value, data, error, extra or {})
                    if key.endswith(".$")
                    else self.fill(value, data, error, extra)
                )
                for key, value in template.items()
            }
        if isinstance(template, list):
            return [self.fill(item, data, error, extra) for item in template]
        return template

    def _dynamic(self, key: str, text: str, data: Any, error: str, extra: Mapping[str, Any]) -> Any:
        if text.startswith("States."):
            return intrinsics.parse(text).evaluate(lambda path: self._select(path, data, extra))
        try:
            return self.read(text, data, extra)
        except jsonpath.NoMatchError:
            raise self._failed(
                error, f"The JSONPath '{text}' specified for the field '{key}' could not be found", data
            ) from None

    def filtered(self) -> Any:
        """The input after InputPath."""
        return self._field("InputPath", self.state.get("InputPath", "$"), self.raw)

    def arguments(self) -> Any:  # see Flow
        data = self.filtered()
        if "Parameters" not in self.state or self.state["Type"] == "Map":
            return data
        return self.fill(self.state["Parameters"], data, PARAMETER_PATH_FAILURE)

    def result(self, result: Any) -> Leaving:
        assigned = self._assigned(self.state, result)
        if "ResultSelector" in self.state:
            result = self.fill(self.state["ResultSelector"], result, RUNTIME)
        return Leaving(self._out(self._placed(self.state, result)), assigned)

    def through(self, fields: State | None = None) -> Leaving:
        data = self.arguments()
        assigned = self._assigned(self.state if fields is None else fields, data)
        if self.state["Type"] == "Pass":
            data = self._placed(self.state, self.state.get("Result", data))
        return Leaving(self._out(data), assigned)

    def caught(self, catcher: State, error: StatesError) -> Leaving:
        told = error.output()
        return Leaving(self._placed(catcher, told), self._assigned(catcher, told))

    def _placed(self, fields: State, result: Any) -> Any:
        text = fields.get("ResultPath", "$")
        if text is None:
            return self.raw
        try:
            return jsonpath.parse(text).write(self.raw, result)
        except jsonpath.NoMatchError:
            raise self._failed(
                RESULT_PATH_MATCH_FAILURE,
                f"Unable to apply the ResultPath '{text}' to the state's input: no match",
                self.raw,
            ) from None

    def _out(self, data: Any) -> Any:
        return self._field("OutputPath", self.state.get("OutputPath", "$"), data)

    def _assigned(self, fields: State, data: Any) -> dict[str, Any]:
        if "Assign" not in fields:
            return {}
        assigned: dict[str, Any] = self.fill(fields["Assign"], data, RUNTIME)
        check_variables(assigned, self.around.name)
        return assigned

    def value(self, field: str, *kinds: str) -> Any:
        text = self.state.get(f"{field}Path")
        if text is None:
            return self.state.get(field)
        data = self.filtered()
        if text.startswith("States."):
            found = intrinsics.parse(text).evaluate(lambda path: self._select(path, data, {}))
        else:
            try:
                found = self.read(text, data)
            except jsonpath.NoMatchError:
                raise self._failed(RUNTIME, f"The path '{text}' of {field}Path could not be found", data) from None
        if kind(found) not in kinds:
            raise self._failed(
                RUNTIME,
                f"The {field}Path parameter does not reference a {' or '.join(kinds)} but {dump(found)[:200]}",
                data,
            )
        return found

    def template(self, template: Any, field: str, extra: Mapping[str, Any]) -> Any:  # noqa: ARG002  # see Flow
        return self.fill(template, self.filtered(), PARAMETER_PATH_FAILURE, extra)

    def items(self) -> Any:
        data, text = self.filtered(), self.state.get("ItemsPath", "$")
        try:
            return self.read(text, data)
        except jsonpath.NoMatchError:
            raise self._failed(
                RUNTIME, f"Unable to apply the ItemsPath '{text}': reference path could not be found", data
            ) from None
