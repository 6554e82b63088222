"""One attempt to hand a payload to a target. What goes wrong has the code that a dead-letter queue's message carries.

https://docs.aws.amazon.com/eventbridge/latest/userguide/rule-dlq.html
"""

import hashlib
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from rehearsal.emulator import EmulatorHost, within
from rehearsal.host import Scope

_RETRIED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "ServiceException", "InternalError")


class UndeliveredError(Exception):
    """The target did not take the payload; `retried` says whether the service tries again."""

    def __init__(self, code: str, message: str, *, retried: bool = False) -> None:
        super().__init__(message)
        self.code, self.message, self.retried = code, message, retried


def call(target: Mapping[str, Any], text: str, event: Mapping[str, Any], rule: Mapping[str, Any]) -> None:
    """Hand `text` over, permissions already checked. Raises UndeliveredError."""
    arn = str(target.get("Arn", ""))
    parts = arn.split(":")
    if len(parts) < 6:
        raise UndeliveredError("INVALID_PARAMETER", f"{arn!r} is not an ARN")
    service, scope = parts[2], Scope(parts[4], parts[3])
    if service == "lambda":
        within(scope, _function, arn, _document(text))
    elif service == "sqs":
        within(scope, put_message, arn, text, {}, (target.get("SqsParameters") or {}).get("MessageGroupId"))
    elif service == "sns":
        within(scope, _topic, arn, text)
    elif service == "states":
        within(scope, _machine, arn, text)
    else:
        _other(target, event, rule, arn)


def _document(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UndeliveredError("INVALID_JSON", f"the target takes JSON, and its input is none: {error}") from None


def _function(arn: str, event: Any) -> None:
    from ministack.services import lambda_svc

    function, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not function or not config:
        raise UndeliveredError("NO_RESOURCE", f"Function not found: {name}")
    record = lambda_svc._execution_record_for_config(function, config)
    # Lambda queues the event and sees to it: what becomes of it there, the rule never learns.
    record["config"] = {**config, "FunctionArn": arn}
    lambda_svc.invoke_async_with_retry(record, event)


def put_message(arn: str, text: str, attributes: Mapping[str, str], group: str | None = None) -> None:
    """Append to a queue of this scope; `attributes` are strings."""
    from ministack.core.concurrency import esm_wake
    from ministack.services import sqs

    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise UndeliveredError("NO_RESOURCE", f"The specified queue does not exist: {arn}")
    if queue.get("is_fifo") and not group:
        raise UndeliveredError("INVALID_PARAMETER", "The request must contain the parameter MessageGroupId.")
    shaped = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
    now = time.time()
    message: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "body": text,
        "md5_body": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "md5_attrs": sqs._md5_msg_attrs(shaped) if shaped else "",
        "receipt_handle": None,
        "sent_at": now,
        "visible_at": now + sqs.queue_delay(queue),
        "receive_count": 0,
        "first_receive_at": None,
        "message_attributes": shaped,
        "sys": {"SenderId": "AIDAIENQZJOLO23YVJ4VO", "SentTimestamp": str(int(now * 1000))},
        "group_id": None,
        "dedup_id": None,
        "dedup_cache_key": None,
        "seq": None,
    }
    if queue.get("is_fifo"):
        queue["fifo_seq"] = queue.get("fifo_seq", 0) + 1
        digest = hashlib.sha256(text.encode()).hexdigest()
        message |= {"group_id": group, "dedup_id": digest, "seq": str(queue["fifo_seq"]).zfill(20)}
    queue["messages"].append(message)
    esm_wake.set()


def _topic(arn: str, text: str) -> None:
    from ministack.services import sns

    try:
        published = sns.publish_internal(arn, text)
    except sns.SnsPublishError as error:
        raise UndeliveredError("INVALID_PARAMETER", str(error)) from None
    if published is None:
        raise UndeliveredError("NO_RESOURCE", "Topic does not exist")


def _machine(arn: str, text: str) -> None:
    from ministack.services import stepfunctions

    _document(text)
    status, _, body = stepfunctions._start_execution({"stateMachineArn": arn, "input": text})
    if status >= 400:
        answer = json.loads(body)
        code = str(answer.get("__type", "")).rpartition("#")[2]
        message = f"{code}: {answer.get('message', '')}"
        if code == "StateMachineDoesNotExist":
            raise UndeliveredError("NO_RESOURCE", message)
        if code == "ExecutionLimitExceeded" or status >= 500:
            raise UndeliveredError("RESOURCE_LIMIT_EXCEEDED", message, retried=True)
        raise UndeliveredError("INVALID_PARAMETER", message)


def _other(target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], arn: str) -> None:
    """Buses and API destinations, as the emulator does them; no other kind is emulated."""
    from ministack.services import eventbridge

    if arn.split(":")[2] != "events":
        raise UndeliveredError("SDK_CLIENT_ERROR", f"the embedded cloud cannot call the target {arn}")
    bus = arn.partition(":event-bus/")[2]
    if bus and bus not in eventbridge._event_buses:
        raise UndeliveredError("NO_RESOURCE", f"Event bus {bus} does not exist.")
    eventbridge._invoke_target(dict(target), dict(event), dict(rule))


def call_api(host: EmulatorHost, target: Mapping[str, Any], scope: Scope) -> None:
    """A universal target of Scheduler, `arn:aws:scheduler:::aws-sdk:<service>:<action>`, called with its role."""
    service, action = str(target["Arn"]).split(":")[6:8]
    arguments = _document(str(target.get("Input") or "{}"))
    client = host.client("stepfunctions" if service == "sfn" else service, str(target["RoleArn"]), scope, "scheduler")
    method = getattr(client, xform_name(action[:1].upper() + action[1:]), None)
    if method is None:
        raise UndeliveredError("INVALID_PARAMETER", f"{service} has no action {action}")
    try:
        method(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode", 400)
        raise UndeliveredError(code, str(error), retried=status >= 500 or code in _RETRIED) from None
    except (ParamValidationError, TypeError) as error:
        raise UndeliveredError("INVALID_PARAMETER", str(error)) from None
    except BotoCoreError as error:
        raise UndeliveredError("SDK_CLIENT_ERROR", str(error), retried=True) from None
