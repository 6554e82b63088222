"""An environment with version 2 live, 3 approved, 1 the way back: registry, ledger and machine answer from memory."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from release_proof import sample
from slipway.operations.outputs import outputs
from slipway.operations.target import Target
from slipway.operations.where import Where
from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.plan_release.package import read_package
from slipway_lambda.plan_release.requests import content_name

ENDPOINT = "flight-delays-dev"
MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:release"
RUN = "arn:aws:states:eu-west-1:111122223333:execution:release:"
ADA = "arn:aws:iam::111122223333:user/ada"
SPEC = replace(sample.SPEC, model="flight-delays", endpoint=ENDPOINT, termination_wait_seconds=120, minimum_requests=50)


class Platform:
    """What tests set is what the command line finds."""

    def __init__(self, aws: Any, error: Callable[..., Exception]) -> None:
        self.aws, self._error = aws, error
        self.spec = SPEC
        self.quota = 8
        self.packages = {n: self._package(n) for n in (1, 2, 3)}
        self.executions: dict[str, dict[str, Any]] = {}
        self.states = ["Begin", "Let it work"]
        self.events: list[dict[str, Any]] = []
        self.ledger: dict[str, dict[str, Any]] = {}
        self.on_start: Callable[[str], None] = lambda name: None
        verified = [{"config": self.config(n), "version": n} for n in (2, 1)]
        self.put(
            "live",
            version=2,
            config=self.config(2),
            package_arn="arn:package/2",
            verified=verified,
            released_at=1_795_243_730,
            fence=2,
        )
        aws.answers |= {
            ("dynamodb", "get_item"): lambda Key, **_: self._found(Key["sk"]["S"]),
            ("dynamodb", "query"): self._query,
            ("dynamodb", "update_item"): self._update,
            ("dynamodb", "put_item"): self._put,
            ("dynamodb", "delete_item"): self._delete,
            ("sagemaker", "list_model_packages"): self._list,
            ("sagemaker", "describe_model_package"): lambda ModelPackageName: self.packages[int(ModelPackageName[-1])],
            ("sagemaker", "describe_endpoint"): self._endpoint,
            ("sagemaker", "list_endpoints"): lambda **_: {"Endpoints": [{"EndpointName": ENDPOINT}]},
            ("sagemaker", "describe_endpoint_config"): {
                "ProductionVariants": [{"VariantName": "main", "InstanceType": "ml.m5.large"}]
            },
            ("service-quotas", "list_aws_default_service_quotas"): lambda **_: {"Quotas": []},
            ("service-quotas", "list_service_quotas"): lambda **_: {
                "Quotas": [
                    {"QuotaName": "ml.m5.large for endpoint usage", "QuotaCode": "L-1", "Value": float(self.quota)}
                ]
            },
            ("stepfunctions", "describe_state_machine"): lambda stateMachineArn: {
                "definition": json.dumps({"States": {"Begin": {"Assign": {"spec": asdict(self.spec)}}}})
            },
            ("stepfunctions", "start_execution"): self._start,
            ("stepfunctions", "describe_execution"): self._describe,
            ("stepfunctions", "get_execution_history"): lambda **_: {
                "events": [
                    {"id": n, "stateEnteredEventDetails": {"name": name}} for n, name in enumerate(self.states, 1)
                ]
                + self.events
            },
        }
        self.endpoint: dict[str, Any] = {
            "EndpointName": ENDPOINT, "EndpointStatus": "InService", "EndpointConfigName": self.config(2),
            "ProductionVariants": [{"VariantName": "main", "CurrentInstanceCount": 4}],
        }  # fmt: skip

    def config(self, number: int) -> str:
        return content_name(self.spec, read_package(self.packages[number]))

    def approval(self, number: int) -> str:
        return read_package(self.packages[number]).approval

    def put(self, sort: str, **values: Any) -> None:
        """An item of the endpoint's partition."""
        self.ledger[sort] = {"pk": f"endpoint#{ENDPOINT}", "sk": sort, **values}

    def attempt(self, number: int, outcome: str, execution: str = "old", **more: Any) -> None:
        """The last attempt at a version, with its present approval."""
        arn = RUN + execution
        self.put(
            f"attempt#{number}", version=number, outcome=outcome, approval=self.approval(number), execution=arn, **more
        )

    def at_work(self, number: int = 3, name: str = "run") -> str:
        """A release of a version runs and has the lock."""
        self.executions[name] = {"status": "RUNNING"}
        self.attempt(number, "started", name)
        self.put("lock", owner=RUN + name, expires_at=1, fence=3)
        return RUN + name

    @staticmethod
    def _package(number: int) -> dict[str, Any]:
        digest = f"sha256:{number:064x}"
        runs = f"s3://artefacts/flight-delays/runs/{number}/"
        container = {
            "Image": f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/tabular@{digest}", "ImageDigest": digest,
            "ModelDataUrl": f"{runs}model/{number}-train/output/model.tar.gz",
        }  # fmt: skip
        return {
            "ModelPackageArn": f"arn:package/{number}",
            "ModelPackageVersion": number,
            "ModelPackageStatus": "Completed",
            "ModelApprovalStatus": "Approved",
            "MetadataProperties": {"GeneratedBy": "arn:training", "CommitId": f"c0ffee{number}"},
            "ApprovalDescription": f"good {number} | by {ADA} at 2026-01-01T00:00:00Z",
            "InferenceSpecification": {"Containers": [container]},
            "CustomerMetadataProperties": {
                "artefact_sha256": f"{number:064x}", "image_digest": digest, "data_version": "d" * 64,
                "golden_uri": f"{runs}evaluation/golden.jsonl", "schema_uri": f"{runs}config/schema.json",
                "gate_uri": f"{runs}gate.json", "auc": f"0.9{number}",
            },
        }  # fmt: skip

    def _list(self, NextToken: str = "", **asked: Any) -> dict[str, Any]:
        wanted = asked.get("ModelApprovalStatus")
        found = [p for _, p in sorted(self.packages.items(), reverse=True)]
        chosen = [{**p, "CreationTime": 0} for p in found if wanted in {None, p["ModelApprovalStatus"]}]
        return {"ModelPackageSummaryList": chosen}

    def _endpoint(self, EndpointName: str) -> Any:
        return self.endpoint or self._error("ValidationException", "Could not find endpoint")

    def _found(self, sort: str) -> dict[str, Any]:
        return {"Item": to_item(self.ledger[sort])} if sort in self.ledger else {}

    def _query(self, ExclusiveStartKey: Any = None, **_: Any) -> dict[str, Any]:
        """Two pages."""
        items = [to_item(i) for i in self.ledger.values()]
        half = len(items) // 2
        return {"Items": items[half:]} if ExclusiveStartKey else {"Items": items[:half], "LastEvaluatedKey": {"pk": 1}}

    def _update(
        self, Key: Any, UpdateExpression: str, ConditionExpression: str, ExpressionAttributeValues: Any, **_: Any
    ) -> Any:
        values, held = from_item(ExpressionAttributeValues), self.ledger.get(Key["sk"]["S"], {})
        if not self._holds(ConditionExpression, held, values):
            return self._error("ConditionalCheckFailedException", "no")
        sets = [part.split(" = ") for part in UpdateExpression.removeprefix("SET ").split(", ")]
        self.ledger[Key["sk"]["S"]] = new = {**held, **{name: values[value] for name, value in sets}}
        return {"Attributes": to_item(new)}

    @staticmethod
    def _holds(condition: str, held: dict[str, Any], values: dict[str, Any]) -> bool:
        """Terms joined by AND, of which one in brackets may be terms joined by OR."""

        def one(term: str) -> bool:
            if absent := re.fullmatch(r"attribute_not_exists\((\w+)\)", term):
                return absent[1] not in held
            name, value = term.split(" = ")
            return name.removeprefix("#") in held and held[name.removeprefix("#")] == values[value]

        terms = re.findall(r"\(.+ OR .+\)|attribute_not_exists\(\w+\)|#?\w+ = :\w+", condition)
        assert " AND ".join(terms) == condition
        return all(any(one(t) for t in (term[1:-1] if term[0] == "(" else term).split(" OR ")) for term in terms)

    def _put(self, Item: Any, **_: Any) -> Any:
        item = from_item(Item)
        if item["sk"] in self.ledger:
            return self._error("ConditionalCheckFailedException", "no")
        self.ledger[item["sk"]] = item
        return {}

    def _delete(self, Key: Any, ExpressionAttributeValues: Any, **_: Any) -> Any:
        if self.ledger.get(Key["sk"]["S"], {}).get("held_at") != from_item(ExpressionAttributeValues)[":at"]:
            return self._error("ConditionalCheckFailedException", "no")
        del self.ledger[Key["sk"]["S"]]
        return {}

    def _start(self, stateMachineArn: str, name: str, input: str) -> Any:
        assert stateMachineArn == MACHINE
        known = self.executions.get(name)
        if known and not (known["status"] == "RUNNING" and known["input"] == input):
            return self._error("ExecutionAlreadyExists", "no")
        self.executions[name] = {"status": "RUNNING", "input": input}
        self.on_start(name)
        return {"executionArn": RUN + name}

    def _describe(self, executionArn: str) -> Any:
        known = self.executions.get(executionArn.rsplit(":", 1)[1])
        return known or self._error("ExecutionDoesNotExist", "no")

    def ends(self, **said: Any) -> None:
        """The next execution ends with these words, as soon as it is started."""

        def end(name: str) -> None:
            good = said.get("outcome") == "released"
            self.executions[name] |= (
                {"status": "SUCCEEDED", "output": json.dumps(said)}
                if good
                else {"status": "FAILED", "error": "Release", "cause": json.dumps(said)}
            )

        self.on_start = end

    @property
    def started(self) -> list[dict[str, Any]]:
        """Inputs of the executions that were asked for."""
        return [json.loads(e["input"]) for e in self.executions.values() if "input" in e]

    def declare(self, **changes: Any) -> None:
        """Another declaration was deployed."""
        self.spec = replace(self.spec, **changes)


@pytest.fixture
def platform(aws: Any, refusal: Any, where: Where, monkeypatch: pytest.MonkeyPatch, checkout: Any) -> Platform:
    described = aws.answers["cloudformation", "describe_stacks"]

    def stacks(StackName: str) -> Any:
        answer = described(StackName)
        for stack in [] if isinstance(answer, Exception) else answer["Stacks"]:
            for output in stack["Outputs"]:
                if output["OutputKey"] == "ReleaseMachine":
                    output["OutputValue"] = MACHINE
        return answer

    aws.answers["cloudformation", "describe_stacks"] = stacks
    for module in ("slipway.operations.target", "slipway.cli.status", "slipway.cli.approvals"):
        monkeypatch.setattr(f"{module}.find", lambda *_, **__: where)
    monkeypatch.setattr("slipway.cli.release.POLL_SECONDS", 0)
    monkeypatch.setattr("slipway.cli.steer.POLL_SECONDS", 0)
    return Platform(aws, refusal)


@pytest.fixture
def target(platform: Platform, where: Where, declared: Any) -> Target:
    environment, model = declared.platform.environments[0], declared.models[0]
    return Target(where, environment, model, outputs(where, declared.platform, environment, model))
