"""The ledger: one DynamoDB table an environment, with locks, what is live, every release and every retraining.

Keys `pk` and `sk` are strings. Items:

| pk | sk | attributes |
| --- | --- | --- |
| `endpoint#<name>` | `lock` | owner (execution ARN; none: free), expires_at (epoch s), fence (grows); see below |
| `endpoint#<name>` | `live` | the version last verified live, see below |
| `endpoint#<name>` | `halt` | cause, execution: automation on this endpoint has stopped until a person clears it |
| `endpoint#<name>` | `hold` | who, reason, held_at (epoch s): no other version is released until a person resumes |
| `endpoint#<name>` | `release#<execution name>` | the record of one release |
| `endpoint#<name>` | `attempt#<version>` | approval, config, outcome: the last attempt; a failed one is not repeated |
| `model#<name>` | `retraining` | last_started_at (epoch s), execution, window |
| `execution#<arn>` | `told` | that the end of this execution was told |

What is live: `version` (number), `package_arn`, `config` and `model` (names), `image_digest`, `artefact_sha256`,
`data_version`, `commit`, `approval`, `approved_by`, the package's `…_uri` properties (baselines, golden records,
evaluation), `previous_config`, `verified` (configs, newest first), `execution` (ARN), `released_at` (epoch s), `fence`.

The lock is a lease: its owner renews `expires_at` before each change of the endpoint, on the condition that it is
still the owner. `listener`: the task token by which it waits for the endpoint to change; `unheard` stands there when
that changed while it did not listen. A wish in a lock is a person's: `abort_by` and `abort_reason`, that its owner
stop; `promote_by`, `promote_reason` and `promote_full` ("true" | "false"), that a trial go on to its next step, or to
its end, before its time. `sealed_at` (epoch s): the owner has seen no wish and writes down that its version is live; a
later wish is refused.

The record of a release: `version`, `package_arn`, `config`, `strategy`, `strategy_words`, `from_version` (0: none) and
`from_config`, `trigger` and, where a person asked, `asked_by` and `asked_reason`; `approval_words` (ApprovalDescription
at that time) and `approved_by` (ARN; empty: nobody is named); `data_version`, `commit`, `image_digest`,
`artefact_sha256` and `metrics` (name → number) of the version; `alarms` (names of those that guarded it), `outcome`
(contracts.release.Outcome) with its `cause`,
`requests` (answered by the version while it was judged), `served_by` (instances by type, where it went live),
`started_at`, `ended_at` (epoch s), `execution` (ARN). Of a trial also `trial` (its judge's last sentence),
`trial_share_percent`, `trial_requests` and `trial_failures` (of the challenger, at its last share). Of an execution
that was cut off or refused, `settle_execution` writes what is known: outcome `stopped`, `timed_out`, `failed` or the
machine's own word, cause, version (if it had begun one), trigger, asked_by, asked_reason, times and execution.
"""

PARTITION_KEY = "pk"
SORT_KEY = "sk"

LOCK = "lock"
LIVE = "live"
HALT = "halt"
HOLD = "hold"
CLOSED_BY = "the deletion of its stack"
"""`execution` of a halt that the next deployment of the stack lifts."""
ABORT_BY, ABORT_REASON = "abort_by", "abort_reason"
PROMOTE_BY, PROMOTE_REASON, PROMOTE_FULL = "promote_by", "promote_reason", "promote_full"
PROMOTION = (PROMOTE_BY, PROMOTE_REASON, PROMOTE_FULL)
LISTENER, UNHEARD = "listener", "unheard"
SEALED_AT = "sealed_at"
OF_OWNER = (ABORT_BY, ABORT_REASON, *PROMOTION, SEALED_AT, LISTENER, UNHEARD)
"""What stands in a lock for its owner alone, and goes with it."""
RETRAINING = "retraining"
TOLD = "told"


def endpoint_key(endpoint: str) -> str:
    """Partition of all that concerns one endpoint."""
    return f"endpoint#{endpoint}"


def model_key(model: str) -> str:
    """Partition of all that concerns one model over its environments."""
    return f"model#{model}"


def execution_key(execution_arn: str) -> str:
    """Partition of what is known of one execution."""
    return f"execution#{execution_arn}"


def release_key(execution_name: str) -> str:
    """Sort key of one release's record."""
    return f"release#{execution_name}"


ATTEMPT = "attempt#"


def attempt_key(version: int) -> str:
    """Sort key of the last attempt at a version."""
    return f"{ATTEMPT}{version}"
