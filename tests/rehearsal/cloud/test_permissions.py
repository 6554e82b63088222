"""What SageMaker requests need, and how Step Functions names SageMaker's errors."""

from typing import Any

import pytest

from rehearsal.host import Scope
from rehearsal.permissions import dependents, primary
from rehearsal.states.sagemaker_tasks import error_name

SCOPE = Scope("111122223333", "eu-west-1")
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:"
ROLE = "arn:aws:iam::111122223333:role/jobs"


@pytest.mark.parametrize(
    ("action", "params", "resource"),
    [
        ("CreateTrainingJob", {"TrainingJobName": "Train-A"}, f"{ARN}training-job/train-a"),
        ("DescribeEndpoint", {"EndpointName": "e"}, f"{ARN}endpoint/e"),
        ("CreateEndpointConfig", {"EndpointConfigName": "c"}, f"{ARN}endpoint-config/c"),
        ("UpdateModelPackage", {"ModelPackageArn": f"{ARN}model-package/g/3"}, f"{ARN}model-package/g/3"),
        ("CreateModelPackage", {"ModelPackageGroupName": "g"}, f"{ARN}model-package/g/*"),
        ("ListModelPackages", {"ModelPackageGroupName": "g"}, f"{ARN}model-package-group/g"),
        ("ListEndpoints", {}, "*"),
        ("CreateArtifact", {"Source": {"SourceUri": "a"}}, f"{ARN}artifact/0cc175b9c0f1b6a831c399e269772661"),
        ("AddTags", {"ResourceArn": f"{ARN}endpoint/e"}, f"{ARN}endpoint/e"),
        ("InvokeEndpoint", {"EndpointName": "e"}, f"{ARN}endpoint/e"),
    ],
)
def test_the_resource_of_an_action(action: str, params: dict[str, Any], resource: str) -> None:
    need = primary(action, params, SCOPE)
    assert (need.action, need.resource) == (f"sagemaker:{action}", resource)


def test_an_endpoint_also_needs_its_config_and_a_job_its_role_and_tags() -> None:
    update = dependents("UpdateEndpoint", {"EndpointName": "e", "EndpointConfigName": "c"}, SCOPE)
    assert [(need.action, need.resource) for need in update] == [
        ("sagemaker:UpdateEndpoint", f"{ARN}endpoint-config/c")
    ]
    job = {"TrainingJobName": "t", "RoleArn": ROLE, "Tags": [{"Key": "a", "Value": "b"}]}
    needs = dependents("CreateTrainingJob", job, SCOPE)
    assert [(need.action, need.resource) for need in needs] == [
        ("iam:PassRole", ROLE),
        ("sagemaker:AddTags", f"{ARN}training-job/t"),
    ]
    assert needs[0].context == {
        "iam:PassedToService": "sagemaker.amazonaws.com",
        "iam:AssociatedResourceArn": f"{ARN}training-job/t",
    }
    assert needs[1].context == {
        "aws:RequestTag/a": "b",
        "aws:TagKeys": ["a"],
        "sagemaker:TaggingAction": "CreateTrainingJob",
    }


def test_approval_status_is_a_condition_key() -> None:
    params = {"ModelPackageArn": f"{ARN}model-package/g/3", "ModelApprovalStatus": "Approved"}
    assert primary("UpdateModelPackage", params, SCOPE).context == {"sagemaker:ModelApprovalStatus": "Approved"}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ResourceLimitExceeded", "SageMaker.ResourceLimitExceededException"),
        ("ConflictException", "SageMaker.ConflictException"),
        ("ValidationException", "SageMaker.SageMakerException"),
    ],
)
def test_errors_end_in_exception(code: str, name: str) -> None:
    assert error_name(code) == name
