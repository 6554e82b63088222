"""Inference components."""

import json

import pytest

from rehearsal.sagemaker import ServiceError


@pytest.fixture
def host(plane):
    """An endpoint of two instances that wait for components."""
    plane.endpoint(plane.variant(InitialInstanceCount=2), ExecutionRoleArn=plane.kit.role)
    return plane


def _create(plane, name="ic", copies=1, memory=1024, cpus=1.0, **container):
    plane.kit.call(
        "CreateInferenceComponent", InferenceComponentName=name, EndpointName="e", VariantName="main",
        Specification=_specification(plane, memory, cpus, **container), RuntimeConfig={"CopyCount": copies},
    )  # fmt: skip


def _specification(plane, memory=1024, cpus=1.0, **container):
    return {
        "Container": plane.container(**container),
        "ComputeResourceRequirements": {"NumberOfCpuCoresRequired": cpus, "MinMemoryRequiredInMb": memory},
    }


def _settled(plane, name="ic"):
    def shown():
        described = plane.kit.call("DescribeInferenceComponent", InferenceComponentName=name)
        return described if described["InferenceComponentStatus"] not in ("Creating", "Updating") else None

    return plane.kit.until(shown)


def test_copies_are_processes_on_the_instances_and_are_invoked_by_name(host):
    assert host.kit.sm.processes() == []
    _create(host, copies=2, SUFFIX="-a")
    _create(host, "other", SUFFIX="-b")
    described = _settled(host)
    assert described["InferenceComponentStatus"] == "InService"
    assert described["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}
    assert "@sha256:" in described["Specification"]["Container"]["DeployedImage"]["ResolvedImage"]
    _settled(host, "other")
    assert len(host.kit.sm.processes()) == 3
    assert host.invoke(b"x", Inference_Component="ic")[2] == b"x-a"
    assert host.invoke(b"x", Inference_Component="other")[2] == b"x-b"
    names = {one["name"].rpartition("/")[2] for one in host.kit.sm.processes() if "/ic/" in one["name"]}
    assert len(names) == 2, "spread over both instances"
    assert host.values("Invocations", "InferenceComponentName") == [1.0, 1.0]


def test_a_request_must_name_a_component_that_is_there(host):
    _create(host)
    _settled(host)
    assert "InferenceComponentName is required" in json.loads(host.invoke(b"x")[2])["Message"]
    assert "Inference Component" in json.loads(host.invoke(b"x", Inference_Component="no")[2])["Message"]


def test_copies_are_scaled_also_to_none(host):
    _create(host)
    _settled(host)
    for count in (3, 0):
        runtime = {"CopyCount": count}
        host.kit.call(
            "UpdateInferenceComponentRuntimeConfig", InferenceComponentName="ic", DesiredRuntimeConfig=runtime
        )
        assert _settled(host)["RuntimeConfig"] == {"DesiredCopyCount": count, "CurrentCopyCount": count}
        host.kit.until(lambda count=count: len(host.kit.sm.processes()) == count)
    status, _, body = host.invoke(b"x", Inference_Component="ic")
    assert (status, "no capacity" in json.loads(body)["Message"]) == (400, True)
    assert host.values("NoCapacityInvocationFailures", "InferenceComponentName") == [1.0]


def test_a_component_that_does_not_fit_fails_with_the_reason(host):
    _create(host, memory=9000)
    described = _settled(host)
    assert described["InferenceComponentStatus"] == "Failed"
    assert described["FailureReason"].startswith("Inference Component Capacity Error")


def test_managed_scaling_brings_an_instance_for_a_component(plane):
    scaling = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
    plane.endpoint(plane.variant(ManagedInstanceScaling=scaling), ExecutionRoleArn=plane.kit.role)
    _create(plane, copies=2, memory=6000)
    assert _settled(plane)["RuntimeConfig"]["CurrentCopyCount"] == 2
    assert plane.kit.call("DescribeEndpoint", EndpointName="e")["ProductionVariants"][0]["CurrentInstanceCount"] == 2


def _update(plane, deployment=None, **container):
    more = {"DeploymentConfig": deployment} if deployment else {}
    specification = _specification(plane, **container)
    plane.kit.call("UpdateInferenceComponent", InferenceComponentName="ic", Specification=specification, **more)


ROLLING = {
    "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "COPY_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0},
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "bad"}]},
}


def test_a_new_specification_rolls_in_by_batches_without_a_failed_request(host):
    _create(host, copies=2, SUFFIX="-1")
    _settled(host)
    _update(host, ROLLING, SUFFIX="-2")
    seen = set()

    def done():
        status, _, body = host.invoke(b"x", Inference_Component="ic")
        assert status == 200, body
        seen.add(body)
        described = host.kit.call("DescribeInferenceComponent", InferenceComponentName="ic")
        return described["InferenceComponentStatus"] == "InService"

    host.kit.until(done)
    assert host.invoke(b"x", Inference_Component="ic")[2] == b"x-2"
    assert seen <= {b"x-1", b"x-2"}
    assert _settled(host)["LastDeploymentConfig"] == ROLLING
    assert len(host.kit.sm.processes()) == 2


def test_an_alarm_turns_a_rolling_update_back(host):
    _create(host, copies=2, SUFFIX="-1")
    _settled(host)
    host.kit.host.alarms["bad"] = "ALARM"
    _update(host, ROLLING, SUFFIX="-2")
    described = _settled(host)
    assert described["Specification"]["Container"]["Environment"] == {"SUFFIX": "-1"}
    assert {host.invoke(b"x", Inference_Component="ic")[2] for _ in range(6)} == {b"x-1"}


def test_a_deleted_component_is_gone_with_its_processes(host):
    _create(host)
    _settled(host)
    host.kit.call("DeleteInferenceComponent", InferenceComponentName="ic")
    host.kit.until(lambda: not host.kit.call("ListInferenceComponents")["InferenceComponents"])
    assert host.kit.sm.processes() == []
    with pytest.raises(ServiceError, match="Could not find inference component"):
        host.kit.call("DescribeInferenceComponent", InferenceComponentName="ic")


def test_with_its_endpoint_a_component_ends_too(host):
    _create(host, copies=2)
    _settled(host)
    host.kit.call("DeleteEndpoint", EndpointName="e")
    host.kit.until(lambda: not host.kit.sm.processes())
    host.kit.until(lambda: not host.kit.call("ListInferenceComponents")["InferenceComponents"])


def test_components_are_listed_by_endpoint_and_variant(host):
    for name in ("one", "two"):
        _create(host, name)
        _settled(host, name)
    names = [one["InferenceComponentName"] for one in host.kit.call("ListInferenceComponents")["InferenceComponents"]]
    assert names == ["two", "one"]
    assert host.kit.call("ListInferenceComponents", EndpointNameEquals="x")["InferenceComponents"] == []


def test_copies_are_there_again_after_a_restart(host, tmp_path):
    from rehearsal.sagemaker import SageMaker

    _create(host, copies=2)
    _settled(host)
    kept = host.kit.sm.snapshot()
    host.kit.sm.close()
    host.kit.sm = SageMaker(host.kit.host, tmp_path / "again", host.kit.sm._core.limits)
    host.kit.sm.resume(kept)
    shown = lambda: host.kit.call("DescribeInferenceComponent", InferenceComponentName="ic")  # noqa: E731
    host.kit.until(lambda: shown()["RuntimeConfig"]["CurrentCopyCount"] == 2)
    assert host.invoke(b"x", Inference_Component="ic")[0] == 200


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"VariantName": "no"}, "does not exist in endpoint"),
        ({"EndpointName": "no"}, "Could not find endpoint"),
        ({"Specification": {"ModelName": "m"}}, "ComputeResourceRequirements is required"),
        ({"Specification": {"BaseInferenceComponentName": "b"}}, "does not run BaseInferenceComponentName"),
        (
            {"Specification": {"ModelName": "no", "ComputeResourceRequirements": {"MinMemoryRequiredInMb": 128}}},
            "Could not find model",
        ),
        (
            {"Specification": {"ComputeResourceRequirements": {"MinMemoryRequiredInMb": 128}}},
            "either ModelName or Container",
        ),
    ],
)
def test_impossible_components_are_refused(host, change, words):
    request = {
        "InferenceComponentName": "ic",
        "EndpointName": "e",
        "VariantName": "main",
        "RuntimeConfig": {"CopyCount": 1},
        "Specification": _specification(host),
    }
    with pytest.raises(ServiceError, match=words):
        host.kit.call("CreateInferenceComponent", **request | change)


def test_a_variant_with_a_model_takes_no_component(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container())))
    with pytest.raises(ServiceError, match="has a model of its own"):
        _create(plane)


def test_closing_the_cloud_ends_the_threads_of_its_copies(host):
    _create(host, copies=2)
    _settled(host)
    threads = list(host.kit.sm._core._threads)
    assert sum(one.name.startswith("main/ic/") for one in threads) == 2
    host.kit.sm.close()
    assert [one.name for one in threads if one.is_alive()] == []
