"""Batch transform jobs: real servers of a model, fed with the records of S3 objects; `<object>.out` for each."""

import contextlib
import posixpath
import queue
import threading
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

from rehearsal.sagemaker import events, objects
from rehearsal.sagemaker.accounting import machine_memory_bytes
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.instance_types import memory_bytes
from rehearsal.sagemaker.jobs.base import TERMINAL, Job
from rehearsal.sagemaker.jobs.batch_capture import capture
from rehearsal.sagemaker.jobs.data_faults import spoil
from rehearsal.sagemaker.jobs.errors import JobError, StoppedError
from rehearsal.sagemaker.jobs.hosts import Place
from rehearsal.sagemaker.jobs.transform_data import DataError, DataProcessing
from rehearsal.sagemaker.jobs.transform_exchange import Exchange
from rehearsal.sagemaker.jobs.transform_requests import AlgorithmFaultError, Settings, execution_parameters
from rehearsal.sagemaker.objects import Item
from rehearsal.sagemaker.processes import Budget
from rehearsal.sagemaker.serving.hosted import FleetError, host_containers
from rehearsal.sagemaker.serving.server import Placement, Server
from rehearsal.sagemaker.store import Record

_WATCH_SECONDS = 0.2  # wall, between looks at whether the job was stopped
_SEE_LOG = "See job logs for more information"


class TransformJob(Job):
    """A chain of servers on each instance; objects are shared out to instances, records to concurrent requests."""

    kind = "Transform"
    log_group = "/aws/sagemaker/TransformJobs"

    def __init__(self, core: Any, scope: Any, record: Record) -> None:
        super().__init__(core, scope, record)
        self._model: Record = record["_model"]
        source, output = record["TransformInput"], record["TransformOutput"]
        self._split = source.get("SplitType", "None")
        self._zipped = source.get("CompressionType") == "Gzip"
        self._lines = output.get("AssembleWith") == "Line"
        self._data = DataProcessing.of(record.get("DataProcessing", {}), source.get("ContentType", ""), self._split)
        self._chains: list[list[Server]] = []
        self._faults: list[str] = []

    @property
    def role(self) -> str:
        return str(self._model.get("ExecutionRoleArn", ""))

    def cluster(self) -> tuple[str, int, int]:
        resources = self.record["TransformResources"]
        return resources["InstanceType"], resources["InstanceCount"], 0

    def _attempt(self) -> None:
        self.provision()
        places = self.places()
        try:
            hosted = host_containers(self.core, self.scope, self._model, self.directory / "model")
        except FleetError as error:
            raise JobError(f"ClientError: {error}") from error
        variables = self._variables()
        hosted = [replace(one, environment={**one.environment, **variables}) for one in hosted]
        self._chains = [
            [Server(one, self._placement(place), self._logger(place)) for one in hosted] for place in places
        ]
        self._await_health()
        self.status("InProgress", TransformStartTime=self.core.host.clock.now())
        source = self.record["TransformInput"]["DataSource"]["S3DataSource"]
        items = objects.items(
            self.client(), source["S3Uri"], source["S3DataType"], region=self.scope.region, role=self.role
        )
        self._transform(items)
        self.check_stop()
        if self._faults:
            raise JobError(f"{self._faults[0]}: {_SEE_LOG}")
        if config := self.record.get("DataCaptureConfig"):
            names = [item.key for item in items]
            capture(self, config, items[0].bucket, names, [self._output(item) for item in items])

    def _variables(self) -> dict[str, str]:
        record = self.record
        found = {**record.get("Environment", {}), "SAGEMAKER_BATCH": "true"}
        for member, name in (
            ("MaxPayloadInMB", "SAGEMAKER_MAX_PAYLOAD_IN_MB"),
            ("MaxConcurrentTransforms", "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"),
        ):
            if member in record:
                found[name] = str(record[member])
        if strategy := record.get("BatchStrategy"):
            found["SAGEMAKER_BATCH_STRATEGY"] = "SINGLE_RECORD" if strategy == "SingleRecord" else "MULTI_RECORD"
        return found

    def _placement(self, place: Place) -> Placement:
        limit = min(memory_bytes(place.instance_type), int(machine_memory_bytes() * self.core.limits.memory_share))
        return Placement(
            self.core,
            self.scope,
            f"transform/{self.name}",
            self.role,
            place.name,
            isolated=bool(self._model.get("EnableNetworkIsolation", False)),
            budget=Budget(limit),
        )

    def _logger(self, place: Place) -> Any:
        stream = f"{self.name}/{place.name}-{int(self.record['CreationTime'])}"
        return lambda lines: self.core.log(self.log_group, stream, lines, self.scope)

    def _await_health(self) -> None:
        servers = [server for chain in self._chains for server in chain]
        for server in servers:
            server.start()
        deadline = time.monotonic() + self.core.limits.startup_seconds
        while not all(server.healthy for server in servers):
            self.check_stop()
            for server in servers:
                if server.exits >= self.core.limits.startup_exits:
                    why = server.last_reason or f"exit code: {server.last_exit}"
                    raise JobError(f"AlgorithmError: The container ended before it passed the ping health check, {why}")
            if time.monotonic() > deadline:
                raise JobError("AlgorithmError: The container did not pass the ping health check in time.")
            self.stop_requested.wait(self.core.limits.ping_seconds)

    def _transform(self, items: list[Item]) -> None:
        """Each instance takes one object after the other. A bad one fails the job, not the others' results."""
        exchange = Exchange(
            Settings.of(self.record, execution_parameters(self._chains[0][0])),
            self._data,
            by_line=self._split == "Line",
            zipped=self._zipped,
            before_retry=self._before_retry,
            stamp=self._stamp if self.record.get("DataCaptureConfig", {}).get("GenerateInferenceId") else None,
        )
        waiting: queue.SimpleQueue[tuple[int, Item]] = queue.SimpleQueue()
        for numbered in enumerate(items):
            waiting.put(numbered)
        errors: list[BaseException] = []

        def work(chain: list[Server]) -> None:
            with contextlib.suppress(queue.Empty):
                while not errors and not self._halt.is_set():
                    try:
                        self._one(*waiting.get_nowait(), chain, exchange)
                    except queue.Empty:
                        raise
                    except StoppedError:
                        return
                    except BaseException as error:
                        errors.append(error)

        threads = [threading.Thread(target=work, args=(chain,), daemon=True) for chain in self._chains]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_WATCH_SECONDS)
                if self._halt.is_set():
                    self._end_servers()  # what is under way gets no answer any more
        if errors:
            raise errors[0]

    def _one(self, number: int, item: Item, chain: list[Server], exchange: Exchange) -> None:
        source, target = (self.directory / "data" / f"{number}.{end}" for end in ("in", "out"))
        try:
            objects.bring(self.client(), [Item(item.bucket, item.key, source.name)], source.parent)
            spoil(self.core, self.name, [source])
            with target.open("wb") as file:
                for answer in exchange.answers(source, chain):
                    self.check_stop()
                    file.write(answer)
                    if self._lines and not answer.endswith(b"\n"):
                        file.write(b"\n")
        except (AlgorithmFaultError, DataError, OSError, EOFError) as error:
            kind = "ClientError"
            if isinstance(error, AlgorithmFaultError) and not 400 <= error.status < 500:
                kind = "AlgorithmError"
            self._faults.append(kind)
            lines = [f"{item.bucket}/{item.key}: {line}" for line in str(error).splitlines()]
            self.core.log(self.log_group, f"{self.name}/data-log", lines, self.scope)
        else:
            self._upload(target, item)
        finally:
            source.unlink(missing_ok=True)
            target.unlink(missing_ok=True)

    def _upload(self, target: Path, item: Item) -> None:
        bucket, key = objects.parse_uri(self._output(item))
        try:
            objects.put_file(self.client(), target, bucket, key, self.record["TransformOutput"].get("KmsKeyId"))
        except Exception as error:
            raise JobError(f"ClientError: Failed to upload output data:{error}") from error

    def _stamp(self) -> dict[str, Any]:
        """What GenerateInferenceId adds to a record."""
        moment = self.core.host.clock.datetime().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {"SageMakerInferenceId": str(uuid.uuid4()), "SageMakerInferenceTime": moment}

    def _before_retry(self, attempt: int) -> None:
        self.check_stop()
        self.stop_requested.wait(self.core.limits.transform_retry_seconds * 2**attempt)
        self.check_stop()

    def _output(self, item: Item) -> str:
        return posixpath.join(self.record["TransformOutput"]["S3OutputPath"], item.name + ".out")

    def _end_servers(self) -> None:
        for chain in self._chains:
            for server in chain:
                server.begin_stop()
        for chain in self._chains:
            for server in chain:
                server.stop()

    def _clear(self) -> None:
        self._end_servers()
        self._chains = []
        super()._clear()

    def status(self, primary: str, secondary: str | None = None, **more: Any) -> None:  # noqa: ARG002
        now = self.core.host.clock.now()
        with self.core.store.lock:
            self.record |= {"TransformJobStatus": self.stage(primary), "LastModifiedTime": now, **more}
            if primary in TERMINAL:
                self.record["TransformEndTime"] = now
            publish(self.core, events.TRANSFORM_JOB, self.record)
