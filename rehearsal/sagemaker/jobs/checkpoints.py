"""Directories that are mirrored to S3 while a job runs: checkpoints (restored first), continuous outputs."""

import contextlib
import posixpath
from pathlib import Path
from typing import Any

from rehearsal.sagemaker import objects

_Stamp = tuple[int, int]


class Checkpoints:
    """A local directory and its mirror under an S3 prefix, deletions included."""

    def __init__(self, client: Any, directory: Path, uri: str, kms_key: str | None = None) -> None:
        self._client = client
        self._directory = directory
        self._kms_key = kms_key
        self._bucket, prefix = objects.parse_uri(uri)
        self._prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        self._seen: dict[str, _Stamp] = {}
        self._sent: dict[str, _Stamp] = {}
        self.uploads = 0

    def restore(self) -> None:
        """Bring earlier checkpoints back. None is fine: the first run has none."""
        self._directory.mkdir(parents=True, exist_ok=True)
        try:
            keys = objects.listed(self._client, self._bucket, self._prefix)
            wanted = [objects.Item(self._bucket, key, key[len(self._prefix) :]) for key in keys]
            objects.bring(self._client, [item for item in wanted if not item.key.endswith("/")], self._directory)
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
                    key = posixpath.join(self._prefix, name)
                    objects.put_file(self._client, self._directory / name, self._bucket, key, self._kms_key)
                    self._sent[name] = stamp
                    self.uploads += 1
        for name in set(self._sent) - set(now):
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + name)
            del self._sent[name]

    def _scan(self) -> dict[str, _Stamp]:
        found = {}
        for path in objects.regular_files(self._directory):
            with contextlib.suppress(FileNotFoundError):
                status = path.lstat()
                found[path.relative_to(self._directory).as_posix()] = (status.st_size, status.st_mtime_ns)
        return found
