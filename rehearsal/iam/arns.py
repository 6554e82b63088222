"""Resource ARNs of requests, where the emulator names none or another than the service checks.

Service Authorization Reference, "Resource types" of each service.
"""

from rehearsal.asl.tokens import authorised_against
from rehearsal.iam.requestkeys import Asked


def of_request(asked: Asked) -> str | None:
    """The ARN, or None where the emulator's own is right."""
    find = {
        "codebuild": _codebuild,
        "ecr": _ecr,
        "kms": _kms,
        "lambda": _lambda,
        "logs": _logs,
        "events": _events,
        "scheduler": _scheduler,
        "states": _states,
        "ssm": _ssm,
        "cloudformation": _cloudformation,
        "application-autoscaling": _scalable,
    }.get(asked.service)
    return find(asked) if find else None


def _prefix(asked: Asked, service: str) -> str:
    return f"arn:aws:{service}:{asked.region}:{asked.account}:"


def _action(asked: Asked) -> str:
    return asked.headers.get("x-amz-target", "").rpartition(".")[2]


def _codebuild(asked: Asked) -> str | None:
    # A build's id is its project's name and a UUID, and it is the project that is authorised.
    builds = asked.member("ids") or asked.member("id")
    first = builds[0] if isinstance(builds, list) and builds else builds
    if isinstance(first, str) and ":" in first:
        return f"{_prefix(asked, 'codebuild')}project/{first.rpartition(':')[0].rpartition('/')[2]}"
    return None


def _ecr(asked: Asked) -> str | None:
    """A repository of the registry that the request names, which may be another account's."""
    registry, name = asked.member("registryId"), asked.member("repositoryName")
    if not isinstance(registry, str) or registry == asked.account or not isinstance(name, str):
        return None
    return f"arn:aws:ecr:{asked.region}:{registry}:repository/{name}"


def _kms(asked: Asked) -> str | None:
    """A key is authorised by its own ARN, whichever name it was called by."""
    from ministack.services import kms

    named = asked.member("KeyId")
    record = kms._resolve_key(named) if isinstance(named, str) and "alias/" in named else None
    # An alias itself is the resource only of what changes the alias, and then beside the key.
    return str(record["Arn"]) if record and "Alias" not in _action(asked) else None


def _lambda(asked: Asked) -> str | None:
    name = asked.members.get("FunctionName")
    creates = asked.method == "POST" and asked.path.rstrip("/").endswith("/functions")
    if creates and isinstance(name, str) and name:
        return name if name.startswith("arn:") else f"{_prefix(asked, 'lambda')}function:{name}"
    return None


def _logs(asked: Asked) -> str | None:
    """A log group is authorised with what follows it, a stream or nothing: `…:log-group:name` alone matches no call.

    Tags are the exception.
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    if _action(asked) in ("TagResource", "UntagResource", "ListTagsForResource"):
        return None
    group, stream = asked.member("logGroupName", "logGroupIdentifier"), asked.member("logStreamName") or ""
    if not isinstance(group, str):
        return None
    group = group.partition(":log-group:")[2].removesuffix(":*") if group.startswith("arn:") else group
    return f"{_prefix(asked, 'logs')}log-group:{group}:log-stream:{stream}"


def _events(asked: Asked) -> str | None:
    """Rules of the default bus have no bus in their ARN; an archive, a replay and a connection are their own."""
    action, bus = _action(asked), str(asked.member("EventBusName") or "default").rpartition("/")[2]
    name = asked.member("Rule") or asked.member("Name")
    if not isinstance(name, str) or not action.endswith(("Rule", "Targets", "TargetsByRule", "Rules")):
        return None
    return (
        f"{_prefix(asked, 'events')}rule/{name}" if bus == "default" else f"{_prefix(asked, 'events')}rule/{bus}/{name}"
    )


def _scheduler(asked: Asked) -> str | None:
    parts = [part for part in asked.path.split("/") if part]
    if parts[:1] == ["schedules"] and len(parts) == 2:
        group = asked.member("GroupName", "groupName") or "default"
        return f"{_prefix(asked, 'scheduler')}schedule/{group}/{parts[1]}"
    return None


def _states(asked: Asked) -> str | None:
    """An alias or a version is authorised as itself and covered by its machine's ARN with a wildcard; a task token,
    against the machine or activity that waits for it.
    """
    if isinstance(token := asked.member("taskToken"), str):
        return authorised_against(token)
    arn = asked.member("stateMachineArn", "executionArn", "activityArn", "resourceArn", "stateMachineAliasArn")
    return arn if isinstance(arn, str) and arn.startswith("arn:") else None


def _ssm(asked: Asked) -> str | None:
    names = asked.member("Names")
    name = asked.member("Name") or (names[0] if isinstance(names, list) and names else None) or asked.member("Path")
    if isinstance(name, str) and "Parameter" in _action(asked) and name:
        return name if name.startswith("arn:") else f"{_prefix(asked, 'ssm')}parameter/{name.lstrip('/')}"
    return None


def _cloudformation(asked: Asked) -> str | None:
    """A stack is authorised by its full ARN once it exists."""
    name = asked.member("StackName")
    return name if isinstance(name, str) and name.startswith("arn:") else None


def _scalable(asked: Asked) -> str | None:
    arn = asked.member("ResourceARN")
    return arn if isinstance(arn, str) else None
