"""Condition keys that a request brings with it, by service (Service Authorization Reference).

Left out, because nothing here has them: keys of VPC endpoints, of TLS versions and of organisations' paths.
"""

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

Keys = dict[str, Any]


@dataclass
class Asked:
    """A request as it arrived. Headers in lower case; `query` is the router's merged parameters."""

    service: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, Any]
    region: str
    account: str
    checked: set[tuple[str, str]] = field(default_factory=set)  # what follows from it and has been decided already

    @cached_property
    def members(self) -> dict[str, Any]:
        """The JSON or CBOR body, if it is one."""
        try:
            if "cbor" in self.headers.get("content-type", ""):
                import cbor2

                found = cbor2.loads(self.body)
            else:
                found = json.loads(self.body or b"{}")
        except (ValueError, EOFError, UnicodeDecodeError):
            return {}
        return found if isinstance(found, dict) else {}

    def member(self, *names: str) -> Any:
        """The first of these members, from the body or the query."""
        for name in names:
            if self.members.get(name) is not None:
                return self.members[name]
            if given := self.query.get(name):
                return given[0] if isinstance(given, list) else given
        return None


def of_request(action: str, asked: Asked) -> Keys:
    """All keys of a request, in lower case."""
    keys: Keys = {"aws:useragent": asked.headers.get("user-agent"), "aws:referer": asked.headers.get("referer")}
    service, _, name = action.partition(":")
    # A body of another shape than the service's has no keys: the service refuses it.
    with contextlib.suppress(AttributeError, TypeError, KeyError, StopIteration):
        if (build := _SERVICES.get(service)) is not None:
            keys |= build(name, asked)
    return {key.lower(): value for key, value in keys.items() if value is not None}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


_S3_HEADERS = (
    "storage-class",
    "copy-source",
    "metadata-directive",
    "content-sha256",
    "object-ownership",
    "server-side-encryption-aws-kms-key-id",
    "server-side-encryption-customer-algorithm",
)


def _s3(action: str, asked: Asked) -> Keys:
    keys: Keys = {
        "s3:authtype": "REST-QUERY-STRING" if "X-Amz-Signature" in asked.query else "REST-HEADER",
        "s3:signatureversion": "AWS4-HMAC-SHA256",
        "s3:versionid": asked.member("versionId"),
    }
    keys |= {f"s3:x-amz-{name}": asked.headers.get(f"x-amz-{name}") for name in _S3_HEADERS}
    if action == "PutObject":
        tags = dict(parse_qsl(asked.headers.get("x-amz-tagging", ""), keep_blank_values=True))
        keys |= {f"s3:requestobjecttag/{name}": value for name, value in tags.items()}
        keys["s3:requestobjecttagkeys"] = list(tags) or None
        keys["s3:if-none-match"] = asked.headers.get("if-none-match")
        keys["s3:if-match"] = asked.headers.get("if-match")
    return keys


def _dynamodb(action: str, asked: Asked) -> Keys:
    keys: Keys = {
        "dynamodb:returnvalues": asked.member("ReturnValues"),
        "dynamodb:returnconsumedcapacity": asked.member("ReturnConsumedCapacity"),
        "dynamodb:fulltablescan": "true" if action == "Scan" else None,
    }
    leading = [value for table, item in _items(asked) if (value := _leading(table, item)) is not None]
    if action == "Query":
        leading = _query_key(asked)
    return keys | {"dynamodb:leadingkeys": leading or None}


def _items(asked: Asked) -> list[tuple[str, Mapping[str, Any]]]:
    """(table, key or item) pairs that a request names."""
    members = asked.members
    pairs = [(str(members.get("TableName", "")), members.get("Key") or members.get("Item") or {})]
    for table, wanted in (members.get("RequestItems") or {}).items():
        if isinstance(wanted, Mapping):
            pairs += [(table, key) for key in _listed(wanted.get("Keys"))]
        for write in _listed(wanted):
            pairs += [(table, part.get("Item") or part.get("Key") or {}) for part in write.values()]
    for entry in _listed(members.get("TransactItems")):
        pairs += [
            (str(part.get("TableName", "")), part.get("Key") or part.get("Item") or {}) for part in entry.values()
        ]
    return [(table, item) for table, item in pairs if item]


def _partition_key(table: str) -> str | None:
    from ministack.services import dynamodb

    record = dynamodb._tables.get(table.rsplit("/", 1)[-1]) or {}
    return next((str(key["AttributeName"]) for key in record.get("KeySchema", []) if key["KeyType"] == "HASH"), None)


def _leading(table: str, item: Mapping[str, Any]) -> str | None:
    value = item.get(_partition_key(table) or "")
    return str(next(iter(value.values()))) if isinstance(value, Mapping) and value else None


def _query_key(asked: Asked) -> list[str]:
    name = _partition_key(str(asked.member("TableName") or ""))
    values = asked.members.get("ExpressionAttributeValues") or {}
    names = asked.members.get("ExpressionAttributeNames") or {}
    expression = str(asked.members.get("KeyConditionExpression") or "")
    for part in expression.replace("(", " ").replace(")", " ").split(" AND "):
        left, _, right = (piece.strip() for piece in part.partition("="))
        if names.get(left, left) == name and right in values:
            return [str(next(iter(values[right].values())))]
    return []


def _cloudwatch(action: str, asked: Asked) -> Keys:
    if action == "PutMetricData":
        return {"cloudwatch:namespace": asked.member("Namespace")}
    if action in ("PutMetricAlarm", "PutCompositeAlarm"):
        named = _listed(asked.member("AlarmActions")) or _members(asked, "AlarmActions")
        return {"cloudwatch:alarmactions": named or None}
    return {}


def _members(asked: Asked, name: str) -> list[str]:
    prefix = f"{name}.member."
    return [
        value[0] if isinstance(value, list) else value for key, value in asked.query.items() if key.startswith(prefix)
    ]


def _events(action: str, asked: Asked) -> Keys:
    if action == "PutEvents":
        entries = [entry for entry in _listed(asked.member("Entries")) if isinstance(entry, Mapping)]
        return {
            "events:source": [str(entry.get("Source", "")) for entry in entries] or None,
            "events:detail-type": [str(entry.get("DetailType", "")) for entry in entries] or None,
            "events:eventbusinvocation": "false",
        }
    if action == "PutTargets":
        arns = [str(target.get("Arn", "")) for target in _listed(asked.member("Targets"))]
        return {"events:targetarn": arns or None}
    if action == "PutRule":
        return {"events:source": _pattern(asked, "source"), "events:detail-type": _pattern(asked, "detail-type")}
    return {}


def _pattern(asked: Asked, name: str) -> list[str] | None:
    try:
        values = json.loads(asked.member("EventPattern") or "{}").get(name)
    except (ValueError, AttributeError):
        return None
    return [value for value in _listed(values) if isinstance(value, str)] or None


def _lambda(action: str, asked: Asked) -> Keys:
    keys: Keys = {}
    if action in ("AddPermission", "RemovePermission"):
        keys["lambda:principal"] = asked.member("Principal")
        keys["lambda:functionurlauthtype"] = asked.member("FunctionUrlAuthType")
    if "EventSourceMapping" in action and (name := asked.member("FunctionName")):
        full = str(name)
        if not full.startswith("arn:"):
            full = f"arn:aws:lambda:{asked.region}:{asked.account}:function:{full}"
        keys["lambda:functionarn"] = full
    vpc = asked.member("VpcConfig") or {}
    if isinstance(vpc, Mapping):
        keys["lambda:subnetids"] = vpc.get("SubnetIds")
        keys["lambda:securitygroupids"] = vpc.get("SecurityGroupIds")
    layers = asked.member("Layers")
    return keys | {"lambda:layer": layers if isinstance(layers, list) and layers else None}


def _states(_: str, asked: Asked) -> Keys:
    arn = str(asked.member("stateMachineArn") or "")
    return {"states:statemachinequalifier": arn.split(":")[7] if arn.count(":") >= 7 else None}


def _iam(_: str, asked: Asked) -> Keys:
    return {
        "iam:permissionsboundary": asked.member("PermissionsBoundary"),
        "iam:policyarn": asked.member("PolicyArn"),
        "iam:awsservicename": asked.member("AWSServiceName"),
    }


def _sts(_: str, asked: Asked) -> Keys:
    return {
        "sts:externalid": asked.member("ExternalId"),
        "sts:rolesessionname": asked.member("RoleSessionName"),
        "sts:sourceidentity": asked.member("SourceIdentity"),
        "sts:durationseconds": asked.member("DurationSeconds"),
    }


def _sns(_: str, asked: Asked) -> Keys:
    return {"sns:protocol": asked.member("Protocol"), "sns:endpoint": asked.member("Endpoint")}


def _kms(action: str, asked: Asked) -> Keys:
    keys: Keys = {"kms:calleraccount": asked.account}
    context = asked.member("EncryptionContext")
    if isinstance(context, Mapping):
        keys |= {f"kms:encryptioncontext:{name}": value for name, value in context.items()}
        keys["kms:encryptioncontextkeys"] = list(context) or None
    if action == "CreateGrant":
        operations = asked.member("Operations")
        keys["kms:grantoperations"] = operations if isinstance(operations, list) else None
        keys["kms:granteeprincipal"] = asked.member("GranteePrincipal")
        keys["kms:grantisforawsresource"] = "false"
    if action == "ScheduleKeyDeletion":
        keys["kms:schedulekeydeletionpendingwindowindays"] = asked.member("PendingWindowInDays") or 30
    if str(asked.member("KeyId") or "").startswith("alias/"):
        keys["kms:requestalias"] = asked.member("KeyId")
    return keys


def _ssm(_: str, asked: Asked) -> Keys:
    overwrite = asked.member("Overwrite")
    return {"ssm:overwrite": None if overwrite is None else str(overwrite).lower()}


def _sagemaker(action: str, asked: Asked) -> Keys:
    """What a client says beside the body; what is in it is in `sagemakerkeys`."""
    if not action.startswith("InvokeEndpoint"):
        return {}
    return {"sagemaker:targetmodel": asked.headers.get("x-amzn-sagemaker-target-model")}


_SERVICES: dict[str, Callable[[str, Asked], Keys]] = {
    "s3": _s3,
    "dynamodb": _dynamodb,
    "cloudwatch": _cloudwatch,
    "events": _events,
    "lambda": _lambda,
    "states": _states,
    "iam": _iam,
    "sts": _sts,
    "sns": _sns,
    "kms": _kms,
    "ssm": _ssm,
    "sagemaker": _sagemaker,
}
