"""Asynchronous invocations: the service's queue, its retries, its destinations and dead-letter queues, on cloud time.

A function's error is retried as often as its event invoke configuration says (2), one and then two minutes later. What
the service itself refuses, a throttle above all, is tried again for as long as the event may live (6 hours), one second
later and then up to five minutes. Destinations and dead-letter queues are written to with the function's role.
"""

import contextvars
import threading
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.emulator import EmulatorHost
from rehearsal.functions import faults as lambda_faults
from rehearsal.functions.destinations import Ended, Teller
from rehearsal.functions.invoke import COUNTED, refusal
from rehearsal.iam.delivery import notification_allowed
from rehearsal.runtime import Runtime

RETRY_SECONDS = (60.0, 120.0)
THROTTLED_SECONDS = 1.0
LONGEST_SECONDS = 300.0
EVENT_AGE_SECONDS = 21_600
Start = Callable[[dict[str, Any], Any], None]


def invoke_async(_: Start, runtime: Runtime) -> Start:
    """Accept an event for a function and return at once; a thread sees to the rest."""

    host = EmulatorHost(runtime)

    def start(function: dict[str, Any], event: Any) -> None:
        config = function.get("config") or function
        if not notification_allowed(runtime.authority, str(config.get("FunctionArn", "")), event):
            return
        context = contextvars.copy_context()
        queued = QueuedEvent(runtime, host, function, event)
        threading.Thread(target=context.run, args=(queued.run,), daemon=True, name="lambda-event").start()

    return start


class QueuedEvent:
    """One event in the service's queue."""

    def __init__(self, runtime: Runtime, host: EmulatorHost, function: dict[str, Any], event: Any) -> None:
        self._runtime, self._host, self._function, self._event = runtime, host, function, event
        self._config: dict[str, Any] = function.get("config") or function
        self._name = str(self._config["FunctionName"])

    def run(self) -> None:
        """Until the event was handled or given up."""
        from ministack.services import lambda_svc as service

        COUNTED.set(False)
        service._run_with_function_config_scope(self._config, self._run)

    def _run(self) -> None:
        rules = self._rules()
        struck = lambda_faults.take(self._runtime, "D08", self._name)
        for _ in range(int(struck.where.get("copies", 3)) - 1 if struck else 0):
            self._attempt()
        ended = self._handled(rules)
        kind = "OnSuccess" if ended.condition == "Success" else "OnFailure"
        destination = ((rules.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")
        dead_letters = (self._config.get("DeadLetterConfig") or {}).get("TargetArn")
        teller = Teller(self._runtime, self._host, self._config, self._event)
        if destination:
            teller.tell(str(destination), ended)
        if dead_letters and ended.condition != "Success":
            teller.bury(str(dead_letters), ended)

    def _rules(self) -> dict[str, Any]:
        """The event invoke configuration of the qualifier that was invoked."""
        from ministack.services import lambda_svc as service

        parts = str(self._config["FunctionArn"]).split(":")
        qualifier = parts[7] if len(parts) > 7 else ""
        base = service._functions.get(self._name) or self._function
        found = (base.get("event_invoke_configs") or {}).get(qualifier)
        if found is None and qualifier in ("", "$LATEST"):
            found = base.get("event_invoke_config") or (base.get("event_invoke_configs") or {}).get("$LATEST")
        return dict(found or {})

    def _handled(self, rules: Mapping[str, Any]) -> Ended:
        clock = self._runtime.clock
        retries = rules.get("MaximumRetryAttempts")
        retries = 2 if retries is None else int(retries)
        expires = clock.now() + int(rules.get("MaximumEventAgeInSeconds") or EVENT_AGE_SECONDS)
        attempts, throttled_seconds = 0, THROTTLED_SECONDS
        while True:
            result = self._attempt()
            if not result.get("refused"):
                attempts += 1
                if not result.get("error"):
                    return Ended("Success", attempts, result)
                if attempts > retries:
                    return Ended("RetriesExhausted", attempts, result)
                pause = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
            elif self._reserved_nothing():
                return Ended("RetriesExhausted", attempts, result)  # the service gives up such events at once
            else:
                pause, throttled_seconds = throttled_seconds, min(throttled_seconds * 2, LONGEST_SECONDS)
            if clock.now() + pause > expires:
                clock.sleep(max(0.0, expires - clock.now()))
                return Ended("EventAgeExceeded", attempts, result)
            clock.sleep(pause)

    def _attempt(self) -> dict[str, Any]:
        from ministack.services import lambda_svc as service

        if lambda_faults.take(self._runtime, "C09", self._name) is not None:
            result = refusal("TooManyRequestsException")
        else:
            result = service._execute_function(self._function, self._event)
        return dict(result)

    def _reserved_nothing(self) -> bool:
        from ministack.services import lambda_svc as service

        reserved = service._reserved_concurrency(service._functions.get(self._name) or {}, self._config)
        return bool(reserved == 0)
