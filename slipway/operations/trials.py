"""Champion and challenger side by side: how far a trial has come, and whether a person may hurry it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from slipway.operations.errors import Failure, of_aws
from slipway.operations.target import Target
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import ReleaseSpec, Trigger
from slipway_lambda.contracts.trial import AB, CHALLENGER, SHADOW

STRATEGIES = frozenset({SHADOW, AB})
"""Those that try a version before they shift to it."""
JUDGE = "Judge the trial"
PAGE = 100


def sides(seen: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Pure. From DescribeEndpoint: `variant`, `weight`, `percent` of the answers, `copies` of the requests only; None
    without a challenger.
    """
    variants = [*seen.get("ProductionVariants", []), *seen.get("ShadowProductionVariants", [])]
    if CHALLENGER not in {v.get("VariantName") for v in variants}:
        return None
    shadows = {v["VariantName"] for v in seen.get("ShadowProductionVariants", [])}
    answering = sum(v.get("CurrentWeight") or 0 for v in variants if v["VariantName"] not in shadows)
    return [
        {
            "variant": v["VariantName"],
            "weight": v.get("CurrentWeight"),
            "percent": 0
            if v["VariantName"] in shadows or not answering
            else round(100 * (v.get("CurrentWeight") or 0) / answering),
            "copies": v["VariantName"] in shadows,
        }
        for v in variants
    ]


def last_word(events: Iterable[Mapping[str, Any]]) -> dict[str, str] | None:
    """Pure. What the judge said last, `word` and `reason`, from a page of an execution's history; None: nothing yet."""
    by_id = {int(e["id"]): e for e in events}
    for _, event in sorted(by_id.items(), reverse=True):
        if event.get("stateExitedEventDetails", {}).get("name") != JUDGE:
            continue
        said = by_id.get(int(event.get("previousEventId", 0)), {}).get("taskSucceededEventDetails", {}).get("output")
        try:
            found = json.loads(said)["Payload"]
            return {"word": str(found["word"]), "reason": str(found["reason"])}
        except (TypeError, ValueError, KeyError):  # cut by the service, or of another version of the machine
            return None
    return None


def read_trial(target: Target, spec: ReleaseSpec, seen: Mapping[str, Any], execution: str) -> dict[str, Any] | None:
    """`sides` and the judge's last `word` and `reason`; None while there is no trial. Raises Failure."""
    found = sides(seen) if spec.strategy in STRATEGIES else None
    if found is None:
        return None
    try:
        page = target.where.client("stepfunctions").get_execution_history(
            executionArn=execution, reverseOrder=True, maxResults=PAGE, includeExecutionData=True
        )
    except Exception as error:
        raise of_aws(error, execution) from error
    return {"sides": found, **(last_word(page["events"]) or {"word": None, "reason": None})}


def words(trial: Mapping[str, Any]) -> list[str]:
    """For people."""
    (challenger,) = [s for s in trial["sides"] if s["variant"] == CHALLENGER]
    share = "a copy of the traffic" if challenger["copies"] else f"{challenger['percent']} % of the traffic"
    return [f"{share} to the challenger", *([f"the judge: {trial['reason']}"] if trial["reason"] else [])]


def check_hurry(
    target: Target, execution: str, version: int | None, *, spec: ReleaseSpec, seen: Mapping[str, Any]
) -> None:
    """Raises Failure where the running release tries nothing that could be hurried."""
    label, live = target.label, target.items().get(ledger.LIVE, {})
    why = ""
    if spec.strategy not in STRATEGIES:
        why = f"its strategy is {spec.strategy}, and SageMaker cannot hurry an update that has begun"
    elif not live or not seen:
        why = "it is the endpoint's first: there is no champion to try it against"
    elif version is not None and version == live.get("version"):
        why = "it moves the live version to another endpoint spec, and tries nothing"
    elif _trigger(target, execution) == Trigger.ROLLBACK:
        why = "it is a rollback, which tries nothing"
    elif (pending := seen.get("PendingDeploymentSummary")) and sides(pending) is None:
        why = "its trial is over and SageMaker shifts the traffic, which nobody can hurry"
    if why:
        fix = "let it end (slipway status -w), or stop it: slipway abort"
        raise Failure("SLW521", f"The release of {label} cannot be promoted early: {why}.", where=execution, fix=fix)


def _trigger(target: Target, execution: str) -> str:
    try:
        return str(json.loads(target.execution(execution)["input"])["trigger"])
    except (KeyError, TypeError, ValueError):
        return ""
