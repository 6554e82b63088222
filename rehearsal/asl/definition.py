"""Checks of a state machine's definition, before anything runs.

https://states-language.net/spec.html and the limits of
https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
"""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from rehearsal.asl import diagnostics
from rehearsal.asl.diagnostics import DUPLICATE, TARGET, UNREACHABLE, Diagnostic, Findings
from rehearsal.asl.stateform import StateForm
from rehearsal.asl.values import DEFINITION_BYTES, LONGEST_SECONDS, is_number

LANGUAGES = ("JSONPath", "JSONata")
_TOP = {"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"}
_INNER = {"Comment", "StartAt", "States", "ProcessorConfig", "QueryLanguage"}
LONGEST_NAME = 80

Refusal = Callable[[str], str | None]
"""Why the cloud cannot run a resource; None if it can."""


def diagnose(text: str, *, express: bool = False, refusal: Refusal = lambda _: None) -> list[Diagnostic]:
    """Everything that is wrong with a definition."""
    findings = Findings()
    if len(text.encode()) > DEFINITION_BYTES:
        findings.add("", f"The definition is larger than {DEFINITION_BYTES} bytes")
        return findings.all
    try:
        definition = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        findings.add("", f"The definition is not valid JSON: {error}", diagnostics.JSON)
        return findings.all
    except RecursionError:
        findings.add("", "The definition is nested too deeply", diagnostics.JSON)
        return findings.all
    if not isinstance(definition, dict):
        findings.add("", "The definition must be a JSON object", diagnostics.JSON)
        return findings.all
    _Checker(findings, express, refusal).machine(definition)
    return findings.all


@lru_cache(maxsize=512)
def _cached(text: str, express: bool, refusal: Refusal) -> str | None:
    found = diagnose(text, express=express, refusal=refusal)
    return f"Invalid State Machine Definition: '{', '.join(map(str, found))}'" if found else None


def refused(text: str, *, express: bool = False, refusal: Refusal = lambda _: None) -> str | None:
    """The message of InvalidDefinition; None if the definition is good."""
    return _cached(text, express, refusal)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"duplicate key '{next(name for name in names if names.count(name) > 1)}'")
    return found


class _Checker:
    def __init__(self, findings: Findings, express: bool, refusal: Refusal) -> None:
        self._findings, self._express, self._refusal = findings, express, refusal
        self._names: set[str] = set()
        self._language = LANGUAGES[0]

    def machine(self, definition: dict[str, Any]) -> None:
        """The top level."""
        add = self._findings.add
        for name in definition:
            if name not in _TOP:
                add(f"/{name}", f"Field '{name}' is not supported")
        self._language = definition.get("QueryLanguage", LANGUAGES[0])
        if self._language not in LANGUAGES:
            add("/QueryLanguage", f"QueryLanguage must be one of {', '.join(LANGUAGES)}")
            return
        if definition.get("Version", "1.0") != "1.0":
            add("/Version", "Version must be '1.0'")
        timeout = definition.get("TimeoutSeconds", 1)
        if not is_number(timeout) or int(timeout) != timeout or not 1 <= timeout <= LONGEST_SECONDS:
            add("/TimeoutSeconds", f"TimeoutSeconds must be an integer from 1 to {LONGEST_SECONDS}")
        self.block(definition, "", frozenset())

    def block(self, block: Any, place: str, outer: frozenset[str]) -> None:
        """A machine, branch or item processor; `outer` are the variables of the scopes around it."""
        add = self._findings.add
        if not isinstance(block, dict):
            add(place, "An object with StartAt and States is required")
            return
        states = block.get("States")
        if "StartAt" not in block:
            add(place, "The field 'StartAt' is required")
        if not isinstance(states, dict) or not states:
            add(place, "The field 'States' is required and must hold at least one state")
            return
        if place:
            for name in block:
                if name not in _INNER:
                    add(f"{place}/{name}", f"Field '{name}' is not supported")
        start = block.get("StartAt")
        if "StartAt" in block and (not isinstance(start, str) or start not in states):
            add(f"{place}/StartAt", f"Missing 'StartAt' target: {start}", TARGET)
        mine = {name for state in states.values() for name in _assigned(state)}
        for name in sorted(mine & outer):
            add(place or "/", f"The variable '{name}' is one of an outer scope, which an inner scope cannot assign")
        targets = {
            name: self._state(name, state, f"{place}/States/{name}", outer | mine) for name, state in states.items()
        }
        for name, leads in targets.items():
            for target in sorted(leads - states.keys()):
                add(f"{place}/States/{name}", f"Missing 'Next' target: {target}", TARGET)
        self._reach(start, targets, place)

    def _state(self, name: str, state: Any, where: str, variables: frozenset[str]) -> set[str]:
        """Check a state and what is inside it; the names of the states it leads to."""
        if len(name) > LONGEST_NAME:
            self._findings.add(where, f"A state name has at most {LONGEST_NAME} characters")
        if name in self._names:
            self._findings.add(where, f"The state name '{name}' is not unique in the state machine", DUPLICATE)
        self._names.add(name)
        form = StateForm(self._findings, where, self._language, express=self._express, refusal=self._refusal)
        leads = form.check(state)
        for inner, location in form.inner(state):
            self.block(inner, location, frozenset() if form.distributed(state) else variables)
        return leads

    def _reach(self, start: Any, targets: dict[str, set[str]], place: str) -> None:
        seen: set[str] = set()
        pending = [start]
        while pending:
            name = pending.pop()
            if isinstance(name, str) and name in targets and name not in seen:
                seen.add(name)
                pending += targets[name]
        if seen:
            for name in targets.keys() - seen:
                self._findings.add(f"{place}/States/{name}", f"The state '{name}' is unreachable", UNREACHABLE)


def _assigned(state: Any) -> set[str]:
    if not isinstance(state, dict):
        return set()
    holders = [state, *_list(state.get("Catch")), *_list(state.get("Choices"))]
    return {
        name.removesuffix(".$")
        for holder in holders
        if isinstance(holder, dict) and isinstance(holder.get("Assign"), dict)
        for name in holder["Assign"]
    }


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
