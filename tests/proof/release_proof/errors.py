"""Which errors a Task state can raise, by its integration: from the service models and the developer guide.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from functools import lru_cache

import botocore.session

from rehearsal.asl.resources import Resource

EVERYWHERE = ("States.Timeout", "States.TaskFailed", "States.Permissions", "States.DataLimitExceeded", "States.Runtime")
"""The last two cannot be caught by States.ALL: they end the execution (D01, D02)."""
HICCUPS = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.Unknown",
)
REFUSALS = {
    "plan_release": ("BadEventError",),
    "inspect_artefact": ("BadEventError", "ArtefactFaultError"),
    "check_preflight": ("BadEventError", "PreflightRefusedError", "AlarmNotReadyError"),
    "judge_trial": ("BadEventError", "MissingSettingError"),
    "verify_release": ("BadEventError",),
    "probe_release": ("BadEventError", "SmokeTestFailedError"),
    "smoke_test": ("BadEventError", "SmokeTestFailedError"),
    "deregister_scaling": ("BadEventError", "EndpointChangingError"),
    "restore_scaling": ("BadEventError",),
    "clean_up_release": ("BadEventError", "MissingSettingError"),
}
"""What our handlers raise by themselves; anything else they raise is a defect, of which ClientError stands for all."""
NAMES = {"sagemaker": "SageMaker", "dynamodb": "DynamoDB", "sns": "SNS"}
SDK_NAMES = {"sagemaker": "SageMaker", "dynamodb": "DynamoDb"}
GENERAL = {
    ("sagemaker", "optimised"): "SageMaker.AmazonSageMakerException",
    ("sagemaker", "sdk"): "SageMaker.SageMakerException",
    ("dynamodb", "optimised"): "DynamoDB.AmazonDynamoDBException",
    ("dynamodb", "sdk"): "DynamoDb.DynamoDbException",
    ("sns", "optimised"): "SNS.AmazonSNSException",
}
"""What stands for every error that is in no service model: validation, access denied, throttling."""


def integration(resource: Resource, function: str = "") -> str:
    """Its name in the table of figures."""
    if resource.is_function:
        return f"lambda:invoke {function}"
    return f"{'aws-sdk:' if resource.kind == 'sdk' else ''}{resource.service}:{resource.action}"


def errors_of(resource: Resource, function: str = "", *, conditional: bool = True) -> list[str]:
    """Names, as a Retry or Catch sees them. `conditional`: the request has a condition that can fail."""
    if resource.is_function:
        return [*EVERYWHERE, *HICCUPS, *REFUSALS[function], "ClientError"]
    prefix = (SDK_NAMES if resource.kind == "sdk" else NAMES)[resource.service]
    found = [f"{prefix}.{_suffixed(name)}" for name in _modelled(resource.service, resource.action)]
    if not conditional:
        found = [name for name in found if "ConditionalCheckFailed" not in name]
    return [*EVERYWHERE, GENERAL[resource.service, resource.kind], *found, f"{prefix}.SdkClientException"]


def _suffixed(name: str) -> str:
    """Always with the suffix, also where the API's error has none."""
    return name if name.endswith("Exception") else f"{name}Exception"


@lru_cache
def _modelled(service: str, action: str) -> tuple[str, ...]:
    model = botocore.session.get_session().get_service_model(service)
    return tuple(shape.name for shape in model.operation_model(action[0].upper() + action[1:]).error_shapes)
