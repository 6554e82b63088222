"""An account with one endpoint: what the machine's tasks do in it, with the handlers that are shipped."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from rehearsal.asl.errors import StatesError
from rehearsal.asl.resources import Resource
from rehearsal.clock import Clock
from release_proof.sagemaker import EndpointsPort, Request, SageMaker
from release_proof.scaling import AutoScaling
from release_proof.table import Table
from slipway_lambda.check_preflight.handler import check
from slipway_lambda.clean_up_release.handler import clean_up
from slipway_lambda.contracts.ledger import LOCK, endpoint_key
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.training import ArtefactFaultError
from slipway_lambda.deregister_scaling.handler import deregister
from slipway_lambda.judge_trial.handler import weigh
from slipway_lambda.judge_trial.look import PAIRS, Ports
from slipway_lambda.plan_release.handler import handler as plan
from slipway_lambda.ports.alarms import AlarmState
from slipway_lambda.ports.fleets import Minute
from slipway_lambda.ports.metrics import Totals
from slipway_lambda.ports.objects import Listed, ObjectMissingError
from slipway_lambda.ports.runtime import InvocationError
from slipway_lambda.probe_release.handler import run as probe
from slipway_lambda.restore_scaling.restore import restore
from slipway_lambda.smoke_test.handler import run as smoke
from slipway_lambda.verify_release.handler import look

ENDPOINT = "flight-delays-dev"


@dataclass
class Account:
    """What a scenario sets is what the machine finds."""

    clock: Clock
    ledger: Table = field(default_factory=Table)
    notices: list[Request] = field(default_factory=list)
    wrong_answers: set[int] = field(default_factory=set)
    """Versions that do not answer what their evaluation did."""
    requests: int = 100
    """What CloudWatch counts for the new fleet."""
    alarm: str = "OK"
    """State of every alarm."""
    trial_requests: int = 10_000
    """What CloudWatch counts for each side of a trial."""
    trial_failures: int = 0
    """Of the challenger's."""

    mismatches: int = 0
    """Answers to golden records that neither version gives, as published."""

    def __post_init__(self) -> None:
        self.sagemaker = SageMaker(self.clock, ENDPOINT)
        self.scalings = AutoScaling(self.sagemaker)
        self._ports = _Ports(self)

    def fact(self, sort: str) -> Request:
        """An item of the endpoint's partition of the ledger."""
        return self.ledger.item(endpoint_key(ENDPOINT), sort)

    @property
    def lock_owner(self) -> str:
        """Execution ARN, or empty."""
        return str(self.fact(LOCK).get("owner", ""))

    @property
    def live_config(self) -> str:
        """What serves, or empty."""
        return str(self.sagemaker.endpoint["EndpointConfigName"]) if self.sagemaker.endpoint else ""

    @property
    def status(self) -> str:
        """The endpoint's, or empty."""
        return str(self.sagemaker.endpoint["EndpointStatus"]) if self.sagemaker.endpoint else ""

    def do(self, resource: Resource, arguments: Any) -> Any:
        """One call of a task, as JSON in and out."""
        self.sagemaker.pass_time()
        given = json.loads(json.dumps(arguments))
        if resource.is_function:
            answer: Any = {"Payload": self._stage(given["FunctionName"].split(".")[1], given["Payload"])}
        elif resource.service == "sns":
            self.notices.append(json.loads(given["Message"]))
            answer = {"MessageId": str(len(self.notices))}
        elif resource.service == "dynamodb":
            answer = self._written(resource, given)
        else:
            answer = getattr(self.sagemaker, resource.action)(given, resource.kind)
        return json.loads(json.dumps(answer))

    def _written(self, resource: Resource, request: Request) -> Any:
        """The AWS SDK's integration names the service in its own way."""
        try:
            return getattr(self.ledger, resource.action)(request)
        except StatesError as error:
            if resource.kind != "sdk":
                raise
            raise StatesError(error.error.replace("DynamoDB.", "DynamoDb."), error.cause) from error

    def restore_scaling(self, spec: ReleaseSpec) -> Request:
        """As the stage does it, and settling."""
        assert spec.scaling is not None
        endpoints = EndpointsPort(self.sagemaker)
        return {"restored": restore(spec.endpoint, spec.variant, spec.scaling, endpoints, self.scalings)}

    def _stage(self, verb: str, payload: Request) -> Any:
        ports: Any = self._ports
        stages: dict[str, Callable[[], Any]] = {
            "plan_release": lambda: plan(payload, None),
            "inspect_artefact": lambda: _inspect(payload),
            "check_preflight": lambda: check(payload, ports, ports, EndpointsPort(self.sagemaker), ports, ports),
            "verify_release": lambda: look(payload, EndpointsPort(self.sagemaker), ports, ports),
            "probe_release": lambda: probe(payload, ports, ports, ports),
            "smoke_test": lambda: smoke(payload, ports, ports),
            "judge_trial": lambda: weigh(
                payload, Ports(EndpointsPort(self.sagemaker), ports, ports, ports, self.ledger, ports)
            ),
            "clean_up_release": lambda: clean_up(payload, EndpointsPort(self.sagemaker), self.ledger, self.scalings),
            "deregister_scaling": lambda: deregister(payload, EndpointsPort(self.sagemaker), self.scalings),
            "restore_scaling": lambda: self.restore_scaling(ReleaseSpec.from_dict(payload["spec"])),
        }
        try:
            return stages[verb]()
        except Exception as error:  # what Lambda makes of a handler's exception
            name = type(error).__name__
            raise StatesError(name, json.dumps({"errorMessage": str(error), "errorType": name})) from error


@lru_cache(maxsize=1)
def _capture(at: int) -> bytes:
    """An object of data capture, with as many answers as a verdict takes; the same for both sides of a trial."""
    return "\n".join(_captured(number, at) for number in range(PAIRS)).encode()


def _captured(number: int, at: int) -> str:
    """A line of data capture; both sides of a trial answer alike."""
    side, when = {"encoding": "CSV", "observedContentType": "text/csv"}, datetime.fromtimestamp(at, UTC).isoformat()
    data = {"endpointInput": {**side, "data": f"{number}"}, "endpointOutput": {**side, "data": f"0.{number + 1}"}}
    return json.dumps({"captureData": data, "eventMetadata": {"eventId": f"{number}", "inferenceTime": when}})


def _inspect(payload: Request) -> Request:
    """The artefact's bytes are those of the version in its address; the handler itself is tested elsewhere."""
    version = int(payload["uri"].split("/")[-2])
    if payload["expected_sha256"] != f"{version:064x}":
        raise ArtefactFaultError(f"{payload['uri']} is not what was evaluated.")
    return {"sha256": payload["expected_sha256"]}


@dataclass
class _Ports:
    """Alarms, images, objects and the runtime, for the stages."""

    account: Account

    def describe(self, names: Any) -> list[AlarmState]:
        variant = {n: "challenger" if "Challenger" in n else "main" for n in names}
        fleets = {n: {"EndpointName": ENDPOINT, "VariantName": variant[n]} for n in names}
        return [AlarmState(n, self.account.alarm, "seen", True, fleets[n]) for n in names]

    def approval(self, arn: str) -> str:
        package = self.account.sagemaker.packages[int(arn.rsplit("/", 1)[1])]
        return str(package["ModelApprovalStatus"])

    def totals(self, namespace: str, name: str, dimensions: Any, start: float, end: float) -> Totals:
        failures = self.account.trial_failures if dimensions["VariantName"] == "challenger" else 0
        return Totals(self.account.trial_requests, failures)

    def list(self, bucket: str, prefix: str) -> Iterator[Listed]:
        hour = datetime.fromtimestamp(self.account.clock.now(), UTC).strftime("%Y/%m/%d/%H")
        if prefix.endswith(f"/{hour}/"):  # capture writes into the hour of the answer
            yield Listed(f"{prefix}answers.jsonl", "etag", 1)

    def invocations(self, endpoint: str, variant: str, config: str, start: float, end: float) -> int:
        return self.account.requests

    def publish(self, endpoint: str, wrong: int) -> None:
        self.account.mismatches += wrong

    def by_minute(self, endpoint: str, variant: str, config: str, start: float, end: float) -> dict[int, Minute]:
        return {0: Minute(self.account.requests, 0, 0)}

    def exists(self, uri: str) -> bool:
        return True

    def head(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        if key.endswith("answers.jsonl"):
            return _capture(int(self.account.clock.now()))
        if key.endswith("golden.jsonl"):
            return b'{"content_type": "text/csv", "body": "1,AA", "prediction": 0.5}\n' * 3
        if key.endswith("model.tar.gz"):
            return b"x"
        raise ObjectMissingError(f"There is no object s3://{bucket}/{key}.")

    def invoke(self, endpoint: str, content_type: str, body: str) -> str:
        account = self.account
        if not account.live_config:
            raise InvocationError("Endpoint not found")
        version = int(account.live_config.rsplit("-v", 1)[1].split("-")[0])
        return "0.9" if version in account.wrong_answers else "0.5"
