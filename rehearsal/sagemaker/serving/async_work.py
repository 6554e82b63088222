"""One asynchronous request: input from S3, through the containers, output to S3, notification to SNS."""

import base64
import http.client
import json
import shutil
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.metrics import Dimensions
from rehearsal.sagemaker.objects import fetch, parse_uri
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.serving.server import Server
from rehearsal.sagemaker.store import Record

MAX_INPUT_BYTES = 1 << 30
_MAX_ATTEMPTS = 3  # of a request whose container gave no answer at all
_INCLUDED_BYTES = 128 << 10  # of an answer, in a notification
_CHUNK = 1 << 20


class _FailedError(Exception):
    """The request failed for good; the text is the notification's failureReason, `body` goes to the failure path."""

    def __init__(self, reason: str, body: bytes = b"", status: int = 0) -> None:
        super().__init__(reason)
        self.body = body or reason.encode()
        self.status = status


def perform(core: Core, live: LiveEndpoint, record: Record, instance: Instance | None, config: dict[str, Any]) -> bool:
    """Do it. `instance` None: it waited too long. False when it should be tried again."""
    work = _Work(core, live, record, config)
    directory = Path(tempfile.mkdtemp(prefix="async-", dir=core.root))
    try:
        if instance is None:
            work.measure("ExpiredRequests", 1.0)
            work.fail(
                _FailedError("ClientError: The request expired: it was in the queue longer than RequestTTLSeconds.")
            )
            return True
        return work.run(instance, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class _Work:
    def __init__(self, core: Core, live: LiveEndpoint, record: Record, config: dict[str, Any]) -> None:
        self._core, self._live, self._record = core, live, record
        self._output = config["OutputConfig"]
        fleets = live.fleets()
        self._role = fleets[0].role if fleets else ""
        self._variant = fleets[0].variant if fleets else ""

    @property
    def _dimensions(self) -> Dimensions:
        return (("EndpointName", self._live.name), ("VariantName", self._variant))

    def measure(self, name: str, value: float, unit: str = "Count") -> None:
        """One value of the endpoint and variant."""
        self._core.metrics.put(self._live.scope, self._dimensions, name, value, unit=unit)

    def _client(self, service: str) -> Any:
        return self._core.host.client(service, self._role, self._live.scope)

    def run(self, instance: Instance, directory: Path) -> bool:
        """False when the container gave no answer, and it may be tried again."""
        self._role, self._variant = instance.fleet.role, instance.fleet.variant
        started = self._core.host.clock.now()
        self.measure("TimeInBacklog", max(0.0, started - self._record["Received"]) * 1e3, "Milliseconds")
        self._record["Attempts"] += 1
        try:
            given = self._input(directory)
            answer, content_type = self._invoke(instance, given, directory)
            self._write(self._record["OutputLocation"], answer, content_type)
        except _FailedError as failure:
            self.measure("InvocationFailures", 1.0)
            self.fail(failure)
            return True
        except ConnectionError as error:
            if self._record["Attempts"] < _MAX_ATTEMPTS or self._core.stopping.is_set():
                return False
            self.measure("InvocationFailures", 1.0)
            self.fail(_FailedError(f"InternalServerError: Amazon SageMaker could not get a response: {error}"))
            return True
        self.measure("InvocationsProcesssed", 1.0)  # spelt so by the service
        spent = self._core.host.clock.now() - self._record["Received"]
        self.measure("TotalProcessingTime", max(0.0, spent) * 1e3, "Milliseconds")
        self._notify("SuccessTopic", self._message("Completed", answer=answer, content_type=content_type))
        return True

    def _input(self, directory: Path) -> Path:
        target = directory / "input"
        if self._record["Body"] is not None:
            target.write_bytes(base64.b64decode(self._record["Body"]))
            return target
        began = time.perf_counter()
        try:
            bucket, key = parse_uri(self._record["InputLocation"])
            fetch(self._client("s3"), bucket, key, target)
        except Exception as error:
            self.measure("RequestDownloadFailures", 1.0)
            text = f"ClientError: Failed to download {self._record['InputLocation']}: {error}"
            raise _FailedError(text) from error
        self.measure("RequestDownloadLatency", (time.perf_counter() - began) * 1e6, "Microseconds")
        if target.stat().st_size > MAX_INPUT_BYTES:
            raise _FailedError(f"ClientError: The request payload is larger than {MAX_INPUT_BYTES} bytes.")
        return target

    def _invoke(self, instance: Instance, given: Path, directory: Path) -> tuple[Path, str]:
        began, status = time.perf_counter(), 0
        content_type = "application/octet-stream"
        deadline = time.monotonic() + self._record["TimeoutSeconds"]
        headers = dict(self._record["Headers"])
        try:
            for number, server in enumerate(instance.servers):
                answer = directory / f"output-{number}"
                status, content_type = self._post(server, headers, given, answer, deadline)
                if not 200 <= status < 300:
                    side = "client" if 400 <= status < 500 else "server"
                    raise _FailedError(
                        f"{'ClientError' if side == 'client' else 'InternalServerError'}: Received {side} error "
                        f"({status}) from model. See the SageMaker Endpoint logs in your account for more information.",
                        answer.read_bytes()[:_CHUNK],
                        status,
                    )
                given, headers = answer, {**headers, "Content-Type": content_type}
        finally:
            self.measure("Invocation4XXErrors", float(400 <= status < 500), "None")
            self.measure("Invocation5XXErrors", float(status == 0 or status >= 500), "None")
            self.measure("ModelLatency", (time.perf_counter() - began) * 1e6, "Microseconds")
        return given, content_type

    def _post(
        self, server: Server, headers: dict[str, str], given: Path, answer: Path, deadline: float
    ) -> tuple[int, str]:
        left = deadline - time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=max(0.001, left))
        size = str(given.stat().st_size)
        try:
            with given.open("rb") as body, answer.open("wb") as file:
                connection.request("POST", "/invocations", body, {**headers, "Content-Length": size})
                response = connection.getresponse()
                while chunk := response.read(_CHUNK):
                    file.write(chunk)
                    if time.monotonic() > deadline:
                        raise TimeoutError
            return response.status, response.headers.get("Content-Type", "application/octet-stream")
        except TimeoutError:
            seconds = self._record["TimeoutSeconds"]
            raise _FailedError(f"ClientError: The model did not respond within {seconds} seconds.") from None
        except http.client.HTTPException as error:
            raise ConnectionError(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def _write(self, uri: str, source: Path, content_type: str) -> None:
        began = time.perf_counter()
        try:
            bucket, key = parse_uri(uri)
            more = {}
            if self._output.get("KmsKeyId"):
                more = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._output["KmsKeyId"]}
            with source.open("rb") as body:
                self._client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **more)
        except Exception as error:
            self.measure("ResponseUploadFailures", 1.0)
            raise _FailedError(f"ClientError: Failed to upload the response to {uri}: {error}") from error
        self.measure("ResponseUploadLatency", (time.perf_counter() - began) * 1e6, "Microseconds")

    def fail(self, failure: _FailedError) -> None:
        """Failure path and error topic."""
        location = self._record.get("FailureLocation")
        if location:
            with tempfile.NamedTemporaryFile(dir=self._core.root) as file:
                file.write(failure.body)
                file.flush()
                try:
                    self._write(location, Path(file.name), "text/plain")
                except _FailedError as error:
                    group = f"/aws/sagemaker/Endpoints/{self._live.name}"
                    self._core.log(group, "data-log", [str(error)], self._live.scope)
        self._notify("ErrorTopic", self._message("Failed", failure=failure))

    def _message(
        self,
        status: str,
        *,
        answer: Path | None = None,
        content_type: str = "",
        failure: _FailedError | None = None,
    ) -> dict[str, Any]:
        record = self._record
        parameters = {
            "contentType": record["ContentType"],
            "endpointName": self._live.name,
            "inputLocation": record["InputLocation"],
        }
        message: dict[str, Any] = {
            "awsRegion": self._live.scope.region,
            "eventTime": _iso(self._core.host.clock.now()),
            "receivedTime": _iso(record["Received"]),
            "invocationStatus": status,
            "requestParameters": {key: value for key, value in parameters.items() if value is not None},
            "inferenceId": record["InferenceId"],
            "eventVersion": "1.0",
            "eventSource": "aws:sagemaker",
            "eventName": "InferenceResult",
        }
        included = self._output.get("NotificationConfig", {}).get("IncludeInferenceResponseIn", ())
        body = b""
        if answer is not None:
            message["responseParameters"] = {"contentType": content_type, "outputLocation": record["OutputLocation"]}
            body = answer.read_bytes() if answer.stat().st_size <= _INCLUDED_BYTES else b""
        if failure is not None:
            message["failureReason"] = str(failure)
            body = failure.body if failure.status else b""
        topic = "SUCCESS_NOTIFICATION_TOPIC" if failure is None else "ERROR_NOTIFICATION_TOPIC"
        if topic in included and body and len(body) <= _INCLUDED_BYTES:
            message["responseBody"] = _readable(body)
        return message

    def _notify(self, kind: str, message: dict[str, Any]) -> None:
        topic = self._output.get("NotificationConfig", {}).get(kind)
        if not topic:
            return
        try:
            self._client("sns").publish(TopicArn=topic, Message=json.dumps(message))
        except Exception as error:
            self.measure("NotificationFailures", 1.0)
            group = f"/aws/sagemaker/Endpoints/{self._live.name}"
            text = f"The notification to {topic} failed: {error}"
            self._core.log(group, "data-log", [text], self._live.scope)


def _readable(body: bytes) -> dict[str, str]:
    try:
        return {"content": body.decode(), "encoding": "UTF-8"}
    except UnicodeDecodeError:
        return {"content": base64.b64encode(body).decode(), "encoding": "BASE64"}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
