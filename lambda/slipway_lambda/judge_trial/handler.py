"""Judge the trial: everything that speaks for or against the challenger, read at one time and weighed."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.attributes import to_item
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.trial import CHALLENGER
from slipway_lambda.events import setting, take
from slipway_lambda.judge_trial.judge import judge
from slipway_lambda.judge_trial.look import Case, Ports, look
from slipway_lambda.ports.alarms import CloudWatchAlarms
from slipway_lambda.ports.endpoints import SageMakerEndpoints
from slipway_lambda.ports.ledger import DynamoLedger
from slipway_lambda.ports.metrics import CloudWatchMetrics
from slipway_lambda.ports.objects import S3Objects
from slipway_lambda.ports.packages import SageMakerPackages


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `config` (the trial's), `release_config`, `package_arn`, `execution`, `began_ms`, `step_began_ms`,
    `now_ms` (epoch), `lease_seconds`, `counts` → `word`, `reason`, `thin`, `hurried`, `pause_seconds`, `weights` (of
    the next step), `lease_until` (epoch s), `counts` (for the next look), `record` (attributes).
    """
    ledger = DynamoLedger(setting("LEDGER_TABLE"))
    real = (SageMakerEndpoints(), SageMakerPackages(), CloudWatchAlarms(), CloudWatchMetrics(), ledger, S3Objects())
    return weigh(event, Ports(*real))


def weigh(event: Mapping[str, Any], ports: Ports) -> dict[str, Any]:
    """As the handler, on any ports."""
    case = Case(
        spec=ReleaseSpec.from_dict(take(event, "spec", dict)),
        config=take(event, "config", str),
        release_config=take(event, "release_config", str),
        package_arn=take(event, "package_arn", str),
        execution=take(event, "execution", str),
        began=take(event, "began_ms", int) / 1000,
        step_began=take(event, "step_began_ms", int) / 1000,
        now=take(event, "now_ms", int) / 1000,
        lease_until=take(event, "now_ms", int) // 1000 + take(event, "lease_seconds", int),
        counts=take(event, "counts", dict),
    )
    seen = look(case, ports)
    found = judge(case.trial, seen)
    counted = [n for side in (seen.champion, seen.challenger) for n in (side.requests, side.failures)]
    shares = {case.spec.variant: 100 - found.share_percent, CHALLENGER: found.share_percent}
    return {
        "word": found.word,
        "reason": found.reason,
        "thin": found.thin,
        "hurried": found.hurried,
        "pause_seconds": case.trial.pause_seconds(seen.trial_seconds, seen.step_seconds),
        "lease_until": case.lease_until,
        "counts": {**case.counts, str(seen.share_percent): counted},
        "weights": [{"VariantName": n, "DesiredWeight": float(w)} for n, w in shares.items()],
        "record": to_item(
            {
                "trial": found.reason,
                "trial_share_percent": seen.share_percent,
                "trial_requests": seen.challenger.requests,
                "trial_failures": seen.challenger.failures,
            }
        ),
    }
