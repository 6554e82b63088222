"""What CreateEndpointConfig takes, and the combinations that the service refuses."""

import pytest

from rehearsal.sagemaker import ServiceError

SERVERLESS = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
CAPTURE = {
    "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://captured/x",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}  # fmt: skip
ASYNC = {"OutputConfig": {"S3OutputPath": "s3://answers/x"}}


def _instances(name="main", model="m", **more):
    variant = {"VariantName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    return (variant | {"ModelName": model} if model else variant) | more


def _pools(*pools, **more):
    listed = [{"InstanceType": kind, "Priority": rank, **more} for kind, rank in pools]
    return {"VariantName": "main", "ModelName": "m", "InitialInstanceCount": 1, "InstancePools": listed}


def _serverless(name="main", model="m", **more):
    return {"VariantName": name, "ModelName": model, "ServerlessConfig": SERVERLESS | more}


@pytest.fixture
def models(kit):
    container = {"Image": kit.image}
    vpc = {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]}
    multi = {"Image": kit.image, "Mode": "MultiModel", "ModelDataUrl": "s3://artefacts/models/"}
    for name, more in {
        "m": {"PrimaryContainer": container},
        "isolated": {"PrimaryContainer": container, "EnableNetworkIsolation": True},
        "vpc": {"PrimaryContainer": container, "VpcConfig": vpc},
        "pipeline": {"Containers": [container, container]},
        "multi": {"PrimaryContainer": multi},
    }.items():
        kit.call("CreateModel", ModelName=name, ExecutionRoleArn=kit.role, **more)
    return kit


@pytest.mark.parametrize(
    ("variants", "more"),
    [
        ([_instances(InitialVariantWeight=0.0), _instances("other")], {}),
        ([_instances(f"v{n}") for n in range(10)], {}),
        ([_serverless(ProvisionedConcurrency=5)], {}),
        ([_instances()], {"AsyncInferenceConfig": ASYNC}),
        ([_instances()], {"ShadowProductionVariants": [_instances("shadow")], "DataCaptureConfig": CAPTURE}),
        ([_instances(RoutingConfig={"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"})], {}),
        ([_instances(ModelDataDownloadTimeoutInSeconds=60, ContainerStartupHealthCheckTimeoutInSeconds=60)], {}),
        ([_instances(VolumeSizeInGB=512)], {"KmsKeyId": "alias/key"}),
        ([_instances()], {"MetricsConfig": {"MetricPublishFrequencyInSeconds": 10}}),
    ],
)  # fmt: skip
def test_configs_that_are_taken_and_shown_as_given(models, variants, more):
    models.call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=variants, **more)
    shown = models.call("DescribeEndpointConfig", EndpointConfigName="c")
    assert shown["ProductionVariants"] == [{"InitialVariantWeight": 1.0, **one} for one in variants]
    for key, value in more.items():
        assert shown[key] == ([{"InitialVariantWeight": 1.0, **value[0]}] if key.startswith("Shadow") else value)


def test_a_config_for_inference_components_names_its_role(models):
    scaling = {"Status": "ENABLED", "MinInstanceCount": 0, "MaxInstanceCount": 2}
    variant = _instances(model=None, ManagedInstanceScaling=scaling)
    request = {"EndpointConfigName": "c", "ProductionVariants": [variant]}
    with pytest.raises(ServiceError, match="ExecutionRoleArn is required"):
        models.call("CreateEndpointConfig", **request)
    models.call("CreateEndpointConfig", **request, ExecutionRoleArn=models.role)
    shown = models.call("DescribeEndpointConfig", EndpointConfigName="c")
    assert (shown["ExecutionRoleArn"], shown["ProductionVariants"][0]["ManagedInstanceScaling"]) == (
        models.role,
        scaling,
    )


SHADOW = {"ShadowProductionVariants": [_instances("shadow")]}


@pytest.mark.parametrize(
    ("variants", "more", "words"),
    [
        ([_instances(), _instances()], {}, "must be unique"),
        ([_instances()], {"ShadowProductionVariants": [_instances()]}, "must be unique"),
        ([_instances(f"v{n}") for n in range(11)], {}, "length less than or equal to 10"),
        ([{"VariantName": "main", "ModelName": "m"}], {}, "InstanceType is required"),
        ([{"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large"}], {}, "InitialInstanceCount is"),
        ([_instances(model="none")], {}, "Could not find model"),
        ([_instances(), _instances("other", None)], {}, "for all production variants or for none"),
        ([_instances(), _instances("other")], SHADOW, "only specify one variant for ProductionVariants"),
        ([_serverless()], SHADOW, "ServerlessConfig is not supported for shadow"),
        ([_instances()], SHADOW | {"AsyncInferenceConfig": ASYNC}, "AsyncInferenceConfig is not supported for shadow"),
        ([_instances(InstanceType="ml.inf1.xlarge")], SHADOW, "Inf1 instance type is not supported for shadow"),
        ([_instances(model="pipeline")], SHADOW, "multi-container endpoint is not supported for shadow"),
        ([_instances(model="multi")], SHADOW, "multi-model endpoint is not supported for shadow"),
        ([_serverless(), _serverless("other")], {}, "multiple production variants is not supported for serverless"),
        ([_serverless(), _instances("other")], {}, "multiple production variants is not supported for serverless"),
        ([_serverless()], {"DataCaptureConfig": CAPTURE}, "DataCaptureConfig is not supported for serverless"),
        ([_serverless()], {"AsyncInferenceConfig": ASYNC}, "AsyncInferenceConfig is not supported for serverless"),
        ([_serverless(model="isolated")], {}, "EnableNetworkIsolation is not supported for serverless"),
        ([_serverless(model="vpc")], {}, "VpcConfig is not supported for serverless"),
        ([_serverless(model="pipeline")], {}, "inference pipeline is not supported for serverless"),
        ([_serverless(model="multi")], {}, "multi-model container is not supported for serverless"),
        ([_serverless() | {"InstanceType": "ml.m5.large"}], {}, "InstanceType cannot be specified with"),
        ([_serverless(MemorySizeInMB=2500)], {}, "1 GB increments"),
        ([_serverless(ProvisionedConcurrency=6)], {}, "ProvisionedConcurrency (6) must be less than or equal"),
        ([_serverless(MaxConcurrency=201)], {}, "less than or equal to 200"),
        ([_instances(ManagedInstanceScaling={"MaxInstanceCount": 2})], {}, "ManagedInstanceScaling is not supported"),
        (
            [_instances(model=None, ManagedInstanceScaling={"MinInstanceCount": 2, "MaxInstanceCount": 3})],
            {"ExecutionRoleArn": "arn:aws:iam::111122223333:role/slipway-job"}, "must be between MinInstanceCount (2)",
        ),
        ([_instances(AcceleratorType="ml.eia1.medium")], {}, "no longer supported"),
        ([_instances()], {"MetricsConfig": {"MetricPublishFrequencyInSeconds": 7}}, "valid values are 10, 30"),
        ([_instances(RoutingConfig={"RoutingStrategy": "PREFIX_AWARE"})], {}, "does not run routing by prompt prefix"),
        ([_instances(InstancePools=[{"InstanceType": "ml.m5.large", "Priority": 1}])], {}, "cannot both be specified"),
        ([_pools(("ml.m5.large", 1), ("ml.m5.large", 2))], {}, "InstanceType must be unique among the InstancePools"),
        ([_pools(("ml.m5.large", 1), ("ml.m5.xlarge", 1))], {}, "Priority must be unique among the InstancePools"),
        ([_pools(("ml.m5.large", 6))], {}, "less than or equal to 5"),
        ([_pools(("ml.m5.large", 1), ModelNameOverride="m")], {}, "does not run a model of its own for an instance"),
        ([_instances(CoreDumpConfig={"DestinationS3Uri": "s3://b/x"})], {}, "does not run core dumps"),
        ([_instances(EnableSSMAccess=True)], {}, "does not run shells"),
        ([_instances()], {"ExplainerConfig": {}}, "does not run online explainability"),
    ],
)  # fmt: skip
def test_combinations_that_the_service_refuses(models, variants, more, words):
    with pytest.raises(ServiceError) as refusal:
        models.call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=variants, **more)
    assert words in refusal.value.message
    assert models.call("ListEndpointConfigs") == {"EndpointConfigs": []}
