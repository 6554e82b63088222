"""Checks of the rules of a Choice state."""

from collections.abc import Callable
from typing import Any

from rehearsal.asl.choice import COMPARISONS, OPERATORS
from rehearsal.asl.expressions import is_expression
from rehearsal.asl.templateform import Say, TemplateForm
from rehearsal.asl.values import is_number, timestamp

_COMBINE = ("And", "Or", "Not")
_AROUND = {"Next", "Comment", "Assign", "Output"}
_VALID: dict[str, Callable[[Any], bool]] = {
    "String": lambda value: isinstance(value, str),
    "Numeric": is_number,
    "Boolean": lambda value: isinstance(value, bool),
    "Timestamp": lambda value: timestamp(value) is not None,
}


def check_rule(rule: Any, place: str, say: Say, templates: TemplateForm, language: str, *, top: bool = True) -> None:
    """One rule; `top` is one that leads somewhere."""
    if not isinstance(rule, dict):
        say(place, "A rule must be an object")
        return
    if top and not isinstance(rule.get("Next"), str):
        say(place, "The field 'Next' is required in a rule")
    if not top and "Next" in rule:
        say(place, "The field 'Next' is only allowed in a top-level rule")
    if language == "JSONata":
        _condition(rule, place, say, templates)
        return
    combined = [name for name in _COMBINE if name in rule]
    comparisons = [name for name in rule if name in COMPARISONS]
    for name in rule.keys() - _AROUND - COMPARISONS - {*_COMBINE, "Variable"}:
        say(f"{place}/{name}", f"Field '{name}' is not supported in a JSONPath rule")
    if top and "Output" in rule:
        say(f"{place}/Output", "Field 'Output' is not supported in a JSONPath rule")
    if len(combined) + len(comparisons) != 1:
        say(place, "Exactly one comparison, 'And', 'Or' or 'Not' is required in a rule")
        return
    if comparisons:
        _comparison(rule, comparisons[0], place, say, templates)
        return
    inner = rule[combined[0]]
    entries = [inner] if combined[0] == "Not" else inner
    if not isinstance(entries, list) or not entries:
        say(f"{place}/{combined[0]}", f"'{combined[0]}' must be a non-empty array of rules")
        return
    for number, entry in enumerate(entries):
        check_rule(entry, f"{place}/{combined[0]}[{number}]", say, templates, language, top=False)


def _condition(rule: dict[str, Any], place: str, say: Say, templates: TemplateForm) -> None:
    for name in rule.keys() - _AROUND - {"Condition"}:
        say(f"{place}/{name}", f"Field '{name}' is not supported in a JSONata rule")
    condition = rule.get("Condition")
    if not is_expression(condition) and not isinstance(condition, bool):
        say(f"{place}/Condition", "The field 'Condition' is required and must be a JSONata expression or a boolean")
        return
    templates.check(condition, f"{place}/Condition")


def _comparison(rule: dict[str, Any], name: str, place: str, say: Say, templates: TemplateForm) -> None:
    if "Variable" not in rule:
        say(place, "The field 'Variable' is required in a comparison")
    else:
        templates.path(rule["Variable"], f"{place}/Variable")
    value = rule[name]
    if name.endswith("Path"):
        templates.path(value, f"{place}/{name}")
    elif name == "StringMatches":
        if not isinstance(value, str):
            say(f"{place}/{name}", f"'{name}' must be a string")
    elif name not in OPERATORS:
        if not isinstance(value, bool):
            say(f"{place}/{name}", f"'{name}' must be a boolean")
    elif not _VALID[OPERATORS[name]](value):
        say(f"{place}/{name}", f"'{name}' must be a {OPERATORS[name].lower()} value")
