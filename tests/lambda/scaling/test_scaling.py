"""An endpoint's scaling: off for a shift, restored from whatever it is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from release_proof import sample
from slipway_lambda.contracts.release import EndpointChangingError, ReleaseSpec
from slipway_lambda.contracts.scaling import Scaling, policies
from slipway_lambda.deregister_scaling.handler import deregister
from slipway_lambda.plan_release.deployment import recovery_config
from slipway_lambda.restore_scaling.restore import release_from_scaling, restore

ENDPOINT, RESOURCE = "flights-dev", "endpoint/flights-dev/variant/main"
SCALING = Scaling(2, 6, 300, 60, invocations_per_instance=600, concurrent_requests_per_model=4)
WANTED = policies(SCALING, ENDPOINT)
SPEC = replace(sample.SPEC, alarm_names=("errors",), scaling=SCALING)


class Account:
    """Endpoints and Scalings: a fleet of `count` instances. `did`: changes, in order."""

    def __init__(self, count: int = 3, status: str = "InService") -> None:
        self.count, self.status, self.did = count, status, []  # type: ignore[var-annotated]
        self.bounds: tuple[int, int] | None = None
        self.held: dict[str, Mapping[str, Any]] = {}

    def describe(self, endpoint: str) -> dict[str, Any]:
        variants = [{"VariantName": "main", "DesiredInstanceCount": self.count}]
        return {"EndpointStatus": self.status, "ProductionVariants": variants} if self.status else {}

    def limits(self, resource: str) -> tuple[int, int] | None:
        assert resource == RESOURCE
        return self.bounds

    def policies(self, resource: str) -> dict[str, Mapping[str, Any]]:
        # The service adds members of its own.
        return {name: {**one, "DisableScaleIn": False} for name, one in self.held.items()}

    def register(self, resource: str, least: int, most: int) -> None:
        self.bounds = (least, most)
        self.did.append(f"register {least}-{most}")

    def put_policy(self, resource: str, name: str, configuration: Mapping[str, Any]) -> None:
        self.held[name] = configuration
        self.did.append(f"put {name}")

    def delete_policy(self, resource: str, name: str) -> None:
        del self.held[name]
        self.did.append(f"delete {name}")

    def deregister(self, resource: str) -> None:
        assert resource == RESOURCE
        self.bounds, self.held = None, {}
        self.did.append("deregister")

    def set_instances(self, endpoint: str, variant: str, count: int) -> None:
        self.count = count
        self.did.append(f"set {count}")


def restored(account: Any, scaling: Scaling = SCALING) -> bool:
    return restore(ENDPOINT, "main", scaling, account, account)


def test_restoring_makes_it_as_declared_and_then_does_nothing_more() -> None:
    account = Account()
    assert restored(account)
    assert (account.bounds, account.held) == ((2, 6), WANTED)
    account.did.clear()
    assert restored(account)
    assert account.did == [], "a policy put again would lose what its alarms have seen"


def test_restoring_changes_only_what_differs_and_leaves_policies_of_others() -> None:
    account = Account()
    restored(account)
    account.held["mine"] = {"TargetValue": 1.0}
    account.did.clear()
    restored(account, replace(SCALING, max_instances=5, concurrent_requests_per_model=None))
    assert account.did == ["register 2-5", f"delete slipway-{ENDPOINT}-concurrency"]
    assert set(account.held) == {"mine", f"slipway-{ENDPOINT}-invocations"}


@pytest.mark.parametrize(("count", "wanted"), [(1, 2), (9, 6), (2, 2), (6, 6)])
def test_a_fleet_outside_the_limits_is_brought_to_the_nearer_one(count: int, wanted: int) -> None:
    account = Account(count)
    restored(account)
    assert account.count == wanted


def test_while_the_endpoint_changes_only_the_target_is_restored() -> None:
    account = Account(9, "Updating")
    assert restored(account)
    assert (account.bounds, account.count) == ((2, 6), 9)


@pytest.mark.parametrize("status", ["", "Creating", "Deleting", "Failed"])
def test_where_there_is_no_fleet_there_is_nothing_to_scale(status: str) -> None:
    account = Account(0, status)
    assert not restored(account)
    assert account.did == []


@pytest.mark.fault("A24")
@pytest.mark.fault("A25")
def test_steps_are_sized_for_the_fleet_that_is_live_once_scaling_is_off() -> None:
    account: Any = Account(5)
    restored(account)
    plan = deregister({"spec": replace(SPEC, canary_percent=50).as_dict()}, account, account)
    assert account.bounds is None
    routing = plan["deployment_config"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert (plan["instance_count"], routing["CanarySize"]["Value"]) == (5, 2)
    assert plan["strategy_words"].startswith("canary of 2 of 5 instances")


def test_a_fleet_that_still_changes_has_no_size_yet() -> None:
    account: Any = Account(5, "Updating")
    with pytest.raises(EndpointChangingError, match="is Updating"):
        deregister({"spec": SPEC.as_dict()}, account, account)
    assert account.did == ["deregister"], "or it would go on changing"


@pytest.mark.fault("A24")
@pytest.mark.parametrize("strategy", ["canary", "rolling"])
def test_the_way_back_keeps_as_many_instances_as_are_live(strategy: str) -> None:
    way = recovery_config(replace(SPEC, strategy=strategy))
    assert way["RetainAllVariantProperties"] is True
    # The old config's own capture comes back with it.
    assert {"VariantPropertyType": "DataCaptureConfig"} in way["ExcludeRetainedVariantProperties"]
    assert "RetainAllVariantProperties" not in recovery_config(replace(SPEC, strategy=strategy, scaling=None))


def test_what_is_declared_no_longer_goes_if_it_was_ours() -> None:
    account: Any = Account()
    restored(account)
    assert release_from_scaling(ENDPOINT, "main", account)
    assert account.bounds is None
    account.bounds, account.held = (1, 9), {"somebody-else": {}}
    assert not release_from_scaling(ENDPOINT, "main", account)
    assert account.bounds == (1, 9)


def test_a_spec_comes_back_from_the_machine_as_it_went() -> None:
    assert ReleaseSpec.from_dict(SPEC.as_dict()) == SPEC
    without = replace(SPEC, scaling=None)
    assert "scaling" not in without.as_dict()
    assert ReleaseSpec.from_dict(without.as_dict()) == without
