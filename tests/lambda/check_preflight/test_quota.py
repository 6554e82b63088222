"""Whether the account's quota leaves room for a release, on ports in memory."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from slipway_lambda.check_preflight.quota import check_quota
from slipway_lambda.check_preflight.room import held
from slipway_lambda.contracts.release import PreflightRefusedError, ReleaseSpec
from slipway_lambda.ports.quotas import Quota, QuotasUnreadableError

KIND, NAME = "ml.m5.large", "ml.m5.large for endpoint usage"


class Account:
    """Quotas by name, and endpoints."""

    def __init__(self, **quotas: int) -> None:
        self.quotas = {NAME: Quota(NAME, "L-1", quotas.get("large", 4))}
        self.endpoints: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self.broken = False

    def find(self, name: str) -> Quota | None:
        if self.broken:
            raise QuotasUnreadableError("Service Quotas cannot be read: AccessDeniedException.")
        return self.quotas.get(name)

    def described(self, most: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        return islice(self.endpoints, most)

    def runs(self, name: str, count: int, kind: str = KIND, **more: Any) -> None:
        variants = [{"VariantName": "main", "CurrentInstanceCount": count, "DesiredInstanceCount": count}]
        described = {"EndpointName": name, "EndpointConfigName": "old", "EndpointStatus": "InService"}
        config = {"ProductionVariants": [{"VariantName": "main", "InstanceType": kind}]}
        self.endpoints.append(({**described, "ProductionVariants": variants, **more}, config))


def _check(spec: ReleaseSpec, account: Account) -> str:
    return check_quota(spec, "new", account, account)


@pytest.mark.fault("A08")
def test_the_double_fleet_must_fit_beside_what_others_use(release_spec: ReleaseSpec) -> None:
    account = Account(large=4)
    account.runs(release_spec.endpoint, 2)
    assert "2 now + 2 more; the quota 'ml.m5.large for endpoint usage' is 4, other endpoints use 0" in _check(
        release_spec, account
    )
    account.runs("other", 1)
    with pytest.raises(PreflightRefusedError) as refusal:
        _check(release_spec, account)
    assert f"{release_spec.endpoint} needs 4 ml.m5.large at its peak: 2 now + 2 more" in refusal.value.cause
    assert "is 4, other endpoints use 1" in refusal.value.cause
    assert "at least 5 of L-1" in refusal.value.next_step


@pytest.mark.parametrize(
    ("change", "now", "most"),
    [
        ({}, 0, 2),  # a first creation
        ({"strategy": "all_at_once"}, 2, 4),
        ({"strategy": "rolling", "instance_count": 4}, 4, 6),  # one batch, and one on the way back
        ({"strategy": "rolling", "instance_count": 4, "rollback_batch_percent": 100}, 4, 9),
        ({"strategy": "rolling", "instance_count": 6}, 4, 8),  # and what the new fleet has more
        ({"strategy": "rolling", "instance_count": 4}, 0, 4),  # on another instance type: a whole fleet of it
    ],
)
def test_as_many_more_as_the_strategy_takes(
    release_spec: ReleaseSpec, change: dict[str, Any], now: int, most: int
) -> None:
    spec = replace(release_spec, **{"batch_percent": 25, "rollback_batch_percent": 25, **change})
    account = Account(large=most)
    if now or spec.strategy == "rolling":
        account.runs(spec.endpoint, now or 4, KIND if now else "ml.c5.large")
    assert f"needs {most} ml.m5.large at its peak" in _check(spec, account)
    account.quotas[NAME] = Quota(NAME, "L-1", most - 1)
    with pytest.raises(PreflightRefusedError):
        _check(spec, account)


def test_a_version_that_is_there_already_takes_no_instance(release_spec: ReleaseSpec) -> None:
    account = Account(large=0)
    account.runs(release_spec.endpoint, 2, EndpointConfigName="new")
    assert "already" in _check(release_spec, account)


def test_a_quota_that_cannot_be_read_keeps_nothing_back_and_is_told(release_spec: ReleaseSpec) -> None:
    account = Account(large=0)
    account.broken = True
    assert _check(release_spec, account) == "Not checked. Service Quotas cannot be read: AccessDeniedException."


def test_a_quota_that_is_not_listed_keeps_nothing_back_and_is_told(release_spec: ReleaseSpec) -> None:
    account = Account()
    account.quotas.clear()
    assert _check(release_spec, account) == f"no quota '{NAME}' is listed."


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {KIND: 2}),
        ({"EndpointStatus": "Failed"}, {}),
        (
            {"PendingDeploymentSummary": {"ProductionVariants": [
                {"VariantName": "main", "InstanceType": KIND, "CurrentInstanceCount": 1, "DesiredInstanceCount": 2},
            ]}},
            {KIND: 3},
        ),
        (
            {"ProductionVariants": [{"VariantName": "main", "CurrentInstanceCount": 3, "InstancePools": [
                {"InstanceType": KIND, "CurrentInstanceCount": 1},
                {"InstanceType": "ml.m5.xlarge", "CurrentInstanceCount": 2},
            ]}]},
            {KIND: 1, "ml.m5.xlarge": 2},
        ),
        ({"ShadowProductionVariants": [{"VariantName": "nobody-knows", "CurrentInstanceCount": 9}]}, {KIND: 2}),
    ],
)  # fmt: skip
def test_what_an_endpoint_holds(more: dict[str, Any], expected: dict[str, int]) -> None:
    account = Account()
    account.runs("other", 2, **more)
    assert {kind: count for kind, count in held(*account.endpoints[0]).items() if count} == expected


@pytest.mark.fault("A09")
def test_a_fall_back_needs_room_too(release_spec: ReleaseSpec) -> None:
    spec, account = replace(release_spec, fallback_instance_types=("ml.m5.xlarge",)), Account(large=4)
    account.runs(spec.endpoint, 2)
    other = "ml.m5.xlarge for endpoint usage"
    assert f"no quota '{other}' is listed" in _check(spec, account)
    account.quotas[other] = Quota(other, "L-2", 1)
    with pytest.raises(PreflightRefusedError, match=r"needs 2 ml\.m5\.xlarge at its peak: 0 now \+ 2 more") as refusal:
        _check(spec, account)
    assert "ml.m5.large" not in refusal.value.cause
