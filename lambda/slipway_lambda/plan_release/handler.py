"""Plan the release: everything is derived here once, so that the later states only carry it out."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.attributes import from_item
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.events import take
from slipway_lambda.plan_release.package import Package, read_package
from slipway_lambda.plan_release.planned import planned
from slipway_lambda.plan_release.situation import Situation


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `package` (DescribeModelPackage), `endpoint` (DescribeEndpoint or {}), `ledger` (items with typed
    attributes), `trigger`, `asked_version` (0: none), `execution` → the plan, as `planned` gives it.
    """
    package = read_package(take(event, "package", dict))
    return planned(ReleaseSpec.from_dict(take(event, "spec", dict)), package, _situation(event, package))


def _situation(event: Mapping[str, Any], package: Package) -> Situation:
    items = {i[ledger.SORT_KEY]["S"]: from_item(i) for i in take(event, "ledger", list)}
    return Situation(
        trigger=take(event, "trigger", str),
        asked_version=take(event, "asked_version", int) or None,
        execution=take(event, "execution", str),
        endpoint=take(event, "endpoint", dict),
        live=items.get(ledger.LIVE, {}),
        halt=items.get(ledger.HALT, {}),
        attempt=items.get(ledger.attempt_key(package.version), {}),
        hold=items.get(ledger.HOLD, {}),
    )
