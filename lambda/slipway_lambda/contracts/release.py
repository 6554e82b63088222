"""What the release machine and its stages say to each other."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from enum import StrEnum
from typing import Any

from slipway_lambda.contracts.errors import BadEventError, SlipwayError
from slipway_lambda.contracts.scaling import Scaling
from slipway_lambda.contracts.trial import CHALLENGER, Trial


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
    END_TRIAL = "end_trial"
    """A trial was left behind and nobody goes on with it: back to the champion alone."""
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
    UNSCALED = "unscaled"
    """The version is live, good and recorded, and its scaling could not be restored; each sweep tries again."""
    UNRECORDED = "unrecorded"
    """The version is live and good and the ledger could not be written; the next sweep verifies and writes it."""
    LOCK_LOST = "lock_lost"
    """The lock went to another execution, so this one touched nothing more."""


class Attempt(StrEnum):
    """Outcome of an attempt in the ledger."""

    STARTED = "started"
    RELEASED = "released"
    FAILED = "failed"
    REFUSED = "refused"
    """Nothing was touched, for a reason of the environment; does not count as an attempt."""


class AlarmNotReadyError(SlipwayError):
    """An alarm has no data yet. Comes right by itself: retried."""


class EndpointChangingError(SlipwayError):
    """The endpoint is on its way from one size to another. Comes right by itself: retried."""


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
    """all_at_once | canary | linear | rolling | shadow | ab"""
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
    trial: Trial | None = None
    """With shadow and ab: what comes before the shift."""
    scaling: Scaling | None = None
    """The fleet that is live stays as large as it is over every release; `instance_count` are created at first."""
    fallback_instance_types: tuple[str, ...] = ()
    """Taken in this order where there is no capacity of `instance_type`."""

    @property
    def instance_types(self) -> tuple[str, ...]:
        """All that may serve, the first choice first."""
        return (self.instance_type, *self.fallback_instance_types)

    def as_dict(self) -> dict[str, Any]:
        """JSON; what is not declared is left out."""
        values: dict[str, Any] = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}
        if self.trial is not None:
            values["trial"] = self.trial.as_dict()
        return {k: v for k, v in values.items() if v is not None}

    def dimensions_of_alarms(self, config: str) -> dict[str, dict[str, str] | None]:
        """What each alarm must watch while this config is released, by its name; None: not for us to say."""
        fleets = {"EndpointName": self.endpoint, "VariantName": self.variant}
        aimed = {name: {**fleets, "EndpointConfigName": config} for name in self.new_fleet_alarms}
        return {**dict.fromkeys(self.alarm_names, fleets), **aimed, **dict.fromkeys(self.other_alarms)}

    def dimensions_in_trial(self) -> dict[str, dict[str, str] | None]:
        """What each alarm on the challenger's own fleet must watch, by its name."""
        challenger = {"EndpointName": self.endpoint, "VariantName": CHALLENGER}
        return dict.fromkeys(self.trial.alarm_names if self.trial else (), challenger)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "ReleaseSpec":
        """The spec as the machine hands it over; names what is missing."""
        names = {f.name for f in fields(cls)}
        needed = {f.name for f in fields(cls) if f.default is MISSING}
        if missing := sorted(needed - set(values)):
            raise BadEventError(f"The release spec lacks {', '.join(missing)}.", "Deploy the stack anew.")
        known: dict[str, Any] = {n: values[n] for n in sorted(names & set(values))}
        lists: dict[str, Any] = {k: tuple(v) for k, v in known.items() if isinstance(v, list)}
        trial = Trial.from_dict(known["trial"]) if known.get("trial") else None
        scaling = Scaling(**known["scaling"]) if known.get("scaling") else None
        return cls(**{**known, **lists, "trial": trial, "scaling": scaling})
