"""Several variants, shadow variants, retained properties."""

import pytest

from rehearsal.sagemaker import ServiceError


def _variant(name, version, count=1, weight=1.0, **more):
    return {
        "VariantName": name, "ModelName": f"v{version}", "InstanceType": "ml.m5.large", "InitialInstanceCount": count,
        "InitialVariantWeight": weight, **more,
    }  # fmt: skip


@pytest.fixture
def config(kit):
    """Creates a config of variants whose models exist."""
    for version in ("1", "2", "3"):
        kit.config(version)

    def work(name, *variants, **more):
        kit.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=list(variants), **more)
        return name

    return work


def _create(kit, name):
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=name)
    return kit.settled()


def _served(kit, requests=40):
    answers = kit.invoke_many([b"1"] * requests)
    assert {answer[0] for answer in answers} == {200}
    versions = [answer[2].decode() for answer in answers]
    return {version: versions.count(version) for version in sorted(set(versions))}


def test_a_variant_without_weight_gets_nothing_until_it_has_one(kit, config):
    described = _create(kit, config("ab", _variant("a", "1"), _variant("b", "2", weight=0.0)))
    assert [one["CurrentWeight"] for one in described["ProductionVariants"]] == [1.0, 0.0]
    assert _served(kit) == {"1": 40}
    wanted = [{"VariantName": "b", "DesiredWeight": 3.0}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)
    kit.settled()
    assert _served(kit) == {"1": 10, "2": 30}


@pytest.mark.fault("A10")
def test_a_variant_that_is_not_healthy_any_more_can_be_left_without_traffic(kit, config):
    _create(kit, config("both", _variant("a", "1"), _variant("b", "2")))
    sick = next(one for one in kit.sm._core.live[kit.scope, "e"].fleets() if one.variant == "b").instances[0]
    object.__setattr__(sick.servers[0].placement, "never_healthy", True)
    kit.until(lambda: not sick.healthy)
    wanted = [{"VariantName": "a", "DesiredWeight": 1.0}, {"VariantName": "b", "DesiredWeight": 0.0}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)
    assert [one["CurrentWeight"] for one in kit.settled()["ProductionVariants"]] == [1.0, 0.0]


@pytest.mark.fault("A22")
def test_variants_may_change_their_names_without_guardrails_only(kit, config):
    _create(kit, config("one", _variant("a", "1")))
    routing = {
        "Type": "CANARY", "WaitIntervalInSeconds": 0, "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
    }  # fmt: skip
    two = config("two", _variant("b", "2"), _variant("c", "3"))
    with pytest.raises(ServiceError, match="same variant names"):
        kit.update(two, BlueGreenUpdatePolicy={"TrafficRoutingConfiguration": routing})
    kit.update(two)
    assert [one["VariantName"] for one in kit.settled()["ProductionVariants"]] == ["b", "c"]
    assert _served(kit) == {"2": 20, "3": 20}
    assert len(kit.sm.processes()) == 2


@pytest.mark.fault("A25")
def test_a_scaled_variant_keeps_its_name_and_instance_type(kit, config):
    _create(kit, config("one", _variant("a", "1")))
    kit.host.scaled["e"] = ["a"]
    for name, changed in (("type", _variant("a", "2", InstanceType="ml.m5.xlarge")), ("name", _variant("b", "2"))):
        with pytest.raises(ServiceError, match=r'"\[a\]" must be deregistered as scalable targets'):
            kit.update(config(name, changed))
    assert kit.status() == "InService"
    kit.update(config("model", _variant("a", "2")))
    assert kit.settled()["EndpointConfigName"] == "model"
    kit.host.scaled.clear()
    kit.update("type")
    assert kit.settled()["EndpointConfigName"] == "type"


@pytest.mark.fault("A23")
def test_inf1_falls_back_to_all_at_once_without_a_bake(kit, config):
    _create(kit, config("one", _variant("a", "1")))
    kit.update(
        config("two", _variant("a", "2", InstanceType="ml.inf1.xlarge")),
        BlueGreenUpdatePolicy={
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 600,
        },
    )
    assert kit.settled()["EndpointConfigName"] == "two", "the clock stands still: no bake was waited for"


def test_weights_of_a_canary_change_with_its_last_step(kit, config, clock):
    _create(kit, config("old", _variant("a", "1", 2, 1.0), _variant("b", "2", 2, 1.0)))
    routing = {"Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    kit.update(
        config("new", _variant("a", "3", 2, 3.0), _variant("b", "3", 2, 1.0)),
        BlueGreenUpdatePolicy={"TrafficRoutingConfiguration": routing},
    )
    kit.until(lambda: "3" in _served(kit))
    assert _served(kit) == {"1": 10, "2": 10, "3": 20}
    clock.advance(61)
    assert [one["CurrentWeight"] for one in kit.settled()["ProductionVariants"]] == [3.0, 1.0]


@pytest.mark.fault("A24")
@pytest.mark.parametrize(
    ("excluded", "count", "weight"),
    [([], 3, 2.0), (["DesiredInstanceCount"], 1, 2.0), (["DesiredWeight"], 3, 1.0), (["DataCaptureConfig"], 3, 2.0)],
)
def test_what_is_excluded_comes_from_the_new_config(kit, config, excluded, count, weight):
    capture = {
        "InitialSamplingPercentage": 10, "DestinationS3Uri": "s3://captured/x",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }  # fmt: skip
    _create(kit, config("old", _variant("a", "1"), DataCaptureConfig=capture))
    wanted = [{"VariantName": "a", "DesiredInstanceCount": 3, "DesiredWeight": 2.0}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)
    kit.settled()
    kit.call(
        "UpdateEndpoint",
        EndpointName="e",
        EndpointConfigName=config("new", _variant("a", "2")),
        RetainAllVariantProperties=True,
        ExcludeRetainedVariantProperties=[{"VariantPropertyType": one} for one in excluded],
    )
    described = kit.settled()
    variant = described["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (count, weight)
    assert ("DataCaptureConfig" in described) is ("DataCaptureConfig" not in excluded)


def _shadowed(config, name, version, weight=1.0, shadow="2"):
    return config(name, _variant("main", version), ShadowProductionVariants=[_variant("shadow", shadow, 1, weight)])


def _mirrored(kit, requests=20):
    live = kit.sm._core.live[kit.scope, "e"]
    taken = [live.acquire_shadow() for _ in range(requests)]
    for instance in taken:
        if instance:
            live.release(instance)
    return [instance is not None for instance in taken]


def test_a_shadow_variant_gets_copies_and_no_request_of_its_own(kit, config):
    described = _create(kit, _shadowed(config, "s", "1"))
    assert [one["VariantName"] for one in described["ShadowProductionVariants"]] == ["shadow"]
    assert described["ShadowProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert [one["VariantName"] for one in described["ProductionVariants"]] == ["main"]
    assert len(kit.sm.processes()) == 2
    assert _served(kit) == {"1": 40}
    assert _mirrored(kit) == [True] * 20
    assert kit.invoke(b"1", **{"X-Amzn-SageMaker-Target-Variant": "shadow"})[0] == 400


def test_the_weight_of_a_shadow_is_its_part_of_the_requests(kit, config):
    _create(kit, _shadowed(config, "s", "1", weight=0.25))
    assert _mirrored(kit) == [False, False, False, True] * 5
    wanted = [{"VariantName": "shadow", "DesiredWeight": 0.5}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)
    kit.settled()
    assert _mirrored(kit).count(True) == 10


def test_a_shadow_is_put_in_changed_and_taken_out_by_updates(kit, config):
    kit.endpoint("9")
    assert not any(_mirrored(kit))
    kit.update(_shadowed(config, "s1", "1", shadow="2"))
    kit.settled()
    assert all(_mirrored(kit))
    kit.update(_shadowed(config, "s2", "1", shadow="3"))
    assert kit.settled()["ShadowProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert len(kit.sm.processes()) == 2
    kit.update("v1")
    assert "ShadowProductionVariants" not in kit.settled()
    assert not any(_mirrored(kit))
    assert len(kit.sm.processes()) == 1


@pytest.mark.fault("A29")
def test_a_shadow_without_a_healthy_instance_costs_production_nothing(kit, config):
    _create(kit, _shadowed(config, "s", "1"))
    live = kit.sm._core.live[kit.scope, "e"]
    for instance in live.shadows["shadow"].main.instances:
        instance.stop()
    assert live.acquire_shadow() is None
    assert _served(kit) == {"1": 40}
