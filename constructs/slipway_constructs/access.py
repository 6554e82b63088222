"""Narrow permissions on buckets and keys, and the acceptance of the wildcards that a prefix cannot do without."""

import json
from collections.abc import Sequence
from typing import Any

import jsii
from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import IValidation

from slipway_constructs.acceptance import accept


class Access:
    """What one role may do with objects. Each method names prefixes as patterns below a bucket, such as
    `flights/runs/*`."""

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

    def delete(self, bucket: s3.IBucket, *patterns: str) -> None:
        """Delete objects; versions of them stay."""
        self._objects(bucket, patterns, "s3:DeleteObject")

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
    """Allow actions on a key on the role's side: the key's own policy leaves that to IAM, and stays free of other
    stacks' roles."""
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[key.key_arn]))


def accept_wildcards(role: iam.IRole, reason: str) -> None:
    """Accept every wildcard resource of the role's policy, each under its own finding, with one reason.

    It is done at synth, when the policy is complete and its references to other stacks are written as they will stand
    in the template. Wildcard actions and managed policies are not accepted by it.
    """
    policy = role.node.find_child("DefaultPolicy")
    assert isinstance(policy, iam.Policy)
    policy.node.add_validation(_Acceptance(policy, reason))


@jsii.implements(IValidation)
class _Acceptance:
    """Finds nothing wrong; it is the one callback that comes after references are resolved and before the policy
    checks."""

    def __init__(self, policy: iam.Policy, reason: str) -> None:
        self._policy = policy
        self._reason = reason

    def validate(self) -> list[str]:
        """Called once at synth."""
        for finding in sorted(_wildcards(Stack.of(self._policy).resolve(self._policy.document))):
            accept(self._policy, f"AwsSolutions-IAM5[Resource::{finding}]", self._reason)
        return []


def _wildcards(document: dict[str, Any]) -> set[str]:
    allowed = [s for s in document["Statement"] if s["Effect"] == "Allow"]
    resources = [r for s in allowed for r in (s["Resource"] if isinstance(s["Resource"], list) else [s["Resource"]])]
    return {text for text in map(flatten, resources) if "*" in text}


def flatten(value: Any) -> str:
    """A resolved CloudFormation value as cdk-nag writes it in the id of a finding."""
    if isinstance(value, str):
        return value
    ((function, argument),) = value.items()
    if function == "Fn::Join":
        return str(argument[0]).join(flatten(part) for part in argument[1])
    if function == "Ref":
        return f"<{argument}>"
    if function == "Fn::GetAtt":
        return f"<{'.'.join(argument)}>"
    return json.dumps(value, separators=(",", ":"))
