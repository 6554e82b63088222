import pytest

from rehearsal.host import Scope
from rehearsal.sagemaker import SageMaker, ServiceError
from rehearsal.sagemaker.shapes import check, service_model

VARIANT = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}


def _refusal(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


def _model(kit, name="m"):
    container = {"Image": kit.image, "ModelDataUrl": "s3://artefacts/m.tar.gz"}
    return kit.call("CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=kit.role)


def test_wrong_values_are_refused_in_the_services_words(kit):
    refusal = _refusal(kit, "CreateModelPackageGroup", ModelPackageGroupName="not allowed!")
    assert (refusal.code, refusal.status) == ("ValidationException", 400)
    assert refusal.message.startswith(
        "1 validation error detected: Value 'not allowed!' at 'modelPackageGroupName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: "
    )


def test_all_faults_of_a_request_are_told_at_once(kit):
    bad = {**VARIANT, "InstanceType": "ml.none", "InitialVariantWeight": -1.0}
    refusal = _refusal(kit, "CreateEndpointConfig", ProductionVariants=[bad])
    assert refusal.message.startswith("3 validation errors detected: Value null at 'endpointConfigName'")
    assert "Value 'ml.none' at 'productionVariants.1.member.instanceType' failed" in refusal.message
    assert "Value '-1.0' at 'productionVariants.1.member.initialVariantWeight' failed" in refusal.message


@pytest.mark.parametrize(
    ("params", "code", "words"),
    [
        ({"ModelPackageGroupName": "g", "Colour": "red"}, "ValidationException", 'Unknown parameter "Colour"'),
        ({"ModelPackageGroupName": 7}, "SerializationException", "cannot be converted to a string"),
        ({"ModelPackageGroupName": "g" * 64}, "ValidationException", "length less than or equal to 63"),
    ],
)
def test_shape_faults(kit, params, code, words):
    refusal = _refusal(kit, "CreateModelPackageGroup", **params)
    assert refusal.code == code
    assert words in refusal.message


@pytest.mark.fault("H08")
@pytest.mark.parametrize("action", ["CreateWorkteam", "CreateNothing"])
def test_an_action_that_is_not_there_is_refused_loudly(kit, action):
    assert _refusal(kit, action).code == "UnknownOperationException"


def test_every_action_is_in_the_services_model():
    assert set(service_model().operation_names) >= SageMaker.ACTIONS


def test_answers_fit_the_services_model_and_show_nothing_private(kit):
    kit.endpoint("1", Tags=[{"Key": "a", "Value": "b"}])
    kit.call("CreateModelPackageGroup", ModelPackageGroupName="g")
    kit.call("CreateModelPackage", ModelPackageGroupName="g")
    kit.training()
    kit.processing()
    kit.ended("Training")
    kit.ended("Processing")
    calls = {
        "DescribeModel": {"ModelName": "v1"},
        "DescribeEndpointConfig": {"EndpointConfigName": "v1"},
        "DescribeEndpoint": {"EndpointName": "e"},
        "DescribeModelPackageGroup": {"ModelPackageGroupName": "g"},
        "DescribeTrainingJob": {"TrainingJobName": "job"},
        "DescribeProcessingJob": {"ProcessingJobName": "job"},
        "ListModelPackages": {"ModelPackageGroupName": "g"},
        **{f"List{kind}": {} for kind in ("Models", "EndpointConfigs", "Endpoints", "ModelPackageGroups")},
        **{f"List{kind}": {} for kind in ("TrainingJobs", "ProcessingJobs")},
    }
    for action, params in calls.items():
        answer = kit.call(action, **params)
        shape = service_model().operation_model(action).output_shape
        times = {key: value for key, value in answer.items() if key.endswith("Time")}
        assert all(isinstance(value, float) for value in times.values()), action
        try:
            check(shape, answer)
        except ServiceError as fault:
            # The model calls members required that the service itself leaves out: nulls only are tolerated.
            assert all("Value null" in one for one in fault.message.split("; ")), (action, fault.message)
        assert not [key for key, value in answer.items() if value in ({}, [], None) and key != "Tags"], action


def test_accounts_and_regions_do_not_see_each_other(kit):
    kit.call("CreateModelPackageGroup", ModelPackageGroupName="g")
    for other in (Scope("444455556666", "eu-west-1"), Scope("111122223333", "us-east-1")):
        assert kit.sm.handle("ListModelPackageGroups", {}, other, "x") == {"ModelPackageGroupSummaryList": []}


def test_an_answer_is_a_copy(kit):
    _model(kit)
    kit.call("DescribeModel", ModelName="m")["PrimaryContainer"]["Image"] = "other"
    assert kit.call("DescribeModel", ModelName="m")["PrimaryContainer"]["Image"] == kit.image


def test_missing_and_doubled_resources_are_named(kit):
    arn = _model(kit)["ModelArn"]
    assert f'already existing model "{arn}"' in _refusal(kit, "CreateModel", ModelName="m").message
    kit.call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[VARIANT])
    again = _refusal(kit, "CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[VARIANT])
    assert "already existing endpoint configuration" in again.message
    unknown = _refusal(kit, "CreateEndpoint", EndpointName="e", EndpointConfigName="none")
    assert unknown.message.startswith('Could not find endpoint configuration "arn:aws:sagemaker:eu-west-1:')
    assert "Could not find endpoint " in _refusal(kit, "DescribeEndpoint", EndpointName="e").message
    assert "Could not find model" in _refusal(kit, "DescribeModel", ModelName="none").message
    absent = _refusal(
        kit, "CreateEndpointConfig", EndpointConfigName="d", ProductionVariants=[{**VARIANT, "ModelName": "none"}]
    )
    assert "Could not find model" in absent.message
    for kind in ("Training", "Processing"):
        missing = _refusal(kit, f"Describe{kind}Job", **{f"{kind}JobName": "none"})
        assert "ould not find" in missing.message or "not found" in missing.message


def test_model_requests_that_name_no_single_container_are_refused(kit):
    container = {"Image": kit.image}
    for params, words in (
        ({}, "PrimaryContainer or Containers"),
        ({"PrimaryContainer": container, "Containers": [container]}, "not both"),
        ({"PrimaryContainer": {}}, "Image or a ModelPackageName"),
    ):
        assert words in _refusal(kit, "CreateModel", ModelName="m", **params).message


def test_a_config_in_use_can_be_deleted_as_in_the_service(kit):
    kit.endpoint("1")
    kit.call("DeleteEndpointConfig", EndpointConfigName="v1")
    kit.call("DeleteModel", ModelName="v1")
    assert kit.invoke()[0] == 200


def test_an_update_in_progress_refuses_another_and_deletion(kit):
    kit.endpoint("1")
    kit.sm.fault("A05")
    kit.update(kit.config("2"))
    for action, more in (("UpdateEndpoint", {"EndpointConfigName": "v1"}), ("DeleteEndpoint", {})):
        assert "Cannot update in-progress endpoint" in _refusal(kit, action, EndpointName="e", **more).message


def test_tags_are_added_listed_and_removed(kit):
    arn = _model(kit)["ModelArn"]
    tags = [{"Key": "team", "Value": "ops"}, {"Key": "env", "Value": "dev"}]
    assert kit.call("AddTags", ResourceArn=arn, Tags=tags) == {"Tags": tags}
    kit.call("DeleteTags", ResourceArn=arn, TagKeys=["team", "none"])
    assert kit.call("ListTags", ResourceArn=arn) == {"Tags": [{"Key": "env", "Value": "dev"}]}
    assert "Could not find resource" in _refusal(kit, "ListTags", ResourceArn=arn + "x").message


def test_jobs_that_cannot_run_here_are_refused(kit):
    for more, words in (
        ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "must provide a TrainingImage"),
    ):
        with pytest.raises(ServiceError, match=words):
            kit.training(**more)


def test_faults_that_do_not_exist_are_refused(kit):
    for row, more, words in (("Z99", {}, "Z99"), ("A01", {"colour": "red"}, "colour"), ("A01", {"times": 0}, "times")):
        with pytest.raises(ValueError, match=words):
            kit.sm.fault(row, **more)


def test_model_and_config_events_are_published(kit):
    kit.config("1")
    assert kit.details("SageMaker Model State Change")[0]["ModelName"] == "v1"
    config = kit.details("SageMaker Endpoint Config State Change")[0]
    assert config["ProductionVariants"][0]["InitialVariantWeight"] == 1.0
