"""From a trigger to a plan: what is approved, who else is at work, what is live."""

import json
from typing import Any

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.release_timing import ReleaseTiming
from slipway_constructs.workflow.chain import expression, in_sequence
from slipway_constructs.workflow.release_calls import (
    CHECK_FAILED,
    NOT_FOUND,
    choice,
    failing,
    native,
    on_failure,
    stage,
    wait,
    whatever_happens,
    when,
)
from slipway_constructs.workflow.release_lease import EXPIRES, UNTIL, lost, renewal
from slipway_constructs.workflow.release_ledger import EXECUTION, NOW_SECONDS, evaluated, key, number
from slipway_constructs.workflow.release_record import cleaning
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import Decision, Outcome

BUSY_LOOKS, BUSY_SECONDS = 20, 60
READING = "Nothing was changed. See what the error names, then start the release again; the sweep also tries again."
# A version that failed is marked Rejected and not taken up by a sweep, so that the version before it is kept up. An
# approval or a person
# may take it up again; the plan then knows the attempts.
CANDIDATE = """(
  $approved := $states.result.ModelPackageSummaryList[ModelApprovalStatus = "Approved"];
  $fit := $trigger in ["reconcile", "spec"] ? $approved[$not(ModelLifeCycle.StageStatus = "Rejected")] : $approved;
  $asked := $fit[ModelPackageVersion = $asked_version];
  $from := $exists($asked) ? $asked : $fit;
  $newest := $max($from.ModelPackageVersion);
  $exists($newest)
    ? {"version": $newest, "arn": $from[ModelPackageVersion = $newest].ModelPackageArn}
    : {"version": 0, "arn": ""}
)"""

SWEEPING = """
  $plan.decision = "nothing" and $trigger in ["reconcile", "spec"] and $endpoint.EndpointStatus = "InService"
  and $count($items[sk.S = "halt"]) = 0
"""
"""A sweep that finds nothing to do makes up for a clean-up that failed, and a spec that no longer scales takes its
scalable target off. Not on a halted endpoint: in a mixed state
every config may serve.
"""


class ReleaseLookup(Construct):
    """Expects: `spec`, `trigger`, `asked_version`. Ends in `nothing` where nothing is approved, `locked_out`, `quiet`,
    `refused`, or `recovery` where a trial was left behind.

    Leaves: `candidate`, `package`, `endpoint` (DescribeEndpoint or {}), `plan`; the lock is this execution's.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: ReleaseFunctions,
        at: ReleaseResources,
        table: dynamodb.ITable,
        timing: ReleaseTiming,
        nothing: sfn.IChainable,
        locked_out: sfn.IChainable,
        quiet: sfn.IChainable,
        refused: sfn.IChainable,
        recovery: sfn.IChainable,
        go: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._recovery = recovery
        self._functions, self._at, self._table, self._timing = functions, at, table, timing
        self._refused, self._locked_out = refused, locked_out
        look = self._look_at_endpoint()
        self.start = in_sequence(
            [
                self._read_registry("Read the registry", locked_out),
                choice(self, "Is anything approved?")
                .when(when("$candidate.version = 0"), nothing, assign={"outcome": Outcome.NOTHING.value})
                .otherwise(
                    in_sequence(
                        [
                            self._lock(locked_out),
                            self._read_registry("Read the registry again", refused),
                            self._read_version(),
                            look,
                        ]
                    )
                ),
            ]
        )
        self._what_to_do(quiet, go, look)

    def _read_registry(self, name: str, then: sfn.IChainable) -> sfn.CustomState:
        state = native(
            self,
            name,
            "aws-sdk:sagemaker:listModelPackages",
            {
                "ModelPackageGroupName": self._at.group,
                "ModelApprovalStatus": "Approved",
                "SortBy": "CreationTime",
                "SortOrder": "Descending",
                "MaxResults": 100,
            },
            assign={"candidate": expression(CANDIDATE)},
        )
        return on_failure(state, then, READING)

    def _lock(self, locked_out: sfn.IChainable) -> sfn.CustomState:
        """Taken if free, expired or ours. An owner that dies frees it through its bad end, or lets it expire."""
        state = native(
            self,
            "Take the lock",
            "dynamodb:updateItem",
            {
                "TableName": self._table.table_name,
                "Key": key(self._at.endpoint, ledger.LOCK),
                # What was asked of an owner before is not asked of this one.
                "UpdateExpression": "SET #owner = :me, expires_at = :expires"
                f" REMOVE {', '.join(ledger.OF_OWNER)} ADD fence :one",
                "ConditionExpression": "attribute_not_exists(#owner) OR expires_at < :now OR #owner = :me",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": {
                    ":me": evaluated(EXECUTION),
                    ":now": number(NOW_SECONDS),
                    ":expires": EXPIRES,
                    ":one": {"N": "1"},
                },
                "ReturnValues": "UPDATED_NEW",
            },
            assign={"fence": expression("$number($states.result.Attributes.fence.N)"), **UNTIL},
            final=[CHECK_FAILED],
        )
        # Not a failure of the call but another release at work: wait as long as the longest of them.
        pause = self._timing.lock_poll
        waiting = wait(self, "Let the other release end", pause, lock_patience=expression("$lock_patience - 1"))
        waiting.next(state)
        told = "Another release of this endpoint holds the lock."
        patience = (
            choice(self, "Wait for the other release?")
            .when(when('$trigger != "reconcile" and $lock_patience > 0'), waiting)
            .when(
                when('$trigger = "reconcile"'),
                locked_out,
                assign={"outcome": "nothing", **failing(f'"{told}"', '""', state="Take the lock")},
            )
            .otherwise(locked_out)
        )
        state.add_catch(
            patience,
            errors=[CHECK_FAILED],
            assign=failing(
                f'"{told}"',
                '"Start it again when the other release has ended; the sweep does so too."',
                state="Take the lock",
            ),
        )
        return on_failure(state, locked_out, READING)

    def _read_version(self) -> sfn.CustomState:
        state = native(
            self,
            "Read the version",
            "aws-sdk:sagemaker:describeModelPackage",
            {"ModelPackageName": expression("$candidate.arn")},
            assign={"package": expression("$states.result")},
        )
        return on_failure(state, self._refused, READING)

    def _look_at_endpoint(self) -> sfn.CustomState:
        state = native(
            self,
            "What is live?",
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": self._at.endpoint},
            assign={"endpoint": expression("$states.result")},
            final=NOT_FOUND,
        )
        self._known = self._read_ledger()
        absent = choice(self, "Is there no endpoint, or no answer?")
        absent.when(when('$contains($failure.cause, "Could not find")'), self._known, assign={"endpoint": {}})
        absent.otherwise(self._refused)
        on_failure(state, absent, READING)
        state.next(self._known)
        return state

    def _read_ledger(self) -> sfn.CustomState:
        names: list[Any] = [key(self._at.endpoint, sort) for sort in (ledger.LIVE, ledger.HALT, ledger.HOLD)]
        state = native(
            self,
            "Read the ledger",
            "aws-sdk:dynamodb:batchGetItem",
            # The table's name is a key of the request, which only an expression can compute.
            expression(
                '{"RequestItems": {$table: {"ConsistentRead": true, "Keys": ['
                + ", ".join(_jsonata(n) for n in names)
                + f', {{"pk": {{"S": "{ledger.endpoint_key(self._at.endpoint)}"}},'
                ' "sk": {"S": "attempt#" & $string($candidate.version)}}]}}}'
            ),
            assign={"items": expression("$append([], $lookup($states.result.Responses, $table))")},
        )
        on_failure(state, self._refused, READING)
        self._plan = stage(
            self,
            "Plan the release",
            self._functions.plan,
            {
                "spec": expression("$spec"),
                "package": expression("$package"),
                "endpoint": expression("$endpoint"),
                "ledger": expression("$items"),
                "trigger": expression("$trigger"),
                "asked_version": expression("$asked_version"),
                "execution": expression(EXECUTION),
            },
            assign={"plan": expression("$states.result.Payload")},
        )
        on_failure(self._plan, self._refused, READING)
        state.next(self._plan)
        return state

    def _keep_the_lock(self, look: sfn.CustomState) -> sfn.CustomState:
        """Waiting for an endpoint that changes takes longer than a lock lasts, if every call has its troubles."""
        name = "Keep the lock meanwhile"
        state = native(
            self,
            name,
            "dynamodb:updateItem",
            renewal(self._table.table_name, self._at.endpoint),
            assign=UNTIL,
            final=[CHECK_FAILED],
        )
        state.add_catch(self._locked_out, errors=[CHECK_FAILED], assign=lost(name))
        on_failure(state, self._refused, READING).next(look)
        return state

    def _what_to_do(self, quiet: sfn.IChainable, go: sfn.IChainable, look: sfn.CustomState) -> None:
        again = wait(self, "Let the endpoint settle", BUSY_SECONDS, patience=expression("$patience - 1"))
        again.next(self._keep_the_lock(look))
        clear = native(
            self,
            "Delete the endpoint that never served",
            "aws-sdk:sagemaker:deleteEndpoint",
            {"EndpointName": self._at.endpoint},
        )
        on_failure(clear, self._refused, "Delete the failed endpoint by hand, then start the release again.")
        clear.next(again)
        tidy = whatever_happens(cleaning(self, "Clean up what was left before", self._functions), quiet)
        tidy.next(quiet)
        quietly = {
            "outcome": expression("$plan.decision"),
            **failing("$plan.reason", '""', state="Plan the release"),
        }
        self._plan.next(
            choice(self, "What is to be done?")
            .when(when('$plan.decision = "busy" and $patience > 0'), again)
            .when(when('$plan.decision = "clear" and $patience > 0'), clear)
            .when(when(SWEEPING), tidy, assign=quietly)
            .when(when('$plan.decision in ["nothing", "superseded"]'), quiet, assign=quietly)
            .when(when('$plan.decision in ["create", "update", "respec", "verify_only"]'), go)
            .when(
                when(f'$plan.decision = "{Decision.END_TRIAL}"'),
                self._recovery,
                assign=failing("$plan.reason", "$plan.next_step", state="Plan the release"),
            )
            .when(
                when("$exists($plan.reason)"),
                self._refused,
                assign=failing("$plan.reason", "$plan.next_step", state="Plan the release"),
            )
            .otherwise(self._refused)
        )


def _jsonata(value: Any) -> str:
    """A literal without tokens, as JSONata writes it; JSON is JSONata."""
    return json.dumps(value)
