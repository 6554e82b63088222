"""Deliveries of EventBridge rules and of Scheduler: permission, retries on cloud time, dead-letter queue, metrics.

Retriable failures are tried again with growing pauses, by default 185 times within 24 hours; a missing permission or
resource goes to the dead-letter queue at once. Fault C10 is a target that does not answer; it may be narrowed by
`rule` (name of the rule or schedule) and `target` (last part of the target's ARN).
"""

import contextvars
import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.authority import DeniedError
from rehearsal.bus.targets import UndeliveredError, put_message
from rehearsal.emulator import within
from rehearsal.host import Scope
from rehearsal.iam import delivery as permission
from rehearsal.runtime import Runtime
from rehearsal.sagemaker.faults import declare

MAXIMUM_ATTEMPTS = 185
MAXIMUM_AGE_SECONDS = 86_400
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 600.0
_log = logging.getLogger("slipway.events")

declare("C10", "rule", "target")


@dataclass(frozen=True)
class Delivery:
    """One payload on its way: `source` is the rule or schedule, `call` hands `text` to the target once.

    `service` is the principal that calls. `attributes` go with the message in the dead-letter queue.
    """

    service: str
    source: Mapping[str, Any]
    target: Mapping[str, Any]
    text: str
    scope: Scope
    call: Callable[[], None]
    attributes: Mapping[str, str]

    @property
    def arn(self) -> str:
        """The target's."""
        return str(self.target.get("Arn", ""))

    @property
    def role(self) -> str:
        """The role that the target is called with, or nothing: then the target's own policy decides."""
        return str(self.target.get("RoleArn") or self.source.get("RoleArn") or "")


def send(runtime: Runtime, delivery: Delivery) -> None:
    """The first attempt now, in this thread, so that events arrive in order; further ones in a thread of their own."""
    _count(delivery, "Invocations")
    failed = _attempt(runtime, delivery)
    if failed is None:
        return
    if not failed.retried:
        _give_up(runtime, delivery, failed, 0, "")
        return
    context = contextvars.copy_context()
    arguments = (_retry, runtime, delivery, failed)
    threading.Thread(target=context.run, args=arguments, daemon=True, name="event-retry").start()


def _attempt(runtime: Runtime, delivery: Delivery) -> UndeliveredError | None:
    faults: Any = runtime.authority.faults()
    name, last = str(delivery.source.get("Name", "")), delivery.arn.rpartition(":")[2].rpartition("/")[2]
    if faults is not None and faults.take("C10", rule=name, target=last) is not None:
        return UndeliveredError("CONNECTION_FAILURE", "the target does not answer", retried=True)
    source_arn = str(delivery.source.get("Arn", ""))
    try:
        if ":::aws-sdk:" not in delivery.arn:  # which is called over the API, and checked there
            permission.deliver(
                runtime.authority, delivery.service, source_arn, delivery.arn, delivery.scope, delivery.role
            )
        delivery.call()
    except DeniedError as denied:
        return UndeliveredError("NO_PERMISSIONS", str(denied))
    except UndeliveredError as error:
        return error
    return None


def _retry(runtime: Runtime, delivery: Delivery, failed: UndeliveredError) -> None:
    clock, policy = runtime.clock, delivery.target.get("RetryPolicy") or {}
    most = policy.get("MaximumRetryAttempts")
    most = MAXIMUM_ATTEMPTS if most is None else int(most)
    ends = clock.now() + int(policy.get("MaximumEventAgeInSeconds") or MAXIMUM_AGE_SECONDS)
    tries, pause_seconds = 0, FIRST_PAUSE_SECONDS
    while tries < most:
        pause = pause_seconds * random.uniform(0.5, 1.0)
        if clock.now() + pause > ends:
            clock.sleep(max(0.0, ends - clock.now()))
            _give_up(runtime, delivery, failed, tries, "MaximumEventAgeInSeconds")
            return
        clock.sleep(pause)
        pause_seconds = min(pause_seconds * 2, LONGEST_PAUSE_SECONDS)
        tries += 1
        _count(delivery, "RetryInvocationAttempts")
        again = _attempt(runtime, delivery)
        if again is None:
            return
        failed = again
        if not failed.retried:
            _give_up(runtime, delivery, failed, tries, "")
            return
    _give_up(runtime, delivery, failed, tries, "MaximumRetryAttempts")


def _give_up(runtime: Runtime, delivery: Delivery, failed: UndeliveredError, tries: int, condition: str) -> None:
    _count(delivery, "FailedInvocations")
    name = delivery.source.get("Name")
    _log.error("%s: %s not delivered to %s: %s %s", name, delivery.service, delivery.arn, failed.code, failed.message)
    queue = str((delivery.target.get("DeadLetterConfig") or {}).get("Arn") or "")
    if not queue:
        return
    attributes = {
        **delivery.attributes,
        "TARGET_ARN": delivery.arn,
        "ERROR_CODE": failed.code,
        "ERROR_MESSAGE": failed.message[:1024] or failed.code,
        "RETRY_ATTEMPTS": str(tries),
        **({"EXHAUSTED_RETRY_CONDITION": condition} if condition else {}),
    }
    role = delivery.role if delivery.service.startswith("scheduler") else ""
    try:
        source_arn = str(delivery.source.get("Arn", ""))
        permission.deliver(runtime.authority, delivery.service, source_arn, queue, delivery.scope, role)
        parts = queue.split(":")
        within(Scope(parts[4], parts[3]), put_message, queue, delivery.text, attributes)
    except (DeniedError, UndeliveredError) as error:
        _count(delivery, "InvocationsFailedToBeSentToDlq")
        _log.error("%s: dead-letter queue %s: %s", name, queue, error)
    else:
        _count(delivery, "InvocationsSentToDlq")


def _count(delivery: Delivery, metric: str) -> None:
    from ministack.services import cloudwatch

    name = str(delivery.source.get("Name", ""))
    if delivery.service.startswith("scheduler"):
        names = {"Invocations": "InvocationAttemptCount", "FailedInvocations": "TargetErrorCount"}
        dimensions = {"ScheduleGroup": str(delivery.source.get("GroupName") or "default")}
        namespace, metric = "AWS/Scheduler", names.get(metric, f"{metric}Count")
    else:
        namespace, dimensions = "AWS/Events", {"RuleName": name}
        bus = str(delivery.source.get("EventBusName") or "default")
        if bus != "default":
            dimensions["EventBusName"] = bus
    within(delivery.scope, cloudwatch.record_metric, namespace, metric, 1, "Count", dimensions)
