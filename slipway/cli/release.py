"""`slipway plan`, `release`, `rollback` and `retry`: one way to the release machine."""

import re
from collections.abc import Callable

from slipway.cli import output
from slipway.cli.target import model_and_version, target
from slipway.config.prices import Price
from slipway.operations import choosing
from slipway.operations.approvals import clean_reason
from slipway.operations.costs import cost, instance_minutes
from slipway.operations.errors import Failure
from slipway.operations.following import demand, follow
from slipway.operations.planning import Preview, preview
from slipway.operations.room import room
from slipway.operations.sentence import sentence
from slipway.operations.starting import Started, start
from slipway.operations.target import Target
from slipway_lambda.contracts.release import Trigger

POLL_SECONDS = 2.0
Check = Callable[[Preview, str, Callable[[str], bool]], None]


def release(
    text: str, env: str | None, reason: str | None,
    *, dry_run: bool, watch: bool, as_json: bool, aws: bool, hourly_price: float | None = None,
) -> None:  # fmt: skip
    """An approved version, by default the newest; newer than what is live, and not tried before."""
    name, number = model_and_version(text)
    at = target(name, env, aws=aws)
    number = number or choosing.newest_approved(at)
    why = clean_reason(reason) if reason is not None else ""
    _go(at, Trigger.OPERATOR, number, why, choosing.check_release, dry_run=dry_run, watch=watch, as_json=as_json,
        hourly_price=hourly_price)  # fmt: skip


def rollback(
    name: str, to: str | None, env: str | None, reason: str | None,
    *, dry_run: bool, watch: bool, as_json: bool, aws: bool,
) -> None:  # fmt: skip
    """Back to the last good version, or a named one that was live."""
    number = _number(to) if to is not None else None
    why = "" if dry_run and reason is None else clean_reason(reason)
    at = target(name, env, aws=aws)
    number = number or choosing.last_good(at, at.items())
    _go(at, Trigger.ROLLBACK, number, why, choosing.check_rollback, dry_run=dry_run, watch=watch, as_json=as_json)


def retry(
    text: str, env: str | None, reason: str | None, *, dry_run: bool, watch: bool, as_json: bool, aws: bool
) -> None:
    """Another attempt at a version whose last one came to nothing."""
    name, number = model_and_version(text)
    at = target(name, env, aws=aws)
    number = number or choosing.last_failed(at.items(), at.label)
    why = clean_reason(reason) if reason is not None else ""
    _go(at, Trigger.RETRY, number, why, choosing.check_retry, dry_run=dry_run, watch=watch, as_json=as_json)


def _go(
    at: Target, trigger: Trigger, number: int, why: str, check: Check,
    *, dry_run: bool, watch: bool, as_json: bool, hourly_price: float | None = None,
) -> None:  # fmt: skip
    version = choosing.approved(at, number)
    seen = preview(at, trigger, number, version.arn)
    check(seen, at.label, lambda arn: at.execution(arn).get("status") == "RUNNING")
    price = _price(at, seen.spec.instance_type, hourly_price)
    words, minutes = sentence(seen, price), instance_minutes(seen)
    facts = {"model": at.model.name, "environment": at.environment.name, "version": number, "trigger": str(trigger),
             "from_version": seen.live_version or None, "decision": seen.plan["decision"], "plan": words,
             "extra_instance_minutes": minutes, "cost": cost(minutes, price)}  # fmt: skip
    if dry_run:
        quota = room(at, seen)
        shown = f"{words}\nQuota: {quota}" if quota else words
        _answer(as_json, {"ok": True, **facts, "quota": quota or None, "started": False}, shown)
        return
    begun = start(at, seen, who=at.who(), reason=why)
    facts |= {"started": True, "joined": begun.joined, "execution": begun.arn}
    if not watch:
        _answer(as_json, {"ok": True, **facts}, f"{words}\n{_begun(begun)}; watch it with: slipway status -w")
        return
    output.err(f"{words}\n{_begun(begun)}")
    end = follow(at, begun.arn, output.err, POLL_SECONDS)
    demand(end, at.label, begun.arn, number)
    _answer(
        as_json,
        {"ok": True, **facts, "outcome": end.outcome},
        f"{at.model.name} v{number} is live in {at.environment.name}",
    )


def _price(at: Target, instance_type: str, hourly: float | None) -> Price | None:
    """As the command line says it, else as `platform.yaml` does."""
    declared = at.prices.get(instance_type)
    if hourly is None:
        return declared
    return Price(per_hour=hourly, currency=declared.currency) if declared else Price(per_hour=hourly)


def _begun(begun: Started) -> str:
    return f"{begun.name} {'runs already: nothing was started twice' if begun.joined else 'is started'}"


def _answer(as_json: bool, facts: dict[str, object], words: str) -> None:
    if as_json:
        output.json_object(facts)
    else:
        output.out(words)


def _number(text: str) -> int:
    match = re.fullmatch(r"v?([0-9]{1,9})", text.strip())
    if not match or int(match[1]) < 1:
        raise Failure("SLW203", f"{text!r} is not a version.", where="--to", fix="write it as 3", exit_code=2)
    return int(match[1])
