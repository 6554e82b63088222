"""KMS on the caller's behalf: S3, queues, topics and tables under a customer managed key."""

import json
from typing import Any

import pytest

ACCOUNT, OTHER, REGION = "111122223333", "444455556666", "eu-west-1"
STORE = {"Action": ["s3:PutObject", "s3:GetObject"]}
USE = ["kms:GenerateDataKey", "kms:Decrypt"]


def encrypted(key: str) -> dict[str, str]:
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}


def test_an_object_under_a_key_needs_the_key_to_write_and_to_read(accounts: Any) -> None:
    bucket, key = accounts.bucket(), accounts.key()
    role = accounts.role(STORE)
    s3 = accounts.client("s3", role)
    code, words = accounts.refusal(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x", **encrypted(key)))
    assert code == "AccessDenied"
    assert f"kms:GenerateDataKey on resource: {key} because no identity-based policy allows" in words
    accounts.allow(role, STORE, {"Action": "kms:GenerateDataKey", "Resource": key})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **encrypted(key))
    _, words = accounts.refusal(lambda: s3.get_object(Bucket=bucket, Key="k"))
    assert "kms:Decrypt" in words
    s3.head_object(Bucket=bucket, Key="k")  # no data, no key
    accounts.allow(role, STORE, {"Action": USE, "Resource": key})
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_the_key_of_a_bucket_counts_as_if_it_were_asked_for(accounts: Any) -> None:
    bucket, key = accounts.bucket(), accounts.key()
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    accounts.client("s3").put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    role = accounts.role(STORE)
    s3 = accounts.client("s3", role)
    assert "kms:GenerateDataKey" in accounts.refusal(lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"x"))[1]
    accounts.allow(role, STORE, {"Action": USE, "Resource": key})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    multipart = s3.create_multipart_upload(Bucket=bucket, Key="large")
    assert multipart["UploadId"]


def test_conditions_see_the_service_and_the_object(accounts: Any) -> None:
    bucket, key = accounts.bucket(), accounts.key()
    scoped = {
        "Action": USE,
        "Resource": key,
        "Condition": {
            "StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT},
            "StringLike": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{bucket}/mine/*"},
        },
    }
    role = accounts.role(STORE, scoped)
    s3 = accounts.client("s3", role)
    s3.put_object(Bucket=bucket, Key="mine/k", Body=b"x", **encrypted(key))
    theirs = {"Bucket": bucket, "Key": "theirs/k", "Body": b"x", **encrypted(key)}
    assert accounts.refusal(lambda: s3.put_object(**theirs))[0] == "AccessDenied"
    # and the key cannot be used without S3
    assert (
        "kms:"
        in accounts.refusal(lambda: accounts.client("kms", role).generate_data_key(KeyId=key, KeySpec="AES_256"))[1]
    )


@pytest.mark.fault("S11")
def test_a_key_that_is_disabled_or_to_be_deleted_stops_its_readers(accounts: Any) -> None:
    bucket, key = accounts.bucket(), accounts.key()
    role = accounts.role(STORE, {"Action": USE, "Resource": key})
    s3, kms = accounts.client("s3", role), accounts.client("kms")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **encrypted(key))

    def read() -> Any:
        return s3.get_object(Bucket=bucket, Key="k")

    kms.disable_key(KeyId=key)
    assert accounts.refusal(read) == ("KMS.DisabledException", f"{key} is disabled.")
    kms.enable_key(KeyId=key)
    read()
    accounts.cloud.fault("S11", key=key)
    assert accounts.refusal(read)[0] == "KMS.DisabledException"
    read()
    kms.schedule_key_deletion(KeyId=key)
    assert accounts.refusal(read) == ("KMS.KMSInvalidStateException", f"{key} is pending deletion.")


def test_a_key_policy_alone_opens_a_key_and_a_grant_as_well(accounts: Any) -> None:
    bucket, role, other = accounts.bucket(), accounts.role(STORE), accounts.role(STORE)
    admin = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": ["kms:Put*", "kms:Create*"], "Resource": "*"}
    user = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "kms:*", "Resource": "*"}
    key = accounts.key(admin, user)
    accounts.client("s3", role).put_object(Bucket=bucket, Key="k", Body=b"x", **encrypted(key))
    # An identity policy opens nothing that the key policy does not give to the account.
    accounts.allow(other, STORE, {"Action": "kms:*"})
    s3 = accounts.client("s3", other)
    _, words = accounts.refusal(lambda: s3.get_object(Bucket=bucket, Key="k"))
    assert "because no resource-based policy allows the kms:Decrypt action" in words
    accounts.client("kms").create_grant(
        KeyId=key,
        GranteePrincipal=other,
        Operations=["Decrypt"],
        Constraints={"EncryptionContextSubset": {"aws:s3:arn": f"arn:aws:s3:::{bucket}/k"}},
    )
    s3.get_object(Bucket=bucket, Key="k")
    accounts.client("s3").put_object(Bucket=bucket, Key="k2", Body=b"x", **encrypted(key))
    assert accounts.refusal(lambda: s3.get_object(Bucket=bucket, Key="k2"))[0] == "AccessDenied"


def test_an_encrypted_queue_topic_and_table_need_the_key(accounts: Any) -> None:
    key = accounts.key()
    sqs, sns, dynamodb = (accounts.client(name) for name in ("sqs", "sns", "dynamodb"))
    queue = sqs.create_queue(QueueName=accounts.name("q"), Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    topic = sns.create_topic(Name=accounts.name("t"), Attributes={"KmsMasterKeyId": key})["TopicArn"]
    table = accounts.name("t")
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    may = {"Action": ["sqs:*", "sns:*", "dynamodb:*"]}
    role = accounts.role(may)
    send = accounts.client("sqs", role), accounts.client("sns", role), accounts.client("dynamodb", role)
    calls = [
        lambda: send[0].send_message(QueueUrl=queue, MessageBody="m"),
        lambda: send[1].publish(TopicArn=topic, Message="m"),
        lambda: send[2].get_item(TableName=table, Key={"id": {"S": "a"}}),
    ]
    for call in calls:
        assert f"on resource: {key}" in accounts.refusal(call)[1]
    accounts.allow(role, may, {"Action": USE, "Resource": key})
    for call in calls:
        call()
    accounts.client("kms").disable_key(KeyId=key)
    assert [accounts.refusal(call)[0] for call in calls[:2]] == ["KmsDisabled", "KMSDisabled"]


def test_a_rule_cannot_send_to_a_topic_whose_key_does_not_know_eventbridge(accounts: Any) -> None:
    root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    key = accounts.key(root)
    sqs, events = accounts.client("sqs"), accounts.client("events")
    queue = sqs.create_queue(QueueName=accounts.name("q"), Attributes={"KmsMasterKeyId": key})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    service = {"Service": "events.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": service, "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    name = accounts.name("rule")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    events.put_targets(Rule=name, Targets=[{"Id": "q", "Arn": arn}])
    entry = {"Source": name, "DetailType": "d", "Detail": "{}"}
    events.put_events(Entries=[entry])
    denied = accounts.eventually(
        lambda: accounts.cloud.calls(principal="events.amazonaws.com", action="kms:", decision="denied")
    )
    assert denied[-1]["resource"] == key
    allowed = {"Effect": "Allow", "Principal": service, "Action": USE, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [root, allowed]}
    accounts.client("kms").put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))
    events.put_events(Entries=[entry])
    assert accounts.eventually(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))


@pytest.mark.fault("F10")
def test_another_accounts_bucket_and_key_must_both_let_in(accounts: Any) -> None:
    role = accounts.role(STORE, {"Action": "kms:*"})
    bucket = accounts.bucket(account=OTHER)
    root = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": "kms:*", "Resource": "*"}
    guest = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": USE, "Resource": "*"}
    key = accounts.key(root, account=OTHER)
    owner = accounts.client("s3", account=OTHER)
    owner.put_object(Bucket=bucket, Key="k", Body=b"x", **encrypted(key))
    s3 = accounts.client("s3", role)

    def read() -> Any:
        return s3.get_object(Bucket=bucket, Key="k")["Body"].read()

    assert accounts.refusal(read)[0] == "AccessDenied"
    statement = {**guest, "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    owner.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert "kms:Decrypt" in accounts.refusal(read)[1]
    document = json.dumps({"Version": "2012-10-17", "Statement": [root, guest]})
    accounts.client("kms", account=OTHER).put_key_policy(KeyId=key, PolicyName="default", Policy=document)
    assert read() == b"x"
    accounts.cloud.fault("F10", role=role.rsplit("/", 1)[-1], service="kms")
    assert "kms:Decrypt" in accounts.refusal(read)[1]
    assert read() == b"x"
