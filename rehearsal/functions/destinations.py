"""Where the outcome of an asynchronous invocation goes, with the function's role: destination, dead-letter queue."""

import json
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.emulator import EmulatorHost
from rehearsal.host import Scope
from rehearsal.runtime import Runtime

_log = logging.getLogger("slipway.functions")


@dataclass(frozen=True)
class Ended:
    """Why the queue is done with an event."""

    condition: str  # Success, RetriesExhausted or EventAgeExceeded
    attempts: int
    result: Mapping[str, Any]


class Teller:
    """Tells of one event."""

    def __init__(self, runtime: Runtime, host: EmulatorHost, config: dict[str, Any], event: Any) -> None:
        self._runtime, self._host, self._config, self._event = runtime, host, config, event
        self._name, self._request_id = str(config["FunctionName"]), str(uuid.uuid4())

    def _client(self, service: str) -> Any:
        parts = str(self._config["FunctionArn"]).split(":")
        return self._host.client(service, str(self._config.get("Role", "")), Scope(parts[4], parts[3]), self._name)

    def tell(self, arn: str, ended: Ended) -> None:
        """An invocation record to a destination."""
        record: dict[str, Any] = {
            "version": "1.0",
            "timestamp": datetime.fromtimestamp(self._runtime.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
            + "Z",
            "requestContext": {
                "requestId": self._request_id,
                "functionArn": self._qualified(),
                "condition": ended.condition,
                "approximateInvokeCount": ended.attempts,
            },
            "requestPayload": self._event,
        }
        if ended.attempts:
            record["responseContext"] = {"statusCode": 200, "executedVersion": self._config.get("Version", "$LATEST")}
            if ended.condition != "Success":
                record["responseContext"]["functionError"] = "Unhandled"
            record["responsePayload"] = ended.result.get("body")
        try:
            self._send(arn, json.dumps(record), record, ended)
        except (ClientError, BotoCoreError, ValueError) as error:
            self._undelivered("DestinationDeliveryFailures", arn, error)

    def _send(self, arn: str, text: str, record: Mapping[str, Any], ended: Ended) -> None:
        service = arn.split(":")[2]
        if service == "sqs":
            self._send_to_queue(arn, text, {})
        elif service == "sns":
            self._client("sns").publish(TopicArn=arn, Message=text)
        elif service == "lambda":
            self._client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=text)
        elif service == "events":
            outcome = "Success" if ended.condition == "Success" else "Failure"
            entry = {
                "Source": "lambda",
                "DetailType": f"Lambda Function Invocation Result - {outcome}",
                "Detail": json.dumps(record),
                "EventBusName": arn,
                "Resources": [arn, self._qualified()],
            }
            answer = self._client("events").put_events(Entries=[entry])
            if answer.get("FailedEntryCount"):
                raise ValueError(answer["Entries"][0].get("ErrorMessage", "refused"))
        elif service == "s3" and ended.condition != "Success":  # the one kind that takes failures only
            stamp = datetime.fromtimestamp(self._runtime.clock.now(), UTC)
            key = f"aws/lambda/async/{self._name}/{stamp:%Y/%m/%d}/{stamp:%Y-%m-%dT%H.%M.%S}-{self._request_id}"
            self._client("s3").put_object(Bucket=arn.rpartition(":")[2], Key=key, Body=text.encode())
        else:
            raise ValueError(f"{arn} cannot be a destination")

    def bury(self, arn: str, ended: Ended) -> None:
        """The event itself to a dead-letter queue or topic, with what went wrong as attributes."""
        body = ended.result.get("body")
        words = str(body.get("errorMessage", "")) if isinstance(body, dict) else ""
        attributes = {
            "RequestID": ("String", self._request_id),
            "ErrorCode": ("Number", "429" if ended.result.get("throttle") else "200"),
            "ErrorMessage": ("String", words[:1024] or "none"),
        }
        shaped = {name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()}
        text = json.dumps(self._event)
        try:
            if arn.split(":")[2] == "sqs":
                self._send_to_queue(arn, text, shaped)
            else:
                self._client("sns").publish(TopicArn=arn, Message=text, MessageAttributes=shaped)
        except (ClientError, BotoCoreError) as error:
            self._undelivered("DeadLetterErrors", arn, error)

    def _send_to_queue(self, arn: str, text: str, attributes: Mapping[str, Any]) -> None:
        sqs = self._client("sqs")
        account, name = arn.split(":")[4:6]
        url = f"{self._runtime.url}/{account}/{name}"
        sqs.send_message(QueueUrl=url, MessageBody=text, MessageAttributes=attributes)

    def _qualified(self) -> str:
        arn = str(self._config["FunctionArn"])
        return arn if arn.count(":") > 6 else f"{arn}:$LATEST"

    def _undelivered(self, metric: str, arn: str, error: Exception) -> None:
        from ministack.services import cloudwatch

        cloudwatch.record_metric("AWS/Lambda", metric, 1, "Count", {"FunctionName": self._name})
        _log.error("function %s: its event could not be sent to %s: %s", self._name, arn, error)
