"""Find the captured records: which objects the monitor reads for a window."""

import json
from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.monitoring import SCHEDULED_TIME, WINDOW_END, WINDOW_START, report_prefix
from slipway_lambda.events import take
from slipway_lambda.find_capture.window import Window, asked_window, iso, scheduled_window
from slipway_lambda.ports.objects import Objects, S3Objects


def handler(event: Mapping[str, Any], _context: object, objects: Objects | None = None) -> dict[str, Any]:
    """Event: capture_bucket, capture_prefix (of all endpoints), endpoint, variant, report_bucket, model, schedule
    (hourly | daily), and asked: {scheduled_time} or {window_start, window_end}.

    Result: records_found, objects, bytes, window_start, window_end, window_id (sorts by time), report_uri,
    manifest_uri.
    """
    store = objects or S3Objects()
    window = _window(event)
    bucket, prefix = take(event, "capture_bucket", str), take(event, "capture_prefix", str)
    variant = f"{take(event, 'endpoint', str)}/{take(event, 'variant', str)}/"
    found = [
        item
        for hour in window.hours()
        for item in store.list(bucket, f"{prefix}{variant}{hour}/")
        if item.key.endswith(".jsonl") and item.size_bytes
    ]
    first_hour = window.start.strftime("%Y/%m/%d/%H")
    report_bucket = take(event, "report_bucket", str)
    report = f"{report_prefix(take(event, 'model', str))}{first_hour}/"
    # A SageMaker ManifestFile. Keys keep endpoint, variant and hour below the prefix, the layout Model Monitor's
    # containers are given.
    manifest = [{"prefix": f"s3://{bucket}/{prefix}"}, *(item.key.removeprefix(prefix) for item in found)]
    store.write(report_bucket, f"{report}input/manifest.json", json.dumps(manifest, separators=(",", ":")).encode())
    return {
        "records_found": bool(found),
        "objects": len(found),
        "bytes": sum(item.size_bytes for item in found),
        WINDOW_START: iso(window.start),
        WINDOW_END: iso(window.end),
        "window_id": f"{window.start:%Y%m%d%H%M}-{window.end:%Y%m%d%H%M}",
        "report_uri": f"s3://{report_bucket}/{report}",
        "manifest_uri": f"s3://{report_bucket}/{report}input/manifest.json",
    }


def _window(event: Mapping[str, Any]) -> Window:
    asked = take(event, "asked", dict)
    if WINDOW_START in asked or WINDOW_END in asked:
        return asked_window(take(asked, WINDOW_START, str), take(asked, WINDOW_END, str))
    return scheduled_window(take(asked, SCHEDULED_TIME, str), take(event, "schedule", str))
