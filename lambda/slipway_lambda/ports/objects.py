"""Objects in S3, as the stages of the workflows see them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from slipway_lambda.contracts.errors import SlipwayError
from slipway_lambda.ports.clients import client

ABSENT = frozenset({"NoSuchKey", "404", "NotFound", "AccessDenied", "403"})
"""S3 says AccessDenied for a missing key to callers that may not list the whole bucket, which ours may not."""


class ObjectMissingError(SlipwayError):
    """There is no object under this key."""


class BadUriError(SlipwayError):
    """Not an S3 URI of one object."""


@dataclass(frozen=True)
class Listed:
    """One object of a listing; `size_bytes` of its newest version."""

    key: str
    etag: str
    size_bytes: int


class Objects(Protocol):
    """Reads, lists and writes objects."""

    def list(self, bucket: str, prefix: str) -> Iterator[Listed]:
        """Every object under a prefix, in the order of keys."""

    def head(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        """The first bytes. Raises ObjectMissingError."""

    def tail(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        """The last bytes. Raises ObjectMissingError."""

    def stream(self, bucket: str, key: str) -> BinaryIO:
        """The object as a stream to read once. Raises ObjectMissingError."""

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """Put a JSON object there."""


class S3Objects:
    """The real ones."""

    def list(self, bucket: str, prefix: str) -> Iterator[Listed]:
        pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                yield Listed(item["Key"], item["ETag"].strip('"'), item["Size"])

    def head(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        return self._get(bucket, key, Range=f"bytes=0-{limit_bytes - 1}").read()

    def tail(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        return self._get(bucket, key, Range=f"bytes=-{limit_bytes}").read()

    def stream(self, bucket: str, key: str) -> BinaryIO:
        return self._get(bucket, key)

    def write(self, bucket: str, key: str, body: bytes) -> None:
        client("s3").put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")

    def _get(self, bucket: str, key: str, **more: Any) -> BinaryIO:
        s3 = client("s3")
        try:
            body: BinaryIO = s3.get_object(Bucket=bucket, Key=key, **more)["Body"]
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                raise ObjectMissingError(
                    f"There is no object s3://{bucket}/{key}, or this function may not read it.",
                    "See whether the object is there; if it is, look at the function's role and the bucket's key.",
                ) from None
            raise
        return body


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of `s3://bucket/key`."""
    bucket, slash, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not slash or not key:
        raise BadUriError(f"{uri!r} is not s3://<bucket>/<key>.")
    return bucket, key


def read_limited(objects: Objects, uri: str, limit_bytes: int) -> bytes:
    """The whole object at a URI, refused when it is larger than a reader of small files should take."""
    bucket, key = split_uri(uri)
    body = objects.head(bucket, key, limit_bytes + 1)
    if len(body) > limit_bytes:
        raise BadUriError(f"{uri} is larger than {limit_bytes} bytes.", "Only small JSON files are read here.")
    return body
