"""What the release machine and its stages say to each other."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from slipway_lambda.contracts.errors import BadEventError, SlipwayError


class Trigger(StrEnum):
    """What started an execution. Nothing else of the input is believed, except the operator's wish for a version."""

    APPROVAL = "approval"
    RECONCILE = "reconcile"
    OPERATOR = "operator"
    SPEC = "spec"
    RETRY = "retry"
    """An operator's: a version whose release failed before."""
    ROLLBACK = "rollback"
    """An operator's: the only trigger by which an older version replaces a newer one."""


OF_PEOPLE = frozenset({Trigger.OPERATOR, Trigger.RETRY, Trigger.ROLLBACK})
"""Somebody asked for exactly this."""


class Decision(StrEnum):
    """What the plan wants done."""

    CREATE = "create"
    UPDATE = "update"
    RESPEC = "respec"
    """The same version on another endpoint spec."""
    VERIFY_ONLY = "verify_only"
    """The wanted config is already there and the ledger does not say that it was verified."""
    CLEAR = "clear"
    """A first creation failed earlier: delete the endpoint that never served, then plan anew."""
    BUSY = "busy"
    """The endpoint is changing: look again later."""
    NOTHING = "nothing"
    SUPERSEDED = "superseded"
    REFUSED = "refused"


class Verdict(StrEnum):
    """What an endpoint is, compared with what was asked."""

    LIVE = "live"
    PENDING = "pending"
    TOO_LITTLE_TRAFFIC = "too_little_traffic"
    UNGUARDED = "unguarded"
    """It serves, and an alarm that should have watched the shift is gone, switched off or raised."""
    WORSE = "worse"
    """It serves, and fails more often than the fleet before it did in the same minutes."""
    ROLLED_BACK = "rolled_back"
    MIXED = "mixed"
    FAILED = "failed"
    GONE = "gone"


class Recovery(StrEnum):
    """What makes the last good version live again."""

    NOTHING = "nothing"
    WAIT = "wait"
    ROLL_BACK = "roll_back"
    DELETE = "delete"
    HALT = "halt"


class Outcome(StrEnum):
    """How an execution ended."""

    RELEASED = "released"
    NOTHING = "nothing"
    SUPERSEDED = "superseded"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"
    HALTED = "halted"
    UNRECORDED = "unrecorded"
    """The version is live and good and the ledger could not be written; the next sweep verifies and writes it."""


class Attempt(StrEnum):
    """Outcome of an attempt in the ledger."""

    STARTED = "started"
    RELEASED = "released"
    FAILED = "failed"
    REFUSED = "refused"
    """Nothing was touched, for a reason of the environment; does not count as an attempt."""


class AlarmNotReadyError(SlipwayError):
    """An alarm has no data yet. Comes right by itself: retried."""


class PreflightRefusedError(SlipwayError):
    """Something must be put right by a person before a release can be safe. Nothing was touched."""


class SmokeTestFailedError(SlipwayError):
    """The live endpoint does not answer what the evaluation answered."""


@dataclass(frozen=True)
class ReleaseSpec:
    """All that the declaration and the stack say about the releases of one endpoint. Written into the machine at
    synth.
    """

    model: str
    environment: str
    endpoint: str
    variant: str
    instance_type: str
    instance_count: int
    startup_timeout_seconds: int
    capture_percent: int
    """0: requests are not captured."""
    capture_uri: str
    capture_key_arn: str
    volume_key_arn: str
    """Empty where the instance type's disk is an NVMe one, which the service encrypts itself and refuses a key for."""
    hosting_role_arn: str
    strategy: str
    """all_at_once | canary | linear | rolling"""
    canary_percent: int
    step_percent: int
    batch_percent: int
    rollback_batch_percent: int
    bake_seconds: int
    termination_wait_seconds: int
    timeout_seconds: int
    alarm_names: tuple[str, ...]
    """All that guard a release. Of these: """
    new_fleet_alarms: tuple[str, ...]
    """watch the new fleet alone, and are aimed at each release's config;"""
    other_alarms: tuple[str, ...]
    """watch something else than the endpoint's fleets: the monitor's findings, or what a user chose."""
    minimum_requests: int
    keep_versions: int
    smoke_records: int
    smoke_tolerance: float

    def as_dict(self) -> dict[str, Any]:
        """JSON."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def dimensions_of_alarms(self, config: str) -> dict[str, dict[str, str] | None]:
        """What each alarm must watch while this config is released, by its name; None: not for us to say."""
        fleets = {"EndpointName": self.endpoint, "VariantName": self.variant}
        aimed = {name: {**fleets, "EndpointConfigName": config} for name in self.new_fleet_alarms}
        return {**dict.fromkeys(self.alarm_names, fleets), **aimed, **dict.fromkeys(self.other_alarms)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ReleaseSpec":
        """The spec as the machine hands it over; names what is missing."""
        names = {f.name for f in fields(cls)}
        if missing := sorted(names - set(values)):
            raise BadEventError(f"The release spec lacks {', '.join(missing)}.", "Deploy the stack anew.")
        known: dict[str, Any] = {n: values[n] for n in sorted(names)}
        lists: dict[str, Any] = {k: tuple(v) for k, v in known.items() if isinstance(v, list)}
        return cls(**{**known, **lists})
