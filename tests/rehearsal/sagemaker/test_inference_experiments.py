import json

import pytest

from rehearsal.sagemaker import Limits, SageMaker, ServiceError

DAY = 86_400
LIMITS = Limits(startup_seconds=8, ping_seconds=0.03, server_grace_seconds=2, drain_seconds=2)


def _variant(name, model):
    hardware = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
    infrastructure = {"InfrastructureType": "RealTimeInference", "RealTimeInferenceConfig": hardware}
    return {"VariantName": name, "ModelName": model, "InfrastructureConfig": infrastructure}


@pytest.fixture
def experiment(kit):
    """Endpoint `e` with model v1, and a request to test v2 in its shadow."""
    kit.endpoint("1")
    url = kit.archive("v2/model.tar.gz", "2")
    container = {"Image": kit.image, "ModelDataUrl": url}
    kit.call("CreateModel", ModelName="v2", PrimaryContainer=container, ExecutionRoleArn=kit.role)
    return {
        "Name": "test",
        "Type": "ShadowMode",
        "RoleArn": kit.role,
        "EndpointName": "e",
        "ModelVariants": [_variant("main", "v1"), _variant("next", "v2")],
        "ShadowModeConfig": {
            "SourceModelVariantName": "main",
            "ShadowModelVariants": [{"ShadowModelVariantName": "next", "SamplingPercentage": 100}],
        },
    }


def _status(kit):
    return kit.call("DescribeInferenceExperiment", Name="test")["Status"]


def _reached(kit, status):
    kit.until(lambda: _status(kit) == status)
    return kit.call("DescribeInferenceExperiment", Name="test")


def _stop(kit, main, following, **more):
    actions = {"main": main, "next": following}
    return kit.call("StopInferenceExperiment", Name="test", ModelVariantActions=actions, **more)


def _refused(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


def test_a_shadow_runs_beside_production_and_is_promoted(kit, experiment):
    kit.call("CreateInferenceExperiment", **experiment)
    running = _reached(kit, "Running")
    assert [one["Status"] for one in running["ModelVariants"]] == ["InService", "InService"]
    described = kit.call("DescribeEndpoint", EndpointName="e")
    assert [one["VariantName"] for one in described["ShadowProductionVariants"]] == ["next"]
    assert kit.invoke()[2] == b"1"
    assert "cannot be deleted" in _refused(kit, "DeleteInferenceExperiment", Name="test").message
    _stop(kit, "Remove", "Promote", Reason="as good")
    done = _reached(kit, "Completed")
    assert done["StatusReason"] == "as good"
    assert [one["Status"] for one in done["ModelVariants"]] == ["Deleted", "InService"]
    assert kit.invoke()[2] == b"2"
    kit.call("DeleteInferenceExperiment", Name="test")
    assert kit.status() == "InService"
    assert _refused(kit, "DescribeInferenceExperiment", Name="test").code == "ResourceNotFound"


def test_it_waits_for_its_time_and_ends_by_itself(kit, clock, experiment):
    schedule = {"StartTime": clock.now() + DAY, "EndTime": clock.now() + 2 * DAY}
    kit.call("CreateInferenceExperiment", **experiment, Schedule=schedule)
    _reached(kit, "Created")
    clock.advance(DAY)
    _reached(kit, "Running")
    clock.advance(DAY)
    _reached(kit, "Completed")
    described = kit.call("DescribeEndpoint", EndpointName="e")
    assert "ShadowProductionVariants" not in described
    assert kit.invoke()[2] == b"1"


def test_its_time_is_kept_over_a_restart(kit, clock, experiment, tmp_path):
    schedule = {"StartTime": clock.now() + DAY, "EndTime": clock.now() + 2 * DAY}
    kit.call("CreateInferenceExperiment", **experiment, Schedule=schedule)
    _reached(kit, "Created")
    again = SageMaker(kit.host, tmp_path / "again", LIMITS)
    try:
        again.resume(json.loads(json.dumps(kit.sm.snapshot())))

        def status(action, **named):
            return again.handle(action, named, kit.scope, kit.principal)

        kit.until(lambda: status("DescribeEndpoint", EndpointName="e")["EndpointStatus"] == "InService")
        assert status("DescribeInferenceExperiment", Name="test")["Status"] == "Created"
        clock.advance(DAY)
        kit.until(lambda: status("DescribeInferenceExperiment", Name="test")["Status"] == "Running")
    finally:
        again.close()


def test_it_is_started_changed_and_cancelled_by_hand(kit, clock, experiment):
    schedule = {"StartTime": clock.now() + DAY, "EndTime": clock.now() + 2 * DAY}
    kit.call("CreateInferenceExperiment", **experiment, Schedule=schedule)
    kit.call("StartInferenceExperiment", Name="test")
    assert _refused(kit, "StartInferenceExperiment", Name="test").code == "ConflictException"
    _reached(kit, "Running")
    mode = json.loads(json.dumps(experiment["ShadowModeConfig"]))
    mode["ShadowModelVariants"][0]["SamplingPercentage"] = 50
    kit.call("UpdateInferenceExperiment", Name="test", ShadowModeConfig=mode)
    _reached(kit, "Running")
    config = kit.call("DescribeEndpoint", EndpointName="e")["EndpointConfigName"]
    shadow = kit.call("DescribeEndpointConfig", EndpointConfigName=config)["ShadowProductionVariants"][0]
    assert shadow["InitialVariantWeight"] == 0.5
    _stop(kit, "Retain", "Remove", DesiredState="Cancelled")
    _reached(kit, "Cancelled")
    assert kit.call("ListInferenceExperiments", StatusEquals="Cancelled")["InferenceExperiments"][0]["Name"] == "test"


def test_one_that_has_not_begun_leaves_the_endpoint_alone(kit, clock, experiment):
    schedule = {"StartTime": clock.now() + DAY, "EndTime": clock.now() + 2 * DAY}
    kit.call("CreateInferenceExperiment", **experiment, Schedule=schedule)
    _stop(kit, "Retain", "Remove")
    assert _status(kit) == "Cancelled"
    assert kit.call("DescribeEndpoint", EndpointName="e")["EndpointConfigName"] == "v1"


def test_an_endpoint_that_does_not_follow_cancels_it(kit, experiment):
    container = {"Image": kit.image, "ModelDataUrl": "s3://artefacts/v2/model.tar.gz", "Environment": {"MODE": "exit"}}
    kit.call("CreateModel", ModelName="v3", PrimaryContainer=container, ExecutionRoleArn=kit.role)
    variants = [_variant("main", "v1"), _variant("next", "v3")]
    kit.call("CreateInferenceExperiment", **(experiment | {"ModelVariants": variants}))
    assert _reached(kit, "Cancelled")["StatusReason"]
    assert kit.invoke()[2] == b"1"
    # What the experiment made for the endpoint is gone again.
    configs = kit.call("ListEndpointConfigs")["EndpointConfigs"]
    assert [one["EndpointConfigName"] for one in configs] == ["v1"]


def test_wrong_requests_are_refused(kit, experiment):
    for more, words in (
        ({"ModelVariants": [_variant("main", "v1"), _variant("other", "v2")]}, "the two that ShadowModeConfig names"),
        ({"ModelVariants": [_variant("main", "v1"), _variant("next", "none")]}, "Could not find model"),
        ({"EndpointName": "none"}, "Could not find endpoint"),
        ({"Schedule": {"EndTime": 1.0}}, "EndTime"),
    ):
        assert words in _refused(kit, "CreateInferenceExperiment", **(experiment | more)).message
    kit.call("CreateInferenceExperiment", **experiment)
    assert _refused(kit, "CreateInferenceExperiment", **experiment).code == "ResourceInUse"
    _reached(kit, "Running")
    for actions, words in (
        ({"main": "Retain"}, "must name the variants"),
        ({"main": "Remove", "next": "Remove"}, "must retain the production variant"),
        ({"main": "Promote", "next": "Remove"}, "must retain the production variant"),
    ):
        refusal = _refused(kit, "StopInferenceExperiment", Name="test", ModelVariantActions=actions)
        assert words in refusal.message
