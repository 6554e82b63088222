"""Bodies of S3's object versions lie on disk; the emulator keeps those of versioned buckets in memory as well."""

MALLOC = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072"}
"""For the server's own process. Else every thread keeps a heap of its own, 30 MB more after a demo; and the first body
that is freed lifts the size from which memory goes back to the system at once, so that later ones never do.
"""


def drop_bodies() -> int:
    """Forget bodies in memory that the emulator reads back from disk. How many.

    Call it on the event loop, where the emulator serves S3: no request is half-way then.
    """
    from ministack.services import s3

    dropped = 0
    for scoped, versions in list(s3._object_versions._data.items()):
        account, (bucket, key) = scoped[0], scoped[-1]
        for version in versions:
            if version.get("data") is not None and _on_disk(account, bucket, key, version["version_id"]):
                version["data"] = None
                dropped += 1
    return dropped


def _on_disk(account: str, bucket: str, key: str, version_id: str) -> bool:
    from ministack.services import s3

    if s3._version_file_exists(bucket, key, version_id, account):
        return True
    record = s3._buckets.get_scoped(account, None, bucket) or {}
    current = record.get("objects", {}).get(key)
    # The emulator takes the body from a current object's record once its file is written.
    return current is not None and current.get("body") is None and (current.get("version_id") or "null") == version_id
