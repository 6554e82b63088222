"""Export of a model card: a real PDF in S3, written with the permissions of the role that asked for it.

The service renders a designed document. Ours has the same content as plain text, the layout is not the service's.
"""

import json
import posixpath
import re
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.errors import conflict, invalid, not_found
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.objects import TransferError, parse_uri
from rehearsal.sagemaker.recovery import follows
from rehearsal.sagemaker.registry import pdf
from rehearsal.sagemaker.registry.groups import scope_of
from rehearsal.sagemaker.registry.model_cards import find_card, version_of
from rehearsal.sagemaker.store import Record

DIFFERENCES = (
    "An exported model card is a PDF with the whole content as plain text: the layout is not the service's, the "
    "object is `<S3OutputPath>/<job name>.pdf`, and only roles can export.",
)

_REASON_CHARACTERS = 1024
_SESSION = re.compile(r"arn:aws:sts::(\d+):assumed-role/([^/]+)/.+")


@action("CreateModelCardExportJob")
def create_model_card_export_job(call: Call) -> Record:
    """Starts the export of one version, the latest if none is named."""
    card = find_card(call, call.params["ModelCardName"])
    version = version_of(card, call.params.get("ModelCardVersion"))
    try:
        parse_uri(call.params["OutputConfig"]["S3OutputPath"])
    except TransferError as error:
        raise invalid(f"Invalid S3OutputPath: {error}.") from error
    name, job = card["ModelCardName"], call.params["ModelCardExportJobName"]
    arn = call.arn("model-card", f"{name}/export-job/{job}")
    if arn in _jobs(call):
        raise conflict(f"Model card export job {arn} already exists.")
    record = call.new("ModelCardExportJobArn", arn)
    record |= {"ModelCardName": name, "ModelCardVersion": version["ModelCardVersion"], "Status": "InProgress"}
    record |= {"CreatedAt": call.now, "LastModifiedAt": call.now}
    record |= {"_text": _text(version), "_role": _role(call.principal), "_principal": call.principal}
    del record["_arn"]  # export jobs have no tags
    _jobs(call)[arn] = record
    publish(call.core, events.MODEL_CARD_EXPORT_JOB, record)
    call.core.run(f"export-{job}", _export, call.core, call.scope, record)
    return call.show(record)


@action("DescribeModelCardExportJob")
def describe_model_card_export_job(call: Call) -> Record:
    """The job as it stands."""
    arn = call.params["ModelCardExportJobArn"]
    record = _jobs(call).get(arn.lower())
    if record is None:
        raise not_found(f"Model card export job {arn} does not exist.")
    return call.show(record)


@action("ListModelCardExportJobs")
def list_model_card_export_jobs(call: Call) -> Record:
    """One page of a card's jobs."""
    card = call.params["ModelCardName"]
    rows = [one for one in _jobs(call).values() if one["ModelCardName"] == card]
    same = {"ModelCardVersion": "ModelCardVersion"}
    return listed(call, rows, name="ModelCardExportJobName", status="Status", order="Descending", equal=same)


def _jobs(call: Call) -> dict[str, Record]:
    return call.state.table("model_card_exports")


def _role(principal: str) -> str | None:
    matched = _SESSION.fullmatch(principal)
    return f"arn:aws:iam::{matched[1]}:role/{matched[2]}" if matched else None


def _export(core: Core, scope: Scope, record: Record) -> None:
    bucket, prefix = parse_uri(record["OutputConfig"]["S3OutputPath"])
    key = posixpath.join(prefix, f"{record['ModelCardExportJobName']}.pdf")
    outcome: Record = {"Status": "Completed", "ExportArtifacts": {"S3ExportArtifacts": f"s3://{bucket}/{key}"}}
    try:
        if record["_role"] is None:
            raise TransferError(f"{record['_principal']} is not a role; exports here act with a role's permissions")
        client: Any = core.host.client("s3", record["_role"], scope)
        client.put_object(Bucket=bucket, Key=key, Body=pdf.document(record["_text"]))
    except Exception as error:  # whatever S3 says is the job's failure
        reason = f"ClientError: Failed to upload the exported model card to s3://{bucket}/{key}: {error}"
        outcome = {"Status": "Failed", "FailureReason": reason[:_REASON_CHARACTERS]}
    with core.store.lock:
        record |= {**outcome, "LastModifiedAt": core.host.clock.now()}
        publish(core, events.MODEL_CARD_EXPORT_JOB, record)


def _text(card: Record) -> str:
    head = (
        f"Model card: {card['ModelCardName']}\nVersion: {card['ModelCardVersion']}\nStatus: {card['ModelCardStatus']}"
    )
    return f"{head}\n\n{_section(json.loads(card['Content'] or '{}'), 0)}"


def _section(value: Any, depth: int) -> str:
    pad = "  " * depth
    if isinstance(value, dict):
        parts = []
        for name, item in value.items():
            title = str(name).replace("_", " ").capitalize()
            deep = isinstance(item, dict | list) and item
            parts.append(f"{pad}{title}:\n{_section(item, depth + 1)}" if deep else f"{pad}{title}: {item}")
        return "\n".join(parts)
    if isinstance(value, list):
        return "\n".join(
            f"{pad}-\n{_section(item, depth + 1)}" if isinstance(item, dict | list) else f"{pad}- {item}"
            for item in value
        )
    return f"{pad}{value}"


@follows
def _go_on(core: Core) -> None:
    """An export that was under way is made again: it has no effect but the object it overwrites."""
    for _, state in core.store.scopes():
        for arn, record in state.table("model_card_exports").items():
            if record["Status"] == "InProgress":
                core.run(f"export-{arn}", _export, core, scope_of(arn), record)
