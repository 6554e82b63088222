"""Service integrations of Step Functions: what a task's role must allow, and who carries the call out."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from rehearsal.adapter import scope_of_request
from rehearsal.asl import resources
from rehearsal.asl.errors import PERMISSIONS, RUNTIME, TASK_FAILED, StatesError
from rehearsal.asl.ports import Call
from rehearsal.authority import DeniedError
from rehearsal.emulator import EmulatorHost
from rehearsal.host import Scope
from rehearsal.permissions import Need
from rehearsal.runtime import Runtime
from rehearsal.states import sagemaker_tasks, sdk_tasks

# Optimised integrations that exist, with the patterns each has besides request and response.
_CALLBACK = (resources.CALLBACK,)
_EXISTING: dict[str, tuple[str, ...]] = {
    "lambda": _CALLBACK,
    "sns": _CALLBACK,
    "sqs": _CALLBACK,
    "events": _CALLBACK,
    "states": (resources.SYNC, resources.SYNC_2, resources.CALLBACK),
    "dynamodb": (),
    "sagemaker": (resources.SYNC,),
    **dict.fromkeys(("apigateway", "bedrock", "ecs", "eks"), (resources.SYNC, resources.CALLBACK)),
    **dict.fromkeys(
        ("athena", "batch", "codebuild", "databrew", "elasticmapreduce", "emr-containers", "emr-serverless", "glue",
         "mediaconvert"),
        (resources.SYNC,),
    ),
    "http": (),
}  # fmt: skip
# How errors of optimised tasks are prefixed, and how a denied call of one is named.
_PREFIX = {"lambda": "Lambda", "dynamodb": "DynamoDB", "states": "StepFunctions", "events": "EventBridge"}
_DENIED_AS = {"lambda": "Lambda.AWSLambdaException", "dynamodb": "DynamoDB.AmazonDynamoDBException"}
_EXECUTION_RULE = "StepFunctionsGetEventsForStepFunctionsExecutionRule"


def refusal(arn: str) -> str | None:
    """Why Step Functions has no such integration; None if it has. What is not emulated is refused when it is run."""
    resource = resources.parse(arn)
    if resource is None or resource.kind in ("lambda", "activity"):
        return None
    unknown = f"The resource provided {arn} is not recognized. The value is not a valid resource ARN"
    if resource.kind == "sdk":
        return unknown if resource.sync else None
    if resource.service == "sagemaker":
        return None if sagemaker_tasks.known(resource) else unknown
    patterns = _EXISTING.get(resource.service)
    if patterns is None or (resource.pattern and resource.pattern not in patterns):
        return unknown
    return None


def _queue(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    return [f"arn:aws:sqs:{scope.region}:{scope.account}:{str(arguments.get('QueueUrl', '')).rsplit('/', 1)[-1]}"]


def _table(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    name = str(arguments.get("TableName", ""))
    return [name if name.startswith("arn:") else f"arn:aws:dynamodb:{scope.region}:{scope.account}:table/{name}"]


def _function(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    name = str(arguments.get("FunctionName", ""))
    return [name if name.startswith("arn:") else f"arn:aws:lambda:{scope.region}:{scope.account}:function:{name}"]


def _buses(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    names = {str(entry.get("EventBusName") or "default") for entry in arguments.get("Entries") or []}
    prefix = f"arn:aws:events:{scope.region}:{scope.account}:event-bus/"
    return [name if name.startswith("arn:") else prefix + name for name in sorted(names)]


def _machine(arguments: Mapping[str, Any], _: Scope) -> list[str]:
    return [str(arguments.get("StateMachineArn", ""))]


_OPTIMISED: dict[str, tuple[str, Callable[[Mapping[str, Any], Scope], list[str]]]] = {
    "lambda:invoke": ("lambda:InvokeFunction", _function),
    "dynamodb:getItem": ("dynamodb:GetItem", _table),
    "dynamodb:putItem": ("dynamodb:PutItem", _table),
    "dynamodb:updateItem": ("dynamodb:UpdateItem", _table),
    "dynamodb:deleteItem": ("dynamodb:DeleteItem", _table),
    "sns:publish": ("sns:Publish", lambda arguments, _: [str(arguments.get("TopicArn") or "*")]),
    "sqs:sendMessage": ("sqs:SendMessage", _queue),
    "events:putEvents": ("events:PutEvents", _buses),
    "states:startExecution": ("states:StartExecution", _machine),
}


class Integrations:
    """Carries tasks out. Executions are started by `start`, described by `described`, stopped by `stop`."""

    def __init__(
        self,
        runtime: Runtime,
        start: Callable[[dict[str, Any]], dict[str, Any]],
        described: Callable[[str], dict[str, Any] | None],
        stop: Callable[[str], None],
    ) -> None:
        self._runtime, self._host = runtime, EmulatorHost(runtime)
        self._start, self._described, self._stop = start, described, stop

    def call(self, call: Call) -> Any:
        """Make the request and return its response."""
        resource, arguments = call.resource, call.arguments
        self._assume(call)
        if resource.service == "sagemaker":
            return sagemaker_tasks.start(self._runtime, call)
        if resource.kind != "lambda" and not isinstance(arguments, dict):
            raise StatesError(RUNTIME, f"The arguments of {resource.arn} must be an object.")
        self._check_optimised(call)
        if resource.is_function:
            return self._invoke(resource, arguments)
        if resource.kind == "optimised" and resource.service == "states":
            return self._start_execution(resource, arguments)
        if resource.kind == "sdk":
            return sdk_tasks.run(self._host, call)
        return self._emulated(call)

    def poll(self, call: Call, response: Any) -> Any:
        """What a `.sync` task has come to; None while it runs."""
        if call.resource.service == "sagemaker":
            return sagemaker_tasks.poll(self._runtime, call)
        told = self._described(response["ExecutionArn"])
        if told is None:
            raise StatesError(TASK_FAILED, f"Execution {response['ExecutionArn']} does not exist any more")
        if told["Status"] == "RUNNING":
            return None
        if told["Status"] != "SUCCEEDED":
            raise StatesError(TASK_FAILED, json.dumps(told))
        return {**told, "Output": json.loads(told["Output"])} if call.resource.pattern == resources.SYNC_2 else told

    def cancel(self, call: Call, response: Any) -> None:
        """Stop what a `.sync` task began."""
        if call.resource.service == "sagemaker":
            sagemaker_tasks.stop(self._runtime, call)
        else:
            self._stop(response["ExecutionArn"])

    def _assume(self, call: Call) -> None:
        """The machine's role takes on that of the task's Credentials, if both allow it."""
        if call.role == call.machine_role:
            return
        sts = self._host.client("sts", call.machine_role, scope_of_request(), "StepFunctions")
        try:
            sts.assume_role(RoleArn=call.role, RoleSessionName="StepFunctions")
        except (ClientError, ParamValidationError) as error:
            raise StatesError(PERMISSIONS, f"The role {call.role} could not be assumed: {error}") from None

    def _check_optimised(self, call: Call) -> None:
        """Deny what the role does not allow; refuse a task whose permissions are not known here."""
        resource, scope = call.resource, scope_of_request()
        if resource.kind == "sdk":
            return  # its request is checked when it is made
        if resource.kind == "lambda":
            needs = [Need("lambda:InvokeFunction", resource.arn)]
        else:
            operation = f"{resource.service}:{resource.action}"
            known = _OPTIMISED.get(operation)
            if known is None:
                raise StatesError(RUNTIME, f"The embedded cloud does not emulate the integration {resource.arn}.")
            needs = [Need(known[0], target) for target in known[1](call.arguments, scope)]
            if operation == "states:startExecution" and resource.sync:
                needs += sagemaker_tasks.managed_rule(_EXECUTION_RULE, scope)
        try:
            self._runtime.authority.require(call.role, call.session, needs, scope)
        except DeniedError as denied:
            prefix = _PREFIX.get(resource.service, resource.service.upper())
            raise StatesError(
                _DENIED_AS.get(resource.service, f"{prefix}.AccessDeniedException"), str(denied)
            ) from None

    def _invoke(self, resource: resources.Resource, arguments: Any) -> Any:
        from ministack.services import stepfunctions as sfn

        if resource.kind == "lambda":
            return _emulator(lambda: sfn._call_lambda(sfn._extract_lambda_ref(resource.arn), arguments))
        name = arguments.get("FunctionName", "")
        if arguments.get("Qualifier"):
            name = f"{name}:{arguments['Qualifier']}"
        payload = arguments.get("Payload", {})
        if arguments.get("InvocationType", "RequestResponse") != "RequestResponse":
            raise StatesError(RUNTIME, "The embedded cloud emulates lambda:invoke with RequestResponse only.")
        result = _emulator(lambda: sfn._call_lambda(sfn._resolve_lambda_function_ref(name, optimized=True), payload))
        version = name.rsplit(":", 1)[-1]
        executed = version if version.isdigit() and ":" in name else "$LATEST"
        metadata = {"HttpStatusCode": 200}
        return {"ExecutedVersion": executed, "Payload": result, "SdkHttpMetadata": metadata, "StatusCode": 200}

    def _start_execution(self, resource: resources.Resource, arguments: dict[str, Any]) -> dict[str, Any]:
        given = arguments.get("Input", {})
        request = {
            "stateMachineArn": arguments.get("StateMachineArn", ""),
            "input": given if isinstance(given, str) else json.dumps(given, separators=(",", ":")),
            **({"name": arguments["Name"]} if arguments.get("Name") else {}),
            "sync": resource.sync,
        }
        return self._start(request)

    def _emulated(self, call: Call) -> Any:
        """A task that the emulator's own integrations carry out."""
        from ministack.core import iam_evaluator
        from ministack.services import stepfunctions as sfn

        arn = call.resource.arn.removesuffix(call.resource.pattern)
        # Resource policies see who calls, and that Step Functions calls over TLS.
        iam_evaluator.pin_request_origin("127.0.0.1", True)
        assumed = call.role.replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
        iam_evaluator._request_caller_arn.set(f"{assumed}/{call.session}")
        handler = sfn._SERVICE_DISPATCH.get(arn)
        if handler is None:
            raise StatesError(RUNTIME, f"The embedded cloud does not emulate the integration {arn}.")
        return _emulator(lambda: handler(arn, _as_text(call.arguments)))


def _as_text(arguments: dict[str, Any]) -> dict[str, Any]:
    """Step Functions writes objects as text where a service takes a string."""
    changed = dict(arguments)
    for field in ("Message", "MessageBody"):
        if isinstance(changed.get(field), dict | list):
            changed[field] = json.dumps(changed[field], separators=(",", ":"))
    if "Entries" in changed:
        entries = [
            {**entry, "Detail": json.dumps(entry["Detail"])} if isinstance(entry.get("Detail"), dict) else entry
            for entry in changed["Entries"]
        ]
        changed["Entries"] = entries
    return changed


def _emulator(function: Callable[[], Any]) -> Any:
    """Run a function of the emulator's integrations, with its errors as ours."""
    from ministack.services import stepfunctions as sfn

    try:
        return function()
    except sfn._ExecutionError as error:
        raise StatesError(str(error.error), str(error.cause)) from None
