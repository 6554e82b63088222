"""The ledger items that a release writes, as far as its plan knows them: attributes with their types. Pure."""

from typing import Any

from slipway_lambda.attributes import to_item
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import Attempt, ReleaseSpec
from slipway_lambda.plan_release import requests
from slipway_lambda.plan_release.package import Package
from slipway_lambda.plan_release.plan import Situation, live_version, same_attempt


def attempt(spec: ReleaseSpec, package: Package, wanted: str, now: Situation, *, of_version: bool) -> dict[str, Any]:
    """The attempt without its outcome, which the machine adds. What ends a trial that was cut off is no attempt at any
    version: it goes to number 0.
    """
    same = same_attempt(package, wanted, now) and now.attempt.get("outcome") == Attempt.STARTED
    return {
        **_key(spec, ledger.attempt_key(package.version if of_version else 0)),
        **to_item(
            {
                "version": package.version,
                "approval": package.approval,
                "config": wanted,
                "execution": now.execution,
                "tries": now.attempt.get("tries", 1) + 1 if same else 1,
            }
        ),
    }


def record(spec: ReleaseSpec, package: Package, wanted: str, now: Situation, *, by: tuple[str, str]) -> dict[str, Any]:
    """What the record of this release says whatever its end; the machine adds the rest. `by`: strategy, its words."""
    return to_item(
        {
            ledger.PARTITION_KEY: ledger.endpoint_key(spec.endpoint),
            "version": package.version,
            "package_arn": package.arn,
            "config": wanted,
            "strategy": by[0],
            "strategy_words": by[1],
            "from_version": live_version(now) or 0,
            "from_config": now.endpoint.get("EndpointConfigName", ""),
            "approval_words": package.approval_words,
            "approved_by": package.approved_by,
            "data_version": package.data_version,
            "commit": package.commit,
            "image_digest": package.digest,
            "artefact_sha256": package.artefact_sha256,
            "metrics": package.metrics,
            "alarms": spec.alarm_names,
        }
    )


def live(spec: ReleaseSpec, package: Package, wanted: str, now: Situation) -> dict[str, Any]:
    """What is live once this release was verified; the machine adds when."""
    found = requests.live_record(package, wanted, now.live)
    return {**_key(spec, ledger.LIVE), **to_item({**found, "execution": now.execution})}


def _key(spec: ReleaseSpec, sort_key: str) -> dict[str, Any]:
    return to_item({ledger.PARTITION_KEY: ledger.endpoint_key(spec.endpoint), ledger.SORT_KEY: sort_key})
