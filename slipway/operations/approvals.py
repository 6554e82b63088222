"""A person's word on a model version, written into the registry with the reason, who gave it and when."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from slipway.config import names
from slipway.config.model import Model
from slipway.operations.errors import Failure, of_aws
from slipway.operations.where import Where
from slipway_lambda.contracts.approval import approval_text

Verdict = Literal["Approved", "Rejected"]
ANOTHER_ATTEMPT = {"Stage": "Production", "StageStatus": "PendingApproval"}


@dataclass(frozen=True)
class Version:
    """What the registry says of one version."""

    model: str
    number: int
    arn: str
    status: str
    """Pending | InProgress | Completed | Failed | Deleting"""
    approval: str
    """PendingManualApproval | Approved | Rejected"""
    failed_before: bool = False
    """A release of it failed and marked its lifecycle stage rejected."""


@dataclass(frozen=True)
class Decision:
    """An approval or refusal that was written."""

    version: Version
    verdict: Verdict
    reason: str
    who: str
    when: str


def parse(text: str) -> tuple[str, int]:
    """`flight-delays@3` (or `@v3`) as model and version. Raises Failure."""
    match = re.fullmatch(r"([^@\s]+)@v?([0-9]{1,9})", text.strip())
    if not match or int(match[2]) < 1:
        raise Failure(
            "SLW203",
            f"{text!r} is not a model version.",
            where="MODEL@V",
            fix="write it as flight-delays@3",
            exit_code=2,
        )
    return match[1], int(match[2])


def clean_reason(reason: str | None) -> str:
    """The reason on one line. Raises Failure when there is none or it is too long to be kept whole."""
    text = " ".join("".join(c if c.isprintable() else " " for c in reason or "").split())
    if not text:
        raise Failure(
            "SLW504", "A reason is missing.", where="--reason", fix='say why: --reason "beats v2 on March"', exit_code=2
        )
    if len(text) > 700:
        fix = "shorten it to 700 characters; who and when are kept beside it"
        raise Failure("SLW504", f"The reason has {len(text)} characters.", where="--reason", fix=fix, exit_code=2)
    return text


def find_version(where: Where, model: Model, number: int) -> Version:
    """The version as the registry has it. Raises Failure when it does not exist, naming those that do."""
    found, group = versions(where, model), names.package_group(model)
    arn = next((one["ModelPackageArn"] for one in found if one.get("ModelPackageVersion") == number), None)
    if arn is None:
        have = ", ".join(f"v{one['ModelPackageVersion']}" for one in found[:10]) or "none: train the model first"
        what = f"{group} has no version {number}: it was never registered, or it is deleted."
        raise Failure("SLW501", what, where=where.label, fix=f"versions there are: {have}")
    try:
        package = where.client("sagemaker").describe_model_package(ModelPackageName=arn)
    except Exception as error:
        raise of_aws(error, arn) from error
    return Version(
        model.name,
        number,
        arn,
        package["ModelPackageStatus"],
        package.get("ModelApprovalStatus", ""),
        failed_before=package.get("ModelLifeCycle", {}).get("StageStatus") == "Rejected",
    )


def versions(where: Where, model: Model) -> list[dict[str, Any]]:
    """ModelPackageSummary of every version, newest first. Raises Failure when there is no registry."""
    group = names.package_group(model)
    try:
        return _list(where.client("sagemaker"), group)
    except Exception as error:
        if _absent(error):
            fix = "deploy the Registry stack, then train the model"
            raise Failure("SLW501", f"{where.label} has no registry of {group}.", where=group, fix=fix) from error
        raise of_aws(error, f"model package group {group}") from error


def complete(version: Version) -> None:
    """Raises Failure for a version that is being deleted or was not registered whole."""
    name = f"{version.model} v{version.number}"
    if version.status == "Deleting":
        raise Failure("SLW502", f"{name} is being deleted.", where=version.arn, fix="choose another version")
    if version.status != "Completed":
        raise Failure(
            "SLW503", f"{name} is incomplete: its status is {version.status}.", where=version.arn,
            fix="wait until it is Completed, or register it again when it Failed",
        )  # fmt: skip


def check(version: Version, verdict: Verdict, live: Mapping[str, Any] | None) -> None:
    """Pure. Raises Failure when the word could not have the effect it seems to have. `live` is the ledger's record."""
    complete(version)
    name = f"{version.model} v{version.number}"
    if live is None or verdict == "Rejected":
        return
    if "version" not in live:
        raise unreadable_live(f"the record of what is live names no version: {sorted(live)}")
    current = int(live["version"])
    if version.number == current:
        fix = "there is nothing to approve; slipway status shows it"
        raise Failure("SLW507", f"{name} is live already.", where=version.arn, fix=fix)
    if version.number < current:
        raise Failure(
            "SLW505", f"{name} is older than v{current}, which is live; releases only go forward.", where=version.arn,
            fix=f"to go back to a version that was live: slipway rollback {version.model} --to {version.number}",
        )  # fmt: skip


def unreadable_live(why: str) -> Failure:
    """It cannot be told what is live, so no approval is given."""
    fix = "mend the access to the ledger and the stacks, then approve again"
    return Failure("SLW506", f"It cannot be told what is live: {why}", where="ledger", fix=fix)


def decide(where: Where, version: Version, verdict: Verdict, reason: str) -> Decision:
    """Write the word into the registry. On an approval the release starts by itself, from the registry's event."""
    try:
        who = where.client("sts").get_caller_identity()["Arn"]
        when = where.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        where.client("sagemaker").update_model_package(
            ModelPackageArn=version.arn,
            ModelApprovalStatus=verdict,
            ApprovalDescription=approval_text(reason, who, when),
            # Another approval is another attempt: a release that failed before had marked the stage rejected.
            **({"ModelLifeCycle": ANOTHER_ATTEMPT} if verdict == "Approved" and version.failed_before else {}),
        )
    except Exception as error:
        raise of_aws(error, version.arn) from error
    return Decision(version, verdict, reason, who, when)


def waiting(where: Where, model: Model) -> list[dict[str, Any]]:
    """Versions that wait for a person, newest first."""
    try:
        found = _list(
            where.client("sagemaker"), names.package_group(model), ModelApprovalStatus="PendingManualApproval"
        )
    except Exception as error:
        if _absent(error):
            return []
        raise of_aws(error, names.package_group(model)) from error
    return [
        {
            "version": one["ModelPackageVersion"],
            "arn": one["ModelPackageArn"],
            "registered_at": _iso(one["CreationTime"]),
        }
        for one in found
    ]


def _list(sagemaker: Any, group: str, **more: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = sagemaker.list_model_packages(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=100, **more, **token
        )
        found += page["ModelPackageSummaryList"]
        if not page.get("NextToken"):
            return sorted(found, key=lambda one: -int(one.get("ModelPackageVersion", 0)))
        token = {"NextToken": page["NextToken"]}


def _absent(error: Exception) -> bool:
    answer = getattr(error, "response", {}).get("Error", {})
    return answer.get("Code") in {"ValidationException", "ResourceNotFound"} and "not exist" in answer.get(
        "Message", ""
    )


def _iso(moment: Any) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(moment, datetime) else str(moment)
