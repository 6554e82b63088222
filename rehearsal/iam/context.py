"""Global condition keys of a request ("AWS global condition context keys" of the IAM User Guide)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rehearsal.iam.principal import Principal


def principal_keys(principal: Principal, user_id: str = "", tags: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What a request says of its caller. A key that the kind of caller does not have is left out."""
    service = principal.kind == "AWSService"
    keys: dict[str, Any] = {
        "aws:principaltype": principal.kind,
        "aws:principalisawsservice": str(service).lower(),
        "aws:viaawsservice": "false",
    }
    if service:
        keys["aws:principalservicename"] = principal.service
    if principal.identity_arn:
        keys["aws:principalarn"] = principal.identity_arn
    if principal.account:
        keys["aws:principalaccount"] = principal.account
    if principal.kind == "User":
        keys["aws:username"] = principal.arn.rsplit("/", 1)[-1]
    if user_id or principal.kind == "Account":
        keys["aws:userid"] = user_id or principal.account
    return keys | {f"aws:principaltag/{name}".lower(): value for name, value in (tags or {}).items()}


def time_keys(now: float) -> dict[str, str]:
    """aws:CurrentTime and aws:EpochTime of a moment in epoch seconds."""
    return {
        "aws:currenttime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:epochtime": str(int(now)),
    }


def delivery_keys(source_arn: str, source_account: str) -> dict[str, str]:
    """What a service says of the resource on whose behalf it calls; the confused deputy's keys."""
    return {
        "aws:sourcearn": source_arn,
        "aws:sourceaccount": source_account,
        "aws:sourceowner": source_account,  # the older name, in SNS and S3 examples
    }
