"""The emulator, as the SageMaker overlay sees it: role-bound clients, events, metrics, alarms, images and logs."""

import contextvars
import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from ministack.core.responses import set_request_account_id, set_request_region

from rehearsal.clock import Clock
from rehearsal.host import Image, ImageDeniedError, Scope
from rehearsal.runtime import Runtime

T = TypeVar("T")
_CONFIG = Config(
    retries={"max_attempts": 2},
    connect_timeout=5,
    read_timeout=60,
    s3={"addressing_style": "path"},
    inject_host_prefix=False,
    max_pool_connections=4,
)


def within(scope: Scope, function: Callable[..., T], *arguments: Any) -> T:
    """Call into the emulator as if a request of that account and region did."""

    def run() -> T:
        set_request_account_id(scope.account)
        set_request_region(scope.region)
        return function(*arguments)

    return contextvars.copy_context().run(run)


def role_session(role_arn: str, name: str) -> dict[str, str]:
    """Credentials of the role, known to the emulator's STS; what the role may not do is denied to them."""
    from ministack.services import sts

    account, role = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    digest = hashlib.sha256(f"{role_arn}:{name}".encode()).hexdigest()
    session = {
        "aws_access_key_id": f"ASIA{digest[:16].upper()}",
        "aws_secret_access_key": hashlib.sha256(f"secret:{digest}".encode()).hexdigest(),
        "aws_session_token": hashlib.sha256(f"token:{digest}".encode()).hexdigest(),
    }
    sts.register_session(
        session["aws_access_key_id"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
            "UserId": f"{role}:{name}",
            "SecretAccessKey": session["aws_secret_access_key"],
            "SessionToken": session["aws_session_token"],
        },
    )
    return session


class EmulatorHost:
    """Implements `rehearsal.host.Host` on ministack."""

    clock: Clock

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.clock = runtime.clock
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, role_arn: str, scope: Scope, session_name: str = "SageMaker") -> Any:
        """A boto3 client of the role; made once for each service, role and region."""
        key = (service, f"{role_arn}#{session_name}", scope.region)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = boto3.client(  # type: ignore[call-overload]  # the service is not a literal
                    service,
                    endpoint_url=self._runtime.url,
                    region_name=scope.region,
                    config=_CONFIG,
                    **role_session(role_arn, session_name),
                )
            return self._clients[key]

    def publish_event(
        self, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any], scope: Scope
    ) -> None:
        """Put an `aws.sagemaker` event on the account's default bus."""
        self.publish("aws.sagemaker", detail_type, resources, detail, scope)

    def publish(
        self, source: str, detail_type: str, resources: Sequence[str], detail: Mapping[str, Any], scope: Scope
    ) -> None:
        """Put a service's event on the account's default bus, stamped with cloud time."""
        from ministack.services import eventbridge

        entry = {
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps(detail),
            "Resources": list(resources),
            "Time": int(self.clock.now()),
        }
        within(scope, lambda: eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True))
        within(scope, lambda: eventbridge._events_log_list().clear())  # it grows for ever, and nobody reads it

    def put_metrics(self, namespace: str, data: Sequence[Mapping[str, Any]], scope: Scope) -> None:
        """Store metrics of a service itself, then let the alarms look."""
        within(scope, self._store, namespace, data)

    def _store(self, namespace: str, data: Sequence[Mapping[str, Any]]) -> None:
        from ministack.services import cloudwatch

        for datum in data:
            cloudwatch._store_datum(
                namespace,
                datum["MetricName"],
                cloudwatch._dims_from_list(list(datum.get("Dimensions") or [])),
                float(datum.get("Timestamp") or self.clock.now()),
                datum.get("Unit", "None"),
                datum.get("Value"),
                datum.get("Values"),
                datum.get("Counts"),
                datum.get("StatisticValues"),
            )
        self._runtime.alarms.here()

    def alarm_state(self, name: str, scope: Scope) -> str | None:
        """OK, ALARM or INSUFFICIENT_DATA; None when there is no such alarm."""
        # Evaluated now: a deployment must not outrun the timer when the clock is moved.
        state: str | None = within(scope, self._runtime.alarms.state, name)
        return state

    def scalable_variants(self, endpoint: str, scope: Scope) -> frozenset[str]:
        """Variants of the endpoint that Application Auto Scaling has as scalable targets."""
        from rehearsal.autoscaling.endpoints import targets_of

        if self._runtime.autoscaling is None:
            return frozenset()
        targets = targets_of(self._runtime.autoscaling.store, endpoint, scope)
        return frozenset(one["ResourceId"].rpartition("/")[2] for one in targets)

    def deregister_variants(self, endpoint: str, scope: Scope) -> None:
        """Take all variants of an endpoint that is being deleted from Application Auto Scaling."""
        from rehearsal.autoscaling.endpoints import deregister

        if self._runtime.autoscaling is not None:
            deregister(self._runtime.autoscaling, endpoint, scope)

    def image(self, uri: str) -> Image:
        """The image behind `repository:tag` or `repository@sha256:…`. Raises ImageNotFoundError."""
        image: Image = self._runtime.images.find(uri)
        return image

    def pull(self, uri: str, role_arn: str, scope: Scope) -> Image:
        """The image, for a role that runs it in a scope: another account's registry must let the role have it."""
        from rehearsal.authority import DeniedError
        from rehearsal.permissions import Need

        image = self.image(uri)
        host, _, name = image.repository_uri.partition("/")
        account, _, _, region = host.split(".")[:4]
        if account == scope.account or not uri.startswith(image.repository_uri):  # its own, or one that stands in
            return image
        arn = f"arn:aws:ecr:{region}:{account}:repository/{name}"
        needs = [Need(f"ecr:{action}", arn) for action in ("BatchGetImage", "GetDownloadUrlForLayer")]
        try:
            self._runtime.authority.require(role_arn, "SageMaker", needs, scope)
        except DeniedError as denied:
            raise ImageDeniedError(f"{denied}. Let the role pull in its own policy and in that of {arn}") from None
        return image

    def write_log(self, group: str, stream: str, lines: Sequence[str], scope: Scope) -> None:
        """Append lines to CloudWatch Logs, making group and stream on first use."""
        within(scope, write_log, group, stream, lines, self.clock)


def write_log(group_name: str, stream_name: str, lines: Sequence[str], clock: Clock) -> None:
    """Append lines under the present request's account and region."""
    from ministack.services import cloudwatch_logs as logs

    now_ms = int(clock.now() * 1000)
    if group_name not in logs._log_groups:
        logs._log_groups[group_name] = {
            "arn": logs._make_group_arn(group_name),
            "creationTime": now_ms,
            "retentionInDays": None,
            "tags": {},
            "subscriptionFilters": {},
            "streams": {},
        }
    stream = logs._log_groups[group_name]["streams"].setdefault(
        stream_name,
        {
            "events": [],
            "uploadSequenceToken": "1",
            "creationTime": now_ms,
            "firstEventTimestamp": None,
            "lastEventTimestamp": None,
            "lastIngestionTime": None,
        },
    )
    events = [{"timestamp": now_ms, "message": line, "ingestionTime": now_ms} for line in lines]
    logs._append_log_events(stream, events)
