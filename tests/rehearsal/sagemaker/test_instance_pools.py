"""Instance pools: the next type is taken where the first is not to be had, and seen in DescribeEndpoint."""

import dataclasses

import pytest

from rehearsal.sagemaker import ServiceError

LARGE, XLARGE = "ml.m5.large", "ml.m5.xlarge"


@pytest.fixture
def pooled(kit):
    """Model `v<n>` with a config on ml.m5.large, or ml.m5.xlarge where that is not to be had."""

    def work(version, count=2, kinds=(XLARGE, LARGE)):
        name = kit.config(version)
        ranked = [{"InstanceType": kind, "Priority": len(kinds) - at} for at, kind in enumerate(kinds)]
        variant = {"VariantName": "main", "ModelName": name, "InitialInstanceCount": count, "InstancePools": ranked}
        kit.call("CreateEndpointConfig", EndpointConfigName=f"{name}-pooled", ProductionVariants=[variant])
        return f"{name}-pooled"

    return work


def _served(described):
    (variant,) = described["ProductionVariants"]
    return {one["InstanceType"]: one["CurrentInstanceCount"] for one in variant["InstancePools"]}


def _create(kit, config):
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=config)
    return kit.settled()


def test_the_first_priority_serves_while_there_is_capacity(kit, pooled):
    assert _served(_create(kit, pooled("1"))) == {LARGE: 2, XLARGE: 0}


@pytest.mark.fault("A09")
@pytest.mark.parametrize(("available", "served"), [(0, {LARGE: 0, XLARGE: 2}), (1, {LARGE: 1, XLARGE: 1})])
def test_what_is_not_to_be_had_is_taken_of_the_next_type(kit, pooled, available, served):
    kit.sm.fault("A09", endpoint="e", instance_type=LARGE, available=available)
    described = _create(kit, pooled("1"))
    assert (described["EndpointStatus"], _served(described)) == ("InService", served)
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2


@pytest.mark.fault("A09")
def test_without_any_capacity_a_creation_fails_with_the_reason(kit, pooled):
    for kind in (LARGE, XLARGE):
        kit.sm.fault("A09", instance_type=kind)
    described = _create(kit, pooled("1"))
    assert described["EndpointStatus"] == "Failed"
    assert "InsufficientInstanceCapacity" in described["FailureReason"]
    assert not kit.sm.processes()


@pytest.mark.fault("A09")
def test_without_any_capacity_an_update_rolls_back_and_gives_no_reason(kit, pooled):
    _create(kit, pooled("1"))
    for kind in (LARGE, XLARGE):
        kit.sm.fault("A09", endpoint="e", instance_type=kind)
    kit.update(pooled("2"))
    described = kit.settled()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v1-pooled")
    assert "FailureReason" not in described
    assert _served(described) == {LARGE: 2, XLARGE: 0}


@pytest.mark.fault("A09")
def test_a_variant_of_one_type_has_nothing_to_fall_back_to(kit):
    kit.sm.fault("A09", instance_type=LARGE)
    described = _create(kit, kit.config("1"))
    assert (described["EndpointStatus"], "InstancePools" in described) == ("Failed", False)


@pytest.mark.fault("A09")
def test_more_instances_are_taken_of_the_next_type_too(kit, pooled):
    _create(kit, pooled("1"))
    kit.sm.fault("A09", endpoint="e", instance_type=LARGE)
    wanted = [{"VariantName": "main", "DesiredInstanceCount": 3}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)
    assert _served(kit.settled()) == {LARGE: 2, XLARGE: 1}


def test_an_instance_counts_to_the_quota_of_its_own_type(kit, pooled):
    kit.sm.fault("A09", endpoint="e", instance_type=LARGE, available=1)
    _create(kit, pooled("1"))
    kit.sm._core.limits = dataclasses.replace(kit.sm._core.limits, endpoint_instances=2)
    config = pooled("2", count=1)
    kit.call("CreateEndpoint", EndpointName="other", EndpointConfigName=config)
    with pytest.raises(ServiceError, match="current utilization of 2 Instances"):
        kit.call("CreateEndpoint", EndpointName="third", EndpointConfigName=config)
