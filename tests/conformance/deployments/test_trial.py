"""The real CDK command line through the whole life of a stack of more than 75 resources (`make conformance`)."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import Cloud
from rehearsal.deploy import Cdk
from rehearsal.errors import DeployError

pytestmark = pytest.mark.rehearsal

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def filling() -> Any:
    """`filling.py` beside this file, which the benchmark uses too."""
    found = importlib.util.spec_from_file_location("filling", HERE / "filling.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def assemblies(tmp_path_factory: pytest.TempPathFactory, full: bool) -> Path:
    if not full:
        pytest.skip("the whole life of a stack takes a minute: `make conformance`")
    directory = tmp_path_factory.mktemp("trial")
    environment = {**os.environ, "JSII_NODE": str(ROOT / ".venv/bin/node")}
    environment["JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION"] = "1"
    subprocess.run([sys.executable, HERE / "trial_app.py", directory], check=True, env=environment, capture_output=True)
    return directory


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, assemblies: Path) -> Iterator[Cloud]:
    with Cloud.start(tmp_path_factory.mktemp("trial-cloud") / "state") as running:
        yield running


def resources(cloud: Cloud) -> dict[str, dict[str, str]]:
    pages = cloud.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName="Trial")
    return {one["LogicalResourceId"]: one for page in pages for one in page["StackResourceSummaries"]}


def answer(cloud: Cloud) -> str:
    body = cloud.client("sagemaker-runtime").invoke_endpoint(EndpointName="trial", Body=b"1")["Body"]
    return str(body.read().decode())


def left(cloud: Cloud) -> list[str]:
    """What a destroyed platform must not leave."""
    found = []
    sagemaker, events = cloud.client("sagemaker"), cloud.client("events")
    found += [one["EndpointName"] for one in sagemaker.list_endpoints()["Endpoints"]]
    found += [one["ModelName"] for one in sagemaker.list_models()["Models"]]
    found += [one["FeatureGroupName"] for one in sagemaker.list_feature_groups()["FeatureGroupSummaries"]]
    found += [one["ModelCardName"] for one in sagemaker.list_model_cards()["ModelCardSummaries"]]
    found += [one["FunctionName"] for one in cloud.client("lambda").list_functions()["Functions"]]
    found += cloud.client("dynamodb").list_tables()["TableNames"]
    found += [one["TopicArn"] for one in cloud.client("sns").list_topics()["Topics"]]
    found += cloud.client("sqs").list_queues().get("QueueUrls", [])
    found += [one["stateMachineArn"] for one in cloud.client("stepfunctions").list_state_machines()["stateMachines"]]
    found += [one["AlarmName"] for one in cloud.client("cloudwatch").describe_alarms()["MetricAlarms"]]
    found += [one["ArchiveName"] for one in events.list_archives()["Archives"]]
    found += [one["Name"] for one in events.list_event_buses()["EventBuses"] if one["Name"] != "default"]
    targets = cloud.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="sagemaker")
    found += [one["ResourceId"] for one in targets["ScalableTargets"]]
    found += [one["RoleName"] for one in cloud.client("iam").list_roles()["Roles"] if one["RoleName"].startswith("Tri")]
    return found


def test_a_platform_is_deployed_compared_changed_rolled_back_and_destroyed(
    cloud: Cloud, assemblies: Path, figure: Callable[[str, object, str, bool], None]
) -> None:
    cdk = Cdk(ROOT)
    cloud.deploy(assemblies / "first", ("TrialBase",))
    filling().fill(cloud)
    first = cloud.deploy(assemblies / "first", ("Trial",))
    made = resources(cloud)
    kinds = {one["ResourceType"] for one in made.values()}
    figure("deployed resources", len(made), ">= 75", len(made) >= 75)
    figure("deployed resource types", len(kinds), ">= 35", len(kinds) >= 35)
    figure("cdk deploy of them, s", first["seconds"], "told", True)
    assert answer(cloud) == "first"
    assert cdk.differs(cloud, assemblies / "first", ("Trial",)) is False
    assert cdk.differs(cloud, assemblies / "changed", ("Trial",)) is True

    cloud.deploy(assemblies / "changed", ("Trial",))
    after = resources(cloud)
    assert answer(cloud) == "changed"
    both = set(after) & set(made)
    replaced = {name for name in both if after[name]["PhysicalResourceId"] != made[name]["PhysicalResourceId"]}
    assert {one.rstrip("0123456789ABCDEF") for one in replaced} >= {"Topic", "Model", "Config"}
    assert "Endpoint" not in replaced
    assert {name for name in set(made) - set(after) if name.startswith("Surplus")}
    named = cloud.client("ssm").get_parameter(Name="/trial/topic")["Parameter"]["Value"]
    assert named.endswith(":trial-two")
    assert [one["TopicArn"] for one in cloud.client("sns").list_topics()["Topics"]] == [named]

    with pytest.raises(DeployError, match="DatapointsToAlarm must be less than or equal"):
        cloud.deploy(assemblies / "failing", ("Trial",))
    stack = cloud.client("cloudformation").describe_stacks(StackName="Trial")["Stacks"][0]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    physical = {name: one["PhysicalResourceId"] for name, one in resources(cloud).items()}
    assert physical == {name: one["PhysicalResourceId"] for name, one in after.items()}
    assert answer(cloud) == "changed"

    cloud.destroy(assemblies / "changed", ("Trial",))
    remains = [one for one in left(cloud) if "TrialBase" not in one]
    figure("left after cdk destroy", remains or "nothing", "nothing", not remains)
