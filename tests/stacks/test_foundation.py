"""The stateful ground: what must hold besides the snapshot."""

from typing import Any


def test_buckets_are_private_versioned_and_encrypted_with_our_keys(template: Any) -> None:
    buckets = template("Foundation").of("AWS::S3::Bucket")
    assert len(buckets) == 5
    for name, bucket in buckets.items():
        properties = bucket["Properties"]
        assert properties["PublicAccessBlockConfiguration"] == {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        }
        if "AccessLog" in name:
            continue
        (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert properties["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}


def test_buckets_refuse_plain_http(template: Any) -> None:
    foundation = template("Foundation")
    policies = foundation.of("AWS::S3::BucketPolicy")
    assert len(policies) == len(foundation.of("AWS::S3::Bucket"))
    for policy in policies.values():
        assert any(
            s["Effect"] == "Deny" and s.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
            for s in policy["Properties"]["PolicyDocument"]["Statement"]
        )


def test_keys_rotate_and_the_logical_ids_of_state_stay(template: Any) -> None:
    """Changing one of these ids replaces data: it must be meant."""
    foundation = template("Foundation")
    assert all(k["Properties"]["EnableKeyRotation"] for k in foundation.of("AWS::KMS::Key").values())
    assert sorted(i[:-8] for i in foundation.of("AWS::S3::Bucket")) == [
        "FoundationAccessLogBucket",
        "FoundationArtefactBucket",
        "FoundationCaptureBucket",
        "FoundationDataBucket",
        "FoundationReportBucket",
    ]
    assert [i[:-8] for i in foundation.of("AWS::DynamoDB::Table")] == ["FoundationLedger"]


def test_the_ledger_can_be_restored(template: Any) -> None:
    (table,) = template("Foundation").of("AWS::DynamoDB::Table").values()
    assert table["Properties"]["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["Properties"]["SSESpecification"]["SSEType"] == "KMS"
