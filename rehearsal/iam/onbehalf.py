"""Keys that a service uses on the caller's behalf, with the caller's permissions (forward access sessions).

S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
SNS: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
DynamoDB: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
Secrets Manager: https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rehearsal.host import Scope
from rehearsal.iam.requestkeys import Asked
from rehearsal.permissions import Need
from rehearsal.sagemaker.faults import Faults, declare

declare("S11", "key")  # a key that is disabled, by its id or ARN

_SSE, _SSE_KEY = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
_READS = frozenset({"s3:GetObject", "s3:GetObjectVersion"})
_TABLE_USES = ("Item", "Query", "Scan")
_WRITES = ("GenerateDataKey", "Decrypt")
# How each service words a key that cannot be used: disabled, and in any other state.
_STATE_CODES = {
    "s3": ("KMS.DisabledException", "KMS.KMSInvalidStateException"),
    "sqs": ("KmsDisabled", "KmsInvalidState"),
    "sns": ("KMSDisabled", "KMSInvalidState"),
    "dynamodb": ("AccessDeniedException", "AccessDeniedException"),
    "secretsmanager": ("DecryptionFailure", "DecryptionFailure"),
}


def needs(need: Need, asked: Asked, scope: Scope) -> Iterator[Need]:
    """What the caller must be allowed on a customer managed key for an action it has been allowed."""
    service, _, action = need.action.partition(":")
    if (find := _FINDERS.get(service)) is None:
        return
    for operations, key, context in find(action, need, asked):
        yield from _on_key(service, operations, key, context, scope)


def of_delivery(need: Need, scope: Scope) -> Iterator[Need]:
    """The same for what a service delivers itself, to an encrypted queue or topic."""
    service, _, action = need.action.partition(":")
    if service in ("sqs", "sns"):
        for operations, key, context in _FINDERS[service](action, need, _DELIVERED):
            yield from _on_key(service, operations, key, context, scope)


def _on_key(
    service: str, operations: tuple[str, ...], key: str, context: dict[str, str], scope: Scope
) -> Iterator[Need]:
    arn = key_arn(key)
    if arn is not None:
        keys: dict[str, Any] = {f"kms:EncryptionContext:{name}": value for name, value in context.items()}
        keys |= {
            "kms:EncryptionContextKeys": list(context) or None,
            "kms:ViaService": f"{service}.{scope.region}.amazonaws.com",
            "kms:CallerAccount": scope.account,
            "aws:ViaAWSService": "true",
            "aws:CalledVia": [f"{service}.amazonaws.com"],
            "aws:CalledViaFirst": f"{service}.amazonaws.com",
            "aws:CalledViaLast": f"{service}.amazonaws.com",
        }
        yield from (Need(f"kms:{operation}", arn, keys) for operation in operations)


def unusable(need: Need, scope: Scope, faults: Faults | None) -> tuple[str, str] | None:
    """(code, message) of the service when the key is disabled or to be deleted; None when it can be used."""
    via = str(need.context.get("kms:ViaService", "")).partition(".")[0]
    if not need.action.startswith("kms:") or via not in _STATE_CODES:
        return None
    record = _record(need.resource, scope) or {}
    identities = {need.resource, need.resource.rpartition("/")[2]}
    struck = faults.take_if("S11", lambda where: "key" not in where or where["key"] in identities) if faults else None
    state = "Disabled" if struck else record.get("KeyState", "Enabled")
    disabled, other = _STATE_CODES[via]
    if state == "Disabled":
        return disabled, f"{need.resource} is disabled."
    if state in ("PendingDeletion", "PendingReplicaDeletion", "PendingImport", "Unavailable"):
        words = {"PendingDeletion": "pending deletion", "PendingImport": "pending import"}.get(state, state)
        return other, f"{need.resource} is {words}."
    return None


def key_arn(key: str | None) -> str | None:
    """The ARN of a customer managed key, by id, ARN or alias; None for a service's own keys, which all may use."""
    from ministack.services import kms

    if not key or "alias/aws/" in key:
        return None
    record = kms._resolve_key(key)
    if record is not None:
        return None if record.get("KeyManager") == "AWS" else str(record["Arn"])
    return key if key.startswith("arn:") else None


def _record(arn: str, scope: Scope) -> Mapping[str, Any] | None:
    from ministack.services import kms

    from rehearsal.emulator import within

    parts = arn.split(":")
    found: Mapping[str, Any] | None = within(
        Scope(parts[4] or scope.account, parts[3] or scope.region), kms._resolve_key, arn
    )
    return found


Use = tuple[tuple[str, ...], str, dict[str, str]]


def _s3(action: str, need: Need, asked: Asked) -> Iterator[Use]:
    from ministack.services import s3

    bucket, _, name = need.resource.removeprefix("arn:aws:s3:::").partition("/")
    if not name:
        return
    if action == "PutObject" and not asked.member("uploadId"):
        stored = asked.headers if asked.headers.get(_SSE) else s3._bucket_default_sse_headers(bucket)
        multipart = asked.method == "POST" and "uploads" in asked.query
        operations = _WRITES if multipart else ("GenerateDataKey",)
    elif f"s3:{action}" in _READS and asked.method == "GET":
        stored, operations = _stored(bucket, name, asked), ("Decrypt",)
    else:
        return
    if str(stored.get(_SSE, "")).startswith("aws:kms"):
        yield operations, str(stored.get(_SSE_KEY, "")), {"aws:s3:arn": need.resource}


def _stored(bucket: str, name: str, asked: Asked) -> Mapping[str, Any]:
    from ministack.services import s3

    record = s3._buckets.get(bucket)
    if record is None:
        owner = s3._bucket_owner_account(bucket)
        record = s3._buckets.get_scoped(owner, None, bucket) if owner else None
    held = (record or {}).get("objects", {}).get(name) or {}
    version = asked.member("versionId")
    if version and held.get("version_id") != version:
        versions = s3._object_versions.get((bucket, name)) or []
        held = next((one for one in versions if one["version_id"] == version), held)
    found: Mapping[str, Any] = s3._stored_sse_headers(held)
    return found


def _sqs(action: str, need: Need, _: Asked) -> Iterator[Use]:
    from ministack.services import sqs

    queue = sqs._queue_by_arn(need.resource)
    key = (queue or {}).get("attributes", {}).get("KmsMasterKeyId")
    operations = {"SendMessage": _WRITES, "SendMessageBatch": _WRITES, "ReceiveMessage": ("Decrypt",)}.get(action)
    if key and operations:
        yield operations, str(key), {"aws:sqs:arn": need.resource}


def _sns(action: str, need: Need, _: Asked) -> Iterator[Use]:
    from ministack.services import sns

    topic = sns._topic_by_arn_any_scope(need.resource) if action.startswith("Publish") else None
    key = (topic or {}).get("attributes", {}).get("KmsMasterKeyId")
    if key:
        yield _WRITES, str(key), {"aws:sns:topicArn": need.resource}


def _dynamodb(action: str, need: Need, asked: Asked) -> Iterator[Use]:
    from ministack.services import dynamodb

    if not any(use in action for use in _TABLE_USES):
        return
    name = need.resource.partition(":table/")[2].split("/")[0]
    described = (dynamodb._tables.get(name) or {}).get("SSEDescription") or {}
    if described.get("SSEType") == "KMS" and described.get("Status") == "ENABLED":
        context = {"aws:dynamodb:tableName": name, "aws:dynamodb:subscriberId": asked.account}
        yield ("Decrypt",), str(described.get("KMSMasterKeyArn", "")), context


def _secrets(action: str, need: Need, _: Asked) -> Iterator[Use]:
    from ministack.services import secretsmanager

    operations = {"GetSecretValue": ("Decrypt",), "PutSecretValue": _WRITES}.get(action)
    secret = secretsmanager._resolve(need.resource)[1] if operations else None
    if secret and operations and secret.get("KmsKeyId"):
        yield operations, str(secret["KmsKeyId"]), {"SecretARN": need.resource}


_DELIVERED = Asked("", "", "", {}, b"", {}, "", "")
_FINDERS: dict[str, Callable[[str, Need, Asked], Iterator[Use]]] = {
    "s3": _s3,
    "sqs": _sqs,
    "sns": _sns,
    "dynamodb": _dynamodb,
    "secretsmanager": _secrets,
}
