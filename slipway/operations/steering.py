"""A person's wishes that stand in the ledger: in the lock an abort, or that a trial be hurried, and a hold. The release
machine honours them.
"""

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from slipway.operations.errors import Failure, of_aws
from slipway.operations.history import moment
from slipway.operations.progress import version_of
from slipway.operations.target import Items, Target
from slipway_lambda.attributes import to_item
from slipway_lambda.contracts import ledger


def under_way(target: Target, verb: str = "abort") -> tuple[str, int | None]:
    """The execution that can still be steered, and its version if it has come that far. Raises Failure."""
    items = target.items()
    owner = str(items.get(ledger.LOCK, {}).get("owner", ""))
    if not owner or target.execution(owner).get("status") != "RUNNING":
        raise _none(target, items)
    version = version_of(items, owner)
    if items[ledger.LOCK].get(ledger.SEALED_AT):
        raise _too_late(target, version, verb)
    live = items.get(ledger.LIVE, {})
    attempt = items.get(ledger.attempt_key(version or 0), {})
    if version is not None and live.get("version") == version and _written_by(items, live, attempt):
        raise _too_late(target, version, verb)
    return owner, version


def abort(target: Target, execution: str, *, who: str, reason: str) -> None:
    """Write the wish into the lock, if that execution still has it and has not sealed it. Raises Failure.

    The lock decides which comes first: the wish, which the machine then honours, or the seal, which refuses it.
    """
    _wish(
        target,
        lambda: _refused(target, execution, "abort"),
        UpdateExpression=f"SET {ledger.ABORT_BY} = :who, {ledger.ABORT_REASON} = :reason",
        ConditionExpression=f"#owner = :execution AND attribute_not_exists({ledger.SEALED_AT})",
        values={":who": who, ":reason": reason, ":execution": execution},
    )


def promote(target: Target, execution: str, *, who: str, reason: str, full: bool) -> bool:
    """Write the wish into the lock; False when somebody asked for as much before. Raises Failure when that execution
    has it no more, or is to be aborted: an abort always wins.
    """
    unasked = f"attribute_not_exists({ledger.PROMOTE_REASON})"
    free = f"({unasked} OR {ledger.PROMOTE_FULL} = :no)" if full else unasked
    values = {":who": who, ":reason": reason, ":full": str(full).lower(), ":execution": execution}
    refused = Failure("SLW518", "refused", fix="")
    try:
        _wish(
            target,
            lambda: refused,
            UpdateExpression=f"SET {ledger.PROMOTE_BY} = :who, {ledger.PROMOTE_REASON} = :reason,"
            f" {ledger.PROMOTE_FULL} = :full",
            ConditionExpression=f"#owner = :execution AND attribute_not_exists({ledger.SEALED_AT})"
            f" AND attribute_not_exists({ledger.ABORT_REASON}) AND {free}",
            values=values | ({":no": "false"} if full else {}),
        )
    except Failure as failure:
        if failure is not refused:
            raise
        _why_not_promoted(target, execution)
        return False
    return True


def _why_not_promoted(target: Target, execution: str) -> None:
    items = target.items()
    lock = items.get(ledger.LOCK, {})
    if lock.get("owner") != execution or ledger.SEALED_AT in lock:
        raise _refused(target, execution, "promote")
    if ledger.ABORT_REASON in lock:
        what = f"An abort of this release was asked for, by {lock.get(ledger.ABORT_BY)}: {lock[ledger.ABORT_REASON]}."
        fix = "let it end (slipway status -w); then slipway retry, if it is still wanted"
        raise Failure("SLW522", what, where=execution, fix=fix)


def pause(target: Target, *, who: str, reason: str) -> None:
    """Hold new versions. Raises Failure when they are held already."""
    held = target.items().get(ledger.HOLD, {})
    since = f"since {moment(held.get('held_at'))}, by {held.get('who')}: {held.get('reason')}" if held else "already"
    fix = "slipway resume lifts the hold"
    held_already = Failure("SLW520", f"Releases of {target.label} are on hold {since}.", where=target.endpoint, fix=fix)
    item = {"who": who, "reason": reason, "held_at": int(target.where.now().timestamp())}
    _write(
        target,
        "put_item",
        lambda: held_already,
        Item={**_key(target, ledger.HOLD), **to_item(item)},
        ConditionExpression="attribute_not_exists(#pk)",
        ExpressionAttributeNames={"#pk": ledger.PARTITION_KEY},
    )


def resume(target: Target) -> dict[str, Any]:
    """Lift the hold; what it said. Raises Failure when there is none."""
    held = target.items().get(ledger.HOLD)
    fix = "nothing is to be done: slipway status"
    free = Failure("SLW520", f"Releases of {target.label} are not on hold.", where=target.endpoint, fix=fix)
    if held is None:
        raise free
    _write(
        target,
        "delete_item",
        lambda: free,
        Key=_key(target, ledger.HOLD),
        ConditionExpression="held_at = :at",
        ExpressionAttributeValues=to_item({":at": held["held_at"]}),
    )
    return held


def _written_by(items: Items, live: dict[str, Any], attempt: dict[str, Any]) -> bool:
    """The live item is from the release at work: its fence is the lock's."""
    return bool(attempt) and live.get("fence") == items[ledger.LOCK].get("fence")


def _none(target: Target, items: Items) -> Failure:
    live = items.get(ledger.LIVE, {}).get("version")
    fix = f"v{live} is live; to go back: slipway rollback {target.model.name}" if live else "slipway status shows it"
    return Failure("SLW518", f"No release of {target.label} is under way.", where=target.endpoint, fix=fix)


def _refused(target: Target, execution: str, verb: str) -> Failure:
    """Why the wish was not written: the release has ended meanwhile, or is past the point of return."""
    items = target.items()
    lock = items.get(ledger.LOCK, {})
    if lock.get("owner") == execution and lock.get(ledger.SEALED_AT):
        return _too_late(target, version_of(items, execution), verb)
    return _none(target, items)


def _too_late(target: Target, version: int | None, verb: str) -> Failure:
    who = f"v{version}" if version else "The version"
    what = f"{who} is live and recorded: it is too late to {verb} its release."
    return Failure(
        "SLW519", what, where=target.endpoint, fix=f"go back: slipway rollback {target.model.name} --reason WHY"
    )


def _key(target: Target, sort: str) -> dict[str, Any]:
    return to_item({ledger.PARTITION_KEY: ledger.endpoint_key(target.endpoint), ledger.SORT_KEY: sort})


def _wish(
    target: Target,
    otherwise: Callable[[], Failure],
    *,
    UpdateExpression: str,
    ConditionExpression: str,
    values: Mapping[str, Any],
) -> None:
    """Into the lock, with a note that there is news: a machine that waits goes on at once, however long it would have,
    and one that does not listen just now finds the note. Who may not wake it is served when it looks by itself.
    """
    lock = _write(
        target,
        "update_item",
        otherwise,
        Key=_key(target, ledger.LOCK),
        UpdateExpression=f"{UpdateExpression}, {ledger.UNHEARD} = :news",
        ConditionExpression=ConditionExpression,
        ExpressionAttributeNames={"#owner": "owner"},
        ExpressionAttributeValues=to_item({**values, ":news": True}),
        ReturnValues="ALL_NEW",
    )["Attributes"]
    if token := lock.get(ledger.LISTENER, {}).get("S"):
        with contextlib.suppress(Exception):
            target.where.client("stepfunctions").send_task_success(taskToken=token, output="{}")


def _write(target: Target, call: str, otherwise: Callable[[], Failure], **request: Any) -> dict[str, Any]:
    """A write on a condition; what `otherwise` gives is raised when the condition does not hold."""
    table = target.outputs.ledger_table
    try:
        answer: dict[str, Any] = getattr(target.where.client("dynamodb"), call)(TableName=table, **request)
    except Exception as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "ConditionalCheckFailedException":
            raise otherwise() from None
        raise of_aws(error, f"table {table}") from error
    return answer
