"""How long the parts of a release may take, all from the rollout a user declared. Seconds."""

from dataclasses import dataclass
from math import ceil

from slipway.config.model import Model
from slipway.config.shift import start_seconds
from slipway_constructs.release_trial_spec import trial_spec

SETTING_UP = 1800
"""Plan, artefact, alarms without data yet, model and config."""
VERIFYING = 1800
"""Metrics that lag, more golden records, the smoke test."""
RECOVERING = 3600
"""Back to the last good config, which has no waits but starts a whole fleet, or batches one after another."""
SHARING = 300
"""A change of two variants' shares, which starts no instance."""
MARGIN = 600
LEASE = 4 * 3600
"""A dead execution's lock is freed by its bad end; this long it blocks others only if that is lost too."""
POLL_SECONDS = 30
"""Between two looks at an endpoint of which no event came; golden records are sent as often."""
LOCK_SECONDS, LOCK_LOOKS = 60, 150
LOOKS_AT_MOST = 250
"""Looks at the endpoint in one wait. With 14 history events a look at most, a machine stays far below the service's
25,000.
"""


@dataclass(frozen=True)
class ReleaseTiming:
    """`shifting`: SageMaker's own time limit and a margin, or a first creation's start-up. `holding`: the longest a
    lock is held. `whole`: waiting for another release's lock, then one's own. `trial`: the longest trial with its
    changes of fleets and shares, 0 without one; of its looks `trial_looks` at most.
    """

    shifting: int
    poll: int
    recovering: int
    trial: int = 0
    trial_looks: int = 0
    trial_steps: int = 0

    @classmethod
    def of(cls, model: Model) -> "ReleaseTiming":
        """From the declaration. Instances start one after another at worst in the service's own time, so creation gets
        the same limit.
        """
        shifting = max(model.shift.timeout_seconds, 2 * model.endpoint.startup_timeout_seconds) + MARGIN
        trial = trial_spec(model)
        return cls(
            shifting=shifting,
            poll=max(POLL_SECONDS, ceil(shifting / LOOKS_AT_MOST)),
            recovering=max(RECOVERING, model.shift.recovery_starts * start_seconds(model.endpoint)),
            trial=trial.seconds + shifting + trial.steps * SHARING + MARGIN if trial else 0,
            trial_looks=trial.most_looks if trial else 0,
            trial_steps=trial.steps if trial else 0,
        )

    @property
    def trial_settling(self) -> int:
        """Looks until a trial counts as stuck: starting its fleets, and each change of shares."""
        return self.looks + self.trial_steps * ceil(SHARING / self.poll)

    @property
    def lock_poll(self) -> int:
        """Between two looks at another release's lock: a trial may hold one for days."""
        return max(LOCK_SECONDS, ceil(self.holding / LOCK_LOOKS)) if self.trial else LOCK_SECONDS

    @property
    def looks(self) -> int:
        """Looks until a shift counts as stuck."""
        return ceil(self.shifting / self.poll)

    @property
    def recovery_looks(self) -> int:
        """Looks until a recovery counts as stuck; what still shifts is waited for as well, for it cannot be changed
        meanwhile.
        """
        return ceil((self.recovering + MARGIN) / self.poll)

    @property
    def holding(self) -> int:
        """The longest that one release holds the lock."""
        return SETTING_UP + self.trial + self.shifting + VERIFYING + self.recovering + MARGIN

    @property
    def lease(self) -> int:
        """How long a lock lasts that nobody renews: longer than any way from a renewal to the changes it stands for,
        each call with its full time limit and all its retries.
        """
        return LEASE

    @property
    def whole(self) -> int:
        """The execution's time limit."""
        return 2 * self.holding + MARGIN
