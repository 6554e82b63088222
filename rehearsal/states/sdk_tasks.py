"""SDK tasks of Step Functions (`aws-sdk:service:action`): a boto3 call under the task's role, over the loopback.

The emulator authenticates and authorises it as it does any client's. Names differ as Step Functions documents: members
in upper camel case as the SDK for Java writes them, errors by the names of its exception classes
(https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.model import OperationModel

from rehearsal.adapter import scope_of_request
from rehearsal.asl.errors import RUNTIME, StatesError
from rehearsal.asl.ports import Call
from rehearsal.asl.values import is_number
from rehearsal.emulator import EmulatorHost

# Services that the SDK for Java names otherwise than botocore.
_NAMES = {
    "sfn": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "cloudwatchevents": "events",
    "elasticloadbalancingv2": "elbv2",
    "cognitoidentityprovider": "cognito-idp",
    "databasemigration": "dms",
    "elasticsearch": "es",
    "costexplorer": "ce",
    "configservice": "config",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
# The SDK for Java cannot have a member of this name.
_RENAMED = {("AttributeValue", "NULL"): "Nul"}


@lru_cache(maxsize=256)
def boto_name(service: str) -> str | None:
    """botocore's name of a service; None if there is no such service."""
    known = botocore.session.get_session().get_available_services()
    if service in _NAMES:
        return _NAMES[service]
    return next((name for name in known if name.replace("-", "") == service), None)


def run(host: EmulatorHost, call: Call) -> Any:
    """The response. Raises StatesError."""
    service, scope = call.resource.service.lower(), scope_of_request()
    name = boto_name(service)
    if name is None:
        raise StatesError(RUNTIME, f"The service '{service}' of {call.resource.arn} is not one of the SDK's.")
    client = host.client(name, call.role, scope, "StepFunctions")
    action = call.resource.action[0].upper() + call.resource.action[1:]
    model = client.meta.service_model
    found = next((known for known in model.operation_names if known.lower() == action.lower()), None)
    if found is None:
        raise StatesError(RUNTIME, f"The service '{service}' has no action '{call.resource.action}'.")
    operation = model.operation_model(found)
    arguments = _wire(call.arguments, operation.input_shape, call.resource.action) if operation.input_shape else {}
    method = next(python for python, api in client.meta.method_to_api_mapping.items() if api == found)
    try:
        response = getattr(client, method)(**arguments)
    except ClientError as error:
        told = error.response["Error"]
        raise StatesError(_error(service, str(told["Code"]), operation), _cause(told)) from None
    except ParamValidationError as error:
        raise StatesError(RUNTIME, f"{call.resource.action}: {error}") from None
    except BotoCoreError as error:
        raise StatesError(f"{_prefix(service, operation)}.SdkClientException", str(error)) from None
    response.pop("ResponseMetadata", None)
    return _shown(response, operation.output_shape) if operation.output_shape else {}


def _cause(told: Mapping[str, Any]) -> str:
    return str(told.get("Message") or told.get("message") or told["Code"])


def _prefix(service: str, operation: OperationModel) -> str:
    from ministack.services import stepfunctions as sfn

    known = sfn._AWS_SDK_ERROR_PREFIX.get(service)
    return str(known or operation.service_model.service_id.replace(" ", ""))


def _error(service: str, code: str, operation: OperationModel) -> str:
    """Name of the Java exception class: the modelled one, always ending in Exception, or the service's general one."""
    from ministack.services import stepfunctions as sfn

    prefix = _prefix(service, operation)
    if code in _DENIED:
        return f"{prefix}.AccessDeniedException"
    code = code.rpartition(".")[2] if service != "ec2" else code
    if code.endswith("Exception"):
        return f"{prefix}.{code}"
    modelled = {shape.name for shape in operation.service_model.error_shapes}
    modelled |= {getattr(shape, "error_code", "") for shape in operation.service_model.error_shapes}
    if code not in modelled:
        return f"{prefix}.{prefix}Exception"
    return f"{prefix}.{sfn._api_name_to_sfn_key(code.removesuffix('Fault'))}Exception"


def _wire(value: Any, shape: Any, where: str) -> Any:
    """Arguments with botocore's member names and types. Raises States.Runtime for a member that does not exist."""
    if shape.type_name == "structure" and isinstance(value, dict):
        renamed = {new.lower(): old for (owner, old), new in _RENAMED.items() if owner == shape.name}
        names = {**{name.lower(): name for name in shape.members}, **renamed}
        for key in value:
            if key.lower() not in names:
                raise StatesError(RUNTIME, f"The field '{key}' is not supported by Step Functions in {where}")
        named = {names[key.lower()]: item for key, item in value.items()}
        return {name: _wire(item, shape.members[name], f"{where}/{name}") for name, item in named.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [_wire(item, shape.member, where) for item in value]
    if shape.type_name == "map" and isinstance(value, dict):
        return {key: _wire(item, shape.value, where) for key, item in value.items()}
    return _scalar(value, shape.type_name)


def _scalar(value: Any, kind: str) -> Any:
    if kind == "blob" and value is not None:
        return (value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))).encode()
    if kind in ("integer", "long") and is_number(value) and float(value).is_integer():
        return int(value)
    return float(value) if kind in ("float", "double") and is_number(value) else value


def _shown(value: Any, shape: Any) -> Any:
    """A response in JSON, with the members' names of the SDK for Java."""
    if isinstance(value, dict):
        if shape is not None and shape.type_name == "structure":
            return {
                _member(shape, key): _shown(item, shape.members.get(key))
                for key, item in value.items()
                if item is not None
            }
        inner = shape.value if shape is not None and shape.type_name == "map" else None
        return {key: _shown(item, inner) for key, item in value.items()}
    if isinstance(value, list):
        inner = shape.member if shape is not None and shape.type_name == "list" else None
        return [_shown(item, inner) for item in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    if hasattr(value, "read"):
        value = value.read()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _member(shape: Any, key: str) -> str:
    from ministack.services import stepfunctions as sfn

    return _RENAMED.get((shape.name, key)) or str(sfn._api_name_to_sfn_key(key))
