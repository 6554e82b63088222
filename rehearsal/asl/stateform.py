"""Checks of one state: its fields, its transitions, its handling of errors."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from rehearsal.asl import fields, resources
from rehearsal.asl.diagnostics import Findings
from rehearsal.asl.errorform import ErrorForm
from rehearsal.asl.expressions import is_expression
from rehearsal.asl.ruleform import check_rule
from rehearsal.asl.templateform import TemplateForm
from rehearsal.asl.values import LONGEST_SECONDS, is_number, timestamp

_VARIABLE = re.compile(r"[^\W\d]\w*")
_PATH_FIELDS = ("InputPath", "OutputPath", "ItemsPath", "SecondsPath", "TimestampPath", "TimeoutSecondsPath",
                "HeartbeatSecondsPath", "MaxConcurrencyPath", "ToleratedFailureCountPath",
                "ToleratedFailurePercentagePath", "ErrorPath", "CausePath")  # fmt: skip
_TEMPLATES = ("Parameters", "ResultSelector", "ItemSelector", "Arguments", "Output", "Assign", "Credentials", "Items")


class StateForm:
    """Checks a state and says where it leads."""

    def __init__(
        self, findings: Findings, where: str, language: str, *, express: bool, refusal: Callable[[str], str | None]
    ) -> None:
        self._findings, self._where, self._machine_language = findings, where, language
        self._express, self._refusal = express, refusal
        self._language = language
        self._templates = TemplateForm(self._say, language)

    def _say(self, field: str, message: str, *code: str) -> None:
        self._findings.add(f"{self._where}/{field}" if field else self._where, message, *code)

    def check(self, state: Any) -> set[str]:
        """Names of the states it leads to."""
        if not isinstance(state, dict):
            self._say("", "A state must be an object")
            return set()
        kind = state.get("Type")
        if not isinstance(kind, str) or kind not in fields.JSONPATH:
            self._say(
                "Type", f"The field 'Type' is required and must be one of {', '.join(fields.JSONPATH)}; found {kind}"
            )
            return _targets(state)
        self._choose_language(state)
        for name in state:
            if name not in fields.allowed(kind, self._language):
                self._say(name, f"Field '{name}' is not supported in a {self._language} {kind} state")
        for name in fields.REQUIRED.get(kind, ()):
            if name not in state:
                self._say("", f"The field '{name}' is required")
        for group in fields.EXCLUSIVE:
            there = [name for name in group if name in state]
            if len(there) > 1:
                self._say(there[1], f"Only one of the fields {', '.join(there)} is allowed")
        self._transition(state, kind)
        self._data(state)
        {
            "Task": self._task,
            "Choice": self._choice,
            "Wait": self._wait,
            "Map": self._map,
            "Parallel": self._parallel,
        }.get(kind, lambda _: None)(state)
        ErrorForm(self._say, self._templates, self._language, self._variables).check(state)
        return _targets(state)

    def _choose_language(self, state: dict[str, Any]) -> None:
        language = state.get("QueryLanguage", self._machine_language)
        if language not in ("JSONPath", "JSONata"):
            self._say("QueryLanguage", "QueryLanguage must be one of JSONPath, JSONata")
            return
        if self._machine_language == "JSONata" and language == "JSONPath":
            self._say("QueryLanguage", "QueryLanguage 'JSONPath' is not allowed in a JSONata state machine")
        self._language = language
        self._templates = TemplateForm(self._say, language)

    def _transition(self, state: dict[str, Any], kind: str) -> None:
        if kind in ("Choice", "Succeed", "Fail"):
            return
        if "End" in state and state["End"] is not True and "Next" not in state:
            self._say("End", "The field 'End' must be true if there is no 'Next'")
        if ("Next" in state) == (state.get("End") is True):
            self._say("", "Exactly one of the fields 'Next' and 'End' is required")
        if "Next" in state and not isinstance(state["Next"], str):
            self._say("Next", "'Next' must be the name of a state")

    def _data(self, state: dict[str, Any]) -> None:
        for name in _PATH_FIELDS:
            if name in state and not (state[name] is None and name in ("InputPath", "OutputPath")):
                self._templates.path(state[name], name, intrinsic=name in ("ErrorPath", "CausePath"))
        if state.get("ResultPath") is not None:
            self._templates.reference(state["ResultPath"], "ResultPath")
        for name in _TEMPLATES:
            if name in state:
                self._templates.check(state[name], name)
        self._variables(state, "Assign")

    def _variables(self, holder: dict[str, Any], field: str) -> None:
        if "Assign" not in holder:
            return
        if not isinstance(holder["Assign"], dict):
            self._say(field, "'Assign' must be an object")
            return
        for key in holder["Assign"]:
            name = key.removesuffix(".$") if self._language == "JSONPath" else key
            if not _VARIABLE.fullmatch(name) or len(name) > 80:
                self._say(f"{field}/{key}", f"'{name}' is not the name of a variable")
            if name == "states":
                self._say(f"{field}/{key}", "The variable name 'states' is reserved")

    def _number(self, state: dict[str, Any], name: str, low: float, high: float, *, whole: bool = True) -> None:
        value = state.get(name, low)
        if is_expression(value) and self._language == "JSONata":
            self._templates.check(value, name)
            return
        if not is_number(value) or not low <= value <= high or (whole and int(value) != value):
            what = "an integer" if whole else "a number"
            self._say(name, f"{name} must be {what} from {low:g} to {high:g}")

    def _task(self, state: dict[str, Any]) -> None:
        self._number(state, "TimeoutSeconds", 1, LONGEST_SECONDS)
        self._number(state, "HeartbeatSeconds", 1, LONGEST_SECONDS)
        timeout, heartbeat = state.get("TimeoutSeconds", LONGEST_SECONDS), state.get("HeartbeatSeconds", 0)
        if is_number(timeout) and is_number(heartbeat) and heartbeat >= timeout:
            self._say("HeartbeatSeconds", "HeartbeatSeconds must be smaller than TimeoutSeconds")
        arn = state.get("Resource")
        if arn is None:
            return
        resource = resources.parse(arn) if isinstance(arn, str) else None
        if resource is None:
            self._say(
                "Resource", f"The resource provided {arn} is not recognized. The value is not a valid resource ARN"
            )
            return
        if self._express and (resource.sync or resource.callback or resource.kind == "activity"):
            self._say("Resource", "Express state machine does not support '.sync', '.waitForTaskToken' or activities")
        why = self._refusal(arn)
        if why is not None:
            self._say("Resource", why)

    def _choice(self, state: dict[str, Any]) -> None:
        rules = state.get("Choices")
        if "Choices" not in state:
            return
        if not isinstance(rules, list) or not rules:
            self._say("Choices", "'Choices' must be a non-empty array")
            return
        for number, rule in enumerate(rules):
            place = f"Choices[{number}]"
            check_rule(rule, place, self._say, self._templates, self._language)
            if isinstance(rule, dict):
                self._variables(rule, f"{place}/Assign")
                for name in ("Assign", "Output"):
                    if name in rule:
                        self._templates.check(rule[name], f"{place}/{name}")

    def _wait(self, state: dict[str, Any]) -> None:
        if not any(name in state for name in fields.EXCLUSIVE[0]):
            self._say("", "One of the fields Seconds, SecondsPath, Timestamp, TimestampPath is required")
        self._number(state, "Seconds", 0, LONGEST_SECONDS)
        moment = state.get("Timestamp")
        if is_expression(moment) and self._language == "JSONata":
            self._templates.check(moment, "Timestamp")
        elif moment is not None and timestamp(moment) is None:
            self._say("Timestamp", f"'{moment}' is not an RFC 3339 timestamp")

    def _parallel(self, state: dict[str, Any]) -> None:
        branches = state.get("Branches")
        if branches is not None and (not isinstance(branches, list) or not branches):
            self._say("Branches", "'Branches' must be a non-empty array")

    def _map(self, state: dict[str, Any]) -> None:
        if "ItemProcessor" not in state and "Iterator" not in state:
            self._say("", "One of the fields ItemProcessor, Iterator is required")
        self._number(state, "MaxConcurrency", 0, 10_000)
        self._number(state, "ToleratedFailureCount", 0, LONGEST_SECONDS)
        self._number(state, "ToleratedFailurePercentage", 0, 100, whole=False)
        config = _processor(state).get("ProcessorConfig", {})
        mode = config.get("Mode", "INLINE") if isinstance(config, dict) else None
        if mode not in ("INLINE", "DISTRIBUTED"):
            self._say("ItemProcessor/ProcessorConfig", "Mode must be INLINE or DISTRIBUTED")
        if mode == "DISTRIBUTED":
            if config.get("ExecutionType") not in ("STANDARD", "EXPRESS"):
                self._say("ItemProcessor/ProcessorConfig", "A distributed Map needs ExecutionType STANDARD or EXPRESS")
            if self._express:
                self._say("ItemProcessor/ProcessorConfig", "Express state machine does not support distributed Map")
        else:
            for name in sorted(fields.DISTRIBUTED_ONLY & state.keys()):
                self._say(name, f"Field '{name}' is only supported in a distributed Map")
        for name in ("ItemReader", "ResultWriter", "ItemBatcher"):
            part = state.get(name, {})
            if not isinstance(part, dict):
                self._say(name, f"'{name}' must be an object")
                continue
            for inner in ("Parameters", "Arguments", "BatchInput"):
                if inner in part:
                    self._templates.check(part[inner], f"{name}/{inner}")
        reader = state.get("ItemReader")
        if isinstance(reader, dict) and not isinstance(reader.get("Resource"), str):
            self._say("ItemReader", "The field 'Resource' is required")

    def inner(self, state: Any) -> Iterator[tuple[Any, str]]:
        """The machines inside a state, with their places."""
        if not isinstance(state, dict):
            return
        branches = state.get("Branches") if state.get("Type") == "Parallel" else None
        for number, branch in enumerate(branches if isinstance(branches, list) else ()):
            yield branch, f"{self._where}/Branches[{number}]"
        for name in ("ItemProcessor", "Iterator"):
            if state.get("Type") == "Map" and name in state:
                yield state[name], f"{self._where}/{name}"

    @staticmethod
    def distributed(state: Any) -> bool:
        """A Map in distributed mode, whose children see no variables of the machine around them."""
        config = _processor(state).get("ProcessorConfig", {}) if isinstance(state, dict) else {}
        return isinstance(config, dict) and config.get("Mode") == "DISTRIBUTED"


def _processor(state: dict[str, Any]) -> dict[str, Any]:
    found = state.get("ItemProcessor", state.get("Iterator", {}))
    return found if isinstance(found, dict) else {}


def _targets(state: dict[str, Any]) -> set[str]:
    holders: list[Any] = [state]
    for name in ("Catch", "Choices"):
        entries = state.get(name)
        holders += entries if isinstance(entries, list) else []
    found = [holder.get("Next") for holder in holders if isinstance(holder, dict)] + [state.get("Default")]
    return {name for name in found if isinstance(name, str)}
