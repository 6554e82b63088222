"""Narrow permissions on buckets and keys, and the acceptance of the wildcards that a prefix cannot do without."""

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from slipway_constructs.acceptance import accept


class Access:
    """What one role may do with objects. Each method names prefixes as patterns below a bucket, such as `flights/runs/*`."""

    def __init__(self, role: iam.Role) -> None:
        self._role = role

    def read(self, bucket: s3.IBucket, *patterns: str) -> None:
        """Get objects, and decrypt them."""
        self._objects(bucket, patterns, "s3:GetObject")
        self._key(bucket, "kms:Decrypt")

    def write(self, bucket: s3.IBucket, *patterns: str) -> None:
        """Put objects, and encrypt them. A large object goes up in parts, for which KMS asks to decrypt as well."""
        self._objects(bucket, patterns, "s3:PutObject")
        self._key(bucket, "kms:GenerateDataKey", "kms:Decrypt")

    def list(self, bucket: s3.IBucket, *patterns: str) -> None:
        """See the keys below prefixes."""
        self._role.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn],
                conditions={"StringLike": {"s3:prefix": sorted(patterns)}},
            )
        )

    def _objects(self, bucket: s3.IBucket, patterns: Sequence[str], action: str) -> None:
        self._role.add_to_principal_policy(
            iam.PolicyStatement(actions=[action], resources=[bucket.arn_for_objects(p) for p in sorted(patterns)])
        )

    def _key(self, bucket: s3.IBucket, *actions: str) -> None:
        if bucket.encryption_key is not None:
            grant_key(bucket.encryption_key, self._role, *actions)


def grant_key(key: kms.IKey, role: iam.IRole, *actions: str) -> None:
    """Allow actions on a key on the role's side: the key's own policy leaves that to IAM, and stays free of other stacks' roles."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[key.key_arn]))


def accept_wildcards(role: iam.IRole, reason: str, *, also: Sequence[IConstruct] = ()) -> None:
    """Accept every wildcard resource that stands in the role's policy now, each under its own finding, with one reason.

    Call it last. Actions with wildcards and managed policies are not accepted by it.
    """
    for construct in (role.node.find_child("DefaultPolicy"), *also):
        assert isinstance(construct, iam.Policy)
        for finding in sorted(_wildcards(construct)):
            accept(construct, f"AwsSolutions-IAM5[Resource::{finding}]", reason)


def _wildcards(policy: iam.Policy) -> set[str]:
    document = Stack.of(policy).resolve(policy.document)
    found = set()
    for statement in document["Statement"] if document else []:
        if statement["Effect"] == "Allow":
            resources = statement["Resource"]
            for resource in resources if isinstance(resources, list) else [resources]:
                text = flatten(resource)
                if "*" in text:
                    found.add(text)
    return found


def flatten(value: object) -> str:
    """A resolved CloudFormation value as cdk-nag writes it in the id of a finding."""
    if isinstance(value, str):
        return value
    assert isinstance(value, dict), value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(flatten(part) for part in argument[1])
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    raise ValueError(f"cannot write {value} as a finding's id")
