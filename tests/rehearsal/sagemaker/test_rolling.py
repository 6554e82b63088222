"""Rolling updates and linear shifts with real servers: capacity, traffic, alarms and rollbacks."""

import pytest

ALARM = {"Alarms": [{"AlarmName": "errors"}]}
PERCENT_25 = {"Type": "CAPACITY_PERCENT", "Value": 25}


def _rolling(size=None, **more):
    policy = {"MaximumBatchSize": size or PERCENT_25, "WaitIntervalInSeconds": 60, **more}
    return {"RollingUpdatePolicy": policy, "AutoRollbackConfiguration": ALARM}


def _linear(size, wait=60):
    routing = {"Type": "LINEAR", "WaitIntervalInSeconds": wait, "LinearStepSize": size}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}


def _status(kit):
    pending = kit.call("DescribeEndpoint", EndpointName="e").get("PendingDeploymentSummary", {})
    return next((one for variant in pending.get("ProductionVariants", []) for one in variant["VariantStatus"]), {})


def _baking(kit, count):
    """The bake with `count` new instances in traffic is under way."""
    kit.until(lambda: f"capacity of {count} instance(s)" in _status(kit).get("StatusMessage", ""))


def _split(kit, requests=40):
    answers = kit.invoke_many([b"1"] * requests)
    assert {answer[0] for answer in answers} == {200}
    return sum(answer[2] == b"2" for answer in answers)


def _servers(kit):
    return len(kit.sm.processes())


def _all_answered(answers):
    assert {answer[0] for answer in answers} == {200}, [one for one in answers if one[0] != 200][:2]


def test_a_rolling_update_replaces_batch_by_batch_with_one_batch_more(kit, clock):
    kit.endpoint("1", count=4)
    config = kit.config("2", count=4)
    with kit.traffic() as answers:
        kit.update(config, **_rolling())
        for batch in (1, 2, 3, 4):
            _baking(kit, batch)
            assert _servers(kit) == 5, "one batch more than the endpoint has"
            assert kit.call("DescribeEndpoint", EndpointName="e")["EndpointConfigName"] == "v1"
            clock.advance(61)
        described = kit.settled()
        seen = len(answers)
        kit.until(lambda: len(answers) > seen + 20)
    _all_answered(answers)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v2")
    assert described["LastDeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"] == PERCENT_25
    assert _servers(kit) == 4
    deployment = kit.details("SageMaker Endpoint Deployment State Change")
    shown = [
        one["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] for one in deployment
    ]
    assert shown[-16:] == ["Creating", "ActivatingTraffic", "Baking", "Deleting"] * 4


def test_each_batch_gets_its_part_of_the_traffic(kit, clock):
    kit.endpoint("1", count=2)
    kit.update(kit.config("2", count=2), **_rolling({"Type": "INSTANCE_COUNT", "Value": 1}))
    _baking(kit, 1)
    assert _split(kit) == 20
    clock.advance(61)
    _baking(kit, 2)
    assert _split(kit) == 40
    clock.advance(61)
    assert kit.settled()["EndpointConfigName"] == "v2"


def test_a_rolling_update_can_change_the_number_of_instances(kit, clock):
    kit.endpoint("1", count=2)
    kit.update(kit.config("2", count=4), **_rolling({"Type": "CAPACITY_PERCENT", "Value": 50}))
    _baking(kit, 2)
    assert _split(kit) == 20
    clock.advance(61)
    _baking(kit, 4)
    clock.advance(61)
    assert kit.settled()["ProductionVariants"][0]["CurrentInstanceCount"] == 4
    assert _servers(kit) == 4


def test_a_shadow_variant_comes_with_the_last_batch(kit, clock):
    kit.endpoint("1", count=2)
    variants = {
        name: {"VariantName": name, "ModelName": "v1", "InstanceType": "ml.m5.large", "InitialInstanceCount": count}
        for name, count in (("main", 2), ("shadow", 1))
    }
    kit.call(
        "CreateEndpointConfig", EndpointConfigName="s", ProductionVariants=[variants["main"]],
        ShadowProductionVariants=[variants["shadow"]],
    )  # fmt: skip
    kit.update("s", **_rolling({"Type": "INSTANCE_COUNT", "Value": 1}))
    _baking(kit, 1)
    described = kit.call("DescribeEndpoint", EndpointName="e")
    assert [one["VariantName"] for one in described["PendingDeploymentSummary"]["ShadowProductionVariants"]] == [
        "shadow"
    ]
    assert "ShadowProductionVariants" not in described
    clock.advance(61)
    _baking(kit, 2)
    clock.advance(61)
    assert kit.settled()["ShadowProductionVariants"][0]["CurrentInstanceCount"] == 1
    assert _servers(kit) == 3


@pytest.mark.fault("A11")
@pytest.mark.parametrize("rollback", [None, {"Type": "INSTANCE_COUNT", "Value": 1}])
def test_an_alarm_in_a_later_batch_brings_the_old_instances_back(kit, clock, rollback):
    kit.endpoint("1", count=4)
    config = kit.config("2", count=4)
    more = {"RollbackMaximumBatchSize": rollback} if rollback else {}
    with kit.traffic() as answers:
        kit.update(config, **_rolling(**more))
        _baking(kit, 1)
        clock.advance(61)
        _baking(kit, 2)
        clock.advance(61)
        _baking(kit, 3)
        kit.host.alarms["errors"] = "ALARM"
        described = kit.settled()
        seen = len(answers)
        kit.until(lambda: len(answers) > seen + 40)
    _all_answered(answers)
    assert {answer[2] for answer in answers[seen + 10 :]} == {b"1"}
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v1")
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 4
    assert _servers(kit) == 4
    kit.sm.flush()
    states = [one["EndpointStatus"] for one in kit.details("SageMaker Endpoint State Change")]
    assert states[-3:] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    starts = [
        one["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0].get("StatusMessage")
        for one in kit.details("SageMaker Endpoint Deployment State Change")
    ]
    assert starts.count("Starting a batch of the old fleet again.") == (2 if rollback else 1)


@pytest.mark.fault("A31")
@pytest.mark.fault("A03")
def test_a_rollback_whose_model_is_gone_leaves_a_mixed_fleet(kit, clock):
    kit.endpoint("1", count=2)
    kit.update(kit.config("2", count=2), **_rolling({"Type": "INSTANCE_COUNT", "Value": 1}))
    _baking(kit, 1)
    clock.advance(61)
    _baking(kit, 2)
    del kit.host.objects["artefacts", "v1/model.tar.gz"]
    kit.host.alarms["errors"] = "ALARM"
    described = kit.settled()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("UpdateRollbackFailed", "v1")
    assert 0 < _split(kit) < 40
    assert any("Failed to download model data" in line for line in kit.host.logs["/aws/sagemaker/Endpoints/e"])
    kit.host.alarms.clear()
    kit.update(kit.config("3"))
    assert kit.settled()["EndpointStatus"] == "InService"
    assert _servers(kit) == 1


@pytest.mark.fault("A03")
def test_a03_fails_the_rollback_of_a_rolling_update_too(kit):
    kit.endpoint("1", count=2)
    kit.sm.fault("A03")
    kit.update(kit.config("2", count=2), **_rolling({"Type": "INSTANCE_COUNT", "Value": 1}))
    assert kit.settled()["EndpointStatus"] == "UpdateRollbackFailed"
    assert 0 < _split(kit) < 40


@pytest.mark.fault("A09")
def test_a09_no_capacity_mid_shift_keeps_the_old_fleet(kit):
    kit.endpoint("1", count=2)
    kit.sm.fault("A09")
    kit.update(kit.config("2", count=2), **_rolling({"Type": "INSTANCE_COUNT", "Value": 1}))
    described = kit.settled()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v1")
    assert _split(kit) == 0


def test_a_linear_shift_fails_no_request(kit, clock):
    kit.endpoint("1", count=4)
    config = kit.config("2", count=4)
    with kit.traffic() as answers:
        kit.update(config, **_linear(PERCENT_25))
        for instances in (1, 2, 3):
            _baking(kit, instances)
            assert abs(_split(kit) - 10 * instances) <= 3, "other clients take turns with these 40"
            assert _servers(kit) == 8
            clock.advance(61)
        assert kit.settled()["EndpointConfigName"] == "v2"
        seen = len(answers)
        kit.until(lambda: len(answers) > seen + 20)
    _all_answered(answers)
    assert answers[-1][2] == b"2"


def test_a_rolling_update_of_several_variants_falls_back_to_all_at_once(kit):
    for version in ("1", "2"):
        kit.config(version)
    for name in ("ab", "ba"):
        variants = [
            {"VariantName": f"arm{n}", "ModelName": f"v{n}", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            for n in (1, 2)
        ]
        kit.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=variants)
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName="ab")
    kit.settled()
    kit.update("ba", **_rolling({"Type": "CAPACITY_PERCENT", "Value": 50}))
    assert kit.settled()["EndpointConfigName"] == "ba", "no bake: nothing had to move the clock"


def test_the_time_allowed_for_an_update_ends_it(kit, monkeypatch):
    kit.endpoint("1")
    monkeypatch.setattr("rehearsal.sagemaker.endpoints.rollout._timeout", lambda *_: 0)
    kit.update(kit.config("2"), **_linear({"Type": "CAPACITY_PERCENT", "Value": 50}, wait=0))
    assert kit.settled()["EndpointConfigName"] == "v1"
    assert any("took longer than 0 s" in line for line in kit.host.logs["/aws/sagemaker/Endpoints/e"])
