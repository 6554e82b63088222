"""The release stack's machine, synthesised once, and a runner that walks it over a SageMaker in memory and the real
handlers.

The runner knows what a state machine does with tasks, choices, waits, retries and catches; JSONata is evaluated by the
engine the embedded cloud uses, with Step Functions' own functions.
"""

import copy
import json
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stage
from aws_cdk import Environment as CdkEnvironment
from ministack.services import stepfunctions

from release_proof.definition import definition_of as plain_definition
from slipway.config.model import Model
from slipway.config.platform import Environment, Notifications
from slipway_lambda.aim_alarms.handler import aim
from slipway_lambda.attributes import from_item
from slipway_lambda.check_preflight.handler import check
from slipway_lambda.clean_up_release.handler import clean_up
from slipway_lambda.contracts.ledger import LISTENER, PARTITION_KEY, SORT_KEY
from slipway_lambda.plan_release import handler as planning
from slipway_lambda.ports.alarms import AlarmState
from slipway_lambda.ports.fleets import Minute
from slipway_lambda.ports.objects import ObjectMissingError
from slipway_lambda.ports.runtime import InvocationError
from slipway_lambda.probe_release.handler import run as probe
from slipway_lambda.smoke_test.handler import run
from slipway_lambda.verify_release.handler import look
from stacks.foundation import FoundationStack
from stacks.registry import RegistryStack
from stacks.release import ReleaseStack

ACCOUNT, REGION, ENDPOINT = "111122223333", "eu-west-1", "flight-delays-dev"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
VERSION_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/flight-delays"
MODEL = {
    "name": "flight-delays",
    "problem": {"type": "binary_classification", "target": "arr_late"},
    "data": {
        "prefix": "flight-delays/monthly/",
        "columns": [{"name": "distance", "type": "number"}, {"name": "carrier", "type": "category"}],
    },
    "rollout": {
        "bake_seconds": 120,
        "termination_wait_seconds": 60,
        "timeout_seconds": 600,
        "minimum_requests": 50,
        "smoke_test": {"records": 3},
    },
}


@pytest.fixture(scope="session")
def model() -> Model:
    """A declaration with short waits."""
    return Model.model_validate(MODEL)


@pytest.fixture(scope="session")
def template(root: Path, model: Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The release stack's template."""
    return synthesise(root, model, tmp_path_factory.mktemp("release"))


def synthesise(root: Path, model: Model, outdir: Path) -> dict[str, Any]:
    """The release stack's template for a declaration."""
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
    body: dict[str, Any] = (
        app.synth().get_nested_assembly("assembly-Dev").get_stack_artifact(stack.artifact_id).template
    )
    return body


@pytest.fixture(scope="session")
def definition(template: dict[str, Any]) -> dict[str, Any]:
    """The machine's definition, with references to resources as their logical ids or handlers."""
    return definition_of(template)


def definition_of(template: dict[str, Any]) -> dict[str, Any]:
    """The machine of a template."""
    return plain_definition(template, account=ACCOUNT, region=REGION)


@pytest.fixture(scope="session")
def released_by(template_by: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """The machine's definition for a declaration with other members of `rollout`."""
    return lambda **rollout: definition_of(template_by(**rollout))


@pytest.fixture(scope="session")
def template_by(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """The release stack's template for such a declaration."""

    def build(**rollout: Any) -> dict[str, Any]:
        kept = {k: v for k, v in MODEL["rollout"].items() if not rollout or k != "bake_seconds"}  # type: ignore[attr-defined]
        model = Model.model_validate({**MODEL, "rollout": {**kept, **rollout}})
        return synthesise(root, model, tmp_path_factory.mktemp("release"))

    return build


class ServiceError(Exception):
    """A failed call, as a state machine sees it."""

    def __init__(self, name: str, cause: str) -> None:
        super().__init__(name, cause)
        self.name, self.cause = name, cause


@dataclass
class World:
    """An account: registry, one endpoint, ledger, alarms, bucket. What a test sets is what the machine finds."""

    packages: dict[int, dict[str, Any]] = field(default_factory=dict)
    endpoint: dict[str, Any] | None = None
    configs: dict[str, Any] = field(default_factory=dict)
    models: dict[str, Any] = field(default_factory=dict)
    ledger: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    alarms: dict[str, AlarmState] = field(default_factory=dict)
    aimed: dict[str, dict[str, str]] = field(default_factory=dict)
    """Dimensions of the alarms that a release aimed."""
    notices: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    """What each config answers to golden records; 0.5 is right."""
    mismatches: list[int] = field(default_factory=list)
    """Answers to golden records that neither version gives, as each probe published them."""
    requests: int = 100
    """What CloudWatch counts for the new config."""
    errors: dict[int, int] = field(default_factory=dict)
    """Of these `requests`, what a version answered with 5XX while both fleets were asked."""
    rolls_back: bool = False
    """SageMaker takes an update and ends InService on the old config, with no reason."""
    rollback_fails: bool = False
    never_healthy: bool = False
    deaf: ServiceError | None = None
    """What writing a listener fails with."""
    broken: dict[str, ServiceError] = field(default_factory=dict)
    """Calls that fail, by action."""
    during: Callable[[], None] = lambda: None
    """Runs once while the endpoint changes."""
    _pending: list[str] = field(default_factory=list)

    def approve(self, version: int, reason: str = "good", **metadata: str) -> None:
        """Register and approve a version."""
        digest = f"sha256:{version:064x}"
        self.packages[version] = {
            "ModelPackageArn": f"{VERSION_ARN}/{version}",
            "ModelPackageVersion": version,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": reason,
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": f"{REGISTRY}/tabular@{digest}",
                        "ImageDigest": digest,
                        "ModelDataUrl": f"s3://artefacts/flight-delays/runs/{version}/model.tar.gz",
                    }
                ]
            },
            "CustomerMetadataProperties": {
                "artefact_sha256": f"{version:064x}",
                "image_digest": digest,
                "golden_uri": "s3://artefacts/flight-delays/golden.jsonl",
                "baseline_statistics_uri": "s3://artefacts/flight-delays/statistics.json",
                "baseline_constraints_uri": "s3://artefacts/flight-delays/constraints.json",
                **metadata,
            },
        }

    # What the machine calls -------------------------------------------------------------------------------------------

    def call(self, resource: str, request: dict[str, Any]) -> Any:
        """A native integration."""
        action = resource.rsplit(":", 1)[-1].partition(".")[0]
        self.calls.append((action, copy.deepcopy(request)))
        if action in self.broken:
            raise self.broken[action]
        return getattr(self, f"_{action}")({**request, "sdk": ":aws-sdk:" in resource})

    def _listModelPackages(self, request: dict[str, Any]) -> Any:
        return {"ModelPackageSummaryList": [p for _, p in sorted(self.packages.items(), reverse=True)]}

    def _describeModelPackage(self, request: dict[str, Any]) -> Any:
        return self.packages[int(request["ModelPackageName"].rsplit("/", 1)[1])]

    def _updateModelPackage(self, request: dict[str, Any]) -> Any:
        self.packages[int(request["ModelPackageArn"].rsplit("/", 1)[1])]["ModelLifeCycle"] = request["ModelLifeCycle"]
        return {}

    def _describeEndpoint(self, request: dict[str, Any]) -> Any:
        if not (described := self.describe(request["EndpointName"])):
            raise ServiceError("SageMaker.SageMakerException", 'Could not find endpoint "arn:aws:sagemaker:…".')
        return described

    def _createModel(self, request: dict[str, Any]) -> Any:
        if request["ModelName"] in self.models:
            raise ServiceError("SageMaker.AmazonSageMakerException", "Cannot create already existing model")
        self.models[request["ModelName"]] = request
        return {}

    def _createEndpointConfig(self, request: dict[str, Any]) -> Any:
        if request["EndpointConfigName"] in self.configs:
            raise ServiceError(
                "SageMaker.AmazonSageMakerException", "Cannot create already existing endpoint configuration"
            )
        self.configs[request["EndpointConfigName"]] = request
        return {}

    def _describeModel(self, request: dict[str, Any]) -> Any:
        if not (found := self.describe_model(request["ModelName"])):
            raise ServiceError("SageMaker.SageMakerException", "Could not find model")
        return found

    def _describeEndpointConfig(self, request: dict[str, Any]) -> Any:
        if not (found := self.describe_config(request["EndpointConfigName"])):
            raise ServiceError("SageMaker.SageMakerException", "Could not find endpoint configuration")
        return found

    def _createEndpoint(self, request: dict[str, Any]) -> Any:
        assert self.endpoint is None, "cannot create an existing endpoint"
        self.endpoint = self._serving(request["EndpointConfigName"], "Creating")
        self._pending = ["Failed" if self.never_healthy else "InService"]
        return {}

    def _updateEndpoint(self, request: dict[str, Any]) -> Any:
        assert self.endpoint is not None
        assert self.endpoint["EndpointStatus"] == "InService", "cannot update an in-progress endpoint"
        old, new = self.endpoint["EndpointConfigName"], request["EndpointConfigName"]
        assert new in self.configs, f"{new} does not exist"
        guarded = "AutoRollbackConfiguration" in request.get("DeploymentConfig", {})
        self.endpoint["EndpointStatus"] = "Updating"
        self.endpoint["PendingDeploymentSummary"] = {"EndpointConfigName": new}
        if guarded and self.rollback_fails:
            self._pending = ["RollingBack", "UpdateRollbackFailed", old]
        elif guarded and self.rolls_back:
            self._pending = ["RollingBack", "InService", old]
        else:
            self._pending = ["InService", new]
        return {}

    def _deleteEndpoint(self, request: dict[str, Any]) -> Any:
        self.delete(request["EndpointName"])
        return {}

    def _serving(self, config: str, status: str) -> dict[str, Any]:
        variant = self.configs[config]["ProductionVariants"][0]
        image = self.models[variant["ModelName"]]["PrimaryContainer"]["Image"]
        count = variant["InitialInstanceCount"]
        return {
            "EndpointName": ENDPOINT,
            "EndpointConfigName": config,
            "EndpointStatus": status,
            "ProductionVariants": [
                {
                    "VariantName": "main",
                    "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}],
                    "CurrentWeight": 1.0,
                    "DesiredWeight": 1.0,
                    "CurrentInstanceCount": count,
                    "DesiredInstanceCount": count,
                }
            ],
        }

    def advance(self, seconds: float) -> None:
        """Time passes; what is pending takes its next step."""
        during, self.during = self.during, lambda: None
        during()
        if not self._pending or self.endpoint is None:
            return
        status = self._pending.pop(0)
        config = self.endpoint["EndpointConfigName"]
        if status != "RollingBack" and self._pending:
            config = self._pending.pop(0)
        pending = self.endpoint.get("PendingDeploymentSummary")
        self.endpoint = self._serving(config, status)
        if self._pending and pending:
            self.endpoint["PendingDeploymentSummary"] = pending

    # DynamoDB ---------------------------------------------------------------------------------------------------------

    def item(self, partition: str, sort: str) -> dict[str, Any]:
        """An item of the ledger, or empty."""
        return from_item(self.ledger.get((partition, sort), {}))

    def fact(self, sort: str) -> dict[str, Any]:
        """An item of the endpoint's partition."""
        return self.item(f"endpoint#{ENDPOINT}", sort)

    def _batchGetItem(self, request: dict[str, Any]) -> Any:
        ((table, wanted),) = request["RequestItems"].items()
        found = [self.ledger.get((k[PARTITION_KEY]["S"], k[SORT_KEY]["S"])) for k in wanted["Keys"]]
        return {"Responses": {table: [i for i in found if i]}, "UnprocessedKeys": {}}

    def _getItem(self, request: dict[str, Any]) -> Any:
        at = (request["Key"][PARTITION_KEY]["S"], request["Key"][SORT_KEY]["S"])
        return {"Item": self.ledger[at]} if at in self.ledger else {}

    def _putItem(self, request: dict[str, Any]) -> Any:
        item = request["Item"]
        at = (item[PARTITION_KEY]["S"], item[SORT_KEY]["S"])
        self._check(at, request)
        self.ledger[at] = item
        return {}

    def _updateItem(self, request: dict[str, Any]) -> Any:
        at = (request["Key"][PARTITION_KEY]["S"], request["Key"][SORT_KEY]["S"])
        self._check(at, request)
        if self.deaf and f"SET {LISTENER}" in request["UpdateExpression"]:
            raise self.deaf
        item = {**self.ledger.get(at, {PARTITION_KEY: {"S": at[0]}, SORT_KEY: {"S": at[1]}})}
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        clauses = re.split(r"\b(SET|ADD|REMOVE) ", request["UpdateExpression"])[1:]
        for verb, body in zip(clauses[::2], clauses[1::2], strict=True):
            for one in body.strip().split(", "):
                name, *rest = one.replace(" = ", " ").split()
                name = names.get(name, name)
                if verb == "SET":
                    item[name] = values[rest[0]]
                elif verb == "ADD":
                    item[name] = {"N": str(int(item.get(name, {"N": "0"})["N"]) + int(values[rest[0]]["N"]))}
                else:
                    item.pop(name, None)
        self.ledger[at] = item
        return {"Attributes": item}

    def _check(self, at: tuple[str, str], request: dict[str, Any]) -> None:
        """A condition of terms joined by OR or by AND: attribute_not_exists(a), or an attribute compared with a
        value."""
        held, names = self.item(*at), request.get("ExpressionAttributeNames", {})
        values = from_item(request.get("ExpressionAttributeValues", {}))
        compare = {"<": operator.lt, "<=": operator.le, "=": operator.eq}

        def holds(term: str) -> bool:
            if absent := re.fullmatch(r"attribute_not_exists\((#?\w+)\)", term):
                return names.get(absent[1], absent[1]) not in held
            left, sign, right = term.split()
            return names.get(left, left) in held and compare[sign](held[names.get(left, left)], values[right])

        condition = request.get("ConditionExpression")
        joined = all if condition and " AND " in condition else any
        if condition and not joined(holds(term) for term in re.split(" (?:OR|AND) ", condition)):
            prefix = "DynamoDb" if request.get("sdk") else "DynamoDB"
            raise ServiceError(f"{prefix}.ConditionalCheckFailedException", "The conditional request failed")

    def _publish(self, request: dict[str, Any]) -> Any:
        self.notices.append(json.loads(request["Message"]))
        return {}

    # Ports of the handlers --------------------------------------------------------------------------------------------

    def describe(self, names: Any) -> Any:
        """Endpoints.describe and Alarms.describe: one port each, told apart by what they are given."""
        if isinstance(names, str):
            return copy.deepcopy(self.endpoint) if self.endpoint else {}
        fleets = {"EndpointName": ENDPOINT, "VariantName": "main"}
        healthy = {n: AlarmState(n, "OK", "", True, self.aimed.get(n, fleets)) for n in names}
        return [state for name, state in {**healthy, **self.alarms}.items() if name in healthy]

    def aim(self, name: str, dimensions: dict[str, str]) -> None:
        """Alarms.aim."""
        self.aimed[name] = dict(dimensions)

    def invocations(self, endpoint: str, variant: str, config: str, start: float, end: float) -> int:
        """Alarms.invocations."""
        return self.requests

    def by_minute(self, endpoint: str, variant: str, config: str, start: float, end: float) -> dict[int, Minute]:
        """Fleets.by_minute: one minute in which both fleets were asked."""
        failed = sum(n for version, n in self.errors.items() if f"-v{version}-" in config)
        return {0: Minute(self.requests, 0, failed)}

    def describe_config(self, name: str) -> dict[str, Any]:
        """Endpoints.describe_config."""
        return dict(self.configs.get(name, {}))

    def describe_model(self, name: str) -> dict[str, Any]:
        """Endpoints.describe_model."""
        return dict(self.models.get(name, {}))

    def config_names(self, containing: str) -> Iterator[str]:
        """Endpoints.config_names."""
        return iter([c for c in self.configs if containing in c])

    def model_names(self, containing: str) -> Iterator[str]:
        """Endpoints.model_names."""
        return iter([m for m in self.models if containing in m])

    def delete(self, endpoint: str) -> None:
        """Endpoints.delete."""
        self.endpoint = None

    def delete_config(self, name: str) -> None:
        """Endpoints.delete_config: like SageMaker, also one in use."""
        del self.configs[name]

    def delete_model(self, name: str) -> None:
        """Endpoints.delete_model."""
        del self.models[name]

    def exists(self, uri: str) -> bool:
        """Images.exists."""
        return True

    def head(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        """Objects.head."""
        if key.endswith("golden.jsonl"):
            return b'{"content_type": "text/csv", "body": "1,AA", "prediction": 0.5}\n' * 3
        if key.endswith("model.tar.gz"):
            return b"x"
        raise ObjectMissingError(f"There is no object s3://{bucket}/{key}.")

    def publish(self, endpoint: str, wrong: int) -> None:
        """Mismatches.publish."""
        self.mismatches.append(wrong)

    def invoke(self, endpoint: str, content_type: str, body: str) -> str:
        """Runtime.invoke."""
        assert self.endpoint is not None
        answer = self.answers.get(self.endpoint["EndpointConfigName"], "0.5")
        if answer == "error":
            raise InvocationError("ModelError: 500")
        return answer

    def stage(self, handler: str, payload: Any) -> Any:
        """A Lambda stage, with the real handler."""
        verb = handler.split(".")[1]
        self.calls.append((verb, payload))
        if verb in self.broken:
            raise self.broken[verb]
        ports: Any = self
        try:
            if verb == "plan_release":
                return planning.handler(payload, None)
            if verb == "inspect_artefact":
                return {"sha256": payload["expected_sha256"], "bytes": 1, "members": []}
            if verb == "aim_alarms":
                return aim(payload, ports)
            if verb == "check_preflight":
                return check(payload, ports, ports, ports, ports, ports)
            if verb == "probe_release":
                return probe(payload, ports, ports, ports)
            if verb == "verify_release":
                return look(payload, ports, ports, ports)
            if verb == "smoke_test":
                return run(payload, ports, ports)
            return clean_up(payload, ports, ports)
        except Exception as error:
            raise ServiceError(
                type(error).__name__, json.dumps({"errorMessage": str(error), "errorType": type(error).__name__})
            ) from error


@dataclass
class End:
    """`status` SUCCEEDED or FAILED; `path`: every state entered."""

    status: str
    output: Any
    error: str
    path: list[str]
    name: str = ""

    @property
    def cause(self) -> dict[str, Any]:
        """A failed end's Cause."""
        parsed: dict[str, Any] = json.loads(self.output)
        return parsed


class Runner:
    """Walks the definition."""

    def __init__(self, definition: dict[str, Any], world: World) -> None:
        self._states, self.world, self._runs = definition["States"], world, 0
        self._start = definition["StartAt"]
        self.stop_before: str | None = None
        """Leave the execution there, as an abort would."""

    def __call__(self, trigger: str = "approval", *, name: str | None = None, **more: Any) -> End:
        self._runs += 1
        name = name or f"run-{self._runs}"
        arn = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:release:{name}"
        context = {"Execution": {"Id": arn, "Name": name, "Input": {"trigger": trigger, **more}}, "variables": {}}
        at, path = self._start, []
        while True:
            if at == self.stop_before:
                return End("ABORTED", None, "", path, name)
            path.append(at)
            assert len(path) < 2000, f"no end in sight: {path[-20:]}"
            state = self._states[at]
            kind = state["Type"]
            if kind == "Fail":
                return End("FAILED", self._eval(state["Cause"], context), state["Error"], path, name)
            if kind == "Succeed":
                return End("SUCCEEDED", self._eval(state.get("Output", {}), context), "", path, name)
            at = getattr(self, f"_{kind.lower()}")(state, context)

    def _eval(self, value: Any, context: Any, **more: Any) -> Any:
        return stepfunctions._apply_jsonata_template(value, {}, context, **more)

    def _assign(self, holder: Any, context: Any, **more: Any) -> None:
        new = {k: self._eval(v, context, **more) for k, v in holder.get("Assign", {}).items()}
        context["variables"].update(new)

    def _pass(self, state: Any, context: Any) -> str:
        self._assign(state, context)
        return str(state["Next"])

    def _wait(self, state: Any, context: Any) -> str:
        self.world.advance(state["Seconds"])
        self._assign(state, context)
        return str(state["Next"])

    def _choice(self, state: Any, context: Any) -> str:
        for rule in state["Choices"]:
            value = self._eval(rule["Condition"], context)
            assert isinstance(value, bool), f"{rule['Condition']} gave {value!r}"
            if value:
                self._assign(rule, context)
                return str(rule["Next"])
        return str(state["Default"])

    def _task(self, state: Any, context: Any) -> str:
        tries: dict[int, int] = {}
        while True:
            try:
                context["Task"] = {"Token": f"token-{len(self.world.calls)}"}
                result = self._do(state["Resource"], self._eval(state["Arguments"], context))
                if state["Resource"].endswith(".waitForTaskToken"):
                    self._news(self._eval(state["TimeoutSeconds"], context))
                break
            except ServiceError as error:
                if not self._again(state, error, tries):
                    return self._caught(state, context, error)
        self._assign(state, context, result=result)
        return str(state["Next"])

    def _news(self, seconds: int) -> None:
        """Time passes; if it changed the endpoint, SageMaker's event of that wakes the machine."""
        before = copy.deepcopy(self.world.endpoint)
        self.world.advance(seconds)
        if self.world.endpoint == before:
            raise ServiceError("States.Timeout", "No event came.")

    def _do(self, resource: str, arguments: Any) -> Any:
        if resource.endswith("lambda:invoke"):
            # As in a real call, only JSON goes in and out.
            payload = json.loads(json.dumps(arguments["Payload"]))
            return {"Payload": json.loads(json.dumps(self.world.stage(arguments["FunctionName"], payload)))}
        return json.loads(json.dumps(self.world.call(resource, json.loads(json.dumps(arguments)))))

    def _again(self, state: Any, error: ServiceError, tries: dict[int, int]) -> bool:
        for n, retry in enumerate(state.get("Retry", [])):
            failed = "States.TaskFailed" in retry["ErrorEquals"] and error.name != "States.Timeout"
            if error.name in retry["ErrorEquals"] or failed:
                tries[n] = tries.get(n, 0) + 1
                return tries[n] <= int(retry.get("MaxAttempts", 3))
        return False

    def _caught(self, state: Any, context: Any, error: ServiceError) -> str:
        for catch in state.get("Catch", []):
            if error.name in catch["ErrorEquals"] or "States.ALL" in catch["ErrorEquals"]:
                self._assign(catch, context, error_output={"Error": error.name, "Cause": error.cause})
                return str(catch["Next"])
        raise error


@pytest.fixture
def world() -> World:
    """An account with nothing in it."""
    return World()


@pytest.fixture
def release(definition: dict[str, Any], world: World) -> Runner:
    """Runs one release."""
    return Runner(definition, world)


@pytest.fixture(scope="session")
def rolling(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The definition for a model that is released by a rolling update of four instances."""
    rollout = {k: v for k, v in MODEL["rollout"].items() if k != "termination_wait_seconds"}
    declared = MODEL | {"endpoint": {"instance_count": 4}, "rollout": rollout | {"strategy": "rolling"}}
    return definition_of(synthesise(root, Model.model_validate(declared), tmp_path_factory.mktemp("rolling")))


@pytest.fixture
def rolling_release(rolling: dict[str, Any], world: World) -> Runner:
    """Runs one release by a rolling update."""
    return Runner(rolling, world)


@pytest.fixture(scope="session")
def guarded(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The template for a model with every kind of alarm, on the new fleet alone where that can be."""
    every = {
        "latency_p50": {"milliseconds": 50, "period_seconds": 30},
        "overhead_p99": {"milliseconds": 20},
        "invocations": {"minimum": 5, "period_seconds": 120},
        "monitor_violations": True,
        "own": ["queue is long"],
        "new_fleet_only": True,
    }
    declared = MODEL | {"rollout": {**MODEL["rollout"], "alarms": every}, "retrain": {"on_drift": False}}
    return synthesise(root, Model.model_validate(declared), tmp_path_factory.mktemp("guarded"))


@pytest.fixture
def guarded_release(guarded: dict[str, Any], world: World) -> Runner:
    """Runs one release guarded by all of them."""
    return Runner(definition_of(guarded), world)


@pytest.fixture
def error() -> type[ServiceError]:
    """For calls that fail."""
    return ServiceError


@pytest.fixture
def alarm_state() -> type[AlarmState]:
    """For alarms that are not as they should be."""
    return AlarmState
