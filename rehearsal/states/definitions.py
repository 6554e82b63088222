"""Definitions are checked wherever a state machine comes from: the API, or a template."""

from typing import Any

from rehearsal.asl import definition
from rehearsal.asl.errors import RequestError
from rehearsal.states import integrations
from rehearsal.states.starts import Found


def check_definition(data: dict[str, Any]) -> None:
    """CreateStateMachine. Raises InvalidDefinition."""
    express = data.get("type") == "EXPRESS"
    refused = definition.refused(str(data.get("definition", "")), express=express, refusal=integrations.refusal)
    if refused is not None:
        raise RequestError("InvalidDefinition", refused)


def check_update(data: dict[str, Any]) -> None:
    """UpdateStateMachine. Raises InvalidDefinition."""
    from ministack.services import stepfunctions as sfn

    machine = sfn._state_machines.get(data.get("stateMachineArn"))
    if machine is not None and "definition" in data:
        check_definition({**data, "type": machine["type"]})


def check_listed(data: dict[str, Any]) -> None:
    """ListExecutions: Step Functions keeps no list of Express executions."""
    arn = data.get("stateMachineArn")
    if arn and not data.get("mapRunArn") and Found(str(arn)).kind == "EXPRESS":
        raise RequestError(
            "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
        )


def validate(data: dict[str, Any]) -> dict[str, Any]:
    """ValidateStateMachineDefinition."""
    found = definition.diagnose(
        str(data.get("definition", "")), express=data.get("type") == "EXPRESS", refusal=integrations.refusal
    )
    most = int(data.get("maxResults") or 100)
    told = [
        {"severity": "ERROR", "code": one.code, "message": one.message, "location": one.location or "/"}
        for one in found[:most]
    ]
    truncated = {"truncated": True} if len(found) > most else {}
    return {"result": "FAIL" if found else "OK", "diagnostics": told, **truncated}


def checked_machine(original: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's AWS::StepFunctions::StateMachine, with the definition checked as CreateStateMachine does."""
    from ministack.services.cloudformation import provisioners

    def check(props: dict[str, Any]) -> None:
        text = provisioners._sfn_definition(props)
        express = props.get("StateMachineType") == "EXPRESS"
        refused = definition.refused(text, express=express, refusal=integrations.refusal)
        if refused is not None:
            raise ValueError(f'Resource handler returned message: "{refused} (Service: Sfn, Status Code: 400)"')

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        check(props)
        return original["create"](logical_id, props, stack_name)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any, **more: Any) -> Any:
        check(new)
        return original["update"](physical_id, old, new, *rest, **more)

    return {**original, "create": create, "update": update}
