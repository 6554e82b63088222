"""What CreateEndpointConfig refuses beyond the shapes: combinations of members that the service does not run together.

Sources: the developer guide's pages on shadow test exclusions, serverless inference exclusions, inference components
and the API reference of CreateEndpointConfig and ProductionVariant.
"""

from typing import Any

from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.endpoints.pools import kinds
from rehearsal.sagemaker.errors import ServiceError, invalid, not_emulated

_NOT_EMULATED = {
    "CoreDumpConfig": "core dumps",
    "CapacityReservationConfig": "capacity reservations",
    "InferenceAmiVersion": "a choice of machine image",
}
_INSTANCE_MEMBERS = (
    "InstanceType",
    "InstancePools",
    "InitialInstanceCount",
    "ManagedInstanceScaling",
    "RoutingConfig",
    "VolumeSizeInGB",
)
_FREQUENCIES = (10, 30, 60, 120, 180, 240, 300)


def check_config(call: Call) -> None:
    """Raise the service's refusal of a CreateEndpointConfig request, or `not_emulated`."""
    params = call.params
    if "ExplainerConfig" in params:
        raise not_emulated("online explainability (ExplainerConfig)")
    production, shadows = params["ProductionVariants"], params.get("ShadowProductionVariants", [])
    names = [one["VariantName"] for one in (*production, *shadows)]
    if len(set(names)) < len(names):
        raise invalid("Variant names must be unique within an endpoint configuration.")
    if params.get("MetricsConfig", {}).get("EnableEnhancedMetrics"):
        raise not_emulated("metrics of each instance and container (EnableEnhancedMetrics)")
    frequency = params.get("MetricsConfig", {}).get("MetricPublishFrequencyInSeconds", _FREQUENCIES[0])
    if frequency not in _FREQUENCIES:
        allowed = ", ".join(str(one) for one in _FREQUENCIES)
        raise invalid(f"MetricPublishFrequencyInSeconds is {frequency}; valid values are {allowed}.")
    for variant in (*production, *shadows):
        _check_variant(call, variant)
    _check_components(params, [*production, *shadows])
    _check_serverless(call, production)
    if shadows:
        _check_shadow(call, [*production, *shadows])


def _check_variant(call: Call, variant: dict[str, Any]) -> None:
    name = variant["VariantName"]
    for member, feature in _NOT_EMULATED.items():
        if member in variant:
            raise not_emulated(f"{feature} ({member})")
    if variant.get("EnableSSMAccess"):
        raise not_emulated("shells on instances (EnableSSMAccess)")
    if "AcceleratorType" in variant:
        raise invalid("AcceleratorType is no longer supported: Amazon Elastic Inference is no longer available.")
    if variant.get("RoutingConfig", {}).get("RoutingStrategy") == "PREFIX_AWARE":
        raise not_emulated("routing by prompt prefix (RoutingStrategy PREFIX_AWARE)")
    if "ServerlessConfig" in variant:
        _check_serverless_variant(variant)
    elif missing := [one for one in ("InstanceType", "InitialInstanceCount") if one not in _given(variant)]:
        raise invalid(f"{missing[0]} is required for production variant {name}.")
    _check_pools(variant)
    if "ModelName" in variant and variant["ModelName"] not in call.state.models:
        raise invalid(f'Could not find model "{call.arn("model", variant["ModelName"])}".')
    if "ManagedInstanceScaling" in variant:
        _check_scaling(variant)


def _given(variant: dict[str, Any]) -> set[str]:
    """Members of a variant; pools stand for the type."""
    return {*variant, "InstanceType"} if "InstancePools" in variant else set(variant)


def _check_pools(variant: dict[str, Any]) -> None:
    pools, name = variant.get("InstancePools"), variant["VariantName"]
    if pools is None:
        return
    if "InstanceType" in variant:
        raise invalid(f"InstanceType and InstancePools cannot both be specified for production variant {name}.")
    if any("ModelNameOverride" in one for one in pools):
        raise not_emulated("a model of its own for an instance pool (ModelNameOverride)")
    for member in ("InstanceType", "Priority"):
        if len({one[member] for one in pools}) < len(pools):
            raise invalid(f"{member} must be unique among the InstancePools of production variant {name}.")


def _check_serverless_variant(variant: dict[str, Any]) -> None:
    name, given = variant["VariantName"], variant["ServerlessConfig"]
    if both := [one for one in _INSTANCE_MEMBERS if one in variant]:
        raise invalid(f"{both[0]} cannot be specified with ServerlessConfig for production variant {name}.")
    if given["MemorySizeInMB"] % 1024:
        raise invalid(
            f"MemorySizeInMB is {given['MemorySizeInMB']}; valid values are in 1 GB increments: 1024 to 6144."
        )
    check_concurrency(given)


def check_concurrency(serverless: dict[str, Any]) -> None:
    """ProvisionedConcurrency is at most MaxConcurrency."""
    provisioned, most = serverless.get("ProvisionedConcurrency", 0), serverless["MaxConcurrency"]
    if provisioned > most:
        raise invalid(f"ProvisionedConcurrency ({provisioned}) must be less than or equal to MaxConcurrency ({most}).")


def _check_scaling(variant: dict[str, Any]) -> None:
    given, count = variant["ManagedInstanceScaling"], variant["InitialInstanceCount"]
    if "ModelName" in variant:
        raise invalid("ManagedInstanceScaling is not supported with the given EndpointConfig setup.")
    least, most = given.get("MinInstanceCount", 0), given.get("MaxInstanceCount", max(count, 1))
    if not least <= count <= most:
        raise invalid(
            f"InitialInstanceCount ({count}) of production variant {variant['VariantName']} must be between "
            f"MinInstanceCount ({least}) and MaxInstanceCount ({most}) of ManagedInstanceScaling."
        )


def _check_components(params: dict[str, Any], variants: list[dict[str, Any]]) -> None:
    """Without ModelName a variant hosts inference components: then all do, and the config brings the role."""
    without = [one for one in variants if "ModelName" not in one]
    if not without:
        return
    if len(without) < len(variants):
        raise invalid("ModelName must be specified for all production variants or for none of them.")
    if "ExecutionRoleArn" not in params:
        raise invalid("ExecutionRoleArn is required when no ModelName is specified for the production variants.")
    if any("ServerlessConfig" in one for one in without):
        raise invalid("ModelName is required for a production variant with ServerlessConfig.")


def _check_serverless(call: Call, production: list[dict[str, Any]]) -> None:
    if not any("ServerlessConfig" in one for one in production):
        return
    if len(production) > 1:
        raise _unsupported("multiple production variants", "serverless inference")
    for member in ("DataCaptureConfig", "AsyncInferenceConfig", "VpcConfig", "EnableNetworkIsolation"):
        if call.params.get(member):
            raise _unsupported(member, "serverless inference")
    model = call.state.models[production[0]["ModelName"]]
    for feature, used in (
        ("VpcConfig", model.get("VpcConfig")),
        ("EnableNetworkIsolation", model.get("EnableNetworkIsolation")),
        ("an inference pipeline", len(_containers(model)) > 1),
        ("a multi-model container", _multi_model(model)),
    ):
        if used:
            raise _unsupported(feature, "serverless inference")


def _check_shadow(call: Call, variants: list[dict[str, Any]]) -> None:
    if len(variants) != 2:
        raise invalid(
            "If you specify ShadowProductionVariants, you can only specify one variant for ProductionVariants and one "
            "variant for ShadowProductionVariants."
        )
    if "AsyncInferenceConfig" in call.params:
        raise _unsupported("AsyncInferenceConfig", "shadow variants")
    for variant in variants:
        if "ServerlessConfig" in variant:
            raise _unsupported("ServerlessConfig", "shadow variants")
        if any(kind.startswith("ml.inf1.") for kind in kinds(variant)):
            raise _unsupported("an Inf1 instance type", "shadow variants")
        if "ModelName" not in variant:
            raise _unsupported("an inference component", "shadow variants")
        model = call.state.models[variant["ModelName"]]
        if len(_containers(model)) > 1:
            raise _unsupported("a multi-container endpoint", "shadow variants")
        if _multi_model(model):
            raise _unsupported("a multi-model endpoint", "shadow variants")


def _containers(model: dict[str, Any]) -> list[dict[str, Any]]:
    return list(model.get("Containers") or [model["PrimaryContainer"]])


def _multi_model(model: dict[str, Any]) -> bool:
    return any(one.get("Mode") == "MultiModel" for one in _containers(model))


def _unsupported(feature: str, by: str) -> ServiceError:
    return invalid(f"Endpoint configuration with {feature} is not supported for {by}.")
