"""Service Quotas and SageMaker as the check before the shift reads them, against botocore's own shapes."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from slipway_lambda.ports.occupancy import SageMakerOccupancy
from slipway_lambda.ports.quotas import Quota, QuotasUnreadableError, ServiceQuotas

NAME = "ml.m5.large for endpoint usage"
SAGEMAKER = {"ServiceCode": "sagemaker", "MaxResults": 100}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def stubbed() -> Iterator[Callable[[str], tuple[Any, Stubber]]]:
    stubs = []

    def stub(service: str) -> tuple[Any, Stubber]:
        client = boto3.client(service, region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")  # type: ignore[call-overload]  # any service
        stubs.append(Stubber(client))
        stubs[-1].activate()
        return client, stubs[-1]

    yield stub
    for used in stubs:
        used.assert_no_pending_responses()


def _page(*names: str, **more: str) -> dict[str, Any]:
    return {"Quotas": [{"QuotaName": n, "QuotaCode": f"L-{i}", "Value": 7.0} for i, n in enumerate(names)], **more}


def test_a_quota_is_found_on_whichever_page(stubbed: Callable[[str], tuple[Any, Stubber]]) -> None:
    client, stub = stubbed("service-quotas")
    stub.add_response("list_service_quotas", _page("other", NextToken="p2"), SAGEMAKER)
    stub.add_response("list_service_quotas", _page("other", NAME), {**SAGEMAKER, "NextToken": "p2"})
    assert ServiceQuotas(client).find(NAME) == Quota(NAME, "L-1", 7)


def test_a_quota_that_was_never_changed_is_found_among_the_defaults(
    stubbed: Callable[[str], tuple[Any, Stubber]],
) -> None:
    client, stub = stubbed("service-quotas")
    stub.add_response("list_service_quotas", _page("other"), SAGEMAKER)
    stub.add_response("list_aws_default_service_quotas", _page(NAME), SAGEMAKER)
    assert ServiceQuotas(client).find(NAME) == Quota(NAME, "L-0", 7)
    stub.add_response("list_service_quotas", _page("other"), SAGEMAKER)
    stub.add_response("list_aws_default_service_quotas", _page(), SAGEMAKER)
    assert ServiceQuotas(client).find("ml.nobody for endpoint usage") is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "TooManyRequestsException", "ServiceException"])
def test_a_quota_that_cannot_be_read_is_told_apart(stubbed: Callable[[str], tuple[Any, Stubber]], code: str) -> None:
    client, stub = stubbed("service-quotas")
    stub.add_client_error("list_service_quotas", code, "no", 400)
    with pytest.raises(QuotasUnreadableError, match=code):
        ServiceQuotas(client).find(NAME)


def _listed(*names: str) -> dict[str, Any]:
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:endpoint/"
    times = {"CreationTime": NOW, "LastModifiedTime": NOW}
    return {
        "Endpoints": [
            {"EndpointName": n, "EndpointArn": arn + n, "EndpointStatus": "InService", **times} for n in names
        ]
    }


def _described(name: str) -> dict[str, Any]:
    return {
        "EndpointName": name, "EndpointArn": f"arn:aws:sagemaker:eu-west-1:111122223333:endpoint/{name}",
        "EndpointStatus": "InService", "EndpointConfigName": f"{name}-config", "CreationTime": NOW,
        "LastModifiedTime": NOW,
    }  # fmt: skip


def test_endpoints_are_described_with_their_configs_up_to_a_bound(
    stubbed: Callable[[str], tuple[Any, Stubber]],
) -> None:
    client, stub = stubbed("sagemaker")
    stub.add_response("list_endpoints", _listed("a", "gone", "b", "never-asked"), {"MaxResults": 100})
    missing = 'Could not find endpoint "gone".'
    stub.add_response("describe_endpoint", _described("a"), {"EndpointName": "a"})
    stub.add_client_error("describe_endpoint_config", "ValidationException", "Could not find the configuration.", 400)
    stub.add_client_error("describe_endpoint", "ValidationException", missing, 400)
    stub.add_response("describe_endpoint", _described("b"), {"EndpointName": "b"})
    config = {
        "EndpointConfigName": "b-config", "EndpointConfigArn": "arn:aws:sagemaker:eu-west-1:111122223333:b",
        "ProductionVariants": [{"VariantName": "main"}], "CreationTime": NOW,
    }  # fmt: skip
    stub.add_response("describe_endpoint_config", config, {"EndpointConfigName": "b-config"})
    found = list(SageMakerOccupancy(client).described(3))
    assert [(one["EndpointName"], bool(config)) for one, config in found] == [("a", False), ("b", True)]


def test_endpoints_that_cannot_be_read_are_told_apart(stubbed: Callable[[str], tuple[Any, Stubber]]) -> None:
    client, stub = stubbed("sagemaker")
    stub.add_client_error("list_endpoints", "ThrottlingException", "Rate exceeded", 400)
    with pytest.raises(QuotasUnreadableError, match="endpoints cannot be read"):
        list(SageMakerOccupancy(client).described(3))
