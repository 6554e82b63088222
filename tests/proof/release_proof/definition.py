"""A machine's definition out of a synthesised template, as the proofs and the construct tests walk it."""

import json
from typing import Any


def definition_of(template: dict[str, Any], *, account: str, region: str) -> dict[str, Any]:
    """The template's one state machine: functions named by their handlers, other references by their logical ids."""
    (machine,) = (r for r in template["Resources"].values() if r["Type"] == "AWS::StepFunctions::StateMachine")
    pseudo = {"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": account}
    parsed: dict[str, Any] = json.loads(_flat(machine["Properties"]["DefinitionString"], template, pseudo))
    return parsed


def _flat(value: Any, template: dict[str, Any], pseudo: dict[str, str]) -> str:
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(_flat(part, template, pseudo) for part in argument[1])
    if function == "Ref":
        return str(pseudo.get(argument, argument))
    if function == "Fn::GetAtt":
        handler = template["Resources"][argument[0]]["Properties"].get("Handler")
        return str(handler or ".".join(argument))
    return str(argument["OutputName"] if isinstance(argument, dict) else argument)
