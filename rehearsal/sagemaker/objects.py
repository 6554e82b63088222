"""S3 transfers of jobs and models, with the role's own client, worded as the service words their failures."""

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HTTPS = re.compile(r"https://(?:(?P<bucket>[^/]+)\.)?s3[.-][^/]*/(?P<rest>.*)")
_COPY_BYTES = 1 << 20


class TransferError(Exception):
    """Objects could not be moved; the text goes into the FailureReason."""


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


def fetch(client: Any, bucket: str, key: str, target: Path) -> None:
    """One object to a file, streamed, never left half-written under its final name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        with part.open("wb") as file:
            while chunk := body.read(_COPY_BYTES):
                file.write(chunk)
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def download(client: Any, uri: str, data_type: str, target: Path, *, region: str, role: str) -> int:
    """A channel or an input into a directory; the number of files. None is a failure, as it is in the service."""
    target.mkdir(parents=True, exist_ok=True)
    count = 0
    try:
        bucket, prefix = parse_uri(uri)
        if data_type == "ManifestFile":
            wanted = _manifest(client, bucket, prefix)
        else:
            wanted = ((bucket, key, _relative(key, prefix)) for key in listed(client, bucket, prefix))
        for from_bucket, key, name in wanted:
            if not key.endswith("/"):
                fetch(client, from_bucket, key, _inside(target, name))
                count += 1
    except TransferError:
        raise
    except Exception as error:
        raise TransferError(f"Data download failed:{_no_objects(uri, bucket, region, role)} Error: {error}") from error
    if count == 0:
        raise TransferError(f"Data download failed:{_no_objects(uri, bucket, region, role)}")
    return count


def upload_tree(client: Any, source: Path, uri: str) -> int:
    """Regular files of a directory under an S3 prefix; symbolic links are not followed. The number of files."""
    bucket, prefix = parse_uri(uri)
    files = [path for path in sorted(source.rglob("*")) if path.is_file() and not path.is_symlink()]
    for path in files:
        put_file(client, path, bucket, posixpath.join(prefix, path.relative_to(source).as_posix()))
    return len(files)


def put_file(client: Any, path: Path, bucket: str, key: str) -> None:
    """One file as one object."""
    with path.open("rb") as file:
        client.put_object(Bucket=bucket, Key=key, Body=file)


def _relative(key: str, prefix: str) -> str:
    if key == prefix:
        return posixpath.basename(key)
    if prefix.endswith("/") or not prefix or key[len(prefix)] == "/":
        return key[len(prefix) :].lstrip("/")
    return key[prefix.rfind("/") + 1 :]


def _manifest(client: Any, bucket: str, key: str) -> Iterator[tuple[str, str, str]]:
    entries = json.loads(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    if not (isinstance(entries, list) and entries and isinstance(entries[0], dict) and "prefix" in entries[0]):
        raise TransferError(f'Data download failed:"s3://{bucket}/{key}" is not a manifest: [{{"prefix": …}}, name, …]')
    from_bucket, prefix = parse_uri(entries[0]["prefix"])
    for name in entries[1:]:
        yield from_bucket, prefix + name, name


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
