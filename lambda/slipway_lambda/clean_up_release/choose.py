"""Which configs and models of an endpoint may go."""

import re
from collections.abc import Iterable, Mapping
from typing import Any


def needed_configs(
    endpoint: Mapping[str, Any], live: Mapping[str, Any], last_good: Mapping[str, Any], keep_versions: int
) -> frozenset[str]:
    """Configs that are live, that a deployment in progress goes to or comes from, that the ledger verified last, and
    rollback targets.

    `endpoint`: DescribeEndpoint or empty. `live`: the ledger's item or empty. SageMaker itself lets a config in use be
    deleted.
    """
    verified = [h["config"] for h in live.get("verified", [])][:keep_versions]
    names = [
        endpoint.get("EndpointConfigName"),
        endpoint.get("PendingDeploymentSummary", {}).get("EndpointConfigName"),
        live.get("config"),
        last_good.get("config"),
        *verified,
    ]
    return frozenset(n for n in names if n)


def removable(endpoint_name: str, found: Iterable[str], needed: frozenset[str]) -> list[str]:
    """Those of the found names that this platform gave and nothing needs. Names it did not give are never touched."""
    ours = re.compile(rf"{re.escape(endpoint_name)}-v\d+-[0-9a-f]{{8}}\Z")
    return sorted(n for n in found if ours.match(n) and n not in needed)
