"""Check the data: pins the objects a run trains on, and refuses what is not worth a training job."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from slipway_lambda.events import take
from slipway_lambda.ports.objects import Listed, Objects, S3Objects
from slipway_lambda.validate_data.check import Wanted, check_data, data_objects, data_version
from slipway_lambda.validate_data.sample import Ends

END_BYTES = 65536
AT_ONCE = 8


def handler(event: Mapping[str, Any], _context: object, objects: Objects | None = None) -> dict[str, Any]:
    """Event: run_bucket, run_prefix, data_bucket, data_prefix, schema {problem, target, columns[]}, prepare {holdout,
    minimum_rows}.

    Result: manifest_uri, config_uri, data_version, objects, bytes, rows_about.
    """
    store = objects or S3Objects()
    bucket, prefix = take(event, "data_bucket", str), take(event, "data_prefix", str)
    schema, prepare = take(event, "schema", dict), take(event, "prepare", dict)
    wanted = Wanted(
        tuple(take(c, "name", str) for c in take(schema, "columns", list)),
        take(schema, "target", str),
        take(prepare, "minimum_rows", int),
    )
    found = data_objects(list(store.list(bucket, prefix)), f"s3://{bucket}/{prefix}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ends = list(pool.map(lambda item: _ends(store, bucket, item), found))
    rows = check_data(ends, wanted)

    run_bucket, run = take(event, "run_bucket", str), take(event, "run_prefix", str)
    manifest = [{"prefix": f"s3://{bucket}/{prefix}"}, *(o.key.removeprefix(prefix) for o in found)]
    for name, value in (("manifest.json", manifest), ("config/schema.json", schema), ("config/prepare.json", prepare)):
        store.write(run_bucket, f"{run}{name}", json.dumps(value, separators=(",", ":")).encode())
    return {
        "manifest_uri": f"s3://{run_bucket}/{run}manifest.json",
        "config_uri": f"s3://{run_bucket}/{run}config/",
        "data_version": data_version(found),
        "objects": len(found),
        "bytes": sum(o.size_bytes for o in found),
        "rows_about": round(rows),
    }


def _ends(store: Objects, bucket: str, item: Listed) -> Ends:
    head = store.head(bucket, item.key, END_BYTES)
    tail = head if item.size_bytes <= END_BYTES else store.tail(bucket, item.key, END_BYTES)
    return Ends(item.key, item.size_bytes, head, tail)
