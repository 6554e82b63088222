"""Stacks synthesised without the offline template checks, and a small interpreter that walks their state machines."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Stage
from ministack.services import stepfunctions

from slipway.config.model import Model
from slipway.config.platform import Environment, Notifications, Role
from stacks.foundation import FoundationStack
from stacks.monitoring import MonitoringStack
from stacks.registry import RegistryStack
from stacks.training import TrainingStack

ROOT = Path(__file__).resolve().parents[2]
DECLARED: dict[str, Any] = {
    "name": "flight-delays",
    "problem": {"type": "binary_classification", "target": "arr_late"},
    "data": {
        "prefix": "flights/monthly/",
        "columns": [{"name": "dep_delay", "type": "number"}, {"name": "carrier", "type": "category"}],
    },
    "training": {"hyperparameters": {"max_depth": 6, "eta": 0.1}},
    "gates": {"absolute": [{"metric": "auc", "minimum": 0.6}], "champion": {"metric": "auc"}},
}


@dataclass
class Ended:
    """How a walk ended: `path` names the states entered, `asked` holds the arguments each task was called with."""

    status: str
    output: Any = None
    error: str = ""
    cause: str = ""
    path: list[str] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)


class TaskError(Exception):
    """A task fails with this error name."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error)
        self.error, self.cause = error, cause


Answer = Any | Exception | Callable[[Any], Any]


class Walker:
    """Runs a definition with answers for tasks and the embedded cloud's JSONata. An answer is final: no Retry."""

    def __init__(self, definition: dict[str, Any], answers: Mapping[str, Answer], name: str = "run-1") -> None:
        self._definition, self._answers = definition, answers
        self._context = {
            "Execution": {
                "Name": name,
                "Id": f"arn:aws:states:eu-west-1:111122223333:execution:M:{name}",
                "Input": None,
            },
            "StateMachine": {"Id": "arn:aws:states:eu-west-1:111122223333:stateMachine:M"},
        }

    def run(self, payload: Any) -> Ended:
        ended = Ended("RUNNING")
        self._context["Execution"]["Input"] = payload
        try:
            ended.output = self._walk(self._definition, payload, {}, ended)
            ended.status = "SUCCEEDED"
        except TaskError as error:
            ended.status, ended.error, ended.cause = "FAILED", error.error, error.cause
        return ended

    def _walk(self, scope: dict[str, Any], payload: Any, variables: dict[str, Any], ended: Ended) -> Any:
        name = scope["StartAt"]
        while True:
            state = scope["States"][name]
            ended.path.append(name)
            ask = self._asker(payload, variables)
            if state["Type"] == "Fail":
                raise TaskError(ask(state["Error"]), ask(state["Cause"]))
            if state["Type"] == "Succeed":
                return ask(state.get("Output", payload))
            if state["Type"] == "Choice":
                rule = next((c for c in state["Choices"] if ask(c["Condition"]) is True), {"Next": state["Default"]})
                variables.update(ask(rule.get("Assign", {})))
                name = rule["Next"]
                continue
            try:
                result = self._result(name, state, payload, variables, ended, ask)
                ask = self._asker(payload, variables, result)
                variables.update(ask(state.get("Assign", {})))
            except (TaskError, stepfunctions._ExecutionError) as error:
                # An expression without a value is an error of its state too, and may be caught.
                name = self._caught(state, error, payload, variables)
                continue
            payload = ask(state["Output"]) if "Output" in state else result
            if state.get("End"):
                return payload
            name = state["Next"]

    def _result(
        self, name: str, state: dict[str, Any], payload: Any, variables: dict[str, Any], ended: Ended, ask: Any
    ) -> Any:
        if state["Type"] == "Parallel":
            return [self._walk(b, payload, dict(variables), ended) for b in state["Branches"]]
        assert state["Type"] == "Task", state
        ended.asked[name] = ask(state.get("Arguments", {}))
        answer = self._answers.get(name, {})
        if callable(answer):
            answer = answer(ended.asked[name])
        if isinstance(answer, Exception):
            raise answer
        return {"Payload": answer} if "lambda:invoke" in state["Resource"] else answer

    def _caught(self, state: dict[str, Any], error: Any, payload: Any, variables: dict[str, Any]) -> str:
        for catcher in state.get("Catch", []):
            if error.error in catcher["ErrorEquals"] or "States.ALL" in catcher["ErrorEquals"]:
                output = {"Error": error.error, "Cause": error.cause}
                variables.update(self._asker(payload, variables, error=output)(catcher.get("Assign", {})))
                found: str = catcher["Next"]
                return found
        raise error

    def _asker(self, payload: Any, variables: dict[str, Any], result: Any = None, error: Any = None) -> Any:
        context = {**self._context, "variables": variables}
        return lambda value: stepfunctions._apply_jsonata_template(value, payload, context, result, error)


@dataclass(frozen=True)
class Synthesised:
    """Templates by stack; `machine(stack)` is that stack's definition, with plain words where tokens were."""

    templates: dict[str, dict[str, Any]]

    def machine(self, stack: str) -> dict[str, Any]:
        (body,) = [
            r["Properties"]["DefinitionString"]
            for r in self.templates[stack]["Resources"].values()
            if r["Type"] == "AWS::StepFunctions::StateMachine"
        ]
        definition: dict[str, Any] = json.loads(flat(body))
        return definition

    def of(self, stack: str, type_: str) -> dict[str, dict[str, Any]]:
        return {k: r for k, r in self.templates[stack]["Resources"].items() if r["Type"] == type_}

    def policy(self, stack: str, role: str) -> list[dict[str, Any]]:
        """Statements of the role whose logical id contains `role`, as text where tokens were."""
        statements = [
            s
            for p in self.of(stack, "AWS::IAM::Policy").values()
            if any(role in json.dumps(r) for r in p["Properties"]["Roles"])
            for s in p["Properties"]["PolicyDocument"]["Statement"]
        ]
        assert statements, f"no policy of a role like {role}"
        return statements


def flat(value: Any) -> str:
    """A resolved CloudFormation value as one string; what is known only when deployed becomes a word."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(flat(part) for part in argument[1])
    if function == "Ref":
        return {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "111122223333"}.get(
            argument, f"ref-{argument}"
        )
    if function == "Fn::GetAtt":
        return f"arn-{argument[0]}"
    if function == "Fn::GetStackOutput":
        output = argument["OutputName"]
        if "StateMachine" in output or "WorkflowMachine" in output:
            return "arn:aws:states:eu-west-1:111122223333:stateMachine:Train"
        if "Repository" in output and "FnGetAtt" in output:
            return f"arn:aws:ecr:eu-west-1:111122223333:repository/{output.lower()}"
        return re.sub(r"^PublishOutput(Ref|FnGetAtt)", "", output)
    if function == "Fn::Select":
        return flat(argument[1]["Fn::Split"][1]).split(argument[1]["Fn::Split"][0])[int(argument[0])]
    raise AssertionError(value)


@pytest.fixture(scope="session")
def synthesise() -> Callable[..., Synthesised]:
    """Foundation, Registry, Training and Monitoring of one model, with parts of its declaration replaced."""
    return synthesised


def synthesised(*, train: bool = True, region: str = "eu-west-1", **declared: Any) -> Synthesised:
    model = Model.model_validate({**DECLARED, **declared})
    environment = Environment(
        name="dev", account="111122223333", region=region, roles=[Role.BUILD, Role.SERVE], retention="destroy"
    )
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = App(builtin_cloud_formation_validation=False, context=context)
    stage = Stage(app, "Dev", env={"account": environment.account, "region": region})  # type: ignore[arg-type]
    foundation = FoundationStack(stage, "Foundation", environment=environment, notifications=Notifications()).foundation
    images = RegistryStack(
        stage, "Registry", foundation=foundation, models=[model], serving_accounts=[], termination_protection=False
    ).images
    training = TrainingStack(stage, "Training", foundation=foundation, images=images, model=model)
    MonitoringStack(
        stage,
        "Monitoring",
        foundation=foundation,
        images=images,
        model=model,
        train_machine=training.machine if train else None,
    )
    stacks = [c for c in stage.node.children if isinstance(c, Stack)]
    assembly = stage.synth()
    return Synthesised({s.node.id: assembly.get_stack_by_name(s.stack_name).template for s in stacks})


@pytest.fixture(scope="session")
def platform(synthesise: Callable[..., Synthesised]) -> Synthesised:
    """The stacks as most tests want them."""
    return synthesise()


@pytest.fixture(scope="session")
def walk() -> Callable[..., Ended]:
    """`walk(definition, payload, answers, name=…)`; an answer may be a TaskError or a function of the arguments."""
    return lambda definition, payload, answers, name="run-1": Walker(definition, answers, name).run(payload)


@pytest.fixture(scope="session")
def task_error() -> type[TaskError]:
    """What a task fails with."""
    return TaskError


@pytest.fixture(scope="session")
def faults_of() -> Callable[[dict[str, Any]], list[str]]:
    """What every machine must keep, as a list of what one does not."""
    return definition_faults


def definition_faults(definition: dict[str, Any]) -> list[str]:
    """Tasks have a limit, a Retry and a Catch (a Parallel's counts), Choices a Default; all is there and reachable."""
    return list(_faults(definition, caught=False))


def _faults(scope: dict[str, Any], *, caught: bool) -> Iterator[str]:
    states = scope["States"]
    seen, waiting = set(), [scope["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in states:
            yield f"{name} does not exist"
            continue
        state = states[name]
        rules = [*state.get("Choices", []), *state.get("Catch", [])]
        waiting += [r["Next"] for r in rules] + [state[k] for k in ("Next", "Default") if k in state]
        if state["Type"] == "Choice" and "Default" not in state:
            yield f"{name} has no Default"
        if state["Type"] == "Task":
            missing = [k for k in ("TimeoutSeconds", "Retry") if k not in state]
            missing += [] if caught or "Catch" in state else ["Catch"]
            yield from (f"{name} has no {k}" for k in missing)
        for branch in state.get("Branches", []):
            yield from _faults(branch, caught="Catch" in state)
    yield from (f"{name} cannot be reached" for name in states if name not in seen)
