"""Three releases: all at once, by canary under traffic, and a bad one that must come back by itself."""

import hashlib
import re
import time
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from slipway.demo import traffic, waiting
from slipway.demo.client import Reply
from slipway.demo.errors import EXECUTION_FAILED, DemoError
from slipway.demo.hotfix import swapped
from slipway.demo.records import sample
from slipway.demo.result import Release
from slipway.demo.setting import TRAINED_MONTHS, Demo
from slipway.demo.stages.training import approve, begin_second, champion_metric, reject
from slipway.demo.verdict import MINIMUM_REQUESTS
from slipway.operations import ledger
from slipway_lambda.contracts.ledger import PARTITION_KEY, SORT_KEY, endpoint_key, release_key

REQUESTS_A_SECOND = 250.0
MOST_REQUESTS = 20_000
MOST_SECONDS = 600.0
USUAL_SECONDS = 150.0
VERSION_OF_CONFIG = re.compile(r"-v(\d+)-[0-9a-f]{8}$")
HOTFIX_RUN = "hotfix-by-hand"


def release_first(demo: Demo) -> None:
    """Version 1 takes the empty endpoint; version 2 trains meanwhile."""
    begun = time.time()
    approve(demo, 1, f"{champion_metric(demo)} {demo.metrics[1]:.3f} on the holdout: good enough to begin with")
    begin_second(demo)
    record = settled(demo, 1)
    _note(demo, 1, record, begin=begun, end=time.time(), replies=[])


def start_client(demo: Demo) -> None:
    """The client process starts and goes on until version 3 is dealt with."""
    # A record for each request: sent twice, they would be no fair sample to the monitor that looks at this hour later.
    records = sample([demo.month_file(m) for m in TRAINED_MONTHS], demo.columns, MOST_REQUESTS)
    demo.traffic = traffic.Traffic(
        endpoint=demo.endpoint, records=records, folder=demo.options.folder / "traffic",
        environment=demo.cloud.environment(), rate=REQUESTS_A_SECOND, count=MOST_REQUESTS, seconds=MOST_SECONDS,
    )  # fmt: skip
    demo.defer(demo.traffic.stop)
    demo.marks.append({"at": time.time(), "text": "client starts"})


def release_second(demo: Demo) -> None:
    """Version 2 by canary, under traffic."""
    begun = time.time()
    approve(demo, 2, f"{champion_metric(demo)} {demo.metrics[2]:.3f}, better than version 1 on the same holdout")
    demo.marks.append({"at": begun, "text": "v2 approved"})
    record = settled(demo, 2)
    _note(demo, 2, record, begin=0.0, end=time.time(), replies=_client(demo).replies())


def release_third(demo: Demo) -> None:
    """Version 3, bad on purpose; then the client stops, and the registry is told that nobody wants this version."""
    register_hotfix(demo)
    begun = time.time()
    approve(demo, 3, "hotfix, looks the same in the registry")
    demo.marks.append({"at": begun, "text": "v3 approved"})
    record = settled(demo, 3)
    demo.marks.append({"at": time.time(), "text": "v3 rolled back"})
    client, second = _client(demo), demo.result.releases[-1]
    waiting.until(
        lambda: True if len(client.replies()) > MINIMUM_REQUESTS else None, "the client's requests",
        seconds=demo.seconds(60), alive=demo.alive,
    )  # fmt: skip
    client.stop()
    demo.traffic = None
    replies = client.replies()
    # All that was sent before this approval is version 2's time, the rest is version 3's: no request falls between.
    counted = traffic.count(replies, 0.0, begun)
    second.requests, second.failed_requests, second.failed_by_platform = (
        counted.requests, counted.failed, counted.failed,
    )  # fmt: skip
    _note(demo, 3, record, begin=begun, end=time.time(), replies=replies)
    third = demo.result.releases[-1]
    reject(demo, 3, f"rolled back: {third.cause or 'no cause was told'}"[:300])
    demo.progress.note(
        f"{third.failed_requests} of the {third.canary_requests} requests that met the canary failed; then version"
        f" {third.live_version} answered all again"
    )


def register_hotfix(demo: Demo) -> None:
    """Register version 3: version 2's package with another archive.

    The metadata is that of any version, its sha256 right.
    """
    sagemaker, s3 = demo.client("sagemaker"), demo.client("s3")
    arn = _arn(sagemaker, demo.declared[2].name, 2)
    package = sagemaker.describe_model_package(ModelPackageName=arn)
    container = package["InferenceSpecification"]["Containers"][0]
    bucket, _, key = container["ModelDataUrl"].removeprefix("s3://").partition("/")
    archive = swapped(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    place = f"{demo.declared[2].name}/runs/{HOTFIX_RUN}/model/model.tar.gz"
    s3.put_object(Bucket=demo.places.artefact_bucket, Key=place, Body=archive)
    specification = {
        name: package["InferenceSpecification"][name]
        for name in ("SupportedContentTypes", "SupportedResponseMIMETypes")
        if package["InferenceSpecification"].get(name)
    }
    image = {name: container[name] for name in ("Image", "ImageDigest") if container.get(name)}
    kept = {name: package[name] for name in ("ModelMetrics", "DriftCheckBaselines") if package.get(name)}
    sagemaker.create_model_package(
        ModelPackageGroupName=package["ModelPackageGroupName"],
        ModelPackageDescription="Hotfix registered by hand: no training run made it.",
        ModelApprovalStatus="PendingManualApproval",
        InferenceSpecification={
            "Containers": [{**image, "ModelDataUrl": f"s3://{demo.places.artefact_bucket}/{place}"}], **specification,
        },
        CustomerMetadataProperties={
            **package["CustomerMetadataProperties"], "artefact_sha256": hashlib.sha256(archive).hexdigest(),
        },
        MetadataProperties={"GeneratedBy": "by hand"},
        SkipModelValidation="All",
        **kept,
    )  # fmt: skip


def settled(demo: Demo, version: int) -> dict[str, Any]:
    """The ledger's record of this version's release, once it is there and its execution has ended.

    Which execution took the version does not matter: the approval's, or that of the sweep which looks for lost ones.
    """
    stepfunctions = demo.client("stepfunctions")
    machine = demo.places.need("release_machine")
    before = {e["executionArn"] for e in _failed(stepfunctions, machine)}

    def look() -> dict[str, Any] | None:
        for record in records(demo):
            if int(record.get("version", 0)) == version and waiting.ended(stepfunctions, record["execution"]):
                return record
        for execution in _failed(stepfunctions, machine):
            if execution["executionArn"] not in before:
                before.add(execution["executionArn"])
                _unless_recorded(demo, execution["executionArn"], version)
        demo.progress.say(_state(demo))
        return None

    return waiting.until(
        look, f"the release of version {version}", seconds=demo.seconds(USUAL_SECONDS), alive=demo.alive
    )


def _failed(stepfunctions: Any, machine: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stepfunctions.list_executions(
        stateMachineArn=machine, statusFilter="FAILED", maxResults=20
    )["executions"]
    return found


def _unless_recorded(demo: Demo, arn: str, version: int) -> None:
    """A release that failed without a record in the ledger will never have one: say at once where and why it failed."""
    if any(record["execution"] == arn for record in records(demo)):
        return
    stepfunctions = demo.client("stepfunctions")
    end = waiting.ended(stepfunctions, arn)
    history = stepfunctions.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    raise DemoError(
        EXECUTION_FAILED,
        f"The release of version {version} failed in {waiting.failed_state(history)} ({arn.rsplit(':', 1)[-1]}):"
        f" {end.error if end else ''} {waiting.short(end.cause) if end else ''}".rstrip(),
        "The cause says what to mend; `slipway demo --keep` leaves the cloud up to look at it.",
    )


def records(demo: Demo) -> list[dict[str, Any]]:
    """The ledger's records of all releases of the endpoint, newest first."""
    plain = TypeDeserializer().deserialize
    found = demo.client("dynamodb").query(
        TableName=demo.places.ledger_table,
        KeyConditionExpression="#pk = :pk AND begins_with(#sk, :sk)",
        ExpressionAttributeNames={"#pk": PARTITION_KEY, "#sk": SORT_KEY},
        ExpressionAttributeValues={":pk": {"S": endpoint_key(demo.endpoint)}, ":sk": {"S": release_key("")}},
        ConsistentRead=True,
    )["Items"]
    items = [{name: plain(value) for name, value in item.items()} for item in found]
    return sorted(items, key=lambda item: -float(item.get("ended_at", 0)))


def live_version(demo: Demo) -> int | None:
    """The version that the endpoint and the ledger agree on; None where they do not, or the endpoint is not in
    service."""
    told = demo.client("sagemaker").describe_endpoint(EndpointName=demo.endpoint)
    match = VERSION_OF_CONFIG.search(told["EndpointConfigName"])
    recorded = ledger.live(demo.where, demo.places.ledger_table, demo.endpoint) or {}
    if told["EndpointStatus"] != "InService" or not match or int(recorded.get("version", 0)) != int(match[1]):
        return None
    return int(match[1])


def _note(demo: Demo, version: int, record: dict[str, Any], *, begin: float, end: float, replies: list[Reply]) -> None:
    counted = traffic.count(replies, begin, end)
    by_model = counted.by_model if version == 3 else 0
    _, met = traffic.canary_share(replies, begin, end)
    outcome = str(record.get("outcome", ""))
    demo.result.releases.append(
        Release(
            version=version,
            strategy=str(record.get("strategy", "")),
            outcome=outcome,
            live_version=live_version(demo),
            requests=counted.requests,
            failed_requests=counted.failed,
            # Before version 3 no failure can be a bad version's: whatever failed was lost.
            failed_by_platform=counted.failed - by_model,
            canary_requests=met if version == 3 else 0,
            cause=None if outcome == "released" else waiting.short(str(record.get("cause") or "")) or None,
        )
    )
    told = f": {demo.result.releases[-1].cause}" if demo.result.releases[-1].cause else ""
    demo.progress.note(f"version {version}: {outcome}{told}")


def _client(demo: Demo) -> traffic.Traffic:
    if demo.traffic is None:
        raise DemoError(EXECUTION_FAILED, "The client does not run.", "Report this as a bug.")
    return demo.traffic


def _state(demo: Demo) -> str:
    sagemaker = demo.client("sagemaker")
    try:
        return f"the endpoint is {sagemaker.describe_endpoint(EndpointName=demo.endpoint)['EndpointStatus']}"
    except sagemaker.exceptions.ClientError:
        return "no endpoint yet"


def _arn(sagemaker: Any, group: str, version: int) -> str:
    found = sagemaker.list_model_packages(ModelPackageGroupName=group, MaxResults=100)["ModelPackageSummaryList"]
    return next(str(p["ModelPackageArn"]) for p in found if p["ModelPackageVersion"] == version)
