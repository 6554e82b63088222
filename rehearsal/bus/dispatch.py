"""The event bus: which rules an event meets, what happens to it on the way, how large it may be.

C01–C03 act here on the sources other than SageMaker, when `source` names one (`*` for all of them): an event is
repeated, lost, or held until `count` are there and handed out in reverse.
"""

import json
import threading
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from rehearsal.bus import inputs as event_input
from rehearsal.bus.delivery import Delivery, send
from rehearsal.bus.targets import UndeliveredError, call
from rehearsal.cloudtime import CloudTimeModule
from rehearsal.emulator import within
from rehearsal.host import Scope
from rehearsal.runtime import Runtime
from rehearsal.sagemaker.faults import Fault

# One request of PutEvents, and so one event, may be this large.
REQUEST_BYTES = 1_048_576
Dispatch = Callable[..., None]


def module_time(_: Any, runtime: Runtime) -> CloudTimeModule:
    """Events, archives, replays, rules and schedules are stamped with cloud time."""
    return CloudTimeModule(runtime.clock)


def dispatch_event(_: Dispatch, runtime: Runtime) -> Dispatch:
    """Hand an event to the targets of all rules of its bus that it matches."""
    bus = Bus(runtime)

    def dispatch(event: dict[str, Any], view: Any = None) -> None:
        bus.put(event, view)

    return dispatch


class Bus:
    """All buses of the cloud."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._held: list[tuple[Fault, list[dict[str, Any]]]] = []

    def put(self, event: dict[str, Any], view: Any = None) -> None:
        """One event of the present scope, subject to armed faults."""
        faults: Any = self._runtime.authority.faults()
        if faults is None or event.get("_DispatchPath"):  # passed on from another bus: it has met its faults there
            self._match(event, view)
            return

        def meant(where: Mapping[str, Any]) -> bool:
            return _concerns(event, where)

        for one in self._distorted(event, faults, meant):
            self._match(one, view if one is event else None)

    def _distorted(
        self, event: dict[str, Any], faults: Any, meant: Callable[[Mapping[str, Any]], bool]
    ) -> list[dict[str, Any]]:
        """The events that go on now, in order."""
        with self._lock:
            for fault, held in self._held:
                if meant(fault.where):
                    held.append(event)
                    if len(held) < int(fault.where.get("count", 2)):
                        return []
                    self._held = [one for one in self._held if one[0] is not fault]
                    return held[::-1]
            reversing = faults.take_if("C03", meant)
            if reversing is not None:
                self._held.append((reversing, [event]))
                faults.on_clear.append(self._release)
                return []
        if faults.take_if("C02", meant) is not None:
            return []
        again = faults.take_if("C01", meant)
        return [event] * (int(again.where.get("copies", 2)) if again is not None else 1)

    def _release(self) -> None:
        """Hand out what an unfinished C03 holds."""
        with self._lock:
            held, self._held = self._held, []
        for _, events in held:
            for event in reversed(events):
                within(Scope(str(event["Account"]), str(event["Region"])), self._match, event, None)

    def _match(self, event: dict[str, Any], view: Any) -> None:
        from ministack.services import eventbridge

        view = view or eventbridge._pattern_event_view(event)
        bus, passed = event.get("EventBusName", "default"), set(event.get("_DispatchPath") or ())
        for key, rule in list(eventbridge._rules.items()):
            if rule.get("EventBusName", "default") != bus or key in passed or rule.get("State") == "DISABLED":
                continue
            pattern = rule.get("EventPattern")
            if pattern and eventbridge._matches_pattern_view(pattern, view, f"rule {key}"):
                fire(self._runtime, rule, list(eventbridge._targets.get(key, [])), event, view)


def fire(
    runtime: Runtime, rule: Mapping[str, Any], targets: list[dict[str, Any]], event: dict[str, Any], view: Any
) -> None:
    """Send an event to the targets of a rule."""
    parts = str(rule["Arn"]).split(":")
    scope = Scope(parts[4], parts[3])
    whole = view.event_with_detail()
    for target in targets:
        try:
            text = event_input.payload(target, rule, whole, runtime.clock.now())
            attempt = partial(call, target, text, event, rule)
        except event_input.InvalidInputError as error:
            text = json.dumps(whole)
            attempt = partial(_refuse, str(error))
        attributes = {"RULE_ARN": str(rule["Arn"])}
        send(runtime, Delivery("events.amazonaws.com", rule, target, text, scope, attempt, attributes))


def _refuse(message: str) -> None:
    raise UndeliveredError("INVALID_PARAMETER", message)


def scheduled_event(rule_arn: str, due: float, scope: Scope, bus: str) -> dict[str, Any]:
    """What the targets of a rule with a schedule get."""
    return {
        "EventId": str(uuid.uuid4()),
        "Source": "aws.events",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "EventBusName": bus,
        "Time": int(due),
        "Resources": [rule_arn],
        "Account": scope.account,
        "Region": scope.region,
    }


def _concerns(event: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    source, kind = str(event.get("Source", "")), str(event.get("DetailType", ""))
    if source == "aws.sagemaker" or where.get("source") not in ("*", source):
        return False
    names = {str(arn).replace("/", ":").rpartition(":")[2] for arn in event.get("Resources") or ()}
    return where.get("detail_type", "*") in ("*", kind) and ("name" not in where or where["name"] in names)


def guarded(handler: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """EventBridge's handler, which refuses requests of PutEvents that are too large or no events."""
    from ministack.services import eventbridge

    async def handle(method: str, path: str, headers: dict[str, str], body: Any, query: dict[str, Any]) -> Any:
        if headers.get("x-amz-target", "").endswith(".PutEvents"):
            try:
                entries = json.loads(body or b"{}").get("Entries") or []
            except (ValueError, AttributeError):
                entries = []
            if sum(map(_size, entries)) > REQUEST_BYTES:
                words = "Total size of the entries in the request is over the limit."
                return eventbridge.error_response_json("ValidationException", words, 400)
            wrong = {index: fault for index, entry in enumerate(entries) if (fault := _fault(entry))}
            if wrong:
                return await _partly(handler, (method, path, headers, query), entries, wrong)
        return await handler(method, path, headers, body, query)

    return handle


def _size(entry: Mapping[str, Any]) -> int:
    """By https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html."""
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or ())]
    return (14 if entry.get("Time") is not None else 0) + sum(len(str(text).encode()) for text in texts if text)


def _fault(entry: Mapping[str, Any]) -> dict[str, str] | None:
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            return {
                "ErrorCode": "InvalidArgument",
                "ErrorMessage": f"Parameter {member} is not valid. Reason: {member} is a required argument.",
            }
    try:
        detail = json.loads(entry["Detail"])
    except (ValueError, TypeError):
        detail = None
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None


async def _partly(
    handler: Callable[..., Awaitable[Any]],
    request: tuple[str, str, dict[str, str], dict[str, Any]],
    entries: list[dict[str, Any]],
    wrong: dict[int, dict[str, str]],
) -> Any:
    """Put the entries that are right; answer for all."""
    from ministack.services import eventbridge

    method, path, headers, query = request
    right = [entry for index, entry in enumerate(entries) if index not in wrong]
    answered: dict[str, Any] = {"FailedEntryCount": 0, "Entries": []}
    if right:
        status, _, body = await handler(method, path, headers, json.dumps({"Entries": right}).encode(), query)
        answered = json.loads(body)
        if status >= 400:
            return eventbridge.error_response_json(answered["__type"], answered.get("message", ""), status)
    results = iter(answered["Entries"])
    every = [wrong[index] if index in wrong else next(results) for index in range(len(entries))]
    return eventbridge.json_response({"FailedEntryCount": answered["FailedEntryCount"] + len(wrong), "Entries": every})
