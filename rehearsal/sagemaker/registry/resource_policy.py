"""Resource policies of model package groups: who of another account may do what to the group and its versions."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from rehearsal.iam.evaluate import Policies, Request, Source, evaluate
from rehearsal.iam.policy import MalformedPolicyError, compiled
from rehearsal.iam.principal import Principal
from rehearsal.iam.sagemakerkeys import of_params
from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.errors import ServiceError, invalid, not_emulated

# What is known here of a caller and its request; a condition on anything else could only be guessed.
_KNOWN = frozenset(
    {"aws:principalaccount", "aws:principalarn", "aws:currenttime", "aws:epochtime", "aws:securetransport"}
)
_SERVICE_KEYS = "sagemaker:"
# The caller's own account has been asked before the call came here.
_OWN = (Source("own", compiled({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})),)
_SESSION = re.compile(r"arn:aws[a-z-]*:sts::(\d+):assumed-role/(?P<role>[^/]+)/.+")


def check(document: str) -> None:
    """Raise the service's refusal for what is not a policy, and ours for conditions on what is not known here."""
    try:
        compiled(document)
        statements = json.loads(document).get("Statement", [])
    except MalformedPolicyError as error:
        raise invalid(f"Invalid resource policy: {error}.") from error
    statements = statements if isinstance(statements, list) else [statements]
    if not statements:
        raise invalid("Invalid resource policy: Statement is empty.")
    for number, one in enumerate(statements, 1):
        for member in ("Principal", "Resource"):
            if member not in one and f"Not{member}" not in one:
                raise invalid(f"Invalid resource policy: statement {number} has no {member}.")
        for operator, pairs in one.get("Condition", {}).items():
            unknown = sorted(key for key in pairs if key.lower() not in _KNOWN and not key.startswith(_SERVICE_KEYS))
            if unknown:
                raise not_emulated(f"the condition {operator} on {unknown[0]} in the policy of a model package group")


def require(call: Call, document: str | None, *resources: str) -> None:
    """Raise AccessDeniedException unless the policy lets the caller, of another account, do this to one of them."""
    action, caller = f"sagemaker:{call.action}", _principal(call.principal)
    now = call.now
    context: dict[str, Any] = {
        "aws:principalaccount": caller.account,
        "aws:principalarn": caller.identity_arn,
        "aws:currenttime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now)),
        "aws:securetransport": "true",
        **{key.lower(): value for key, value in of_params(call.action, call.params, call.scope).items()},
    }
    policies = Policies(
        _OWN, resource=Source("resource policy", compiled(document or "{}")), owner=_owner(resources[0])
    )
    decisions = [evaluate(Request(caller, action, resource, context), policies) for resource in resources]
    refused = next((one for one in decisions if one.explicit and not one.allowed), None)
    if refused is None and any(one.allowed for one in decisions):
        return
    reason = refused.reason if refused else f"because no resource-based policy allows the {action} action"
    words = f"User: {call.principal} is not authorized to perform: {action} on resource: {resources[0]} {reason}"
    raise ServiceError("AccessDeniedException", words)


def _owner(arn: str) -> str:
    return arn.split(":")[4]


def _principal(arn: str) -> Principal:
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    session = _SESSION.fullmatch(arn)
    if session:
        return Principal("AssumedRole", arn, account, f"arn:aws:iam::{account}:role/{session['role']}")
    kind = "User" if ":user/" in arn else "Account" if account else "Anonymous"
    return Principal(kind, arn, account)
