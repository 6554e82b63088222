"""StartExecution: which machine, which version, which name, and whether it is the same execution again."""

import json
import random
import re
import uuid
from typing import TYPE_CHECKING, Any

from rehearsal.asl import definition
from rehearsal.asl.errors import RequestError
from rehearsal.asl.machine import Machine, load
from rehearsal.asl.validate import execution_input, execution_name
from rehearsal.states import integrations

if TYPE_CHECKING:
    from rehearsal.states.executions import Executions

Record = dict[str, Any]
_ARN = re.compile(r"arn:aws[\w-]*:states:[\w-]+:\d{12}:stateMachine:[^:\s]+(:[^:\s]+)?")


class Found:
    """The machine behind an ARN: its own, one of a version, one of an alias."""

    def __init__(self, arn: str) -> None:
        from ministack.services import stepfunctions as sfn

        if not _ARN.fullmatch(arn):
            raise RequestError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
        self.version_arn: str | None = None
        self.alias_arn: str | None = None
        alias = sfn._state_machine_aliases.get(arn)
        if alias is not None:
            routes = alias["routingConfiguration"]
            chosen = random.choices(routes, [route["weight"] for route in routes])[0]
            self.alias_arn, arn = arn, chosen["stateMachineVersionArn"]
        version = sfn._state_machine_versions.get(arn)
        if version is not None:
            self.version_arn = arn
        base = sfn._state_machines.get(version["stateMachineArn"] if version else arn)
        if base is None:
            raise RequestError("StateMachineDoesNotExist", f"State Machine Does Not Exist: '{arn}'")
        self.record: Record = base
        source = version or base
        self.definition, self.role, self.kind = source["definition"], source["roleArn"], source["type"]
        self.encryption = source.get("encryptionConfiguration") or sfn._default_encryption()

    def machine(self) -> Machine:
        """As the interpreter runs it."""
        parsed = load(self.definition)
        language = str(parsed.get("QueryLanguage", "JSONPath"))
        return Machine(self.record["stateMachineArn"], parsed, self.role, self.kind, language)

    def names(self) -> dict[str, str]:
        """Members of an execution's record that say which version ran."""
        found = {"stateMachineVersionArn": self.version_arn, "stateMachineAliasArn": self.alias_arn}
        return {key: value for key, value in found.items() if value is not None}


def begin(executions: "Executions", request: dict[str, Any], *, here: bool = False) -> Record:
    """Start an execution, or run it in this thread (`here`). The same name and input is the same execution."""
    arn = str(request.get("stateMachineArn", ""))
    machine = Found(arn)
    if request.get("sync") and machine.kind == "EXPRESS":
        raise RequestError("StateMachineTypeNotSupported", "Express state machines cannot be run by .sync")
    if here and machine.kind != "EXPRESS":
        raise RequestError(
            "StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"
        )
    name = execution_name(request.get("name") or str(uuid.uuid4()))
    given = execution_input(request.get("input", "{}"))
    known = executions.record(f"{machine.record['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{name}")
    if known is not None and machine.kind != "EXPRESS":
        if known["status"] == "RUNNING" and json.loads(known["input"]) == json.loads(given):
            return known
        raise RequestError("ExecutionAlreadyExists", f"Execution Already Exists: '{known['executionArn']}'")
    refused = definition.refused(machine.definition, express=machine.kind == "EXPRESS", refusal=integrations.refusal)
    if refused is not None:
        raise RequestError("InvalidDefinition", refused)
    runs = machine.machine()
    more = {"_definition": machine.definition, "encryptionConfiguration": machine.encryption, **machine.names()}
    run = (executions.engine.run if here else executions.engine.start)(runs, name, given, **more)
    if executions.engine.fault("D13", runs.name):
        raise RequestError("InternalServerError", "The answer was lost (fault D13)", 500)
    return run.record
