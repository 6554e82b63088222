"""An endpoint that scales, and its infrastructure changed on `cdk deploy`: all through the release machine."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

ENDPOINT = "flight-delays-dev"
RESOURCE = f"endpoint/{ENDPOINT}/variant/main"
NAMESPACE = "sagemaker"
COUNT = "  instance_count: 4\n"
TYPE = "  instance_type: ml.m5.large\n  instance_count"
CAPTURE = "    sampling_percent: 100"


def scaled(most: int) -> tuple[str, str]:
    aims = "invocations_per_instance: 6000, concurrent_requests_per_model: 50"
    return COUNT, f"{COUNT}  scaling: {{ min_instances: 3, max_instances: {most}, {aims} }}\n"


def target(app: Any) -> tuple[int, int] | None:
    found = app.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace=NAMESPACE, ResourceIds=[RESOURCE]
    )["ScalableTargets"]
    return (found[0]["MinCapacity"], found[0]["MaxCapacity"]) if found else None


def policies(app: Any) -> set[str]:
    found = app.client("application-autoscaling").describe_scaling_policies(
        ServiceNamespace=NAMESPACE, ResourceId=RESOURCE
    )["ScalingPolicies"]
    assert all(len(p["Alarms"]) == 2 for p in found)
    return {p["PolicyName"] for p in found}


OURS = {f"slipway-{ENDPOINT}-invocations", f"slipway-{ENDPOINT}-concurrency"}


def fleet(app: Any) -> tuple[str, int, str]:
    """Status, instances, instance type."""
    endpoint = app.endpoint()
    config = app.client("sagemaker").describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    variants = endpoint.get("ProductionVariants", [{}])
    count = variants[0].get("CurrentInstanceCount", 0)
    return endpoint["EndpointStatus"], count, config["ProductionVariants"][0]["InstanceType"]


def resize(app: Any, count: int) -> None:
    """As Application Auto Scaling does it."""
    wanted = [{"VariantName": "main", "DesiredInstanceCount": count}]
    app.client("sagemaker").update_endpoint_weights_and_capacities(
        EndpointName=ENDPOINT, DesiredWeightsAndCapacities=wanted
    )
    app.wait_for(lambda: fleet(app)[:2] == ("InService", count), f"{count} instances serve")


def settled(app: Any) -> None:
    """No release runs."""
    sfn, machine = app.client("stepfunctions"), app.outputs["ReleaseMachine"]
    app.wait_for(
        lambda: not sfn.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"],
        "releases end",
        wall_seconds=90,
    )


def deploy(app: Any, declared: Callable[..., None], *changes: tuple[str, str]) -> Any:
    """Deploy a changed declaration; how the release ended that it started."""
    before = app.known("ReleaseMachine")
    declared(*changes)
    (ended,) = app.ends_since("ReleaseMachine", before)
    return ended


def release(app: Any, arn: str) -> Any:
    before = app.known("ReleaseMachine")
    app.approve(arn)
    (ended,) = app.ends_since("ReleaseMachine", before)
    return ended


@pytest.mark.fault("A24")
@pytest.mark.fault("A25")
def test_a_fleet_that_scales_keeps_its_size_and_its_scaling_over_every_release_and_change(
    app: Any, declared: Callable[..., None], hand_register: Callable[..., str]
) -> None:
    config = app.endpoint()["EndpointConfigName"]
    # Scaling alone: registered, and nothing shifted for it.
    ended = deploy(app, declared, scaled(6))
    assert (ended.status, ended.output["outcome"]) == ("SUCCEEDED", "nothing")
    assert (target(app), policies(app)) == ((3, 6), OURS)
    assert app.endpoint()["EndpointConfigName"] == config

    resize(app, 3)  # the least: the little traffic of a release would take any more away
    good = release(app, hand_register())
    assert (good.status, good.output["strategy"]) == ("SUCCEEDED", "canary"), good.cause
    assert (fleet(app)[:2], target(app), policies(app)) == (("InService", 3), (3, 6), OURS)
    path = app.path(good.arn)
    assert path.index("Take scaling off") < path.index("Update the endpoint") < path.index("Restore scaling")

    app.cloud.fault("A01", endpoint=ENDPOINT)
    bad = release(app, hand_register())
    assert bad.error == "ReleaseRolledBack"
    assert (fleet(app)[:2], target(app), policies(app)) == (("InService", 3), (3, 6), OURS)
    assert app.endpoint()["EndpointConfigName"] == good.output["live_config"]

    # Another instance type: SageMaker refuses it of a scalable target.
    ended = deploy(app, declared, scaled(6), (TYPE, TYPE.replace("m5.large", "m5.xlarge")))
    assert (ended.status, ended.output["outcome"]) == ("SUCCEEDED", "released"), ended.cause
    assert ended.output["version"] == good.output["version"]
    assert (fleet(app), target(app), policies(app)) == (("InService", 3, "ml.m5.xlarge"), (3, 6), OURS)

    # A spec that SageMaker takes back: the old one serves, and the version is not condemned for it.
    before = app.endpoint()["EndpointConfigName"]
    app.cloud.fault("A01", endpoint=ENDPOINT)
    ended = deploy(app, declared, scaled(6), (TYPE, TYPE.replace("m5.large", "m5.2xlarge")))
    assert ended.error == "ReleaseRolledBack"
    assert (fleet(app), target(app)) == (("InService", 3, "ml.m5.xlarge"), (3, 6))
    assert app.endpoint()["EndpointConfigName"] == before
    again = app.run("ReleaseMachine", {"trigger": "reconcile"})
    assert (again.status, again.output["outcome"]) == ("SUCCEEDED", "nothing"), "one attempt at one spec"
    stage = app.client("sagemaker").describe_model_package(
        ModelPackageName=app.ledger(f"endpoint#{ENDPOINT}", "live")["package_arn"]
    )["ModelLifeCycle"]
    assert stage["StageStatus"] == "Approved"

    # Other limits, and capture, while the next version is on its way: neither is lost.
    known = app.known("ReleaseMachine")
    arn = hand_register()
    app.approve(arn)
    app.wait_for(lambda: app.endpoint()["EndpointStatus"] == "Updating", "the endpoint updates")
    declared(scaled(5), (TYPE, TYPE.replace("m5.large", "m5.xlarge")), (CAPTURE, CAPTURE.replace("100", "90")))
    app.ends_since("ReleaseMachine", known, count=2)
    settled(app)
    assert (fleet(app), target(app), policies(app)) == (("InService", 3, "ml.m5.xlarge"), (3, 5), OURS)
    assert app.endpoint()["DataCaptureConfig"]["CurrentSamplingPercentage"] == 90
    live = app.ledger(f"endpoint#{ENDPOINT}", "live")
    assert (live["package_arn"], live["config"]) == (arn, app.endpoint()["EndpointConfigName"])

    # A target that somebody took away comes back with the next sweep; one that is declared no longer goes.
    app.client("application-autoscaling").deregister_scalable_target(
        ServiceNamespace=NAMESPACE, ResourceId=RESOURCE, ScalableDimension="sagemaker:variant:DesiredInstanceCount"
    )
    app.run("ReleaseMachine", {"trigger": "reconcile"})
    assert (target(app), policies(app)) == ((3, 5), OURS)
    ended = deploy(app, declared)
    assert (ended.status, ended.output.get("outcome")) == ("SUCCEEDED", "released"), ended.cause
    assert (fleet(app), target(app)) == (("InService", 4, "ml.m5.large"), None)
    settled(app)


@pytest.mark.fault("A30")
def test_an_endpoint_deleted_outside_the_platform_is_told_and_made_anew_at_once(app: Any) -> None:
    version = app.ledger(f"endpoint#{ENDPOINT}", "live")["version"]
    app.told()
    app.client("sagemaker").delete_endpoint(EndpointName=ENDPOINT)
    notices = app.wait_for(lambda: app.told("release"), "a notice", wall_seconds=60)
    assert [n["outcome"] for n in notices] == ["released"]
    assert "was deleted outside the platform" in notices[0]["cause"]
    assert app.endpoint()["EndpointStatus"] == "InService"
    assert app.ledger(f"endpoint#{ENDPOINT}", "live")["version"] == version
    settled(app)
