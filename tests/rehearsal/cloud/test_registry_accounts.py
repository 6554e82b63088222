"""The registry through the emulator: two accounts, real clients, roles and policies of both sides."""

import itertools
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from rehearsal.cloud import Cloud

OWNER, USER = "111122223333", "444455556666"
REGION = "eu-west-1"
ARN = f"arn:aws:sagemaker:{REGION}:{OWNER}:"


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`client(service, account)` is that account's root; with actions it is a role that may do those."""
    numbers = itertools.count(1)
    with Cloud.start(tmp_path_factory.mktemp("registry") / "cloud", speed=60) as cloud:

        def client(service: str, account: str, *actions: str) -> Any:
            def made(name: str, **session: str) -> Any:
                credentials = {"aws_access_key_id": account, "aws_secret_access_key": "x", **session}
                return boto3.client(name, endpoint_url=cloud.url, region_name=REGION, **credentials)

            if not actions:
                return made(service)
            role = f"role-{next(numbers)}"
            trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
            allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            policy = lambda statement: json.dumps({"Version": "2012-10-17", "Statement": [statement]})  # noqa: E731
            made("iam").create_role(RoleName=role, AssumeRolePolicyDocument=policy(trust))
            made("iam").put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=policy(allow))
            arn = f"arn:aws:iam::{account}:role/{role}"
            issued = made("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
            return made(
                service,
                aws_access_key_id=issued["AccessKeyId"],
                aws_secret_access_key=issued["SecretAccessKey"],
                aws_session_token=issued["SessionToken"],
            )

        yield client


def _code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as refusal:
        call(**params)
    return str(refusal.value.response["Error"]["Code"])


def test_both_accounts_must_allow_what_crosses_between_them(accounts: Any) -> None:
    owner = accounts("sagemaker", OWNER)
    owner.create_model_package_group(ModelPackageGroupName="shared")
    version = owner.create_model_package(ModelPackageGroupName="shared")["ModelPackageArn"]
    may = accounts("sagemaker", USER, "sagemaker:DescribeModelPackage", "sagemaker:CreateModelPackage")
    may_not = accounts("sagemaker", USER, "sagemaker:ListModels")
    assert _code(may.describe_model_package, ModelPackageName=version) == "AccessDeniedException"
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{USER}:root"},
        "Action": ["sagemaker:DescribeModelPackage", "sagemaker:CreateModelPackage"],
        "Resource": f"{ARN}model-package/shared/*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    owner.put_model_package_group_policy(ModelPackageGroupName="shared", ResourcePolicy=policy)
    assert may.describe_model_package(ModelPackageName=version)["ModelPackageVersion"] == 1
    assert _code(may_not.describe_model_package, ModelPackageName=version).startswith("AccessDenied")
    registered = may.create_model_package(ModelPackageGroupName=f"{ARN}model-package-group/shared")
    assert registered["ModelPackageArn"] == f"{ARN}model-package/shared/2"
    approve = {"ModelPackageArn": version, "ModelApprovalStatus": "Approved"}
    assert _code(may.update_model_package, **approve).startswith("AccessDenied")


def test_a_role_exports_a_card_only_where_it_may_write(accounts: Any, wait_for: Any, tmp_path: Path) -> None:
    location = {"LocationConstraint": REGION}
    accounts("s3", OWNER).create_bucket(Bucket="model-cards", CreateBucketConfiguration=location)
    cards = ("sagemaker:CreateModelCard*", "sagemaker:DescribeModelCard*")
    writer, reader = accounts("sagemaker", OWNER, *cards, "s3:PutObject"), accounts("sagemaker", OWNER, *cards)
    writer.create_model_card(ModelCardName="card", Content="{}", ModelCardStatus="Draft")

    def exported(client: Any, job: str) -> Any:
        output = {"S3OutputPath": "s3://model-cards/out"}
        arn = client.create_model_card_export_job(
            ModelCardName="card", ModelCardExportJobName=job, OutputConfig=output
        )["ModelCardExportJobArn"]
        describe = lambda: client.describe_model_card_export_job(ModelCardExportJobArn=arn)  # noqa: E731
        return wait_for(lambda: found if (found := describe())["Status"] != "InProgress" else None)

    assert exported(writer, "one")["ExportArtifacts"]["S3ExportArtifacts"] == "s3://model-cards/out/one.pdf"
    target = tmp_path / "card.pdf"
    accounts("s3", OWNER).download_file("model-cards", "out/one.pdf", str(target))
    assert target.read_bytes().startswith(b"%PDF-")
    assert "AccessDenied" in exported(reader, "two")["FailureReason"]
    with pytest.raises(writer.exceptions.ResourceNotFound):
        writer.describe_model_card(ModelCardName="none")
