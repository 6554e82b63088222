"""Buckets as a whole, as S3 has them."""

from typing import Any, Protocol

from slipway_lambda.contracts.errors import SlipwayError
from slipway_lambda.ports.clients import client

ABSENT = frozenset({"NoSuchBucket", "NoSuchTagSet", "404"})


class BucketNotEmptiedError(SlipwayError):
    """Some object could not be deleted."""


class Buckets(Protocol):
    """Reads tags; empties."""

    def tags(self, bucket: str) -> dict[str, str]:
        """Empty for a bucket that has none, or is not there."""

    def empty(self, bucket: str) -> None:
        """Delete every version of every object. Raises BucketNotEmptiedError."""


class S3Buckets:
    """The real ones."""

    def tags(self, bucket: str) -> dict[str, str]:
        s3 = client("s3")
        try:
            answer = s3.get_bucket_tagging(Bucket=bucket)
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ABSENT:
                return {}
            raise
        return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}

    def empty(self, bucket: str) -> None:
        s3 = client("s3")
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects: list[dict[str, Any]] = [{"Key": o["Key"], "VersionId": o["VersionId"]} for o in found]
            if not objects:
                continue
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                first = errors[0]
                raise BucketNotEmptiedError(
                    f"{len(errors)} objects of {bucket} could not be deleted, {first.get('Key')} among them:"
                    f" {first.get('Message')}.",
                    "See who holds them, then delete the stack again.",
                )
