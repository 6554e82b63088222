"""A pipeline's definition: JSON of schema version 2020-12-01, checked when the pipeline is made. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VERSION = "2020-12-01"
STEP_TYPES = frozenset(
    {
        "Training",
        "Processing",
        "Transform",
        "Tuning",
        "Model",
        "RegisterModel",
        "Condition",
        "Fail",
        "Callback",
        "Lambda",
    }
)
_NAME = re.compile(r"[A-Za-z0-9](-*[A-Za-z0-9]){0,63}")
_TYPES: dict[str, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int,),
    "Boolean": (bool,),
    "Float": (int, float),
}
_STEP = re.compile(r"Steps\.(?P<name>[^.\[]+)")


class DefinitionError(ValueError):
    """What is wrong, and where in the document."""


@dataclass(frozen=True)
class Parameter:
    """A parameter; without a default it must be given at the start."""

    name: str
    kind: str
    default: Any = None
    choices: tuple[Any, ...] = ()

    def value(self, text: str) -> Any:
        """The value of what a start gives as text. Raises DefinitionError."""
        found: Any = text
        try:
            if self.kind == "Integer":
                found = int(text)
            elif self.kind == "Float":
                found = float(text)
            elif self.kind == "Boolean":
                found = {"true": True, "false": False}[text.lower()]
        except (ValueError, KeyError):
            raise DefinitionError(f"Parameter {self.name}: {text!r} is not of type {self.kind}") from None
        if self.choices and found not in self.choices:
            raise DefinitionError(f"Parameter {self.name}: {text!r} is not one of {', '.join(map(str, self.choices))}")
        return found


@dataclass(frozen=True)
class Step:
    """One step. `after` are the steps that must have succeeded; `branch` is the condition and arm it stands in."""

    name: str
    kind: str
    raw: Mapping[str, Any]
    after: frozenset[str]
    branch: tuple[str, bool] | None

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The request of the step's work."""
        found: Mapping[str, Any] = self.raw.get("Arguments", {})
        return found


@dataclass(frozen=True)
class Definition:
    """Parameters and steps, those in a condition's arms included, in the order they stand in."""

    parameters: Mapping[str, Parameter]
    steps: Mapping[str, Step]


def parse(text: str) -> Definition:
    """Raises DefinitionError."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise DefinitionError(f"the pipeline definition is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise DefinitionError("the pipeline definition is not a JSON object")
    if document.get("Version") != VERSION:
        raise DefinitionError(f"Version is {document.get('Version')!r}: it must be {VERSION!r}")
    raw_steps = document.get("Steps")
    if not isinstance(raw_steps, list) or not raw_steps:
        raise DefinitionError("Steps is missing or empty")
    parameters = _parameters(document.get("Parameters", []))
    steps: dict[str, Step] = {}
    for step in _steps(raw_steps, "Steps", None):
        if step.name in steps:
            raise DefinitionError(f"Two steps are called {step.name!r}: names are unique in a pipeline")
        steps[step.name] = step
    for step in steps.values():
        _check_references(step, parameters, steps)
    _check_cycles(steps)
    return Definition(parameters, steps)


def _parameters(given: Any) -> dict[str, Parameter]:
    found: dict[str, Parameter] = {}
    if not isinstance(given, list):
        raise DefinitionError("Parameters is not a list")
    for number, one in enumerate(given):
        place = f"Parameters[{number}]"
        if not isinstance(one, dict) or not isinstance(one.get("Name"), str):
            raise DefinitionError(f"{place} has no Name")
        kind = one.get("Type")
        if kind not in _TYPES:
            raise DefinitionError(f"{place} {one['Name']!r}: Type {kind!r} is not one of {', '.join(_TYPES)}")
        if one["Name"] in found:
            raise DefinitionError(f"{place}: a parameter {one['Name']!r} stands twice")
        default, choices = one.get("DefaultValue"), tuple(one.get("EnumValues", ()))
        if default is not None and (
            not isinstance(default, _TYPES[kind]) or (isinstance(default, bool) and kind != "Boolean")
        ):
            raise DefinitionError(f"{place} {one['Name']!r}: DefaultValue {default!r} is not of type {kind}")
        if choices and default is not None and default not in choices:
            raise DefinitionError(f"{place} {one['Name']!r}: DefaultValue {default!r} is not one of EnumValues")
        found[one["Name"]] = Parameter(one["Name"], kind, default, choices)
    return found


def _steps(given: list[Any], place: str, branch: tuple[str, bool] | None) -> Iterator[Step]:
    for number, raw in enumerate(given):
        here = f"{place}[{number}]"
        if not isinstance(raw, dict) or not isinstance(raw.get("Name"), str) or not _NAME.fullmatch(raw["Name"]):
            raise DefinitionError(f"{here} has no Name of letters, digits and hyphens, at most 64")
        kind = raw.get("Type")
        if kind not in STEP_TYPES:
            raise DefinitionError(
                f"{here} {raw['Name']!r}: the embedded cloud runs no step of Type {kind!r}, only "
                + ", ".join(sorted(STEP_TYPES))
            )
        yield Step(raw["Name"], kind, raw, frozenset(_needs(raw)), branch)
        if kind == "Condition":
            arguments = raw.get("Arguments", {})
            if not isinstance(arguments.get("Conditions"), list):
                raise DefinitionError(f"{here} {raw['Name']!r}: Arguments.Conditions is not a list")
            for arm, value in (("IfSteps", True), ("ElseSteps", False)):
                yield from _steps(arguments.get(arm, []), f"{here}.Arguments.{arm}", (raw["Name"], value))


def _needs(raw: Mapping[str, Any]) -> set[str]:
    """Steps that are named in DependsOn or whose properties are used."""
    own = {key: value for key, value in raw.items() if key != "Arguments"}
    arguments = {key: value for key, value in raw.get("Arguments", {}).items() if key not in ("IfSteps", "ElseSteps")}
    named = {name.removeprefix("Steps.") for name in raw.get("DependsOn", [])}
    return named | {match["name"] for text in references([own, arguments]) if (match := _STEP.match(text))}


def references(value: Any) -> Iterator[str]:
    """Every `{"Get": …}` in a value."""
    if isinstance(value, dict):
        if set(value) == {"Get"} and isinstance(value["Get"], str):
            yield value["Get"]
            return
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def _check_references(step: Step, parameters: Mapping[str, Parameter], steps: Mapping[str, Step]) -> None:
    for text in references([value for key, value in step.raw.items() if key != "Arguments"]):
        _check_reference(step, text, parameters)
    own = {key: value for key, value in step.arguments.items() if key not in ("IfSteps", "ElseSteps")}
    for text in references(own):
        _check_reference(step, text, parameters)
    for name in sorted(step.after - set(steps)):
        raise DefinitionError(f"Step {step.name!r} refers to step {name!r}, which does not exist")


def _check_reference(step: Step, text: str, parameters: Mapping[str, Parameter]) -> None:
    head, _, rest = text.partition(".")
    if head not in ("Parameters", "Steps", "Execution") or not rest:
        raise DefinitionError(f"Step {step.name!r}: {text!r} is not Parameters.…, Steps.… or Execution.…")
    if head == "Parameters" and rest not in parameters:
        raise DefinitionError(f"Step {step.name!r} refers to parameter {rest!r}, which does not exist")


def _check_cycles(steps: Mapping[str, Step]) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise DefinitionError("Steps wait for each other: " + " -> ".join((*path[path.index(name) :], name)))
        if name in done:
            return
        step = steps[name]
        for other in sorted(step.after | ({step.branch[0]} if step.branch else set())):
            visit(other, (*path, name))
        done.add(name)

    for name in steps:
        visit(name, ())
