"""ResultWriter: the results of a distributed Map, in S3 or as the output.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
"""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.asl.errors import RESULT_WRITER_FAILED, StatesError
from rehearsal.asl.flow import Flow, State
from rehearsal.asl.line import Line
from rehearsal.asl.mapruns import MapRun
from rehearsal.asl.readers import objects
from rehearsal.asl.values import dump

# Files are cut at about this many bytes, so that no object grows without bound.
FILE_BYTES = 50 * 1024 * 1024


def write(line: Line, state: State, flow: Flow, map_run: MapRun) -> Any:
    """What the Map leaves: the outputs, or the place of the manifest. Raises States.ResultWriterFailed."""
    outcomes = map_run.outcomes()
    writer = state.get("ResultWriter")
    if writer is None:
        return [one["output"] for one in outcomes if one["status"] == "SUCCEEDED"]
    config = writer.get("WriterConfig", {})
    if "Resource" not in writer:
        return _shaped([one for one in outcomes if one["status"] == "SUCCEEDED"], config)
    s3, given = objects(line, writer, flow)
    bucket, prefix = str(given.get("Bucket", "")), str(given.get("Prefix", "")).strip("/")
    folder = "/".join(part for part in (prefix, map_run.arn.rpartition(":")[2]) if part)
    lines = config.get("OutputType", "JSON") == "JSONL"
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    try:
        for status, written in files.items():
            chosen = [one for one in outcomes if _group(one["status"]) == status]
            shaped = _shaped(chosen, config if status == "SUCCEEDED" else {})
            for number, body in enumerate(_bodies(shaped, lines=lines)):
                key = f"{folder}/{status}_{number}.{'jsonl' if lines else 'json'}"
                s3.put_object(Bucket=bucket, Key=key, Body=body)
                written.append({"Key": key, "Size": len(body)})
        manifest = {"DestinationBucket": bucket, "MapRunArn": map_run.arn, "ResultFiles": files}
        s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json", Body=dump(manifest).encode())
    except (ClientError, BotoCoreError) as error:
        raise StatesError(RESULT_WRITER_FAILED, f"Failed to write the results to {bucket}: {error}") from None
    map_run.written(sum(one["status"] == "SUCCEEDED" for one in outcomes))
    return {"MapRunArn": map_run.arn, "ResultWriterDetails": {"Bucket": bucket, "Key": f"{folder}/manifest.json"}}


def _group(status: str) -> str:
    return {"SUCCEEDED": "SUCCEEDED", "PENDING": "PENDING"}.get(status, "FAILED")


def _shaped(outcomes: list[dict[str, Any]], config: State) -> list[Any]:
    """NONE: with what is known of each execution. COMPACT: the outputs. FLATTEN: the elements of array outputs."""
    how = config.get("Transformation", "NONE")
    if how == "NONE":
        return [one.get("ended") or {"Input": dump(one["input"]), "Status": "PENDING"} for one in outcomes]
    outputs = [one["output"] for one in outcomes]
    if how == "COMPACT":
        return outputs
    return [item for output in outputs for item in (output if isinstance(output, list) else [output])]


def _bodies(results: list[Any], *, lines: bool) -> list[bytes]:
    bodies: list[list[str]] = []
    size = FILE_BYTES
    for result in results:
        text = dump(result)
        if size + len(text) > FILE_BYTES:
            bodies.append([])
            size = 0
        bodies[-1].append(text)
        size += len(text)
    return [("\n".join(body) if lines else f"[{','.join(body)}]").encode() for body in bodies]
