"""For each guard, the smallest trouble in which its absence shows: what is searched with it and without it."""

from release_proof.protocol import Budget, Setting

NOTHING = Budget(approvals=0, starts=0, operators=0, crashes=0, errors=0, withdrawals=0, swaps=0, maintenance=0,
                 expiries=0, aborts=0, holds=0)  # fmt: skip
ONE, TWO, THREE = (NOTHING._replace(approvals=n, starts=n) for n in (1, 2, 3))
CROWDED = Setting(executions=2, versions=2, budget=TWO)


def _alone(budget: Budget, versions: int = 2, *, trial: bool = False) -> Setting:
    return Setting(executions=1, versions=versions, budget=budget, trial=trial)


SETTINGS: dict[str, Setting] = {
    "lock_is_taken_only_if_free": CROWDED,
    "a_lease_outlasts_its_changes": Setting(executions=2, versions=2, budget=TWO._replace(expiries=1)),
    "lock_is_renewed_before_each_change": Setting(executions=2, versions=2, budget=TWO._replace(expiries=1)),
    "wish_to_abort_is_looked_for": _alone(ONE._replace(aborts=1)),
    "seal_refuses_a_late_wish": _alone(ONE._replace(aborts=1)),
    "lock_is_freed_only_by_its_owner": Setting(executions=3, versions=1, budget=ONE._replace(starts=3)),
    "dead_owner_frees_the_lock": _alone(ONE._replace(crashes=1)),
    "success_needs_the_live_config": _alone(TWO),
    "success_needs_the_digest": _alone(TWO._replace(swaps=1)),
    "failure_makes_the_last_good_live": _alone(TWO),
    "clean_up_spares_the_way_back": _alone(TWO),
    "what_served_is_never_deleted": _alone(TWO),
    "older_versions_are_superseded": _alone(TWO._replace(withdrawals=1, starts=3)),
    "registry_is_read_again_under_the_lock": _alone(TWO),
    "approval_is_looked_at_again": _alone(TWO._replace(withdrawals=1)),
    "unverified_is_not_done": _alone(ONE._replace(crashes=1)),
    "one_approval_is_one_attempt": _alone(TWO._replace(starts=3)),
    "halt_stops_automation": _alone(TWO._replace(errors=1, starts=3)),
    "ledger_write_is_fenced": _alone(TWO._replace(crashes=1, starts=3)),
    "bad_ends_are_told_by_the_rule": _alone(ONE._replace(crashes=1)),
    "telling_is_claimed": _alone(ONE),
    "sweep_finds_lost_approvals": _alone(ONE._replace(starts=0)),
    "new_versions_are_tried_first": _alone(TWO, trial=True),
    "trial_left_behind_is_ended": _alone(TWO._replace(crashes=2, starts=0), trial=True),
    "trial_goes_back_to_the_champion": _alone(TWO._replace(crashes=1, starts=0), trial=True),
}
