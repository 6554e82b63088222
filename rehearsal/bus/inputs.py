"""What a rule's target is handed: the event, a part of it, a constant, or a transformed text."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_STEP = re.compile(r"""\.(?P<name>[\w\-/]+)|\[['"](?P<quoted>[^'"]+)['"]\]|\[(?P<index>\d+)\]|\.\*|\[\*\]""")
_MISSING = object()


class InvalidInputError(Exception):
    """The target's input cannot be made of this event."""


def payload(target: Mapping[str, Any], rule: Mapping[str, Any], event: Mapping[str, Any], now: float) -> str:
    """The text that is sent. `event` is the whole event as rules see it; `now` is when the bus got it."""
    if target.get("InputTransformer"):
        return _transformed(target["InputTransformer"], rule, event, now)
    if target.get("Input"):
        return str(target["Input"])
    if target.get("InputPath"):
        found = select(str(target["InputPath"]), event)
        return json.dumps(event if found is _MISSING else found)
    return json.dumps(event)


def select(path: str, event: Any) -> Any:
    """What a JSON path with members, indices and wildcards finds; a wildcard makes a list."""
    if not path.startswith("$"):
        raise InvalidInputError(f"{path!r} is not a JSON path: it must begin with $")
    found, several, position = [event], False, 1
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise InvalidInputError(f"{path!r} is not a JSON path that EventBridge knows")
        position = step.end()
        name = step["name"] or step["quoted"]
        if name is not None:
            found = [item[name] for item in found if isinstance(item, dict) and name in item]
        elif step["index"] is not None:
            index = int(step["index"])
            found = [item[index] for item in found if isinstance(item, list) and index < len(item)]
        else:
            several = True
            found = [one for item in found for one in (item.values() if isinstance(item, dict) else item)]
    if several:
        return found
    return found[0] if found else _MISSING


def _transformed(transformer: Mapping[str, Any], rule: Mapping[str, Any], event: Mapping[str, Any], now: float) -> str:
    from ministack.services import eventbridge

    paths = transformer.get("InputPathsMap") or {}
    values = {name: select(str(path), event) for name, path in paths.items()}
    # A variable whose path finds nothing is not made, and leaves nothing in the output.
    values = {name: "" if value is _MISSING else value for name, value in values.items()}
    values |= {
        "aws.events.rule-arn": rule.get("Arn", ""),
        "aws.events.rule-name": rule.get("Name", ""),
        "aws.events.event.ingestion-time": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws.events.event": {name: value for name, value in event.items() if name != "detail"},
        "aws.events.event.json": dict(event),
    }
    return str(eventbridge._render_input_template(str(transformer.get("InputTemplate", "")), values))
