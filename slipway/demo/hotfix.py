"""Version 3: a "hotfix" somebody packed by hand, its columns in another order than the clients'.

Every check of a package passes: the archive is safe, the sha256 in its metadata is right, it was approved. Only
requests show the fault.
"""

import gzip
import io
import json
import tarfile

from slipway.demo.errors import EXECUTION_FAILED, DemoError

SCHEMA = "schema.json"


def swapped(archive: bytes) -> bytes:
    """The same model archive with the columns of its schema.json backwards. The same input gives the same bytes."""
    out = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as source,
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as target,
    ):
        found = False
        for member in source.getmembers():
            content = source.extractfile(member)
            if content is None:
                continue
            data = content.read()
            if member.name.removeprefix("./") == SCHEMA:
                found, data = True, _backwards(data)
            entry = tarfile.TarInfo(member.name.removeprefix("./"))
            entry.size, entry.mode = len(data), 0o644
            target.addfile(entry, io.BytesIO(data))
        if not found:
            raise DemoError(
                EXECUTION_FAILED, f"The model archive holds no {SCHEMA}.", "Look at the training job's container."
            )
    return out.getvalue()


def _backwards(schema: bytes) -> bytes:
    document = json.loads(schema)
    document["columns"] = document["columns"][::-1]
    return json.dumps(document).encode()
