"""Which configs and models may go."""

import pytest

from slipway_lambda.clean_up_release.choose import needed_configs, removable

NAMES = [f"flights-dev-v{n}-0000000{n}" for n in range(1, 6)]
V1, V2, V3, V4, V5 = NAMES


@pytest.mark.fault("A02")
def test_live_pending_ledgers_and_rollback_targets_are_needed() -> None:
    endpoint = {"EndpointConfigName": V1, "PendingDeploymentSummary": {"EndpointConfigName": V2}}
    live = {"config": V3, "verified": [{"config": V3}]}
    assert needed_configs(endpoint, live, {"config": V4}, keep_versions=1) == {V1, V2, V3, V4}


@pytest.mark.parametrize(("keep", "kept"), [(1, {V5}), (2, {V5, V4}), (3, {V5, V4, V3}), (9, set(NAMES))])
def test_newest_verified_versions_are_kept(keep: int, kept: set[str]) -> None:
    live = {"config": V5, "verified": [{"config": n} for n in reversed(NAMES)]}
    assert needed_configs({"EndpointConfigName": V5}, live, {}, keep_versions=keep) == kept


def test_names_this_platform_did_not_give_are_never_touched() -> None:
    others = ["flights-dev", "flights-dev-v1", "flights-dev-v1-0000000g", "my-flights-dev-v1-00000001", V1 + "-x"]
    others.append("flights-dev-v2-v1-00000001")
    assert removable("flights-dev", [*others, V1, V2], frozenset({V2})) == [V1]
