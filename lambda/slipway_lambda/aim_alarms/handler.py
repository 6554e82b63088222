"""Aim the alarms that watch the new fleet alone at the config that is about to be released."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.events import take
from slipway_lambda.ports.alarms import Alarms, CloudWatchAlarms


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `config` → {"aimed": names}."""
    return aim(event, CloudWatchAlarms())


def aim(event: Mapping[str, Any], alarms: Alarms) -> dict[str, Any]:
    """As the handler, on any port. Safe to repeat; an alarm that is not there is left to the check that follows."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    wanted = spec.dimensions_of_alarms(take(event, "config", str))
    present = {a.name for a in alarms.describe(spec.new_fleet_alarms)}
    aimed = [name for name in spec.new_fleet_alarms if name in present]
    for name in aimed:
        alarms.aim(name, wanted[name] or {})
    return {"aimed": aimed}
