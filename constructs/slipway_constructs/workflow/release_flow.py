"""The release machine: the only thing that ever changes an endpoint."""

import json

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.release_timing import ReleaseTiming
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_abort import unless_aborted
from slipway_constructs.workflow.release_calls import choice, when
from slipway_constructs.workflow.release_ending import ReleaseEnding
from slipway_constructs.workflow.release_guard import ReleaseGuard
from slipway_constructs.workflow.release_lookup import BUSY_LOOKS, ReleaseLookup
from slipway_constructs.workflow.release_make import ReleaseMake
from slipway_constructs.workflow.release_news import NEWS_AT_MOST
from slipway_constructs.workflow.release_record import ReleaseRecord
from slipway_constructs.workflow.release_recovery import ReleaseRecovery
from slipway_constructs.workflow.release_scaling import ReleaseScaling
from slipway_constructs.workflow.release_shift import ReleaseShift
from slipway_constructs.workflow.release_trial import ReleaseTrial, trial_variables
from slipway_constructs.workflow.release_verification import TRAFFIC_LOOKS, ReleaseVerification
from slipway_lambda.contracts.release import OF_PEOPLE, Outcome, ReleaseSpec, Trigger


class ReleaseFlow(Construct):
    """Expects: the execution's input {trigger, version?}. Ends: Released, Nothing to release, Refused, Rolled back,
    Halted, Not recorded.

    Read bottom up, as it is built: each part is given where it goes on.
    look up and plan → guard → make → (with shadow and ab: trial →) shift and wait → verify → record → end; every
    failure before the shift → refused, after → recovery.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        model: Model,
        spec: ReleaseSpec,
        foundation: Foundation,
        functions: ReleaseFunctions,
        at: ReleaseResources,
        timing: ReleaseTiming,
    ) -> None:
        super().__init__(scope, id_)
        table, traffic = foundation.ledger, model.rollout.synthetic_traffic
        self._spec, self._table, self._timing = spec, table.table_name, timing
        scaling = ReleaseScaling(self, "Scaling", functions=functions) if spec.scaling else None
        self.ending = ReleaseEnding(
            self, "Ending", endpoint=at.endpoint, model=model.name, foundation=foundation, table=table, scaling=scaling
        )
        end = self.ending
        recovery = ReleaseRecovery(
            self,
            "Recovery",
            functions=functions,
            at=at,
            table=table,
            timing=timing,
            spec=spec,
            locked_out=end.locked_out,
            then=end.unlock,
            scaling=scaling,
        ).start
        record = ReleaseRecord(
            self,
            "Record",
            functions=functions,
            table=table,
            unrecorded=end.unrecorded,
            then=end.unlock,
        ).start
        verification = ReleaseVerification(
            self,
            "Verification",
            functions=functions,
            spec=spec,
            synthetic_traffic=traffic,
            failed=recovery,
            then=unless_aborted(
                self,
                "Was it aborted meanwhile?",
                endpoint=at.endpoint,
                table=table,
                aborted=recovery,
                then=record,
                seal=True,
            ),
        )
        shift = ReleaseShift(
            self,
            "Shift",
            functions=functions,
            at=at,
            table=table.table_name,
            timing=timing,
            spec=spec,
            synthetic_traffic=traffic,
            failed=recovery,
            then=verification.start,
        )
        verification.wait_with(shift.wait)
        tried, refused = [], end.refused
        if functions.judge is not None:
            # A trial that was cut off and may not go on would stay as it is, with nobody to judge it.
            left = choice(self, "Was a trial left behind?").when(when("$exists($plan.trial_left)"), recovery)
            refused = left.otherwise(end.refused)
            trial = ReleaseTrial(
                self,
                "Trial",
                judge=functions.judge,
                functions=functions,
                at=at,
                table=table,
                timing=timing,
                spec=spec,
                synthetic_traffic=traffic,
                failed=recovery,
                promoted=shift.update,
            )
            tried.append((when("$exists($plan.trial_config)"), trial.start))
        stop = unless_aborted(
            self,
            "Was it aborted?",
            endpoint=at.endpoint,
            table=table,
            aborted=recovery,
            routes=[(when('$plan.decision = "create"'), shift.create), *tried],
            then=scaling.before_the_shift(recovery, shift.update) if scaling else shift.update,
        )
        make = ReleaseMake(self, "Make", failed=recovery, then=stop).start
        guard = ReleaseGuard(
            self,
            "Guard",
            functions=functions,
            table=table,
            asks_champion=model.rollout.judges_golden_answers,
            refused=refused,
        ).chain
        guard.next(
            choice(self, "Is it there already?")
            .when(when('$plan.decision = "verify_only"'), shift.wait, assign={"shifted": True})
            .otherwise(make)
        )
        lookup = ReleaseLookup(
            self,
            "Lookup",
            functions=functions,
            at=at,
            table=table,
            timing=timing,
            nothing=end.nothing,
            locked_out=end.locked_out,
            quiet=end.unlock,
            refused=end.refused,
            recovery=recovery,
            go=guard,
        ).start
        self.start = self._begin().next(lookup)

    def _begin(self) -> sfn.Pass:
        """Names every variable once, so that no later state meets one that is not there."""
        asked = "$states.context.Execution.Input"
        return sfn.Pass.jsonata(
            self,
            "Begin",
            assign={
                "spec": self._spec.as_dict(),
                "table": self._table,
                "trigger": expression(f'$exists({asked}.trigger) ? $string({asked}.trigger) : "{Trigger.OPERATOR}"'),
                "asked_version": expression(
                    f'$type({asked}.version) = "number" and {asked}.trigger in {json.dumps(sorted(OF_PEOPLE))}'
                    f" ? {asked}.version : 0"
                ),
                # Who asked and why: words for the record, which nothing is decided by.
                "asked_by": expression(_words(f"{asked}.who")),
                "asked_reason": expression(_words(f"{asked}.reason")),
                "candidate": {"version": 0, "arn": ""},
                "plan": {},
                "verdict": {},
                "champion": [],
                "endpoint": {},
                "failure": {"state": "", "error": "", "cause": "No approved version.", "next_step": ""},
                "outcome": Outcome.REFUSED.value,
                "shifted": False,
                "abort": {"by": "", "reason": ""},
                "turned_back": False,
                "fence": 0,
                "lease_seconds": self._timing.lease,
                "lease_until": 0,
                "started_ms": expression("$floor($millis())"),
                "patience": BUSY_LOOKS,
                "lock_patience": self._timing.holding // self._timing.lock_poll,
                "looks": self._timing.looks,
                "news": NEWS_AT_MOST,
                "recovery_looks": self._timing.recovery_looks,
                "traffic_patience": TRAFFIC_LOOKS,
                **(trial_variables(self._timing) if self._spec.trial else {}),
            },
            outputs={},
        )


def _words(path: str) -> str:
    """A text of the input, as long as the command line takes it; empty where there is none."""
    return f'$type({path}) = "string" ? $substring({path}, 0, 700) : ""'
