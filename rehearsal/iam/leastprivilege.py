"""What each role was allowed and what it used of it: the least privilege report, as data."""

from collections.abc import Iterator, Mapping
from typing import Any

from rehearsal.audit import Audit, entity
from rehearsal.iam.patterns import action as action_matcher


def report(audit: Audit, account: str = "") -> list[dict[str, Any]]:
    """For each role {"role", "used": {action: calls}, "unused": [{policy, statement, action, resource}], "denied": []}.

    `used` is what was allowed since the cloud started. `unused` has each action, as written in an Allow, that no call
    of the role matched: for `s3:Get*` that no GetObject and no other. `denied` has the actions that were refused.
    """
    from ministack.services import iam

    used, refused = audit.used(), _refused(audit)
    rows = []
    for (owner, name), role in sorted(iam._roles.to_dict().items()):
        if account and owner != account:
            continue
        who = f"{owner}:role/{name}"
        calls = used.get(who, {})
        rows.append(
            {
                "role": role.get("Arn") or f"arn:aws:iam::{owner}:role/{name}",
                "used": dict(sorted(calls.items())),
                "unused": [row for row in _granted(owner, role) if not _matched(row["action"], calls)],
                "denied": sorted(refused.get(who, ())),
            }
        )
    return rows


def _refused(audit: Audit) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for call in audit.calls(decision="denied"):
        found.setdefault(entity(call["principal"]), set()).add(call["action"])
    return found


def _matched(pattern: str, calls: Mapping[str, int]) -> bool:
    matches = action_matcher([pattern])
    return any(matches(action.lower()) for action in calls)


def _granted(account: str, role: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    from ministack.core import iam_evaluator

    documents = dict(role.get("InlinePolicies") or {})
    for arn in role.get("AttachedPolicies") or []:
        documents[arn] = iam_evaluator._resolve_managed_policy_document(arn, account) or {}
    for policy, document in documents.items():
        yield from _actions(policy, document)


def _actions(policy: str, document: Any) -> Iterator[dict[str, Any]]:
    import json

    parsed = json.loads(document) if isinstance(document, str) else document
    statements = parsed.get("Statement", [])
    for number, statement in enumerate(statements if isinstance(statements, list) else [statements], 1):
        if statement.get("Effect") != "Allow":
            continue
        for action in _listed(statement.get("Action", [])):
            yield {
                "policy": policy,
                "statement": str(statement.get("Sid") or number),
                "action": action,
                "resource": _listed(statement.get("Resource", statement.get("NotResource", []))),
            }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
