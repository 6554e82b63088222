"""Multi-model containers: models are fetched and loaded on first use, and unloaded when memory runs short.

The container's side is the documented one: POST /models, DELETE /models/<name>, POST /models/<name>/invoke, 507 when
it cannot take another model.
"""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.serving.answers import Answer, error
from rehearsal.sagemaker.serving.hosted import Download, FleetError, fetch_model, remove_tree
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.serving.server import Server
from rehearsal.sagemaker.serving.transport import Pool

_MEMORY_SHARE = 0.9  # of the container's budget: above it models are unloaded before another is loaded
_INSUFFICIENT_STORAGE = 507


@dataclass(frozen=True)
class ModelRefusal:
    """The model cannot be invoked. With an `answer` the service refuses; else the container did, with this status."""

    status: int
    text: str
    answer: Answer | None = None


class _Models:
    """What one server process has loaded, least recently used first."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.loaded: OrderedDict[str, str] = OrderedDict()  # target → opaque name
        self.loading: dict[str, asyncio.Future[ModelRefusal | None]] = {}


_of_server: WeakKeyDictionary[Server, _Models] = WeakKeyDictionary()


def loaded_count(server: Server) -> int:
    """Models that the container holds now."""
    models = _of_server.get(server)
    return len(models.loaded) if models is not None and models.generation == server.generation else 0


def holders(live: LiveEndpoint, target: str | None) -> set[Instance]:
    """Instances that do not have the model, when some other has it: requests prefer where it is loaded."""
    if not target:
        return set()
    instances = [one for fleet in live.fleets() for one in fleet.instances]
    having = {one for one in instances if any(_has(server, target) for server in one.servers)}
    return set(instances) - having if having else set()


def _has(server: Server, target: str) -> bool:
    models = _of_server.get(server)
    return models is not None and models.generation == server.generation and target in models.loaded


async def ensure_loaded(core: Core, fleet: Fleet, server: Server, target: str, pool: Pool) -> str | ModelRefusal:
    """Path of the model's invocations, once it is loaded. Raises NoAnswerError when the container is gone."""
    models = _of_server.get(server)
    if models is None or models.generation != server.generation:
        models = _of_server[server] = _Models(server.generation)
    began = time.perf_counter()
    dimensions = (("EndpointName", fleet.endpoint), ("VariantName", fleet.variant))
    hit = target in models.loaded
    core.metrics.put(fleet.scope, dimensions, "ModelCacheHit", float(hit), unit="None")
    if not hit:
        refusal = await _load(_Loader(core, fleet, server, models, pool), target)
        if refusal is not None:
            return refusal
        waited_us = (time.perf_counter() - began) * 1e6
        core.metrics.put(fleet.scope, dimensions, "ModelLoadingWaitTime", waited_us, unit="Microseconds")
    models.loaded.move_to_end(target)
    name = models.loaded[target]
    return f"/models/{name}/invoke"


async def _load(loader: "_Loader", target: str) -> ModelRefusal | None:
    """Load it, or wait for the request that already does."""
    under_way = loader.models.loading
    loading = under_way.get(target)
    if loading is not None and loading.get_loop() is asyncio.get_running_loop():
        return await asyncio.shield(loading)
    future: asyncio.Future[ModelRefusal | None] = asyncio.get_running_loop().create_future()
    under_way[target] = future
    refusal: ModelRefusal | None = ModelRefusal(0, "Loading of the model was given up.")
    try:
        refusal = await loader.load(target)
        return refusal
    finally:
        under_way.pop(target, None)
        if not future.done():
            future.set_result(refusal)


class _Loader:
    def __init__(self, core: Core, fleet: Fleet, server: Server, models: _Models, pool: Pool) -> None:
        self._core, self._fleet, self._server, self.models, self._pool = core, fleet, server, models, pool
        self._dimensions = (("EndpointName", fleet.endpoint), ("VariantName", fleet.variant))

    async def load(self, target: str) -> ModelRefusal | None:
        name = hashlib.sha256(target.encode()).hexdigest()[:32]
        directory = self._directory(name)
        began = time.perf_counter()
        try:
            await asyncio.to_thread(self._fetch, target, directory)
        except FleetError as fault:
            return ModelRefusal(400, str(fault), error(400, "ValidationError", str(fault)))
        except OSError as fault:
            text = f"The model could not be stored on the instance: {fault}"
            return ModelRefusal(530, text, error(530, "InternalDependencyException", text))
        self._time("ModelDownloadingTime", began)
        return await self._into_container(target, name, directory)

    async def _into_container(self, target: str, name: str, directory: Path) -> ModelRefusal | None:
        budget = self._server.placement.budget.memory_bytes
        while not self._server.container.caches_models and await self._unload_oldest():
            pass  # ModelCacheSetting Disabled: one model at a time
        while budget and self.models.loaded and await self._used() > budget * _MEMORY_SHARE:
            await self._unload_oldest()
        began = time.perf_counter()
        body = json.dumps({"model_name": name, "url": str(directory)}).encode()
        while True:
            try:
                async with asyncio.timeout(self._core.limits.model_load_seconds):
                    reply = await self._pool.request("POST", self._server.port, "/models", body)
            except TimeoutError:
                text = f"Model {target} is still being loaded. Wait, then try your request again."
                return ModelRefusal(429, text, error(429, "ModelNotReadyException", text))
            if reply.status != _INSUFFICIENT_STORAGE or not await self._unload_oldest():
                break
        if reply.status not in (200, 409):
            remove_tree(directory.parent)
            return ModelRefusal(reply.status, reply.body.decode("utf-8", "replace"))
        self.models.loaded[target] = name
        self._time("ModelLoadingTime", began)
        return None

    async def _used(self) -> int:
        return (await asyncio.to_thread(self._server.usage)).memory_bytes

    async def _unload_oldest(self) -> bool:
        """False when nothing is left to unload."""
        if not self.models.loaded:
            return False
        target, name = next(iter(self.models.loaded.items()))
        began = time.perf_counter()
        await self._pool.request("DELETE", self._server.port, f"/models/{name}")
        self.models.loaded.pop(target, None)
        await asyncio.to_thread(remove_tree, self._directory(name).parent)
        self._time("ModelUnloadingTime", began)
        return True

    def _directory(self, name: str) -> Path:
        # By instance: one may unload what another still serves.
        instance = self._server.placement.name.rpartition("/")[2]
        return self._server.container.directory / "opt/ml/models" / instance / name / "model"

    def _fetch(self, target: str, directory: Path) -> None:
        if directory.is_dir():
            return
        uri = self._server.container.models_uri + target.lstrip("/")
        wanted = Download(self._core, self._fleet.scope, self._fleet.role, self._server.container.hostname)
        directory.mkdir(parents=True)
        try:
            source = {"S3Uri": uri, "S3DataType": "S3Object", "CompressionType": "Gzip"}
            fetch_model(wanted, source, directory)
        except BaseException:
            remove_tree(directory.parent)
            raise

    def _time(self, name: str, began: float) -> None:
        spent_us = (time.perf_counter() - began) * 1e6
        self._core.metrics.put(self._fleet.scope, self._dimensions, name, spent_us, unit="Microseconds")
