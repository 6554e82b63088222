"""One template in two accounts and two regions: apart from each other, and together where policies say so."""

import itertools
import json
import uuid
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config

pytestmark = pytest.mark.rehearsal

HOME, OTHER = "111122223333", "444455556666"
PLACES = list(itertools.product((HOME, OTHER), ("eu-west-1", "eu-central-1")))


def app(trusted: str) -> dict[str, Any]:
    """A bucket, a key, a repository and a role, all open to the trusted account; an alarm and a group of its own."""
    root = f"arn:aws:iam::{trusted}:root"

    def policy(*actions: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Principal": {"AWS": root}, "Action": list(actions), "Resource": "*"}
        return {"Version": "2012-10-17", "Statement": [statement]}

    own = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
        "Action": "kms:*",
        "Resource": "*",
    }
    key = policy("kms:Decrypt", "kms:GenerateDataKey")
    objects = {"Fn::Sub": "${Bucket.Arn}/*"}
    pull = policy("ecr:BatchGetImage", "ecr:DescribeImages")
    del pull["Statement"][0]["Resource"]
    return {
        "Bucket": {"Type": "AWS::S3::Bucket"},
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{**policy("s3:GetObject")["Statement"][0], "Resource": objects}],
                },
            },
        },
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {"KeyPolicy": {**key, "Statement": [own, *key["Statement"]]}},
        },
        "Repository": {
            "Type": "AWS::ECR::Repository",
            "Properties": {"RepositoryName": "shared", "RepositoryPolicyText": pull},
        },
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"}],
                },
                "Policies": [
                    {
                        "PolicyName": "p",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {"Effect": "Allow", "Action": "sagemaker:ListModelPackageGroups", "Resource": "*"}
                            ],
                        },
                    }
                ],
            },
        },
        "Group": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": {"Fn::Sub": "of-${AWS::AccountId}-${AWS::Region}"}},
        },
        "Alarm": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "AlarmName": "load",
                "Namespace": "Accounts",
                "MetricName": "Load",
                "Statistic": "Sum",
                "Period": 60,
                "EvaluationPeriods": 1,
                "Threshold": 5,
                "ComparisonOperator": "GreaterThanThreshold",
                "TreatMissingData": "notBreaching",
            },
        },
    }


@pytest.fixture(scope="module")
def deployed(stacks_in: Callable[[str, str], Any]) -> dict[tuple[str, str], Any]:
    outputs = {
        "RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}},
        "KeyArn": {"Value": {"Fn::GetAtt": ["Key", "Arn"]}},
    }
    found = {}
    for account, region in PLACES:
        stacks = found[account, region] = stacks_in(account, region)
        other = OTHER if account == HOME else HOME
        assert stacks.deploy("app", app(other), outputs=outputs) == "CREATE_COMPLETE", stacks.failures("app")
    return found


@pytest.fixture(scope="module")
def stranger(deployed: dict[tuple[str, str], Any]) -> Callable[[str], Any]:
    """Clients of a role in the other account that may do anything which that account can allow."""
    iam = deployed[OTHER, "eu-west-1"].client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"}, "Action": "sts:AssumeRole"}
        ],
    }
    name = f"stranger-{uuid.uuid4().hex[:6]}"
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(allow))
    sts = deployed[OTHER, "eu-west-1"].client("sts")
    keys = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]

    def client(service: str, given: dict[str, str] | None = None) -> Any:
        held = given or keys
        return boto3.client(  # type: ignore[call-overload]  # the service is not a literal
            service,
            endpoint_url=deployed[HOME, "eu-west-1"].cloud.url,
            region_name="eu-west-1",
            aws_access_key_id=held["AccessKeyId"],
            aws_secret_access_key=held["SecretAccessKey"],
            aws_session_token=held["SessionToken"],
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    return client


def test_each_scope_has_its_own_resources(deployed: dict[tuple[str, str], Any]) -> None:
    for (account, region), stacks in deployed.items():
        groups = stacks.client("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
        assert [one["ModelPackageGroupName"] for one in groups] == [f"of-{account}-{region}"]
        assert f":{region}:{account}:" in groups[0]["ModelPackageGroupArn"]
        assert f":{account}:" in stacks.outputs("app")["RoleArn"]
    assert len({stacks.outputs("app")["RoleArn"] for stacks in deployed.values()}) == len(PLACES)


def test_alarms_are_evaluated_in_every_scope_and_only_by_its_own_metrics(
    deployed: dict[tuple[str, str], Any],
) -> None:
    loaded = (OTHER, "eu-central-1")
    for place, stacks in deployed.items():
        data = [{"MetricName": "Load", "Value": 9.0 if place == loaded else 1.0}]
        stacks.client("cloudwatch").put_metric_data(Namespace="Accounts", MetricData=data)
    cloud = deployed[loaded].cloud
    cloud.clock.advance(60)
    cloud.flush()
    states = {
        place: stacks.client("cloudwatch").describe_alarms(AlarmNames=["load"])["MetricAlarms"][0]["StateValue"]
        for place, stacks in deployed.items()
    }
    assert states == {place: "ALARM" if place == loaded else "OK" for place in PLACES}


def test_a_role_is_assumed_across_accounts_and_is_itself_only(
    deployed: dict[tuple[str, str], Any], stranger: Callable[..., Any]
) -> None:
    home = deployed[HOME, "eu-west-1"]
    given = stranger("sts").assume_role(RoleArn=home.outputs("app")["RoleArn"], RoleSessionName="test")["Credentials"]
    there = stranger("sagemaker", given)
    found = there.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [one["ModelPackageGroupName"] for one in found] == [f"of-{HOME}-eu-west-1"]
    with pytest.raises(there.exceptions.ClientError, match="AccessDenied"):
        there.list_models()
    mine = deployed[OTHER, "eu-west-1"].outputs("app")["RoleArn"]
    with pytest.raises(there.exceptions.ClientError, match="AccessDenied"):
        stranger("sts").assume_role(RoleArn=mine, RoleSessionName="test")  # it trusts the first account only


def test_bucket_key_and_repository_open_to_another_account_and_no_further(
    deployed: dict[tuple[str, str], Any], stranger: Callable[..., Any]
) -> None:
    home = deployed[HOME, "eu-west-1"]
    bucket, key = home.outputs("app")["BucketRef"], home.outputs("app")["KeyArn"]
    home.client("s3").put_object(Bucket=bucket, Key="x", Body=b"shared")
    s3 = stranger("s3")
    assert s3.get_object(Bucket=bucket, Key="x")["Body"].read() == b"shared"
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key="y", Body=b"")
    kms = stranger("kms")
    sealed = kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    assert kms.decrypt(KeyId=key, CiphertextBlob=sealed["CiphertextBlob"])["Plaintext"] == sealed["Plaintext"]
    with pytest.raises(kms.exceptions.ClientError, match="AccessDenied"):
        kms.encrypt(KeyId=key, Plaintext=b"x")
    ecr = stranger("ecr")
    assert ecr.describe_images(registryId=HOME, repositoryName="shared")["imageDetails"] == []
    with pytest.raises(ecr.exceptions.ClientError, match="AccessDenied"):
        ecr.delete_repository(registryId=HOME, repositoryName="shared")
