"""Types around an endpoint: made on it, changed with it, and gone with their stack."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

Serving = Callable[..., dict[str, Any]]
NAME = {"Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}}


def answer(stacks: Any, endpoint: str, **more: str) -> str:
    runtime = stacks.client("sagemaker-runtime")
    return str(runtime.invoke_endpoint(EndpointName=endpoint, Body=b"1", **more)["Body"].read().decode())


def test_a_serverless_endpoint_changes_its_memory_with_another_config(stacks: Any, serving: Serving) -> None:
    def of(memory: int) -> dict[str, Any]:
        config = {"MemorySizeInMB": memory, "MaxConcurrency": 2}
        return serving(variant={"ServerlessConfig": config, "InitialInstanceCount": None, "InstanceType": None})

    assert stacks.deploy("serverless", of(1024), outputs=NAME) == "CREATE_COMPLETE", stacks.failures("serverless")
    name = stacks.outputs("serverless")["Name"]
    assert answer(stacks, name) == "one"
    config = stacks.physical("serverless", "EndpointConfig")
    assert stacks.deploy("serverless", of(2048), outputs=NAME) == "UPDATE_COMPLETE", stacks.failures("serverless")
    assert stacks.physical("serverless", "EndpointConfig") != config
    described = stacks.client("sagemaker").describe_endpoint(EndpointName=name)["ProductionVariants"][0]
    assert described["CurrentServerlessConfig"]["MemorySizeInMB"] == 2048
    assert answer(stacks, name) == "one"
    status = stacks.deploy("serverless", of(1000), outputs=NAME)
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert "memorySizeInMB" in stacks.reasons("serverless", "EndpointConfig", "UPDATE_FAILED")[0]
    stacks.delete("serverless")


def test_a_shift_without_alarms_and_without_an_interval_is_one_that_the_api_takes(
    stacks: Any, serving: Serving
) -> None:
    shift = {
        "AutoRollbackConfiguration": {"Alarms": []},
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE"},
            "TerminationWaitInSeconds": 0,
        },
    }
    for mode in ("one", "two"):
        resources = serving(mode, Endpoint={"DeploymentConfig": shift})
        assert stacks.deploy("shift", resources, outputs=NAME).endswith("E_COMPLETE"), stacks.failures("shift")
        assert answer(stacks, stacks.outputs("shift")["Name"]) == mode
    described = stacks.client("sagemaker").describe_endpoint(EndpointName=stacks.outputs("shift")["Name"])
    last = described["LastDeploymentConfig"]
    assert "AutoRollbackConfiguration" not in last
    assert last["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]["WaitIntervalInSeconds"] == 0
    stacks.delete("shift")


def hosted(base: dict[str, str], serving: Serving, copies: int, mode: str = "one", **more: Any) -> dict[str, Any]:
    resources = serving(variant={"ModelName": None}, EndpointConfig={"ExecutionRoleArn": base["role"]})
    variant = resources["EndpointConfig"]["Properties"]["ProductionVariants"][0]
    del resources["Model"], variant["InitialVariantWeight"]
    container = {"Image": base["image"], "ArtifactUrl": base["model"], "Environment": {"MODE": mode}}
    needed = {"NumberOfCpuCoresRequired": 0.5, "MinMemoryRequiredInMb": 256}
    resources["Component"] = {
        "Type": "AWS::SageMaker::InferenceComponent",
        "Properties": {
            "EndpointName": {"Fn::GetAtt": ["Endpoint", "EndpointName"]},
            "VariantName": "blue",
            "Specification": {"Container": container, "ComputeResourceRequirements": needed},
            "RuntimeConfig": {"CopyCount": copies},
            **more,
        },
    }
    return resources


def test_an_inference_component_and_its_scaling(stacks: Any, base: dict[str, str], serving: Serving) -> None:
    stack, sagemaker = "component", stacks.client("sagemaker")
    outputs = NAME | {"Component": {"Value": {"Fn::GetAtt": ["Component", "InferenceComponentName"]}}}
    scaled = {
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "ServiceNamespace": "sagemaker",
                "ScalableDimension": "sagemaker:inference-component:DesiredCopyCount",
                "ResourceId": {"Fn::Sub": "inference-component/${Component.InferenceComponentName}"},
                "MinCapacity": 1,
                "MaxCapacity": 3,
            },
        }
    }

    def deploy(copies: int, mode: str = "one", **more: Any) -> str:
        resources = hosted(base, serving, copies, mode, **more) | copy.deepcopy(scaled)
        return str(stacks.deploy(stack, resources, outputs=outputs))

    assert deploy(1) == "CREATE_COMPLETE", stacks.failures(stack)
    found = stacks.outputs(stack)
    name, arn = found["Component"], found["ComponentRef"]
    assert answer(stacks, found["Name"], InferenceComponentName=name) == "one"
    assert arn == sagemaker.describe_inference_component(InferenceComponentName=name)["InferenceComponentArn"]
    assert deploy(2) == "UPDATE_COMPLETE", stacks.failures(stack)
    described = sagemaker.describe_inference_component(InferenceComponentName=name)
    assert described["RuntimeConfig"]["CurrentCopyCount"] == 2
    assert deploy(2, "two") == "UPDATE_COMPLETE", stacks.failures(stack)
    assert answer(stacks, found["Name"], InferenceComponentName=name) == "two"
    assert stacks.outputs(stack)["ComponentRef"] == arn
    assert deploy(2, "exit") == "UPDATE_ROLLBACK_COMPLETE"
    assert "did not stabilize" in stacks.reasons(stack, "Component", "UPDATE_FAILED")[0]
    assert answer(stacks, found["Name"], InferenceComponentName=name) == "two"
    assert deploy(1, "two", InferenceComponentName="another") == "UPDATE_COMPLETE", stacks.failures(stack)
    names = sagemaker.list_inference_components(EndpointNameEquals=found["Name"])["InferenceComponents"]
    assert [one["InferenceComponentName"] for one in names] == ["another"]
    scaling = stacks.client("application-autoscaling")
    targets = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert [one["ResourceId"] for one in targets] == ["inference-component/another"]
    stacks.delete(stack)
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []


def test_a_component_that_does_not_start_is_rolled_back(stacks: Any, base: dict[str, str], serving: Serving) -> None:
    assert stacks.deploy("no-component", hosted(base, serving, 1, "exit")) == "ROLLBACK_COMPLETE"
    assert "did not stabilize" in stacks.reasons("no-component", "Component", "CREATE_FAILED")[0]
    assert stacks.client("sagemaker").list_inference_components()["InferenceComponents"] == []
    stacks.delete("no-component")


def shadow(serving: Serving, **more: Any) -> dict[str, Any]:
    resources = serving()
    resources["Second"] = serving("two")["Model"]
    hardware = {
        "InfrastructureType": "RealTimeInference",
        "RealTimeInferenceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    models = {"blue": "Model", "green": "Second"}
    resources["Experiment"] = {
        "Type": "AWS::SageMaker::InferenceExperiment",
        "Properties": {
            "Name": "shadow",
            "Type": "ShadowMode",
            "RoleArn": resources["Model"]["Properties"]["ExecutionRoleArn"],
            "EndpointName": {"Fn::GetAtt": ["Endpoint", "EndpointName"]},
            "ModelVariants": [
                {
                    "VariantName": name,
                    "ModelName": {"Fn::GetAtt": [model, "ModelName"]},
                    "InfrastructureConfig": hardware,
                }
                for name, model in models.items()
            ],
            "ShadowModeConfig": {
                "SourceModelVariantName": "blue",
                "ShadowModelVariants": [{"ShadowModelVariantName": "green", "SamplingPercentage": 50}],
            },
            **more,
        },
    }
    return resources


def test_an_inference_experiment_runs_is_ended_and_deleted_while_it_runs(stacks: Any, serving: Serving) -> None:
    stack, sagemaker = "experiment", stacks.client("sagemaker")

    def deploy(**more: Any) -> str:
        return str(stacks.deploy(stack, shadow(serving, **more), outputs=NAME))

    def status(name: str = "shadow") -> str:
        return str(sagemaker.describe_inference_experiment(Name=name)["Status"])

    assert deploy(DesiredState="Running") == "CREATE_COMPLETE", stacks.failures(stack)
    assert status() == "Running"
    assert deploy(DesiredState="Running", Description="of green") == "UPDATE_COMPLETE", stacks.failures(stack)
    assert sagemaker.describe_inference_experiment(Name="shadow")["Description"] == "of green"
    assert deploy(DesiredState="Completed", Description="of green") == "UPDATE_COMPLETE", stacks.failures(stack)
    assert status() == "Completed"
    assert deploy(Name="shadow-2", DesiredState="Running") == "UPDATE_COMPLETE", stacks.failures(stack)
    assert status("shadow-2") == "Running"
    assert sagemaker.list_inference_experiments(NameContains="shadow")["InferenceExperiments"][0]["Name"] == "shadow-2"
    stacks.delete(stack)
    assert sagemaker.list_inference_experiments()["InferenceExperiments"] == []
    broken = shadow(serving, ShadowModeConfig={"SourceModelVariantName": "blue", "ShadowModelVariants": []})
    assert stacks.deploy("no-experiment", broken) == "ROLLBACK_COMPLETE"
    assert "shadowModelVariants" in stacks.reasons("no-experiment", "Experiment", "CREATE_FAILED")[0]
    stacks.delete("no-experiment")
    for config in sagemaker.list_endpoint_configs(NameContains="shadow")["EndpointConfigs"]:  # the service's own
        sagemaker.delete_endpoint_config(EndpointConfigName=config["EndpointConfigName"])


def test_a_monitoring_schedule_changes_in_place_and_goes_with_its_stack(
    stacks: Any, base: dict[str, str], serving: Serving
) -> None:
    capture = {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": f"s3://{base['bucket']}/capture",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }
    local = {"S3Uri": f"s3://{base['bucket']}/reports", "LocalPath": "/opt/ml/processing/output"}
    cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
    watched = {"EndpointName": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}, "LocalPath": "/opt/ml/processing/input"}

    def deploy(stack: str, hours: str, name: str = "hourly", **more: Any) -> str:
        job = {
            "MonitoringAppSpecification": {"ImageUri": base["image"]},
            "MonitoringInputs": [{"EndpointInput": watched}],
            "MonitoringOutputConfig": {"MonitoringOutputs": [{"S3Output": local}]},
            "MonitoringResources": {"ClusterConfig": cluster},
            "RoleArn": base["role"],
        }
        config = {"MonitoringJobDefinition": job, "ScheduleConfig": {"ScheduleExpression": f"cron(0 {hours} ? * * *)"}}
        schedule = {
            "Type": "AWS::SageMaker::MonitoringSchedule",
            "Properties": {"MonitoringScheduleName": name, "MonitoringScheduleConfig": config, **more},
        }
        resources = serving(EndpointConfig={"DataCaptureConfig": capture}) | {"Schedule": schedule}
        return str(stacks.deploy(stack, resources))

    sagemaker = stacks.client("sagemaker")
    assert deploy("schedule", "*") == "CREATE_COMPLETE", stacks.failures("schedule")
    arn = stacks.outputs("schedule")["ScheduleRef"]
    described = sagemaker.describe_monitoring_schedule(MonitoringScheduleName="hourly")
    assert (described["MonitoringScheduleArn"], described["MonitoringScheduleStatus"]) == (arn, "Scheduled")
    assert deploy("schedule", "0") == "UPDATE_COMPLETE", stacks.failures("schedule")
    config = sagemaker.describe_monitoring_schedule(MonitoringScheduleName="hourly")["MonitoringScheduleConfig"]
    assert config["ScheduleConfig"]["ScheduleExpression"] == "cron(0 0 ? * * *)"
    assert deploy("schedule", "99") == "UPDATE_ROLLBACK_COMPLETE"
    assert "cron" in stacks.reasons("schedule", "Schedule", "UPDATE_FAILED")[0]
    assert stacks.outputs("schedule")["ScheduleRef"] == arn
    assert deploy("schedule", "*", "daily") == "UPDATE_COMPLETE", stacks.failures("schedule")
    stacks.delete("schedule")
    assert sagemaker.list_monitoring_schedules()["MonitoringScheduleSummaries"] == []
    assert deploy("no-schedule", "99") == "ROLLBACK_COMPLETE"
    assert "cron" in stacks.reasons("no-schedule", "Schedule", "CREATE_FAILED")[0]
    stacks.delete("no-schedule")
