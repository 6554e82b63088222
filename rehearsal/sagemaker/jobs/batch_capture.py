"""Data capture of a transform job: manifests of what went in and what came out, by hour, as the monitor reads them."""

import json
import posixpath
import uuid
from typing import TYPE_CHECKING, Any

from rehearsal.sagemaker import objects

if TYPE_CHECKING:
    from rehearsal.sagemaker.jobs.base import Job


def capture(job: "Job", config: dict[str, Any], bucket: str, keys: list[str], outputs: list[str]) -> None:
    """`<destination>/input/yyyy/mm/dd/hh/<id>.json` and the same under `output`, each an S3 manifest."""
    moment = job.core.host.clock.datetime().strftime("%Y/%m/%d/%H")
    name = f"{uuid.uuid4()}.json"
    to_bucket, to_prefix = objects.parse_uri(config["DestinationS3Uri"])
    for side, uris in (("input", [f"s3://{bucket}/{key}" for key in keys]), ("output", outputs)):
        prefix = posixpath.commonprefix(uris).rpartition("/")[0] + "/"
        manifest = [{"prefix": prefix}, *(uri[len(prefix) :] for uri in uris)]
        key = posixpath.join(to_prefix, side, moment, name)
        objects.put(job.client(), to_bucket, key, json.dumps(manifest).encode(), config.get("KmsKeyId"))
