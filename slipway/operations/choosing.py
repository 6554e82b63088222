"""Which version an operator's verb means, and every reason to refuse it before the machine is asked."""

from collections.abc import Callable
from typing import Any

from slipway.operations import approvals
from slipway.operations.errors import Failure
from slipway.operations.planning import Preview
from slipway.operations.target import Items, Target
from slipway_lambda.contracts.ledger import LIVE, LOCK, attempt_key
from slipway_lambda.contracts.release import Attempt, Decision, Trigger

UNTRIED = frozenset({Attempt.STARTED, Attempt.FAILED, Attempt.REFUSED})
"""Ends of an attempt after which another may be asked for; `started`: if nothing runs any more."""


def newest_approved(target: Target) -> int:
    """Raises Failure when none is."""
    name = target.model.name
    found = [v for v in approvals.versions(target.where, target.model) if _approved(v)]
    if not found:
        what = f"No version of {name} is approved."
        raise Failure("SLW510", what, where=target.where.label, fix="slipway approve MODEL@V, then release it")
    newest = found[0]
    number = int(newest["ModelPackageVersion"])
    if _left(newest):
        what = f"The newest approved version, v{number}, failed in production or was rolled back from."
        fix = f"name the version you mean: slipway release {name}@{number}, or slipway retry {name}@{number}"
        raise Failure("SLW512", what, where=target.where.label, fix=fix)
    return number


def last_good(target: Target, items: Items) -> int:
    """The newest version older than the live one that was verified live, is approved and was not left or failed since.

    Raises Failure when there is none.
    """
    live = items.get(LIVE, {})
    fit = {
        int(v["ModelPackageVersion"])
        for v in approvals.versions(target.where, target.model)
        if _approved(v) and not _left(v)
    }
    for entry in live.get("verified", []):
        if entry["version"] in fit and entry["version"] < live["version"]:
            return int(entry["version"])
    what = f"{target.label} has nothing to go back to: no older version was verified live and is still approved."
    fix = "approve and release a good version, or name one that was live: --to V"
    raise Failure("SLW517", what, where=target.where.label, fix=fix)


def last_failed(items: Items, label: str) -> int:
    """The version whose last attempt came to nothing, the newest if there are several. Raises Failure."""
    prefix = attempt_key(0).removesuffix("0")
    attempts = [i for key, i in items.items() if key.startswith(prefix) and i.get("outcome") in UNTRIED]
    if not attempts:
        what = f"No release of {label} failed, was refused or cut off."
        raise Failure(
            "SLW516", what, where=label, fix="slipway history shows them; to release a version: slipway release"
        )
    return max(int(a["version"]) for a in attempts)


def approved(target: Target, number: int) -> approvals.Version:
    """The version, which is complete and approved. Raises Failure, with what to do instead."""
    version = approvals.find_version(target.where, target.model, number)
    approvals.complete(version)
    name = f"{version.model} v{version.number}"
    if version.approval == "Rejected":
        fix = "release another version; to change your mind: slipway approve, with the reason"
        raise Failure("SLW511", f"{name} was rejected.", where=version.arn, fix=fix)
    if version.approval != "Approved":
        what = f"{name} is not approved: it is {version.approval or 'without approval status'}."
        raise Failure("SLW510", what, where=version.arn, fix=f"slipway approve {version.model}@{version.number}")
    return version


def check_release(preview: Preview, label: str, running: Callable[[str], bool]) -> None:
    """Raises Failure where a first attempt cannot be made. `running`: whether an execution, by its ARN, runs."""
    name = f"{preview.spec.model} v{preview.version}"
    _check_free(preview, label, running)
    if preview.plan["decision"] == Decision.NOTHING and preview.live_version == preview.version:
        raise Failure("SLW507", f"{name} is live already.", where=label, fix="there is nothing to release")
    _check_plan(preview, label)
    same = preview.attempt.get("approval") == preview.approval
    if same and preview.attempt.get("outcome") in {Attempt.FAILED, Attempt.STARTED}:
        cause = preview.attempt.get("cause") or "it was cut off"
        what = f"A release of {name} with this approval came to nothing: {cause}"
        fix = f"when the cause is gone: slipway retry {preview.spec.model}@{preview.version}"
        raise Failure("SLW512", what, where=label, fix=fix)


def check_retry(preview: Preview, label: str, running: Callable[[str], bool]) -> None:
    """Raises Failure where there is nothing to try again."""
    name, outcome = f"{preview.spec.model} v{preview.version}", preview.attempt.get("outcome")
    _check_free(preview, label, running)
    if outcome not in UNTRIED:
        told = "was released" if outcome == Attempt.RELEASED else "was never tried"
        fix = f"slipway release {preview.spec.model}@{preview.version}"
        raise Failure("SLW516", f"{name} {told}: there is nothing to try again.", where=label, fix=fix)
    _check_plan(preview, label)


def check_rollback(preview: Preview, label: str, running: Callable[[str], bool]) -> None:
    """Raises Failure where the machine would not go back to that version."""
    _check_free(preview, label, running)
    if preview.live_version == preview.version:
        fix = "choose an older one: slipway history shows what was live"
        raise Failure("SLW507", f"{preview.spec.model} v{preview.version} is live already.", where=label, fix=fix)
    _check_plan(preview, label)


def _check_free(preview: Preview, label: str, running: Callable[[str], bool]) -> None:
    owner = preview.items.get(LOCK, {}).get("owner")
    if owner and running(str(owner)):
        fix = "wait for its end (slipway status -w), or stop it: slipway abort"
        what = f"A release of {label} is under way: {str(owner).rsplit(':', 1)[-1]}."
        raise Failure("SLW514", what, where=str(owner), fix=fix)
    if preview.plan["decision"] == Decision.BUSY:
        fix = "try again when it is InService: slipway status -w"
        raise Failure("SLW514", preview.plan["reason"], where=preview.spec.endpoint, fix=fix)


def _check_plan(preview: Preview, label: str) -> None:
    if preview.goes:
        return
    if preview.trigger != Trigger.ROLLBACK and preview.version < preview.live_version:
        raise _older(preview, label)
    fix = preview.plan["next_step"] or "slipway status shows what is live"
    raise Failure("SLW513", f"The release machine would not: {preview.plan['reason']}", where=label, fix=fix)


def _older(preview: Preview, label: str) -> Failure:
    """Releases go forward; back is a rollback."""
    name = f"{preview.spec.model} v{preview.version}"
    what = f"{name} is older than v{preview.live_version}, which is live; releases only go forward."
    fix = f"to go back: slipway rollback {preview.spec.model} --to {preview.version} --reason WHY"
    return Failure("SLW505", what, where=label, fix=fix)


def _approved(version: dict[str, Any]) -> bool:
    return version.get("ModelApprovalStatus") == "Approved" and version.get("ModelPackageStatus") == "Completed"


def _left(version: dict[str, Any]) -> bool:
    return bool(version.get("ModelLifeCycle", {}).get("StageStatus") == "Rejected")
