"""Endpoints over a kill -9 and restart of the cloud: records are kept, processes are not."""

import json
import threading

import pytest

from rehearsal.sagemaker import SageMaker
from rehearsal.sagemaker.serving import hosted

CANARY = {
    "TrafficRoutingConfiguration": {
        "Type": "CANARY", "WaitIntervalInSeconds": 300, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
    },
}  # fmt: skip


@pytest.fixture
def restart(kit):
    """End the cloud and start another one with what it kept, in the same kit."""

    def work():
        kept = json.loads(json.dumps(kit.sm.snapshot()))
        old, limits = kit.sm, kit.sm._core.limits
        old.close()
        kit.host.events.clear()
        kit.sm = SageMaker(kit.host, kit.root, limits)
        kit.sm.resume(kept)

    yield work
    kit.sm.close()
    assert kit.sm.processes() == []


def _answers(kit):
    return kit.until(lambda: kit.invoke()[0] == 200)


def test_an_endpoint_in_service_gets_new_instances_of_its_config(kit, restart):
    kit.endpoint("1")
    desired = [{"VariantName": "main", "DesiredInstanceCount": 2, "DesiredWeight": 3.0}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    kit.settled()
    kit.call("DeleteEndpointConfig", EndpointConfigName="v1")
    kit.call("DeleteModel", ModelName="v1")
    restart()
    assert kit.status() == "InService"
    _answers(kit)
    kit.until(
        lambda: kit.call("DescribeEndpoint", EndpointName="e")["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    )
    variant = kit.settled()["ProductionVariants"][0]
    assert (variant["CurrentWeight"], variant["DesiredInstanceCount"]) == (3.0, 2)
    assert len(kit.sm.processes()) == 2
    kit.update(kit.config("2"))
    assert kit.settled()["EndpointConfigName"] == "v2"
    assert len(kit.sm.processes()) == 1


def test_an_update_under_way_is_rolled_back(kit, restart):
    kit.endpoint("1", count=2)
    kit.update(kit.config("2", count=2), BlueGreenUpdatePolicy=CANARY)
    kit.until(lambda: len(kit.sm.processes()) == 4)
    restart()
    described = kit.settled()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v1")
    assert "PendingDeploymentSummary" not in described
    assert {answer[2] for answer in kit.invoke_many([b"1"] * 8)} == {b"1"}
    states = [one["EndpointStatus"] for one in kit.details("SageMaker Endpoint State Change")]
    assert states == ["ROLLING_BACK", "IN_SERVICE"]


def test_a_creation_goes_on_and_a_deletion_is_completed(kit, restart):
    kit.endpoint("1")
    kit.sm.fault("A05", endpoint="new")
    kit.call("CreateEndpoint", EndpointName="new", EndpointConfigName="v1")
    record = kit.sm._core.store.state(kit.scope).endpoints["e"]
    record["EndpointStatus"] = "Deleting"
    restart()
    assert kit.settled("new")["EndpointStatus"] == "InService"
    assert [one["EndpointName"] for one in kit.call("ListEndpoints")["Endpoints"]] == ["new"]
    assert len(kit.sm.processes()) == 1


@pytest.mark.parametrize(("kept", "after"), [("Failed", "Failed"), ("SystemUpdating", "InService")])
def test_other_states_after_a_restart(kit, restart, kept, after):
    kit.endpoint("1")
    kit.sm.fault("A04" if kept == "Failed" else "A06")
    restart()
    assert kit.status() == after
    if after == "InService":
        _answers(kit)
    else:
        assert "FailureReason" in kit.call("DescribeEndpoint", EndpointName="e")
        kit.call("DeleteEndpoint", EndpointName="e")


@pytest.mark.parametrize("action", ["DeleteEndpoint", "UpdateEndpoint"])
def test_what_comes_while_instances_are_replaced_decides(kit, restart, monkeypatch, action):
    kit.endpoint("1")
    kit.config("2")
    go = threading.Event()
    fetch = hosted.fetch_model
    monkeypatch.setattr(hosted, "fetch_model", lambda *args: go.wait(10) and fetch(*args))
    restart()
    assert kit.status() == "InService"
    more = {"EndpointConfigName": "v2"} if action == "UpdateEndpoint" else {}
    kit.call(action, EndpointName="e", **more)
    go.set()
    if more:
        assert kit.settled()["EndpointConfigName"] == "v2"
        kit.until(lambda: kit.invoke()[2] == b"2")
    else:
        kit.until(lambda: not kit.call("ListEndpoints")["Endpoints"])
    kit.until(lambda: "restore-e" not in {thread.name for thread in threading.enumerate()})
    kit.until(lambda: len(kit.sm.processes()) == len(kit.call("ListEndpoints")["Endpoints"]))
    kit.until(lambda: len(list((kit.root / "fleets").iterdir())) == len(kit.sm.processes()))


@pytest.mark.fault("A31")
def test_instances_that_do_not_come_up_again_take_the_endpoint_out_of_service(kit, restart):
    kit.endpoint("1")
    del kit.host.objects["artefacts", "v1/model.tar.gz"]
    restart()
    kit.until(lambda: kit.status() == "OutOfService")
    assert kit.invoke()[0] == 400
    kit.update(kit.config("2"))
    assert kit.settled()["EndpointStatus"] == "InService"
