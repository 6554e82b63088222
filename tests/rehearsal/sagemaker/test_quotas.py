"""Quotas of endpoints, and capacity of endpoints that may have no instance."""

import dataclasses

import pytest

from rehearsal.sagemaker import ServiceError


@pytest.fixture
def quota(kit):
    """At most so many ml.m5.large under endpoints."""

    def work(count):
        quotas = {"ml.m5.large for endpoint usage": count}
        kit.sm._core.limits = dataclasses.replace(kit.sm._core.limits, endpoint_instance_quotas=quotas)

    return work


def _exceeded(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, EndpointName="e", **params)
    assert refusal.value.code == "ResourceLimitExceeded"
    return refusal.value.message


@pytest.mark.fault("A08")
def test_a_blue_green_update_needs_the_double_fleet(kit, quota):
    kit.endpoint("1", count=2)
    config = kit.config("2", count=2)
    quota(3)
    assert (
        "'ml.m5.large for endpoint usage' is 3 Instances, with current utilization of 2 Instances and a request delta "
        "of 2 Instances."
    ) in _exceeded(kit, "UpdateEndpoint", EndpointConfigName=config)
    assert kit.status() == "InService"
    assert len(kit.sm.processes()) == 2
    quota(4)
    kit.update(config)
    kit.settled()
    wanted = [{"VariantName": "main", "DesiredInstanceCount": 5}]
    words = _exceeded(kit, "UpdateEndpointWeightsAndCapacities", DesiredWeightsAndCapacities=wanted)
    assert "utilization of 2 Instances and a request delta of 3 Instances" in words


def test_a_rolling_update_needs_one_batch_more(kit, quota, clock):
    kit.endpoint("1", count=2)
    config = kit.config("2", count=2)
    batch = {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 0}
    quota(2)
    _exceeded(kit, "UpdateEndpoint", EndpointConfigName=config, DeploymentConfig={"RollingUpdatePolicy": batch})
    quota(3)
    kit.update(config, RollingUpdatePolicy=batch)
    assert kit.settled()["EndpointConfigName"] == "v2"


def test_a_creation_counts_what_others_have(kit, quota):
    kit.endpoint("1", count=2)
    quota(2)
    with pytest.raises(ServiceError, match="request delta of 2 Instances"):
        kit.call("CreateEndpoint", EndpointName="other", EndpointConfigName="v1")
    assert [one["EndpointName"] for one in kit.call("ListEndpoints")["Endpoints"]] == ["e"]


def _serverless(kit, name, concurrency):
    variant = {
        "VariantName": "main", "ModelName": "v1",
        "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": concurrency, "ProvisionedConcurrency": 1},
    }  # fmt: skip
    kit.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[variant])
    return name


def _change(kit, **desired):
    wanted = [{"VariantName": "main", **desired}]
    kit.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=wanted)


def test_serverless_concurrency_is_changed_in_place_and_has_a_quota(kit):
    kit.config("1")
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=_serverless(kit, "s", 5))
    shown = kit.settled()["ProductionVariants"][0]
    assert "CurrentInstanceCount" not in shown
    assert shown["CurrentServerlessConfig"] == {
        "MemorySizeInMB": 2048, "MaxConcurrency": 5, "ProvisionedConcurrency": 1,
    }  # fmt: skip
    _change(kit, ServerlessUpdateConfig={"MaxConcurrency": 7})
    assert kit.settled()["ProductionVariants"][0]["CurrentServerlessConfig"]["MaxConcurrency"] == 7
    for desired, words in (
        ({"ServerlessUpdateConfig": {"ProvisionedConcurrency": 8}}, r"ProvisionedConcurrency \(8\)"),
        ({"DesiredInstanceCount": 1}, "serverless variant main"),
    ):
        with pytest.raises(ServiceError, match=words):
            _change(kit, **desired)
    kit.sm._core.limits = dataclasses.replace(kit.sm._core.limits, serverless_concurrency=10)
    with pytest.raises(ServiceError, match="utilization of 7 Concurrency and a request delta of 5 Concurrency"):
        kit.call("CreateEndpoint", EndpointName="other", EndpointConfigName="s")
    kit.update(_serverless(kit, "s2", 9))
    assert kit.settled()["EndpointConfigName"] == "s2", "what is replaced does not count"
    kit.sm._core.limits = dataclasses.replace(kit.sm._core.limits, serverless_concurrency=20, serverless_endpoints=1)
    with pytest.raises(ServiceError, match="Maximum number of serverless endpoints"):
        kit.call("CreateEndpoint", EndpointName="other", EndpointConfigName="s")


def test_an_asynchronous_endpoint_can_have_no_instance(kit):
    kit.endpoint("1", AsyncInferenceConfig={"OutputConfig": {"S3OutputPath": "s3://answers/x"}})
    assert kit.call("DescribeEndpoint", EndpointName="e")["AsyncInferenceConfig"]
    for count in (0, 1):
        _change(kit, DesiredInstanceCount=count)
        shown = kit.settled()["ProductionVariants"][0]
        assert (shown["CurrentInstanceCount"], shown["DesiredInstanceCount"]) == (count, count)
        assert len(kit.sm.processes()) == count


def test_instances_for_inference_components_run_no_container(kit):
    variant = {"VariantName": "main", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
    kit.call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[variant], ExecutionRoleArn=kit.role)
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    shown = kit.settled()["ProductionVariants"][0]
    assert (shown["CurrentInstanceCount"], kit.sm.processes()) == (2, [])
    _change(kit, DesiredInstanceCount=0)
    assert kit.settled()["ProductionVariants"][0]["CurrentInstanceCount"] == 0


@pytest.mark.fault("A08")
@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("ml.m5.large for endpoint usage", 1, "ResourceLimitExceeded"),
        ("ml.m5.large for endpoint usage", 2, None),
        ("ml.m5.large for training job usage", 0, None),
    ],
)
def test_the_service_holds_to_the_quota_that_it_lists(kit, name, value, code):
    kit.sm.set_quota(name, value)
    assert kit.sm.quotas()[name] == value
    config = kit.config("1", count=2)
    try:
        kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=config)
    except ServiceError as refusal:
        assert refusal.code == code
    else:
        assert code is None


@pytest.mark.parametrize("name", ["Maximum number of serverless endpoints", "ml.m5.large for processing job usage"])
def test_every_listed_quota_can_be_set(kit, name):
    kit.sm.set_quota(name, 3)
    assert (kit.sm.quotas()[name], kit.sm.quotas(now=False)[name]) != (3, 3)
    assert kit.sm.quotas()[name] == 3
