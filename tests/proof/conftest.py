"""The release protocol, proved on the definition that is deployed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stage
from aws_cdk import Environment as CdkEnvironment

from rehearsal.asl import expressions
from release_proof.definition import definition_of
from release_proof.machine import Bench
from slipway.config.model import Model
from slipway.config.platform import Environment, Notifications
from stacks.foundation import FoundationStack
from stacks.registry import RegistryStack
from stacks.release import ReleaseStack

ACCOUNT, REGION = "111122223333", "eu-west-1"
MODEL: dict[str, Any] = {
    "name": "flight-delays",
    "problem": {"type": "binary_classification", "target": "arr_late"},
    "data": {
        "prefix": "flight-delays/monthly/",
        "columns": [{"name": "distance", "type": "number"}, {"name": "carrier", "type": "category"}],
    },
    "rollout": {"timeout_seconds": 600, "bake_seconds": 120, "termination_wait_seconds": 60, "minimum_requests": 50},
}


@pytest.fixture(scope="module", autouse=True)
def _patient_expressions() -> Iterator[None]:
    """The interpreter's limit for an expression is in time of the wall: what else the machine does decides no proof.

    For the module's tests and fixtures; a session's fixtures here interpret nothing, and other tests keep the limit.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(expressions, "LIMIT_MILLISECONDS", 60_000)
        yield


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether everything is asked for (`make proof`), or a sample (`make test`)."""
    return bool(request.config.getoption("--proof"))


@pytest.fixture(scope="session")
def definition(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The canary's machine, as the template has it, with functions named by their handlers."""
    return _synthesised(root, tmp_path_factory.mktemp("proof"), {})


@pytest.fixture(scope="session")
def trials(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The machines with a trial, by strategy."""
    short = {"bake_seconds": None, "trial": {"seconds": 3600, "step_seconds": 300}}
    return {s: _synthesised(root, tmp_path_factory.mktemp(s), {**short, "strategy": s}) for s in ("shadow", "ab")}


@pytest.fixture(scope="session")
def scaling_definition(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of an endpoint that scales."""
    scaling = {"min_instances": 2, "max_instances": 6, "invocations_per_instance": 600}
    declared = {"instance_count": 2, "scaling": scaling | {"concurrent_requests_per_model": 4}}
    return _synthesised(root, tmp_path_factory.mktemp("scaling"), {}, endpoint=declared)


def _synthesised(root: Path, outdir: Path, rollout: dict[str, Any], **members: Any) -> dict[str, Any]:
    """The definition for a declaration with other members of `rollout`; None: left out."""
    rollout = {k: v for k, v in {**MODEL["rollout"], **rollout}.items() if v is not None}
    model = Model.model_validate({**MODEL, "rollout": rollout, **members})
    app = App(
        outdir=str(outdir),
        builtin_cloud_formation_validation=False,
        context=json.loads((root / "cdk.json").read_text(encoding="utf-8"))["context"],
    )
    environment = Environment(name="dev", account=ACCOUNT, region=REGION)
    stage = Stage(app, "Dev", env=CdkEnvironment(account=ACCOUNT, region=REGION))
    foundation = FoundationStack(stage, "Foundation", environment=environment, notifications=Notifications()).foundation
    registry = RegistryStack(
        stage, "Registry", foundation=foundation, models=[model], serving_accounts=[], termination_protection=False
    )
    stack = ReleaseStack(stage, "Release", model=model, foundation=foundation, images=registry.images)
    template = app.synth().get_nested_assembly("assembly-Dev").get_stack_artifact(stack.artifact_id).template
    return definition_of(template, account=ACCOUNT, region=REGION)


@pytest.fixture
def bench(definition: dict[str, Any]) -> Callable[[], Bench]:
    """A fresh account with a machine, as often as called."""
    return lambda: Bench(definition)
