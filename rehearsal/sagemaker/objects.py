"""S3 transfers of jobs and models, with the role's own client, worded as the service words their failures."""

import json
import os
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HTTPS = re.compile(r"https://(?:(?P<bucket>[^/]+)\.)?s3[.-][^/]*/(?P<rest>.*)")
_COPY_BYTES = 1 << 20


class TransferError(Exception):
    """Objects could not be moved; the text goes into the FailureReason."""


@dataclass(frozen=True)
class Item:
    """One object of a data source and its path relative to the place it is brought to."""

    bucket: str
    key: str
    name: str


def parse_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of an s3:// or an https:// S3 location."""
    if uri.startswith("s3://"):
        bucket, _, key = uri[5:].partition("/")
        return bucket, key
    if matched := _HTTPS.fullmatch(uri):
        if matched["bucket"]:
            return matched["bucket"], matched["rest"]
        bucket, _, key = matched["rest"].partition("/")
        return bucket, key
    raise TransferError(f'"{uri}" is not an S3 location')


def listed(client: Any, bucket: str, prefix: str) -> Iterator[str]:
    """Keys under a prefix, all pages."""
    more: dict[str, str] = {}
    while True:
        answer = client.list_objects_v2(Bucket=bucket, Prefix=prefix, **more)
        for item in answer.get("Contents", []):
            yield item["Key"]
        if not answer.get("IsTruncated"):
            return
        more = {"ContinuationToken": answer["NextContinuationToken"]}


def read(client: Any, bucket: str, key: str) -> Iterator[bytes]:
    """An object's bytes, in pieces."""
    body = client.get_object(Bucket=bucket, Key=key)["Body"]
    while chunk := body.read(_COPY_BYTES):
        yield chunk


def fetch(client: Any, bucket: str, key: str, target: Path) -> None:
    """One object to a file, streamed, never left half-written under its final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            for chunk in read(client, bucket, key):
                file.write(chunk)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def items(client: Any, uri: str, data_type: str, *, region: str, role: str) -> list[Item]:
    """What a data source means, in the order S3 or the manifest gives it. None is a failure, as it is in the service.

    `data_type` is S3Prefix or ManifestFile.
    """
    bucket, prefix = parse_uri(uri)
    try:
        if data_type == "ManifestFile":
            found = _manifest(client, bucket, prefix)
        else:
            found = [Item(bucket, key, _relative(key, prefix)) for key in listed(client, bucket, prefix)]
    except TransferError:
        raise
    except Exception as error:
        raise TransferError(f"Data download failed:{_no_objects(uri, bucket, region, role)} Error: {error}") from error
    if found := [item for item in found if not item.key.endswith("/")]:
        return found
    raise TransferError(f"Data download failed:{_no_objects(uri, bucket, region, role)}")


def download(client: Any, uri: str, data_type: str, target: Path, *, region: str, role: str) -> int:
    """All of a data source into a directory; the number of files."""
    wanted = items(client, uri, data_type, region=region, role=role)
    bring(client, wanted, target)
    return len(wanted)


def bring(client: Any, wanted: Sequence[Item], target: Path, *, check: Callable[[], None] | None = None) -> None:
    """Objects into a directory. `check` is called between two of them and may raise to give up."""
    target.mkdir(parents=True, exist_ok=True)
    for item in wanted:
        if check is not None:
            check()
        try:
            fetch(client, item.bucket, item.key, _inside(target, item.name))
        except TransferError:
            raise
        except Exception as error:
            raise TransferError(f"Data download failed:s3://{item.bucket}/{item.key}: {error}") from error


def upload_tree(client: Any, source: Path, uri: str, kms_key: str | None = None) -> int:
    """Regular files of a directory under an S3 prefix; symbolic links are not followed. The number of files."""
    bucket, prefix = parse_uri(uri)
    files = regular_files(source)
    for path in files:
        put_file(client, path, bucket, posixpath.join(prefix, path.relative_to(source).as_posix()), kms_key)
    return len(files)


def regular_files(directory: Path) -> list[Path]:
    """Files below a directory that are neither links nor pipes nor devices, and are reached over no link."""
    if directory.is_symlink():
        return []
    return [path for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink()]


def put_file(client: Any, path: Path, bucket: str, key: str, kms_key: str | None = None) -> None:
    """One file as one object. What a container puts in its place meanwhile, a link or a pipe, is not followed."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        put(client, bucket, key, file, kms_key)


def put(client: Any, bucket: str, key: str, body: Any, kms_key: str | None = None) -> None:
    """One object, under the KMS key that the request named, else under the bucket's own encryption."""
    encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key} if kms_key else {}
    client.put_object(Bucket=bucket, Key=key, Body=body, **encryption)


def _relative(key: str, prefix: str) -> str:
    if key == prefix:
        return posixpath.basename(key)
    if prefix.endswith("/") or not prefix or key[len(prefix)] == "/":
        return key[len(prefix) :].lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _manifest(client: Any, bucket: str, key: str) -> list[Item]:
    where = f"s3://{bucket}/{key}"
    try:
        entries = json.loads(b"".join(read(client, bucket, key)))
    except ValueError as error:
        raise TransferError(f'Data download failed:"{where}" is not a manifest: {error}') from error
    if not (isinstance(entries, list) and entries and isinstance(entries[0], dict) and "prefix" in entries[0]):
        raise TransferError(f'Data download failed:"{where}" is not a manifest: [{{"prefix": …}}, name, …]')
    if not all(isinstance(name, str) for name in entries[1:]):
        raise TransferError(f'Data download failed:"{where}" is not a manifest: names must be strings')
    from_bucket, prefix = parse_uri(str(entries[0]["prefix"]))
    return [Item(from_bucket, prefix + name, name) for name in entries[1:]]


def _inside(directory: Path, name: str) -> Path:
    target = directory / name
    if not target.resolve().is_relative_to(directory.resolve()):
        raise TransferError(f'Data download failed:object name "{name}" leaves the input directory')
    return target


def _no_objects(uri: str, bucket: str, region: str, role: str) -> str:
    return (
        f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the bucket exists '
        f'in the selected region ({region}), that objects exist under that S3 prefix, and that the role "{role}" has '
        f'"s3:ListBucket" permissions on bucket "{bucket}".'
    )
