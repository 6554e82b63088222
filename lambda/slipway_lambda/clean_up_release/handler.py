"""Clean up: versions that are neither live nor a way back go; everything else stays."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.clean_up_release.choose import needed_configs, removable
from slipway_lambda.contracts.ledger import LIVE, endpoint_key
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.events import setting, take
from slipway_lambda.ports.endpoints import Endpoints, SageMakerEndpoints
from slipway_lambda.ports.ledger import DynamoLedger, Ledger
from slipway_lambda.ports.scalings import ApplicationAutoScaling, Scalings
from slipway_lambda.restore_scaling.restore import release_from_scaling


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `last_good` ({} or {config}) → {"deleted": [config names]}."""
    return clean_up(event, SageMakerEndpoints(), DynamoLedger(setting("LEDGER_TABLE")), ApplicationAutoScaling())


def clean_up(
    event: Mapping[str, Any], endpoints: Endpoints, ledger: Ledger, scalings: Scalings | None = None
) -> dict[str, Any]:
    """As the handler, on any ports. Configs go before models, so that no config ever names a model that is gone."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    if scalings is not None and spec.scaling is None:  # it may have been declared before
        release_from_scaling(spec.endpoint, spec.variant, scalings)
    prefix = f"{spec.endpoint}-v"
    configs, models = list(endpoints.config_names(prefix)), list(endpoints.model_names(prefix))
    # Read what is needed after the lists: a config that becomes live meanwhile is then seen as needed.
    needed = needed_configs(
        endpoints.describe(spec.endpoint),
        ledger.item(endpoint_key(spec.endpoint), LIVE),
        take(event, "last_good", dict),
        spec.keep_versions,
    )
    gone = removable(spec.endpoint, configs, needed)
    kept_models = {v["ModelName"] for c in needed for v in endpoints.describe_config(c).get("ProductionVariants", [])}
    for name in gone:
        endpoints.delete_config(name)
    for name in removable(spec.endpoint, models, needed | kept_models):
        endpoints.delete_model(name)
    return {"deleted": gone}
