"""Policy documents, compiled once: the cache is by document, so nothing need tell it of a change."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from rehearsal.iam import conditions, patterns
from rehearsal.iam.conditions import Condition
from rehearsal.iam.patterns import Context, Matcher
from rehearsal.iam.principal import Grant, Principal, excepted, named

_VERSION_WITH_VARIABLES = "2012-10-17"


class MalformedPolicyError(ValueError):
    """A document that IAM would not have accepted."""


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement. `label` is its Sid, or its number from 1."""

    label: str
    deny: bool
    acts: Callable[[str], bool]
    resources: tuple[Matcher, ...]
    on_resources: bool
    tests: tuple[Condition, ...]
    principal: Any = None
    not_principal: Any = None

    def applies(self, resource: str, context: Context) -> bool:
        """Whether resource and conditions are met; the action has been looked at already."""
        if self.resources and any(matches(resource, context) for matches in self.resources) != self.on_resources:
            return False
        return all(test(context) for test in self.tests)

    def grant(self, principal: Principal) -> Grant:
        """How it names the caller; NotPrincipal names all it does not spare."""
        if self.not_principal is not None:
            return Grant.NONE if excepted(self.not_principal, principal) else Grant.DIRECT
        return named(self.principal, principal)


@dataclass(frozen=True, eq=False)
class Policy:
    """A compiled document. `mentions_tags`: whether it asks for a resource's tags."""

    statements: tuple[Statement, ...]
    mentions_tags: bool = False
    _by_action: dict[str, tuple[tuple[Statement, ...], tuple[Statement, ...]]] = field(default_factory=dict, repr=False)

    def for_action(self, action: str) -> tuple[tuple[Statement, ...], tuple[Statement, ...]]:
        """(denying, allowing) statements that name an action, given in lower case."""
        found = self._by_action.get(action)
        if found is None:
            acting = [statement for statement in self.statements if statement.acts(action)]
            found = (
                tuple(statement for statement in acting if statement.deny),
                tuple(statement for statement in acting if not statement.deny),
            )
            if len(self._by_action) < 4096:
                self._by_action[action] = found
        return found


def compiled(document: str | dict[str, Any]) -> Policy:
    """The policy of a document, as text or as parsed. Raises MalformedPolicyError."""
    return _compiled(document if isinstance(document, str) else json.dumps(document, sort_keys=True))


@lru_cache(maxsize=4096)
def _compiled(text: str) -> Policy:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MalformedPolicyError(f"the policy is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise MalformedPolicyError("the policy is not a JSON object")
    variables = document.get("Version") == _VERSION_WITH_VARIABLES
    return Policy(tuple(_statements(document, variables=variables)), "resourcetag/" in text.lower())


def _statements(document: dict[str, Any], *, variables: bool) -> Iterator[Statement]:
    given = document.get("Statement", [])
    for number, raw in enumerate(given if isinstance(given, list) else [given], 1):
        if not isinstance(raw, dict):
            raise MalformedPolicyError(f"statement {number} is not an object")
        label = str(raw.get("Sid") or number)
        if raw.get("Effect") not in ("Allow", "Deny"):
            raise MalformedPolicyError(f"statement {label}: Effect must be Allow or Deny")
        actions, is_action = _either(raw, "Action", label)
        resources, on_resources = _either(raw, "Resource", label)
        if not actions:
            raise MalformedPolicyError(f"statement {label}: Action or NotAction is missing")
        acts = patterns.action(actions)
        try:
            tests = conditions.compiled(raw.get("Condition") or {}, variables=variables)
        except (conditions.UnknownOperatorError, AttributeError) as error:
            raise MalformedPolicyError(f"statement {label}: condition {error}") from None
        yield Statement(
            label,
            raw["Effect"] == "Deny",
            acts if is_action else _other_than(acts),
            tuple(patterns.resource(pattern, variables=variables) for pattern in resources),
            on_resources,
            tests,
            raw.get("Principal"),
            raw.get("NotPrincipal"),
        )


def _either(raw: dict[str, Any], name: str, label: str) -> tuple[list[str], bool]:
    if name in raw and f"Not{name}" in raw:
        raise MalformedPolicyError(f"statement {label}: both {name} and Not{name}")
    positive = f"Not{name}" not in raw
    values = raw.get(name if positive else f"Not{name}", [])
    return [str(value) for value in (values if isinstance(values, list) else [values])], positive


def _other_than(acts: Callable[[str], bool]) -> Callable[[str], bool]:
    return lambda action: not acts(action)
