"""TestState: one state by itself (https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html)."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from rehearsal.asl import definition
from rehearsal.asl.engine import Engine
from rehearsal.asl.errors import RequestError
from rehearsal.asl.machine import Machine
from rehearsal.asl.validate import execution_input
from rehearsal.asl.values import dump

TESTABLE = ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail")


def test_state(engine: Engine, data: dict[str, Any], refusal: Callable[[str], str | None]) -> dict[str, Any]:
    """Run the state with the role given, and tell how it was left. A retry is told, not waited for."""
    for member in ("mock", "stateConfiguration", "context"):
        if data.get(member):
            raise RequestError("ValidationException", f"The embedded cloud does not emulate TestState with '{member}'.")
    state = _state(data)
    name = str(data.get("stateName") or "TestState")
    if data.get("inspectionLevel", "INFO") not in ("INFO", "DEBUG", "TRACE"):
        raise RequestError("ValidationException", "inspectionLevel must be INFO, DEBUG or TRACE")
    targets = {target for target in _leads(state) if target != name}
    ends: dict[str, Any] = {target: {"Type": "Succeed"} for target in targets}
    machine = {
        "StartAt": name,
        "QueryLanguage": state.get("QueryLanguage", "JSONPath"),
        "States": {name: state, **ends},
    }
    refused = definition.refused(dump(machine), refusal=refusal)
    if refused is not None:
        raise RequestError("InvalidDefinition", refused)
    alone = {**machine, "States": {name: {**state, "Retry": []} if "Retry" in state else state, **ends}}
    given = execution_input(data.get("input", "{}"))
    arn = f"arn:aws:states:{_region(data)}:stateMachine:TestState"
    runs = Machine(arn, alone, str(data.get("roleArn", "")), "STANDARD", str(machine["QueryLanguage"]))
    run = engine.run(runs, str(uuid.uuid4()), given, _definition=dump(alone), _hidden=True, _silent=True)
    return _told(run.record, state)


def _region(data: dict[str, Any]) -> str:
    return str(data["_scope"])


def _state(data: dict[str, Any]) -> dict[str, Any]:
    try:
        state = json.loads(data.get("definition", ""))
    except (TypeError, ValueError):
        raise RequestError(
            "InvalidDefinition", "Invalid State Machine Definition: 'the definition is not JSON'"
        ) from None
    if isinstance(state, dict) and "States" in state:
        language = {"QueryLanguage": state["QueryLanguage"]} if "QueryLanguage" in state else {}
        inner = state["States"].get(data.get("stateName") or state.get("StartAt"))
        state = {**language, **inner} if isinstance(inner, dict) else None
    if not isinstance(state, dict) or state.get("Type") not in TESTABLE:
        raise RequestError("InvalidDefinition", f"TestState takes one state of type {', '.join(TESTABLE)}")
    found: dict[str, Any] = state
    return found


def _leads(state: dict[str, Any]) -> list[str]:
    holders = [state, *state.get("Catch", []), *state.get("Choices", [])]
    return [str(holder["Next"]) for holder in holders if "Next" in holder] + [
        str(state["Default"]) for _ in range("Default" in state)
    ]


def _told(record: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    entered = [e["stateEnteredEventDetails"] for e in record["events"] if "stateEnteredEventDetails" in e]
    failures = [
        details
        for event in record["events"]
        for key, details in event.items()
        if key in ("taskFailedEventDetails", "lambdaFunctionFailedEventDetails", "taskTimedOutEventDetails")
    ]
    after = {"nextState": entered[1]["name"]} if len(entered) > 1 else {}
    if record["status"] == "SUCCEEDED":
        caught = failures and after and after["nextState"] != state.get("Next")
        output = entered[1]["input"] if after else record["output"]
        why = {key: failures[-1][key] for key in ("error", "cause") if key in failures[-1]} if caught else {}
        return {"status": "CAUGHT_ERROR" if caught else "SUCCEEDED", "output": output, **after, **why}
    matching = [one for one in state.get("Retry", []) if {record["error"], "States.ALL"} & set(one["ErrorEquals"])]
    told = {key: record[key] for key in ("error", "cause") if record[key] is not None}
    return {"status": "RETRIABLE" if matching and matching[0].get("MaxAttempts", 3) else "FAILED", **told}
