"""The captured answers of both sides of a trial, newest first, and no more of them than a verdict needs."""

from dataclasses import dataclass

from slipway_lambda.find_capture.window import Window, moment
from slipway_lambda.judge_trial.pairs import Captured, read_lines
from slipway_lambda.ports.objects import Objects, split_uri

MOST_OBJECTS, MOST_BYTES = 60, 8_000_000
"""Of each side at each look: what a function of 512 MiB reads within its minute."""
LOOK_BACK_SECONDS = 3600.0
"""At most: older answers were judged by earlier looks."""


@dataclass(frozen=True)
class Source:
    """`uri`: capture's destination, below which lie `<endpoint>/<variant>/yyyy/mm/dd/hh/`."""

    objects: Objects
    uri: str
    endpoint: str


def captured(source: Source, variant: str, start: float, end: float) -> list[Captured]:
    """What a variant was asked and answered between two times in epoch seconds, as far as it is delivered. The same
    hour may hold another challenger's answers, of a trial before this one. Capture tells times in whole seconds.
    """
    objects = source.objects
    bucket, prefix = split_uri(f"{source.uri.rstrip('/')}/{source.endpoint}")
    window = Window(moment(max(start, end - LOOK_BACK_SECONDS)), moment(end + 1))
    keys = [
        item
        for hour in window.hours()
        for item in objects.list(bucket, f"{prefix}/{variant}/{hour}/")
        if item.key.endswith(".jsonl") and item.size_bytes
    ]
    found: list[Captured] = []
    left = MOST_BYTES
    for item in sorted(keys, key=lambda i: i.key, reverse=True)[:MOST_OBJECTS]:
        if left <= 0:
            break
        body = objects.head(bucket, item.key, left)
        left -= len(body)
        found += (one for one in read_lines(body.decode("utf-8", errors="replace")) if int(start) <= one.at <= end)
    return found
