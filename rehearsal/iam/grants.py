"""Grants of KMS keys: they allow beside the key policy, and are never a denial.

https://docs.aws.amazon.com/kms/latest/developerguide/grants.html
"""

from collections.abc import Mapping
from typing import Any

from rehearsal.host import Scope
from rehearsal.iam.callers import Caller
from rehearsal.iam.evaluate import RESOURCE, Decision
from rehearsal.permissions import Need

_CONTEXT = "kms:encryptioncontext:"


def granted(caller: Caller, need: Need, keys: Mapping[str, Any], owner: str, scope: Scope) -> Decision | None:
    """The grant that allows it, if one does."""
    from ministack.services import kms

    from rehearsal.emulator import within

    region = need.resource.split(":")[3] if need.resource.count(":") >= 5 else scope.region
    held = within(Scope(owner or scope.account, region or scope.region), lambda: list(kms._grants.values()))
    operation = need.action.partition(":")[2]
    principals = {caller.principal.arn, caller.principal.issuer_arn, caller.principal.service} - {""}
    for grant in held:
        applies = grant["KeyId"] == need.resource and operation in grant["Operations"]
        if applies and grant["GranteePrincipal"] in principals and _met(grant.get("Constraints") or {}, keys):
            return Decision(True, True, RESOURCE, f"grant {grant['GrantId']}", grant.get("Name", ""))
    return None


def _met(constraints: Mapping[str, Any], keys: Mapping[str, Any]) -> bool:
    given = {name.removeprefix(_CONTEXT): value for name, value in keys.items() if name.startswith(_CONTEXT)}
    for kind, wanted in constraints.items():
        pairs = {name.lower(): value for name, value in wanted.items()} if isinstance(wanted, Mapping) else {}
        if kind == "EncryptionContextEquals" and pairs != given:
            return False
        if kind == "EncryptionContextSubset" and not pairs.items() <= given.items():
            return False
    return True
