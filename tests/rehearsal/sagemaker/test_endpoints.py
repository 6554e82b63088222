import dataclasses
import os
import signal
import threading
import time

import pytest

from rehearsal.sagemaker import ServiceError

CANARY = {
    "TrafficRoutingConfiguration": {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 300,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
    },
    "TerminationWaitInSeconds": 120,
    "MaximumExecutionTimeoutInSeconds": 1800,
}
ALARM = {"Alarms": [{"AlarmName": "errors"}]}


def _baking(kit):
    pending = kit.call("DescribeEndpoint", EndpointName="e").get("PendingDeploymentSummary", {})
    for variant in pending.get("ProductionVariants", []):
        for status in variant["VariantStatus"]:
            if status["Status"] == "Baking":
                return status["StatusMessage"]
    return None


def _versions(answers):
    assert {answer[0] for answer in answers} == {200}, [one for one in answers if one[0] != 200][:2]
    return [answer[2].decode() for answer in answers]


def test_creation_starts_real_servers_and_serves_the_model(kit):
    described = kit.endpoint("1", count=2)
    assert described["ProductionVariants"][0]["CurrentInstanceCount"] == 2
    assert described["ProductionVariants"][0]["DeployedImages"][0]["ResolvedImage"].endswith("@sha256:" + "ab" * 32)
    status, headers, body = kit.invoke()
    assert (status, body) == (200, b"1")
    assert headers["x-Amzn-Invoked-Production-Variant"] == "main"
    assert len(kit.sm.processes()) == 2
    states = [one["EndpointStatus"] for one in kit.details("SageMaker Endpoint State Change")]
    assert states == ["CREATING", "IN_SERVICE"]


def test_the_whole_green_fleet_takes_over_without_a_failed_request(kit):
    kit.endpoint("1", count=2)
    config = kit.config("2", count=2)
    with kit.traffic() as answers:
        kit.update(config)
        described = kit.settled()
        kit.until(lambda: answers[-1][2] == b"2")
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v2")
    versions = _versions(answers)
    assert {"1", "2"} == set(versions)
    assert len(kit.sm.processes()) == 2


def test_a_canary_gets_its_share_then_all(kit, clock):
    kit.endpoint("1", count=4)
    kit.update(kit.config("2", count=4), BlueGreenUpdatePolicy=CANARY)
    kit.until(lambda: (_baking(kit) or "").startswith("Baking for 300 seconds (WaitIntervalInSeconds)"))
    assert kit.call("DescribeEndpoint", EndpointName="e")["EndpointConfigName"] == "v1"
    assert _versions(kit.invoke_many([b"1"] * 40)).count("2") == 10
    clock.advance(301)
    kit.until(lambda: (_baking(kit) or "").startswith("Baking for 120 seconds (TerminationWaitInSeconds)"))
    assert set(_versions(kit.invoke_many([b"1"] * 12))) == {"2"}
    assert len(kit.sm.processes()) == 8
    clock.advance(121)
    assert kit.settled()["EndpointConfigName"] == "v2"
    assert len(kit.sm.processes()) == 4
    kit.sm.flush()
    deployment = kit.details("SageMaker Endpoint Deployment State Change")
    shown = [
        one["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"][0]["Status"] for one in deployment
    ]
    assert shown[-5:] == ["ActivatingTraffic", "Baking", "ActivatingTraffic", "Baking", "Deleting"]


def test_linear_shifts_step_by_step(kit, clock):
    kit.endpoint("1", count=2)
    linear = {
        "TrafficRoutingConfiguration": {
            "Type": "LINEAR", "WaitIntervalInSeconds": 60, "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
    }  # fmt: skip
    kit.update(kit.config("2", count=2), BlueGreenUpdatePolicy=linear)
    kit.until(lambda: _baking(kit))
    assert _versions(kit.invoke_many([b"1"] * 20)).count("2") == 10
    clock.advance(61)
    assert kit.settled()["EndpointConfigName"] == "v2"


@pytest.mark.fault("A11")
def test_an_alarm_in_the_canary_bake_rolls_back_under_load(kit):
    kit.endpoint("1", count=4)
    config = kit.config("2", count=4)
    with kit.traffic() as answers:
        kit.update(config, BlueGreenUpdatePolicy=CANARY, AutoRollbackConfiguration=ALARM)
        kit.until(lambda: _baking(kit))
        kit.host.alarms["errors"] = "ALARM"
        described = kit.settled()
        seen = len(answers)
        kit.until(lambda: len(answers) > seen + 50)
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v1")
    assert "FailureReason" not in described
    assert "PendingDeploymentSummary" not in described
    assert set(_versions(answers[seen + 10 :])) == {"1"}
    _versions(answers)
    states = [one["EndpointStatus"] for one in kit.details("SageMaker Endpoint State Change")]
    assert states[-3:] == ["UPDATING", "ROLLING_BACK", "IN_SERVICE"]
    assert len(kit.sm.processes()) == 4


def test_an_alarm_counts_in_the_last_bake_too(kit, clock):
    kit.endpoint("1", count=2)
    policy = {"TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}}
    kit.update(
        kit.config("2", count=2),
        BlueGreenUpdatePolicy=policy | {"TerminationWaitInSeconds": 60},
        AutoRollbackConfiguration=ALARM,
    )
    kit.until(lambda: _baking(kit))
    kit.host.alarms["errors"] = "ALARM"
    clock.advance(61)
    assert kit.settled()["EndpointConfigName"] == "v1"


def test_an_alarm_that_does_not_exist_is_ignored(kit):
    kit.endpoint("1")
    kit.update(kit.config("2"), AutoRollbackConfiguration={"Alarms": [{"AlarmName": "deleted"}]})
    assert kit.settled()["EndpointConfigName"] == "v2"


@pytest.mark.fault("A01")
def test_a01_an_update_can_roll_back_without_a_word(kit):
    kit.endpoint("1")
    kit.sm.fault("A01", endpoint="e")
    kit.update(kit.config("2"))
    described = kit.settled()
    assert (described["EndpointStatus"], described["EndpointConfigName"]) == ("InService", "v1")
    assert "FailureReason" not in described
    assert kit.invoke()[2] == b"1"
    kit.update("v2")
    assert kit.settled()["EndpointConfigName"] == "v2"


@pytest.mark.fault("A03")
def test_a03_a_failed_rollback_leaves_a_mixed_fleet_that_an_update_repairs(kit):
    kit.endpoint("1")
    kit.sm.fault("A03")
    kit.update(kit.config("2"))
    assert kit.settled()["EndpointStatus"] == "UpdateRollbackFailed"
    assert set(_versions(kit.invoke_many([b"1"] * 10))) == {"1", "2"}
    kit.update(kit.config("3"))
    assert kit.settled()["EndpointStatus"] == "InService"
    assert set(_versions(kit.invoke_many([b"1"] * 10))) == {"3"}
    assert len(kit.sm.processes()) == 1


@pytest.mark.fault("A05")
def test_a05_an_update_hangs_until_the_fault_is_cleared(kit):
    kit.endpoint("1")
    kit.sm.fault("A05")
    kit.update(kit.config("2"))
    kit.invoke_many([b"1"] * 20)
    assert kit.status() == "Updating"
    kit.sm.clear_faults()
    assert kit.settled()["EndpointConfigName"] == "v2"


@pytest.mark.fault("A06")
def test_a06_maintenance_refuses_updates_and_keeps_serving(kit):
    kit.endpoint("1")
    kit.sm.fault("A06", endpoint="e")
    assert kit.status() == "SystemUpdating"
    with pytest.raises(ServiceError, match="Cannot update in-progress endpoint"):
        kit.update(kit.config("2"))
    assert kit.invoke()[0] == 200
    kit.sm.clear_faults()
    assert kit.status() == "InService"


@pytest.mark.fault("A08")
def test_a08_a_double_fleet_can_exceed_the_limit(kit):
    kit.endpoint("1")
    kit.sm.fault("A08")
    with pytest.raises(ServiceError, match="Number of instances") as refusal:
        kit.update(kit.config("2"))
    assert refusal.value.code == "ResourceLimitExceeded"
    assert kit.status() == "InService"


@pytest.mark.fault("A10")
@pytest.mark.parametrize("mode", ["sick", "exit"])
def test_a10_a_container_that_never_answers_ping_gets_no_traffic(kit, mode):
    kit.endpoint("1")
    if mode == "sick":
        kit.sm._core.limits = dataclasses.replace(kit.sm._core.limits, startup_seconds=1.5)
    config = kit.config("2", mode=mode)
    with kit.traffic() as answers:
        began = time.monotonic()
        kit.update(config)
        described = kit.settled()
    assert set(_versions(answers)) == {"1"}
    assert described["EndpointConfigName"] == "v1"
    if mode == "exit":
        assert time.monotonic() - began < 5, "three exits fail the fleet at once"
    assert len(kit.sm.processes()) == 1


def test_a_failed_creation_says_why_and_can_only_be_deleted(kit):
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=kit.config("1", mode="exit"))
    described = kit.settled()
    assert described["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert "last with code 3" in described["FailureReason"]
    with pytest.raises(ServiceError, match="can only be deleted"):
        kit.update(kit.config("2"))
    kit.call("DeleteEndpoint", EndpointName="e")
    kit.until(lambda: not kit.call("ListEndpoints")["Endpoints"])


def test_missing_model_data_is_named(kit):
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=kit.config("1", data="s3://artefacts/none.tar.gz"))
    assert "Failed to download model data" in kit.settled()["FailureReason"]


@pytest.mark.fault("H03")
def test_a_killed_worker_costs_no_request_and_comes_back(kit):
    kit.endpoint("1", count=2)
    victim = kit.sm.processes()[0]["pid"]
    with kit.traffic() as answers:
        os.kill(victim, signal.SIGKILL)
        kit.until(lambda: victim not in [one["pid"] for one in kit.sm.processes()])
        kit.until(lambda: len(kit.sm.processes()) == 2)
    _versions(answers)


@pytest.mark.fault("A27")
def test_requests_in_flight_end_before_the_old_fleet_does(kit):
    kit.endpoint("1")
    config, answers = kit.config("2"), []
    slow = threading.Thread(target=lambda: answers.extend(kit.invoke_many([b"slow"])))
    slow.start()
    live = kit.sm._core.live[kit.scope, "e"]
    kit.until(lambda: live.fleets()[0].instances[0].in_flight)
    kit.update(config)
    described = kit.settled()
    slow.join()
    assert described["EndpointConfigName"] == "v2"
    assert _versions(answers) == ["1"]


def test_weights_and_counts_change_in_place(kit):
    kit.endpoint("1")
    desired = [{"VariantName": "main", "DesiredInstanceCount": 3, "DesiredWeight": 2.0}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    variant = kit.settled()["ProductionVariants"][0]
    assert (variant["CurrentInstanceCount"], variant["CurrentWeight"]) == (3, 2.0)
    assert len(kit.sm.processes()) == 3


@pytest.mark.fault("A24")
@pytest.mark.parametrize(("retain", "count"), [(True, 3), (False, 1)])
def test_an_update_keeps_the_scaled_count_only_when_asked(kit, retain, count):
    kit.endpoint("1")
    desired = [{"VariantName": "main", "DesiredInstanceCount": 3}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=desired)
    kit.settled()
    kit.call("UpdateEndpoint", EndpointName="e", EndpointConfigName=kit.config("2"), RetainAllVariantProperties=retain)
    assert kit.settled()["ProductionVariants"][0]["CurrentInstanceCount"] == count


def test_variants_share_by_weight_and_can_be_named(kit):
    for version in ("1", "2"):
        kit.config(version)
    variants = [
        {"VariantName": f"arm{n}", "ModelName": f"v{n}", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1,
         "InitialVariantWeight": float(weight)}
        for n, weight in ((1, 3), (2, 1))
    ]  # fmt: skip
    kit.call("CreateEndpointConfig", EndpointConfigName="ab", ProductionVariants=variants)
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName="ab")
    kit.settled()
    assert _versions(kit.invoke_many([b"1"] * 40)).count("2") == 10
    assert kit.invoke(b"1", **{"X-Amzn-SageMaker-Target-Variant": "arm2"})[2] == b"2"
    assert kit.invoke(b"1", **{"X-Amzn-SageMaker-Target-Variant": "arm9"})[0] == 400


def test_deletion_ends_the_processes_and_the_files(kit):
    kit.endpoint("1")
    kit.call("DeleteEndpoint", EndpointName="e")
    kit.until(lambda: not kit.call("ListEndpoints")["Endpoints"])
    assert kit.sm.processes() == []
    assert not list((kit.root / "fleets").iterdir())
    assert kit.invoke()[0] == 400


def test_close_in_the_middle_of_an_update_leaves_nothing(kit):
    kit.endpoint("1", count=2)
    kit.update(kit.config("2", count=2), BlueGreenUpdatePolicy=CANARY | {"TerminationWaitInSeconds": 0})
    kit.until(lambda: len(kit.sm.processes()) > 2)
    pids = [one["pid"] for one in kit.sm.processes()]
    began = time.monotonic()
    kit.sm.close()
    assert time.monotonic() - began < 5
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not (kit.root / "fleets").exists()


@pytest.mark.fault("H04")
def test_a_full_disk_keeps_the_old_fleet(kit, monkeypatch):
    def full(*_args):
        raise OSError(28, "No space left on device")

    kit.endpoint("1")
    monkeypatch.setattr("rehearsal.sagemaker.serving.hosted.unpack", full)
    kit.update(kit.config("2"))
    assert kit.settled()["EndpointConfigName"] == "v1"
    assert kit.invoke()[2] == b"1"
    kit.call("CreateEndpoint", EndpointName="new", EndpointConfigName="v2")
    assert "No space left on device" in kit.settled("new")["FailureReason"]
    assert len(list((kit.root / "fleets").iterdir())) == 1
