"""SageMaker's endpoints, configs, models and registry as a release meets them: a model in memory, on the cloud's clock.

It is as permissive as the service: a config in use can be deleted. What an update comes to is drawn by `fate`.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from rehearsal.asl.errors import StatesError
from rehearsal.clock import Clock

Request = dict[str, Any]
CHANGING = frozenset({"Creating", "Updating", "RollingBack", "SystemUpdating", "Deleting"})
REFUSED = {"sdk": "SageMaker.SageMakerException", "optimised": "SageMaker.AmazonSageMakerException"}
"""A ValidationException, which is in no service model."""
REGISTRY = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
GROUP_ARN = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/flight-delays"
STEP_SECONDS = 70
"""How long each step of a change takes."""


def refused(cause: str, kind: str = "sdk") -> StatesError:
    """A request that the service does not accept."""
    return StatesError(REFUSED[kind], cause)


@dataclass
class SageMaker:
    """One endpoint's account. `steps` are what the endpoint still comes to: (due, status, config or None)."""

    clock: Clock
    endpoint_name: str
    packages: dict[int, Request] = field(default_factory=dict)
    models: dict[str, Request] = field(default_factory=dict)
    configs: dict[str, Request] = field(default_factory=dict)
    endpoint: Request | None = None
    steps: list[tuple[float, str, str | None]] = field(default_factory=list)
    fate: Callable[[str], str] = lambda _: "good"
    """By the action that begins a change (create, trial, update, turn_back): good | rolls_back | rollback_fails | fails
    (creation) | stuck."""
    happened: Callable[[str], None] = lambda _: None
    """Told of every step the service takes by itself."""
    other_bytes: bool = False
    """The next fleet runs another image than its config names."""
    scales: Callable[[], bool] = lambda: False
    """Whether the variant is a scalable target."""
    kept_count: int = 0
    """Instances that an update keeps; 0: as the config says."""

    # The registry -----------------------------------------------------------------------------------------------------

    def approve(self, version: int, reason: str = "good") -> None:
        """Register a version if it is new, and approve it."""
        digest = f"sha256:{version:064x}"
        self.packages[version] = {
            "ModelPackageArn": f"{GROUP_ARN}/{version}",
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
            },
        }

    def listModelPackages(self, request: Request, kind: str) -> Request:
        """Only those of the status asked for, as the machine asks."""
        wanted = request["ModelApprovalStatus"]
        found = [p for _, p in sorted(self.packages.items(), reverse=True) if p["ModelApprovalStatus"] == wanted]
        return {"ModelPackageSummaryList": copy.deepcopy(found)}

    def describeModelPackage(self, request: Request, kind: str) -> Request:
        """Any version, whatever its status."""
        return copy.deepcopy(self._package(request["ModelPackageName"], kind))

    def updateModelPackage(self, request: Request, kind: str) -> Request:
        """The lifecycle stage."""
        self._package(request["ModelPackageArn"], kind)["ModelLifeCycle"] = request["ModelLifeCycle"]
        return {}

    def _package(self, arn: str, kind: str) -> Request:
        number = arn.rpartition("/")[2]
        found = self.packages.get(int(number)) if number else None
        if found is None:
            raise refused(f"ModelPackage {arn} does not exist.", kind)
        return found

    # Models and configs -----------------------------------------------------------------------------------------------

    def createModel(self, request: Request, kind: str) -> Request:
        """Names are taken once."""
        if request["ModelName"] in self.models:
            raise refused(f"Cannot create already existing model {request['ModelName']}.", kind)
        self.models[request["ModelName"]] = request
        return {}

    def createEndpointConfig(self, request: Request, kind: str) -> Request:
        """Names are taken once, and a variant's model must be there."""
        name = request["EndpointConfigName"]
        if name in self.configs:
            raise refused(f"Cannot create already existing endpoint configuration {name}.", kind)
        for variant in (*request["ProductionVariants"], *request.get("ShadowProductionVariants", [])):
            if variant["ModelName"] not in self.models:
                raise refused(f"Could not find model {variant['ModelName']}.", kind)
        self.configs[name] = request
        return {}

    def describeModel(self, request: Request, kind: str) -> Request:
        """As it was created."""
        if request["ModelName"] not in self.models:
            raise refused("Could not find model.", kind)
        return dict(self.models[request["ModelName"]])

    def describeEndpointConfig(self, request: Request, kind: str) -> Request:
        """As it was created."""
        if request["EndpointConfigName"] not in self.configs:
            raise refused("Could not find endpoint configuration.", kind)
        return dict(self.configs[request["EndpointConfigName"]])

    # The endpoint -----------------------------------------------------------------------------------------------------

    def describeEndpoint(self, request: Request, kind: str) -> Request:
        """As it is now."""
        if self.endpoint is None:
            raise refused(f"Could not find endpoint {request['EndpointName']}.", kind)
        return copy.deepcopy(self.endpoint)

    def createEndpoint(self, request: Request, kind: str) -> Request:
        """Once."""
        if self.endpoint is not None:
            raise refused(f"Cannot create already existing endpoint {request['EndpointName']}.", kind)
        config = self._config(request, kind)
        self.kept_count = 0
        self.endpoint = self._serving(config, "Creating")
        fate = self.fate("create")
        ways: dict[str, list[tuple[str, str | None]]] = {"fails": [("Failed", None)], "stuck": []}
        self._plan(ways.get(fate, [("InService", config)]))
        return {}

    def updateEndpoint(self, request: Request, kind: str) -> Request:
        """From a settled state only, to another config."""
        if self.endpoint is None:
            raise refused(f"Could not find endpoint {request['EndpointName']}.", kind)
        if self.endpoint["EndpointStatus"] not in ("InService", "UpdateRollbackFailed"):
            raise refused("Cannot update in-progress endpoint.", kind)
        config, old = self._config(request, kind), self.endpoint["EndpointConfigName"]
        types = {self.configs[c]["ProductionVariants"][0]["InstanceType"] for c in (config, old) if c in self.configs}
        if self.scales() and len(types) > 1:
            raise refused("The variant(s) must be deregistered as scalable targets before they can be updated.", kind)
        live = self.endpoint["ProductionVariants"][0]["DesiredInstanceCount"]
        self.kept_count = live if request.get("RetainAllVariantProperties") else 0
        self.endpoint["EndpointStatus"] = "Updating"
        self.endpoint["PendingDeploymentSummary"] = {"EndpointConfigName": config}
        ways: dict[str, list[tuple[str, str | None]]] = {
            "rolls_back": [("RollingBack", None), ("InService", old)],
            "rollback_fails": [("RollingBack", None), ("UpdateRollbackFailed", old)],
            "stuck": [],
        }
        action = "update" if "DeploymentConfig" in request else "turn_back"
        action = "trial" if len(variants(self.configs[config])) > 1 else action
        self._plan(ways.get(self.fate(action), [("InService", config)]))
        return {}

    def updateEndpointWeightsAndCapacities(self, request: Request, kind: str) -> Request:
        """Of a settled endpoint's variants; the config stays."""
        if self.endpoint is None or self.endpoint["EndpointStatus"] != "InService":
            raise refused("Cannot update in-progress endpoint.", kind)
        shown = {v["VariantName"]: v for v in self.endpoint["ProductionVariants"]}
        for one in request["DesiredWeightsAndCapacities"]:
            shown[one["VariantName"]]["DesiredWeight"] = one["DesiredWeight"]
        self.endpoint["EndpointStatus"] = "Updating"
        self._plan([("Weighed", None)])
        return {}

    def deleteEndpoint(self, request: Request, kind: str) -> Request:
        """From a settled state only."""
        if self.endpoint is None:
            raise refused(f"Could not find endpoint {request['EndpointName']}.", kind)
        if self.endpoint["EndpointStatus"] in CHANGING:
            raise refused("Cannot delete in-progress endpoint.", kind)
        self.endpoint["EndpointStatus"] = "Deleting"
        self._plan([("Gone", None)])
        return {}

    def resize(self, count: int) -> None:
        """Application Auto Scaling, or a person, asks for another number of instances."""
        assert self.endpoint is not None
        self.endpoint["ProductionVariants"][0] |= {"CurrentInstanceCount": count, "DesiredInstanceCount": count}

    def _config(self, request: Request, kind: str) -> str:
        name = str(request["EndpointConfigName"])
        if name not in self.configs:
            raise refused(f"Could not find endpoint configuration {name}.", kind)
        return name

    def _plan(self, steps: list[tuple[str, str | None]]) -> None:
        now = self.clock.now()
        self.steps = [(now + STEP_SECONDS * (n + 1), *step) for n, step in enumerate(steps)]

    def pass_time(self) -> None:
        """Take the steps that are due."""
        while self.steps and self.steps[0][0] <= self.clock.now() and self.endpoint is not None:
            _, status, config = self.steps.pop(0)
            if status == "Gone":
                self.endpoint = None
            elif status == "Weighed":
                status = self.endpoint["EndpointStatus"] = "InService"
                for variant in self.endpoint["ProductionVariants"]:
                    variant["CurrentWeight"] = variant["DesiredWeight"]
            elif config is not None:
                self.endpoint = self._serving(config, status)
            else:
                self.endpoint["EndpointStatus"] = status
            self.happened(status)

    def _serving(self, config: str, status: str) -> Request:
        given, image = self.configs[config], ""
        if self.other_bytes:
            self.other_bytes, image = False, f"{REGISTRY}/tabular@sha256:{'f' * 64}"
        members = [m for m in ("ProductionVariants", "ShadowProductionVariants") if given.get(m)]
        return {
            "EndpointName": self.endpoint_name,
            "EndpointConfigName": config,
            "EndpointStatus": status,
            **{member: [self._shown(v, image) for v in given[member]] for member in members},
        }

    def _shown(self, variant: Request, other_image: str) -> Request:
        image = other_image or str(self.models[variant["ModelName"]]["PrimaryContainer"]["Image"])
        count, weight = self.kept_count or variant["InitialInstanceCount"], variant["InitialVariantWeight"]
        return {
            "VariantName": variant["VariantName"],
            "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image}],
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": count,
            "DesiredInstanceCount": count,
        }


def variants(config: Request) -> list[Request]:
    """All of a config or an endpoint, shadows included."""
    return [*config["ProductionVariants"], *config.get("ShadowProductionVariants", [])]


@dataclass
class EndpointsPort:
    """SageMaker as the stages see it: slipway_lambda.ports.endpoints.Endpoints."""

    sagemaker: SageMaker

    def describe(self, endpoint: str) -> Request:
        """The endpoint, or empty."""
        return copy.deepcopy(self.sagemaker.endpoint) if self.sagemaker.endpoint else {}

    def describe_config(self, name: str) -> Request:
        """The config, or empty."""
        return dict(self.sagemaker.configs.get(name, {}))

    def describe_model(self, name: str) -> Request:
        """The model, or empty."""
        return dict(self.sagemaker.models.get(name, {}))

    def config_names(self, containing: str) -> Iterator[str]:
        """Configs by name."""
        return iter([c for c in self.sagemaker.configs if containing in c])

    def model_names(self, containing: str) -> Iterator[str]:
        """Models by name."""
        return iter([m for m in self.sagemaker.models if containing in m])

    def delete(self, endpoint: str) -> None:
        """At once."""
        self.sagemaker.endpoint = None

    def delete_config(self, name: str) -> None:
        """Also one in use."""
        self.sagemaker.configs.pop(name, None)

    def delete_model(self, name: str) -> None:
        """Also one in use."""
        self.sagemaker.models.pop(name, None)
