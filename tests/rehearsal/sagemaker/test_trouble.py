"""Faults in what containers answer: of the new fleet of an update, or of a shadow variant."""

import time

import pytest

CANARY = {
    "TrafficRoutingConfiguration": {
        "Type": "CANARY", "WaitIntervalInSeconds": 300, "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 50},
    },
}  # fmt: skip


def _canary(kit):
    """An update of which half of the requests go to the new fleet."""
    kit.endpoint("1", count=2)
    kit.update(kit.config("2", count=2), BlueGreenUpdatePolicy=CANARY)
    live = kit.sm._core.live[kit.scope, "e"]
    kit.until(lambda: len(live.routes["main"].shares) == 2)


@pytest.mark.fault("A11")
def test_a11_only_the_new_fleet_answers_5xx(kit):
    kit.sm.fault("A11", config="v2")
    _canary(kit)
    statuses = [answer[0] for answer in kit.invoke_many([b"1"] * 20)]
    assert sorted(set(statuses)) == [200, 424]
    assert statuses.count(424) == 10
    kit.sm.clear_faults()
    assert {answer[0] for answer in kit.invoke_many([b"1"] * 20)} == {200}


@pytest.mark.fault("A12")
def test_a12_a_share_of_the_answers_is_slow(kit):
    kit.sm.fault("A12", share=0.25, delay_seconds=0.4)
    kit.endpoint("1")
    seconds = []
    for _ in range(8):
        began = time.monotonic()
        assert kit.invoke()[0] == 200
        seconds.append(time.monotonic() - began)
    assert sum(one >= 0.4 for one in seconds) == 2


@pytest.mark.fault("A13")
@pytest.mark.parametrize(("how", "body"), [("constant", b"1"), ("nan", b"NaN"), ("schema", b'{"unexpected": "1"}')])
def test_a13_answers_are_healthy_but_wrong(kit, how, body):
    kit.sm.fault("A13", endpoint="e", how=how)
    kit.endpoint("1")
    assert kit.invoke()[::2] == (200, body)


@pytest.mark.fault("A29")
@pytest.mark.parametrize("how", ["slow", "down", "errors"])
def test_a29_a_shadow_in_trouble_costs_production_nothing(kit, how):
    for version in ("1", "2"):
        kit.config(version)
    main, shadow = (
        {"VariantName": name, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
        for name, model in (("main", "v1"), ("shadow", "v2"))
    )
    kit.call(
        "CreateEndpointConfig", EndpointConfigName="s", ProductionVariants=[main], ShadowProductionVariants=[shadow]
    )
    kit.sm.fault("A29", how=how, delay_seconds=0.3)
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName="s")
    kit.settled()
    answers = kit.invoke_many([b"1"] * 20)
    assert {answer[::2] for answer in answers} == {(200, b"1")}
    live = kit.sm._core.live[kit.scope, "e"]
    assert live.shadows["shadow"].main.trouble.how == how
    assert live.routes["main"].main.trouble is None


def test_a_kind_of_trouble_that_is_none_is_refused(kit):
    with pytest.raises(ValueError, match="how is 'odd'"):
        kit.sm.fault("A13", how="odd")
