"""What an endpoint runs, or is to run: a config and its models as they were when the call was accepted."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.store import Record

_LISTS = ("ProductionVariants", "ShadowProductionVariants")
_RETAINED = {"DesiredInstanceCount": "InitialInstanceCount", "DesiredWeight": "InitialVariantWeight"}


@dataclass(frozen=True)
class Blueprint:
    """JSON values only: kept in the endpoint's record, so that fleets can be built again after a restart, when config
    and models may be deleted. The variants' initial counts and weights are brought up to date when they change.
    """

    config: dict[str, Any]
    models: dict[str, Any]

    @classmethod
    def of(cls, call: Call, config: Record) -> "Blueprint":
        """The config as it is now, with the models it names."""
        names = {one["ModelName"] for key in _LISTS for one in config.get(key, []) if "ModelName" in one}
        for name in sorted(names):
            if name not in call.state.models:
                raise invalid(f'Could not find model "{call.arn("model", name)}".')
        return cls(copy.deepcopy(config), {name: copy.deepcopy(call.state.models[name]) for name in names})

    @classmethod
    def kept(cls, value: dict[str, Any]) -> "Blueprint":
        """From `json`."""
        return cls(value["config"], value["models"])

    def json(self) -> dict[str, Any]:
        """For the endpoint's record."""
        return {"config": self.config, "models": self.models}

    @property
    def name(self) -> str:
        """EndpointConfigName."""
        return str(self.config["EndpointConfigName"])

    @property
    def production(self) -> list[dict[str, Any]]:
        """The production variants."""
        return list(self.config["ProductionVariants"])

    @property
    def shadows(self) -> list[dict[str, Any]]:
        """The shadow variants."""
        return list(self.config.get("ShadowProductionVariants", []))

    def variants(self) -> Iterator[dict[str, Any]]:
        """Both."""
        yield from self.production
        yield from self.shadows

    def variant(self, name: str) -> dict[str, Any]:
        """One of them, by name."""
        return next(one for one in self.variants() if one["VariantName"] == name)

    def sizes(self) -> list[int]:
        """Instances of each production variant."""
        return [one.get("InitialInstanceCount", 0) for one in self.production]

    def fleets(self, core: Core, scope: Scope, endpoint: str) -> tuple[list[Fleet], list[Fleet]]:
        """New fleets of the production and of the shadow variants, not started."""

        def fleet(variant: dict[str, Any], *, shadow: bool) -> Fleet:
            model = self.models.get(variant.get("ModelName", ""))
            return Fleet(core, scope, endpoint, config=self.config, variant_record=variant, model=model, shadow=shadow)

        production = [fleet(one, shadow=False) for one in self.production]
        return production, [fleet(one, shadow=True) for one in self.shadows]

    def retain(self, params: dict[str, Any], running: "Blueprint") -> None:
        """RetainAllVariantProperties: what is live stays, but for what ExcludeRetainedVariantProperties names."""
        if not params.get("RetainAllVariantProperties", False):
            return
        excluded = {one["VariantPropertyType"] for one in params.get("ExcludeRetainedVariantProperties", [])}
        names = {one["VariantName"]: one for one in running.variants()}
        for variant in self.variants():
            for shown, member in _RETAINED.items():
                kept = names.get(variant["VariantName"], {})
                if shown not in excluded and member in kept and member in variant:
                    variant[member] = kept[member]
        if "DataCaptureConfig" not in excluded:
            self.config.pop("DataCaptureConfig", None)
            if kept_capture := running.config.get("DataCaptureConfig"):
                self.config["DataCaptureConfig"] = copy.deepcopy(kept_capture)
