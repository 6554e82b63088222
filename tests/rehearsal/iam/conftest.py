import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from rehearsal.cloud import Cloud

ACCOUNT, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"


class Accounts:
    """A cloud with helpers to make roles and to act as them."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self._made = 0

    def client(self, service: str, role: str | None = None, account: str = ACCOUNT, **assume: Any) -> Any:
        """The operator of an account, or a session of a role by ARN."""
        keys = {"aws_access_key_id": account, "aws_secret_access_key": "test"}
        if role is not None:
            sts = self.client("sts", account=account)
            given = sts.assume_role(RoleArn=role, RoleSessionName="test", **assume)["Credentials"]
            names = {"aws_access_key_id": "AccessKeyId", "aws_secret_access_key": "SecretAccessKey"}
            keys = {ours: given[theirs] for ours, theirs in (names | {"aws_session_token": "SessionToken"}).items()}
        config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})
        made: Any = boto3.client
        return made(service, endpoint_url=self.cloud.url, region_name=REGION, config=config, **keys)

    def name(self, prefix: str = "it") -> str:
        """A name nothing else has."""
        self._made += 1
        return f"{prefix}-{self._made}"

    def role(
        self, *statements: dict[str, Any], trust: dict[str, Any] | None = None, account: str = ACCOUNT, **more: Any
    ) -> str:
        """A role with one inline policy, which its account may assume; its ARN."""
        iam, name = self.client("iam", account=account), self.name("role")
        trusted = trust or {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [trusted] if isinstance(trusted, dict) else trusted}
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document), **more)["Role"]["Arn"]
        if statements:
            self.allow(arn, *statements, account=account)
        return str(arn)

    def allow(self, role: str, *statements: dict[str, Any], account: str = ACCOUNT) -> None:
        """Replace the role's inline policy; a statement without Effect allows, without Resource all."""
        full = [{"Effect": "Allow", "Resource": "*", **one} for one in statements]
        self.client("iam", account=account).put_role_policy(
            RoleName=role.rsplit("/", 1)[-1],
            PolicyName="inline",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": full}),
        )

    def service_role(self, service: str, *statements: dict[str, Any], **condition: Any) -> str:
        """A role that a service may assume."""
        trust: dict[str, Any] = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
        return self.role(*statements, trust={**trust, **({"Condition": condition} if condition else {})})

    def key(self, *statements: dict[str, Any], account: str = ACCOUNT) -> str:
        """A KMS key; without statements its account's identity policies decide. Its ARN."""
        root = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "kms:*", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": list(statements) or [root]}
        made = self.client("kms", account=account).create_key(Policy=json.dumps(policy))
        return str(made["KeyMetadata"]["Arn"])

    def bucket(self, account: str = ACCOUNT) -> str:
        """A bucket; its name."""
        name = self.name("bucket")
        place = {"LocationConstraint": REGION}
        self.client("s3", account=account).create_bucket(Bucket=name, CreateBucketConfiguration=place)
        return name

    def refusal(self, call: Callable[[], Any]) -> tuple[str, str]:
        """(code, message) of a call that must be refused."""
        from botocore.exceptions import ClientError

        with pytest.raises(ClientError) as caught:
            call()
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    def eventually(self, look: Callable[[], Any], seconds: float = 5) -> Any:
        """The first true answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.05)
        raise AssertionError(f"nothing after {seconds} s")


@pytest.fixture(scope="session")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    with Cloud.start(Path(tmp_path_factory.mktemp("iam")) / "state") as cloud:
        yield Accounts(cloud)
