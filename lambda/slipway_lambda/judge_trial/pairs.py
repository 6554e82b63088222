"""Pairs of captured answers: the champion's and its shadow's to the same request. Pure, of capture's JSON lines.

Whether the copy of a request carries the original's event id is documented nowhere, so a pair is found by the caller's
inference id, else by the event id, else by equal bodies.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Captured:
    """One line. `at`: epoch seconds. `inference_id` empty where the caller gave none."""

    at: float
    event_id: str
    inference_id: str
    request: str
    answer: str


def read_lines(text: str) -> Iterator[Captured]:
    """The lines that hold a request and its answer. A cut or foreign line, or one without a time, is passed over: it
    makes no pair.
    """
    for line in text.splitlines():
        try:
            record = json.loads(line)
            data, metadata = record["captureData"], record["eventMetadata"]
            sides = data["endpointInput"], data["endpointOutput"]
            yield Captured(
                datetime.fromisoformat(metadata["inferenceTime"]).timestamp(),
                str(metadata.get("eventId", "")),
                str(metadata.get("inferenceId", "")),
                *(_text(s).strip() for s in sides),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _text(side: Mapping[str, Any]) -> str:
    """A body of a content type that capture was not told of is BASE64: a challenger that answers in another than the
    champion has answered all the same.
    """
    data = str(side["data"])
    if side["encoding"] == "BASE64":
        return base64.b64decode(data, validate=True).decode("utf-8", errors="replace")
    return data


def pairs_of(champion: Iterable[Captured], shadow: Iterable[Captured]) -> list[tuple[str, str | None]]:
    """Answers to the same requests, each of the shadow's once. What has no partner yet is left out: the two are
    delivered apart from each other.
    """
    by_key: dict[tuple[str, str], str] = {}
    for one in champion:
        for key in _keys(one):
            by_key[key] = one.answer
    found: list[tuple[str, str | None]] = []
    for one in shadow:
        answer = next((by_key[key] for key in _keys(one) if key in by_key), None)
        if answer is not None:
            found.append((answer, one.answer))
    return found


def _keys(one: Captured) -> Iterator[tuple[str, str]]:
    if one.inference_id:
        yield "inference", one.inference_id
    if one.event_id:
        yield "event", one.event_id
    yield "body", one.request
