"""Every EndpointStatus and VariantStatus, what may be done in each, and the faults that lead there."""

import dataclasses
import threading

import pytest

from rehearsal.sagemaker import ServiceError

ALARM = {"Alarms": [{"AlarmName": "errors"}]}


def _refusal(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


def _change(kit, **desired):
    wanted = [{"VariantName": "main", **desired}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)


def _variant(kit):
    return kit.call("DescribeEndpoint", EndpointName="e")["ProductionVariants"][0]


def _states(kit):
    return [one["EndpointStatus"] for one in kit.details("SageMaker Endpoint State Change")]


ACTIONS = {
    "UpdateEndpoint": {"EndpointConfigName": "v1"},
    "UpdateEndpointWeightsAndCapacities": {"DesiredWeightsAndCapacities": [{"VariantName": "main"}]},
    "DeleteEndpoint": {},
}


@pytest.mark.fault("A26")
@pytest.mark.parametrize("action", ACTIONS)
def test_nothing_can_be_done_while_something_is_under_way(kit, action):
    kit.sm.fault("A05", times=None)
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=kit.config("1"))
    assert kit.status() == "Creating"
    words = "Cannot update in-progress endpoint"
    assert words in _refusal(kit, action, EndpointName="e", **ACTIONS[action]).message
    kit.sm.clear_faults()
    assert kit.settled()["EndpointStatus"] == "InService"


@pytest.mark.fault("A27")
def test_an_endpoint_is_deleting_until_its_last_request_is_answered(kit):
    kit.endpoint("1")
    answers = []
    slow = threading.Thread(target=lambda: answers.extend(kit.invoke_many([b"slow"])))
    slow.start()
    live = kit.sm._core.live[kit.scope, "e"]
    kit.until(lambda: live.fleets()[0].instances[0].in_flight)
    kit.call("DeleteEndpoint", EndpointName="e")
    assert kit.status() == "Deleting"
    assert "in-progress" in _refusal(kit, "DeleteEndpoint", EndpointName="e").message
    assert kit.invoke()[0] == 400
    slow.join()
    assert answers[0][::2] == (200, b"1")
    kit.until(lambda: not kit.call("ListEndpoints")["Endpoints"])
    assert _states(kit)[-1] == "DELETING"


@pytest.mark.fault("A04")
def test_a04_a_failed_endpoint_can_only_be_deleted(kit):
    kit.endpoint("1")
    kit.sm.fault("A04", endpoint="e")
    described = kit.call("DescribeEndpoint", EndpointName="e")
    assert (described["EndpointStatus"], described["FailureReason"][:25]) == ("Failed", "Request to service failed")
    assert kit.invoke()[0] == 400
    for action in ("UpdateEndpoint", "UpdateEndpointWeightsAndCapacities"):
        assert "it can only be deleted" in _refusal(kit, action, EndpointName="e", **ACTIONS[action]).message
    kit.call("DeleteEndpoint", EndpointName="e")
    kit.until(lambda: not kit.call("ListEndpoints")["Endpoints"])
    assert kit.sm.processes() == []


@pytest.mark.fault("A04")
def test_an_endpoint_out_of_service_comes_back_with_an_update(kit):
    kit.endpoint("1")
    kit.sm.fault("A04", status="OutOfService")
    assert kit.status() == "OutOfService"
    assert kit.invoke()[0] == 400
    assert "in status OutOfService" in _refusal(
        kit, "UpdateEndpointWeightsAndCapacities", EndpointName="e",
        **ACTIONS["UpdateEndpointWeightsAndCapacities"],
    ).message  # fmt: skip
    kit.update(kit.config("2"))
    assert kit.settled()["EndpointStatus"] == "InService"
    assert kit.invoke()[2] == b"2"


@pytest.mark.fault("A06")
def test_a06_maintenance_ends_by_itself(kit, clock):
    kit.endpoint("1")
    kit.sm.fault("A06", seconds=600)
    assert kit.status() == "SystemUpdating"
    assert "in-progress" in _refusal(kit, "DeleteEndpoint", EndpointName="e").message
    clock.advance(601)
    kit.until(lambda: kit.status() == "InService")
    assert _states(kit)[-2:] == ["SYSTEM_UPDATING", "IN_SERVICE"]


@pytest.mark.fault("A07")
def test_a07_rolling_back_can_be_watched(kit):
    kit.endpoint("1")
    kit.sm.fault("A01")
    kit.sm.fault("A07")
    kit.update(kit.config("2"))
    kit.until(lambda: kit.status() == "RollingBack")
    assert kit.invoke()[2] == b"1"
    assert "in-progress" in _refusal(kit, "UpdateEndpoint", EndpointName="e", EndpointConfigName="v2").message
    kit.sm.clear_faults()
    assert kit.settled()["EndpointConfigName"] == "v1"


@pytest.mark.fault("A30")
def test_a30_an_endpoint_is_deleted_from_outside(kit):
    kit.endpoint("1")
    kit.sm.fault("A30", endpoint="e")
    assert "Could not find endpoint" in _refusal(kit, "DescribeEndpoint", EndpointName="e").message
    assert kit.sm.processes() == []
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName="v1")
    assert kit.settled()["EndpointStatus"] == "InService"


@pytest.mark.fault("A25")
def test_a25_a_scalable_target_refuses_the_update(kit):
    kit.endpoint("1")
    kit.sm.fault("A25", endpoint="e")
    assert (
        "deregistered as scalable targets"
        in _refusal(kit, "UpdateEndpoint", EndpointName="e", EndpointConfigName=kit.config("2")).message
    )
    assert kit.status() == "InService"


def test_counts_and_weights_differ_from_what_is_desired_while_they_change(kit):
    kit.endpoint("1")
    core = kit.sm._core
    core.limits = dataclasses.replace(core.limits, startup_seconds=1)
    core.live[kit.scope, "e"].fleets()[0].never_healthy = True
    _change(kit, DesiredInstanceCount=2, DesiredWeight=0.5)
    kit.until(lambda: len(kit.sm.processes()) == 2)
    shown = _variant(kit)
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (1, 2)
    assert (shown["CurrentWeight"], shown["DesiredWeight"]) == (1.0, 0.5)
    assert shown["VariantStatus"][0]["Status"] == "Updating"
    assert kit.call("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "Updating"
    assert kit.invoke()[0] == 200
    assert kit.settled()["ProductionVariants"][0]["DesiredInstanceCount"] == 1
    assert len(kit.sm.processes()) == 1, "what did not come up is stopped"


def test_a_change_of_capacity_that_fails_goes_back(kit):
    kit.endpoint("1")
    del kit.host.objects["artefacts", "v1/model.tar.gz"]
    _change(kit, DesiredInstanceCount=3, DesiredWeight=2.0)
    assert kit.settled()["EndpointStatus"] == "InService"
    shown = _variant(kit)
    assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"], shown["CurrentWeight"]) == (1, 1, 1.0)
    assert "VariantStatus" not in shown
    assert _states(kit)[-3:] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    assert len(kit.sm.processes()) == 1


@pytest.mark.fault("A09")
def test_a09_no_capacity_to_scale_up(kit):
    kit.endpoint("1")
    kit.sm.fault("A09")
    _change(kit, DesiredInstanceCount=2)
    kit.settled()
    assert _variant(kit)["CurrentInstanceCount"] == 1
    assert "ROLLING_BACK" in _states(kit)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([{"VariantName": "other", "DesiredWeight": 1.0}], 'Variant "other" does not exist'),
        ([{"VariantName": "main"}, {"VariantName": "main"}], "must be unique"),
        ([{"VariantName": "main", "DesiredInstanceCount": 0}], "must be at least 1"),
        ([{"VariantName": "main", "ServerlessUpdateConfig": {"MaxConcurrency": 2}}], "instance-based variant main"),
    ],
)
def test_changes_that_the_service_refuses(kit, wanted, words):
    kit.endpoint("1")
    refusal = _refusal(kit, "UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)
    assert words in refusal.message
    assert kit.status() == "InService"


def test_names_of_endpoints_differ_by_more_than_case(kit):
    kit.endpoint("1")
    assert "already existing" in _refusal(kit, "CreateEndpoint", EndpointName="E", EndpointConfigName="v1").message


def test_the_last_deployment_config_can_be_used_again(kit, clock):
    kit.endpoint("1", count=2)
    routing = {
        "Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
    }  # fmt: skip
    canary = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    kit.update(kit.config("2", count=2), **canary)
    assert "LastDeploymentConfig" not in kit.call("DescribeEndpoint", EndpointName="e")
    kit.until(lambda: _baking(kit))
    clock.advance(61)
    assert kit.settled()["LastDeploymentConfig"] == canary
    config = kit.config("3", count=2)
    kit.call("UpdateEndpoint", EndpointName="e", EndpointConfigName=config, RetainDeploymentConfig=True)
    kit.until(lambda: _baking(kit))
    clock.advance(61)
    assert kit.settled()["EndpointConfigName"] == "v3"


def _baking(kit):
    pending = kit.call("DescribeEndpoint", EndpointName="e").get("PendingDeploymentSummary")
    return pending and pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] == "Baking"


def test_the_pending_deployment_has_the_members_of_the_service(kit):
    kit.endpoint("1", count=2)
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    kit.update(kit.config("2", count=2), BlueGreenUpdatePolicy=policy | {"TerminationWaitInSeconds": 60})
    kit.until(lambda: _baking(kit))
    pending = kit.call("DescribeEndpoint", EndpointName="e")["PendingDeploymentSummary"]
    assert pending["EndpointConfigName"] == "v2"
    variant = pending["ProductionVariants"][0]
    image = variant.pop("DeployedImages")[0]
    assert set(image) == {"SpecifiedImage", "ResolvedImage", "ResolutionTime"}
    status = variant.pop("VariantStatus")[0]
    assert set(status) == {"Status", "StatusMessage", "StartTime"}
    assert variant == {
        "VariantName": "main", "CurrentWeight": 1.0, "DesiredWeight": 1.0, "CurrentInstanceCount": 2,
        "DesiredInstanceCount": 2, "InstanceType": "ml.m5.large",
    }  # fmt: skip


def test_a_defect_in_a_deployment_ends_it_as_failed(kit, monkeypatch):
    def broken(_):
        raise RuntimeError("no such switch")

    kit.endpoint("1")
    kit.sm.fault("A01")
    monkeypatch.setattr("rehearsal.sagemaker.endpoints.bluegreen.BlueGreen._give_way", broken)
    kit.update(kit.config("2"))
    described = kit.settled()
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"] == "Request to service failed. no such switch"


def test_a_closed_fleet_stays_empty(kit):
    kit.endpoint("1")
    fleet = kit.sm._core.live[kit.scope, "e"].fleets()[0]
    fleet.close()
    fleet.scale(1)
    fleet.prepare()
    assert (fleet.instances, kit.sm.processes(), list((kit.root / "fleets").iterdir())) == ([], [], [])
