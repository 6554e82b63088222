"""Service Quotas as a client meets it, on a cloud with nothing deployed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.cloud import Cloud, CloudError

NAME = "ml.m5.large for endpoint usage"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with Cloud.start(tmp_path_factory.mktemp("quotas") / "state") as cloud:
        yield cloud


def _listed(client: Any, operation: str, **more: Any) -> dict[str, Any]:
    pages = client.get_paginator(operation).paginate(ServiceCode="sagemaker", **more)
    return {one["QuotaName"]: one for page in pages for one in page["Quotas"]}


def test_a_quota_that_is_set_is_listed_and_the_default_stays(cloud: Cloud) -> None:
    client = cloud.client("service-quotas")
    cloud.quota(NAME, 5)
    now, new = _listed(client, "list_service_quotas"), _listed(client, "list_aws_default_service_quotas")
    assert (now[NAME]["Value"], new[NAME]["Value"]) == (5.0, 1000.0)
    assert now.keys() == new.keys()
    assert {"ml.m5.large for training job usage", "Maximum number of serverless endpoints"} <= now.keys()
    code = now[NAME]["QuotaCode"]
    assert client.get_service_quota(ServiceCode="sagemaker", QuotaCode=code)["Quota"] == now[NAME]
    assert list(_listed(client, "list_service_quotas", QuotaCode=code)) == [NAME]


def test_pages_have_the_size_that_is_asked_for(cloud: Cloud) -> None:
    client = cloud.client("service-quotas")
    first = client.list_service_quotas(ServiceCode="sagemaker", MaxResults=7)
    assert len(first["Quotas"]) == 7
    second = client.list_service_quotas(ServiceCode="sagemaker", MaxResults=7, NextToken=first["NextToken"])
    assert not {q["QuotaName"] for q in first["Quotas"]} & {q["QuotaName"] for q in second["Quotas"]}


@pytest.mark.parametrize(
    ("operation", "params", "code"),
    [
        ("list_service_quotas", {"ServiceCode": "ec2"}, "NoSuchResourceException"),
        ("get_service_quota", {"ServiceCode": "sagemaker", "QuotaCode": "L-00000000"}, "NoSuchResourceException"),
        ("list_service_quotas", {"ServiceCode": "sagemaker", "NextToken": "abc"}, "InvalidPaginationTokenException"),
        ("list_services", {}, "UnknownOperationException"),
    ],
)
def test_what_is_not_there_is_refused(cloud: Cloud, operation: str, params: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refusal:
        getattr(cloud.client("service-quotas"), operation)(**params)
    assert refusal.value.response["Error"]["Code"] == code


def test_reading_needs_the_permission(cloud: Cloud) -> None:
    iam = cloud.client("iam")
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{cloud.account}:root"}},
    ]}  # fmt: skip
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    client = cloud.client("service-quotas", role)
    with pytest.raises(ClientError, match="servicequotas:ListServiceQuotas"):
        client.list_service_quotas(ServiceCode="sagemaker")
    allowed = {"Effect": "Allow", "Action": "servicequotas:ListServiceQuotas", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="reader", PolicyName="read", PolicyDocument=policy)
    assert client.list_service_quotas(ServiceCode="sagemaker")["Quotas"]


@pytest.mark.parametrize(("name", "value"), [("ml.m5.large for dinner", 1), (NAME, -1)])
def test_a_quota_that_is_none_is_not_set(cloud: Cloud, name: str, value: int) -> None:
    with pytest.raises(CloudError, match="quota"):
        cloud.quota(name, value)
