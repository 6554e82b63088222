"""A first deployment that fails, and `cdk destroy` of everything in the middle of a release."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import Cloud
from rehearsal.errors import DeployError
from slipway.config.loader import load

pytestmark = pytest.mark.rehearsal

ENDPOINT, MODEL = "flight-delays-dev", "flight-delays"
STACK = "slipway-Dev-Release-FlightDelays"
RESOURCE = f"endpoint/{ENDPOINT}/variant/main"
SPEED = 120.0


def inventory(cloud: Cloud) -> dict[str, set[str]]:
    """What costs money or acts by itself, by kind."""
    sagemaker = cloud.client("sagemaker")

    def names(operation: str, member: str, key: str, **more: Any) -> set[str]:
        pages = sagemaker.get_paginator(operation).paginate(**more)
        return {item[key] for page in pages for item in page[member]}

    scaling = cloud.client("application-autoscaling")
    return {
        "endpoints": names("list_endpoints", "Endpoints", "EndpointName"),
        "configs": names("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName"),
        "models": names("list_models", "Models", "ModelName"),
        "groups": names("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName"),
        "training": names("list_training_jobs", "TrainingJobSummaries", "TrainingJobName", StatusEquals="InProgress"),
        "processing": names(
            "list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName", StatusEquals="InProgress"
        ),
        "targets": {
            t["ResourceId"] for t in scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
        },
        "schedules": {s["Name"] for s in cloud.client("scheduler").list_schedules()["Schedules"]},
        "rules": {r["Name"] for r in cloud.client("events").list_rules()["Rules"]},
        "alarms": {a["AlarmName"] for a in cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]},
        "machines": {m["name"] for m in cloud.client("stepfunctions").list_state_machines()["stateMachines"]},
        "functions": {f["FunctionName"] for f in cloud.client("lambda").list_functions()["Functions"]},
        # But for those that SageMaker and CodeBuild make by themselves, for the whole account or a project's name.
        "log groups": {
            g["logGroupName"]
            for g in cloud.client("logs").describe_log_groups()["logGroups"]
            if not g["logGroupName"].startswith(("/aws/sagemaker/", "/aws/codebuild/"))
        },
        "buckets": {b["Name"] for b in cloud.client("s3").list_buckets()["Buckets"]},
        "tables": set(cloud.client("dynamodb").list_tables()["TableNames"]),
        "repositories": {r["repositoryName"] for r in cloud.client("ecr").describe_repositories()["repositories"]},
        "servers": {str(p["pid"]) for p in cloud.processes() if p.get("kind") == "server"},
    }


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A cloud of its own, bootstrapped and empty."""
    cloud = Cloud.start(tmp_path_factory.mktemp("teardown"), account="111122223333", region="eu-west-1", speed=SPEED)
    try:
        cloud.bootstrap()
        yield cloud
    finally:
        cloud.stop()


def with_a_last_resource_that_fails(assembly: Path, folder: Path) -> Path:
    """A copy whose release stack fails when everything else of it is made."""
    shutil.copytree(assembly, folder)
    (path,) = folder.glob("*ReleaseFlightDelays*.template.json")
    template = json.loads(path.read_text(encoding="utf-8"))
    variant = {"VariantName": "v", "ModelName": "nobody-made-it", "InitialInstanceCount": 1}
    template["Resources"]["Last"] = {
        "Type": "AWS::SageMaker::EndpointConfig",
        "DependsOn": [name for name, of in template["Resources"].items() if "Condition" not in of],
        "Properties": {"ProductionVariants": [{**variant, "InstanceType": "ml.m5.large", "InitialVariantWeight": 1}]},
    }
    path.write_text(json.dumps(template), encoding="utf-8")
    # Under a name of its own: the CLI uploads nothing that is there.
    manifest = folder / "manifest.json"
    of = json.loads(manifest.read_text(encoding="utf-8"))["artifacts"][path.name.partition(".")[0]]
    old = Path(of["properties"]["stackTemplateAssetObjectUrl"]).stem
    for one in (manifest, path.with_name(path.name.replace(".template.", ".assets."))):
        one.write_text(one.read_text(encoding="utf-8").replace(f"{old}.json", f"{'0' * 64}.json"), encoding="utf-8")
    return folder


@pytest.mark.fault("D10")
def test_a_first_deployment_that_fails_leaves_nothing_stuck_and_destroyed_in_a_release_all_goes(
    own: Cloud, application: Any, synthesise: Any, root: Path, tmp_path: Path
) -> None:
    before = inventory(own)
    scaling = "  scaling: { min_instances: 2, max_instances: 6, invocations_per_instance: 6000 }\n"
    synthesise(tmp_path, (("  instance_count: 4\n", f"  instance_count: 4\n{scaling}"),))
    assembly = tmp_path / "cdk.out" / "assembly-Dev"
    broken = with_a_last_resource_that_fails(assembly, assembly.with_name("assembly-Broken"))
    with pytest.raises(DeployError):
        own.deploy(broken)
    (stack,) = own.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE", stack.get("StackStatusReason")
    ours = {kind: {name for name in names if "Release" in name} for kind, names in inventory(own).items()}
    assert {kind: names for kind, names in ours.items() if names} == {}
    own.deploy(assembly)
    app = application(own, next(m for m in load(root).models if m.name == MODEL))
    app.upload_month("2013-01")
    trained = app.run("TrainMachine", {"trigger": "manual", "reason": "first"})
    assert trained.status == "SUCCEEDED", f"{trained.error}: {trained.cause}"
    known = app.known("ReleaseMachine")
    app.approve(trained.output["model_package_arn"])
    (released,) = app.ends_since("ReleaseMachine", known)
    assert released.status == "SUCCEEDED", f"{released.error}: {released.cause}"
    assert inventory(own)["targets"] == {RESOURCE}

    known = app.known("ReleaseMachine")
    app.approve(app.register_by_hand())
    app.wait_for(lambda: (app.endpoint() or {}).get("EndpointStatus") == "Updating", "the endpoint updates")
    own.destroy(assembly)
    after = inventory(own)
    assert {k: v - before[k] for k, v in after.items() if v - before[k]} == {}
    assert {k: before[k] - v for k, v in after.items() if before[k] - v} == {}
    own.clock.advance(3600)
    own.flush()
    assert inventory(own) == after, "nothing comes back"
