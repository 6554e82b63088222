"""Data channels of a training job: which objects a host gets, and how they reach /opt/ml/input/data."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rehearsal.sagemaker import objects
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.jobs.errors import JobError
from rehearsal.sagemaker.jobs.hosts import JobContainer, Place
from rehearsal.sagemaker.jobs.pipes import Feed, Pipe
from rehearsal.sagemaker.objects import Item

DATA = "/opt/ml/input/data"


@dataclass(frozen=True)
class Channel:
    """One channel of the request, with the job's default input mode filled in."""

    request: dict[str, Any]
    default_mode: str

    @property
    def name(self) -> str:
        """As the container sees it."""
        return str(self.request["ChannelName"])

    @property
    def mode(self) -> str:
        """File, FastFile or Pipe."""
        return str(self.request.get("InputMode", self.default_mode))

    @property
    def source(self) -> dict[str, Any]:
        """The S3DataSource."""
        return dict(self.request["DataSource"]["S3DataSource"])

    @property
    def sharded(self) -> bool:
        """Whether each host gets a part only."""
        return self.source.get("S3DataDistributionType") == "ShardedByS3Key"

    def check(self) -> None:
        """Refuse, in the service's words or ours, what this channel cannot be."""
        if "S3DataSource" not in self.request["DataSource"]:
            raise not_emulated("training data that is not in S3 (FileSystemDataSource, DatasetSource)")
        source = self.source
        if source["S3DataType"] not in ("S3Prefix", "ManifestFile", "AugmentedManifestFile"):
            raise not_emulated(f"S3DataType {source['S3DataType']}")
        for member in ("ModelAccessConfig", "HubAccessConfig"):
            if member in source:
                raise not_emulated(f"{member} of a data source")
        if source["S3DataType"] == "AugmentedManifestFile":
            if self.mode != "Pipe":
                raise invalid("AugmentedManifestFile can be used only with Pipe input mode.")
            if not source.get("AttributeNames"):
                raise invalid("AttributeNames must be given with S3DataType AugmentedManifestFile.")
        if self.mode != "Pipe":
            if self.request.get("CompressionType", "None") != "None":
                raise invalid(f"CompressionType Gzip can be used only with Pipe input mode, not {self.mode}.")
            if self.request.get("RecordWrapperType", "None") != "None":
                raise invalid(f"RecordWrapperType RecordIO can be used only with Pipe input mode, not {self.mode}.")

    def reaches(self, place: Place) -> bool:
        """Whether hosts of this group get the channel."""
        groups = self.source.get("InstanceGroupNames")
        return not groups or place.group in groups

    def describe(self) -> dict[str, Any]:
        """Its entry in inputdataconfig.json."""
        document = {
            "TrainingInputMode": self.mode,
            "S3DistributionType": self.source.get("S3DataDistributionType", "FullyReplicated"),
            "RecordWrapperType": self.request.get("RecordWrapperType", "None"),
        }
        for member in ("ContentType", "CompressionType", "ShuffleConfig"):
            if member in self.request:
                document[member] = self.request[member]
        return document

    def arrange(self, things: Sequence[Any], epoch: int, shard: int, shards: int) -> list[Any]:
        """One host's share of objects or lines, shuffled if asked for: anew in every epoch, alike for the same seed."""
        chosen = list(things)
        if "ShuffleConfig" in self.request:
            random.Random(f"{self.request['ShuffleConfig']['Seed']}/{epoch}").shuffle(chosen)
        return chosen[shard::shards] if self.sharded else chosen


class Supply:
    """Brings channels to the containers of a job, and ends the pipes it feeds."""

    def __init__(self, client: Any, channels: Sequence[Channel], *, region: str, role: str) -> None:
        self._client = client
        self._channels = channels
        self._region = region
        self._role = role
        self._pipes: list[Pipe] = []

    def bring(self, containers: Sequence[JobContainer], check: Callable[[], None]) -> list[Path]:
        """Download or set up every channel of every container. Returns the files that were downloaded.

        `check` is called between objects and may raise to give up. A directory of FastFile mode is read-only and
        complete before the container starts.
        """
        files: list[Path] = []
        for channel in self._channels:
            hosts = [one for one in containers if channel.reaches(one.place)]
            augmented = channel.source["S3DataType"] == "AugmentedManifestFile"
            uri, kind = channel.source["S3Uri"], "S3Prefix" if augmented else channel.source["S3DataType"]
            items = objects.items(self._client, uri, kind, region=self._region, role=self._role)
            for number, host in enumerate(hosts):
                if channel.mode == "Pipe":
                    self._pipe(channel, host, items, partial(channel.arrange, shard=number, shards=len(hosts)))
                    continue
                part = channel.arrange(items, 0, number, len(hosts))
                target = host.folder(f"{DATA}/{channel.name}")
                objects.bring(self._client, part, target, check=check)
                files += [target / item.name for item in part]
                if channel.mode == "FastFile":
                    for path in [target, *target.rglob("*")]:
                        path.chmod(0o555 if path.is_dir() else 0o444)
        return files

    def _pipe(self, channel: Channel, host: JobContainer, items: Sequence[Item], arrange: Any) -> None:
        feed = Feed(
            self._client,
            items,
            arrange,
            unzip=channel.request.get("CompressionType") == "Gzip",
            record_io=channel.request.get("RecordWrapperType") == "RecordIO",
            attributes=tuple(channel.source.get("AttributeNames", ())),
        )
        self._pipes.append(Pipe(host.folder(DATA) / channel.name, feed))

    def start(self, run: Callable[..., None]) -> None:
        """Feed the pipes; `run(name, function)` starts a thread."""
        for pipe in self._pipes:
            run(f"pipe-{pipe.path.name}", pipe.serve)

    def check(self) -> None:
        """Raise JobError when a pipe could not be fed: its reader would wait for the next epoch for ever."""
        for pipe in self._pipes:
            if pipe.error:
                raise JobError(f"ClientError: {pipe.error}")

    def close(self) -> None:
        """No pipe is fed any more."""
        for pipe in self._pipes:
            pipe.close()
