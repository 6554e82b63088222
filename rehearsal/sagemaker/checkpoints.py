"""Checkpoints: restored before training, mirrored to S3 while it runs, deletions included."""

import contextlib
import posixpath
from pathlib import Path
from typing import Any

from rehearsal.sagemaker import objects

_Stamp = tuple[int, int]


class Checkpoints:
    """A local directory and its mirror under an S3 prefix."""

    def __init__(self, client: Any, directory: Path, uri: str) -> None:
        self._client = client
        self._directory = directory
        self._bucket, prefix = objects.parse_uri(uri)
        self._prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        self._seen: dict[str, _Stamp] = {}
        self._sent: dict[str, _Stamp] = {}

    def restore(self) -> None:
        """Bring earlier checkpoints back. None is fine: the first run has none."""
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            for key in objects.listed(self._client, self._bucket, self._prefix):
                name = key[len(self._prefix) :]
                target = self._directory / name
                if name and not name.endswith("/") and target.resolve().is_relative_to(self._directory.resolve()):
                    objects.fetch(self._client, self._bucket, key, target)
        except Exception as error:
            raise objects.TransferError(
                f"Failed to download checkpoints from s3://{self._bucket}/{self._prefix}: {error}"
            ) from error
        self._seen = self._sent = self._scan()

    def sync(self, *, settled: bool = False) -> None:
        """Upload what changed and stayed the same since the last look (or all, once `settled`); delete what is gone."""
        now = self._scan()
        stable = {name: stamp for name, stamp in now.items() if settled or self._seen.get(name) == stamp}
        self._seen = now
        for name, stamp in stable.items():
            if self._sent.get(name) != stamp:
                with contextlib.suppress(FileNotFoundError):
                    objects.put_file(
                        self._client, self._directory / name, self._bucket, posixpath.join(self._prefix, name)
                    )
                    self._sent[name] = stamp
        for name in set(self._sent) - set(now):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)
            del self._sent[name]

    def _scan(self) -> dict[str, _Stamp]:
        found = {}
        for path in self._directory.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file() and not path.is_symlink():
                    stat = path.stat()
                    found[path.relative_to(self._directory).as_posix()] = (stat.st_size, stat.st_mtime_ns)
        return found
