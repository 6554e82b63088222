"""Decisions of the IAM evaluator on one core, beside the emulator's own evaluator on the same requests and policies.

    .venv/bin/python -m benchmarks.iam

Three shapes: a small role, a role with conditions and variables, and a key with its own policy. Asked: >= 20,000
decisions/s on the mix. Both sides get policies that were parsed beforehand, and both must reach the same decisions.
"""

import itertools
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from ministack.core import iam_evaluator as emulator

from rehearsal.iam.context import principal_keys
from rehearsal.iam.evaluate import Policies, Request, Source, evaluate
from rehearsal.iam.policy import compiled
from rehearsal.iam.principal import Principal

ASKED_PER_SECOND = 20_000
SECONDS = 2.0
ACCOUNT = "111122223333"
ROLE = Principal(
    "AssumedRole", f"arn:aws:sts::{ACCOUNT}:assumed-role/job/run", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:role/job"
)


def _document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


_SMALL = _document(
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::data/*"},
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::data"},
    {"Effect": "Allow", "Action": "logs:*", "Resource": f"arn:aws:logs:*:{ACCOUNT}:log-group:/aws/sagemaker/*"},
    {"Effect": "Allow", "Action": "cloudwatch:PutMetricData", "Resource": "*"},
    *({"Effect": "Allow", "Action": f"svc{n}:Do*", "Resource": f"arn:aws:svc{n}:::thing/*"} for n in range(12)),
)
_CONDITIONS = _document(
    {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": f"arn:aws:iam::{ACCOUNT}:role/*",
        "Condition": {"StringEquals": {"iam:PassedToService": ["sagemaker.amazonaws.com", "lambda.amazonaws.com"]}},
    },
    {
        "Effect": "Deny",
        "Action": "s3:*",
        "Resource": "*",
        "Condition": {
            "Bool": {"aws:SecureTransport": "false"},
            "NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.0/8"]},
        },
    },
    {
        "Effect": "Allow",
        "Action": "sagemaker:Create*",
        "Resource": "*",
        "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team", "model"]}},
    },
)
_KEY = _document(
    {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
    {"Effect": "Deny", "Principal": "*", "Action": "kms:ScheduleKeyDeletion", "Resource": "*"},
)
_KEYS = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/k"
_MAY_USE_KEYS = _document({"Effect": "Allow", "Action": "kms:Decrypt", "Resource": f"arn:aws:kms:*:{ACCOUNT}:key/*"})
_TLS = {"aws:securetransport": "true", "aws:sourceip": "127.0.0.1"}
_JOB = f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:training-job/t"
# Identity policies, the resource's policy, action, resource, keys of the request.
CASES: list[tuple[list[dict[str, Any]], dict[str, Any] | None, str, str, dict[str, Any]]] = [
    ([_SMALL], None, "s3:GetObject", "arn:aws:s3:::data/train/part-1.csv", _TLS),
    ([_SMALL], None, "s3:DeleteObject", "arn:aws:s3:::data/train/part-1.csv", _TLS),
    ([_SMALL], None, "s3:GetObject", "arn:aws:s3:::other/part-1.csv", _TLS),
    (
        [_SMALL],
        None,
        "logs:PutLogEvents",
        f"arn:aws:logs:eu-west-1:{ACCOUNT}:log-group:/aws/sagemaker/TrainingJobs:log-stream:t",
        _TLS,
    ),
    (
        [_SMALL, _CONDITIONS],
        None,
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/jobs",
        {**_TLS, "iam:passedtoservice": "sagemaker.amazonaws.com"},
    ),
    (
        [_SMALL, _CONDITIONS],
        None,
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/jobs",
        {**_TLS, "iam:passedtoservice": "ec2.amazonaws.com"},
    ),
    ([_SMALL, _CONDITIONS], None, "s3:GetObject", "arn:aws:s3:::data/k", _TLS),
    ([_SMALL, _CONDITIONS], None, "sagemaker:CreateTrainingJob", _JOB, {**_TLS, "aws:tagkeys": ["team"]}),
    ([_MAY_USE_KEYS], _KEY, "kms:Decrypt", _KEYS, _TLS),
    ([_MAY_USE_KEYS], _KEY, "kms:ScheduleKeyDeletion", _KEYS, _TLS),
]


def ours() -> list[Callable[[], bool]]:
    """One call for each case: from a request and policies to a decision."""

    def call(
        identity: list[dict[str, Any]], own: dict[str, Any] | None, action: str, resource: str, keys: dict[str, Any]
    ) -> Callable[[], bool]:
        sources = [Source("p", compiled(document)) for document in identity]
        policies = Policies(
            sources, None, None, Source("own", compiled(own)) if own else None, ACCOUNT, own is not None
        )
        context = {**principal_keys(ROLE), **keys}
        return lambda: evaluate(Request(ROLE, action, resource, context), policies).allowed

    return [call(*case) for case in CASES]


def theirs() -> list[Callable[[], bool]]:
    """The same of the emulator's evaluator."""

    def call(
        identity: list[dict[str, Any]], own: dict[str, Any] | None, action: str, resource: str, keys: dict[str, Any]
    ) -> Callable[[], bool]:
        parsed = [emulator.parse_policy_document(document) for document in identity]
        text = json.dumps(own) if own else None

        def decide() -> bool:
            context = emulator.EvalContext(
                ROLE.arn, "AssumedRole", ACCOUNT, action, resource, "eu-west-1", "127.0.0.1", True, service_context=keys
            )
            result = emulator.evaluate(context, parsed)
            if text is not None:
                result = emulator.combine_resource_policy(result, context, text, ACCOUNT, required=True)
            return bool(result.decision == "Allow")

        return decide

    return [call(*case) for case in CASES]


def rate(calls: list[Callable[[], bool]]) -> float:
    """Decisions a second over the mix, for about SECONDS."""
    for call in calls:
        call()
    count, started = 0, time.perf_counter()
    for call in itertools.cycle(calls):
        call()
        count += 1
        if count % 1000 == 0 and time.perf_counter() - started > SECONDS:
            break
    return count / (time.perf_counter() - started)


def main() -> int:
    """Print both rates; 1 if the asked rate is missed or the two disagree."""
    mine, peer = ours(), theirs()
    if [call() for call in mine] != [call() for call in peer]:
        sys.stderr.write("the evaluators disagree on a case of this benchmark\n")
        return 1
    own_rate, peer_rate = rate(mine), rate(peer)
    print(f"rehearsal.iam         {own_rate:>10,.0f} decisions/s (asked >= {ASKED_PER_SECOND:,})")
    print(
        f"emulator's evaluator  {peer_rate:>10,.0f} decisions/s, the same {len(CASES)} requests; "
        f"ratio {own_rate / peer_rate:.1f}"
    )
    return 0 if own_rate >= ASKED_PER_SECOND else 1


if __name__ == "__main__":
    sys.exit(main())
