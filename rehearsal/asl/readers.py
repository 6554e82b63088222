"""ItemReader: the items of a distributed Map, from objects in S3.

https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from rehearsal.asl import resources
from rehearsal.asl.errors import ITEM_READER_FAILED, RUNTIME, StatesError
from rehearsal.asl.flow import Flow, State
from rehearsal.asl.line import Line
from rehearsal.asl.ports import Call
from rehearsal.asl.values import dump

DELIMITERS = {"COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "SPACE": " ", "TAB": "\t"}
MOST_ITEMS = 100_000_000


def _failed(cause: str) -> StatesError:
    return StatesError(ITEM_READER_FAILED, cause)


def objects(line: Line, fields: State, flow: Flow) -> tuple[Any, dict[str, Any]]:
    """An S3 client with the machine's role, and the Parameters or Arguments of a reader or writer."""
    given: dict[str, Any] = {}
    for field in ("Parameters", "Arguments"):
        if field in fields:
            given = flow.template(fields[field], field, {})
    if not isinstance(given, dict):
        raise StatesError(RUNTIME, f"The parameters of {fields['Resource']} must be an object")
    resource = resources.parse(fields["Resource"])
    if resource is None:
        raise StatesError(RUNTIME, f"{fields['Resource']} is not a resource")
    role = line.run.machine.role_arn
    call = Call(resource, given, role, role, line.run.record["executionArn"])
    return line.run.host.s3(call), given


def read(line: Line, reader: State, flow: Flow) -> tuple[Any, str]:
    """The items (an array, or an object), and what `$$.Map.Item.Source` says of them."""
    s3, given = objects(line, reader, flow)
    config = reader.get("ReaderConfig", {})
    bucket = str(given.get("Bucket", ""))
    try:
        if reader["Resource"].endswith(":listObjectsV2"):
            found, source = _listed(s3, bucket, given, config), f"S3://{bucket}"
        else:
            key = str(given.get("Key", ""))
            found, source = _file(s3, bucket, key, config), f"S3://{bucket}/{key}"
    except (ClientError, BotoCoreError) as error:
        raise _failed(f"{error} (Bucket: {bucket}, Key: {given.get('Key')})") from None
    except (ValueError, csv.Error, EOFError, OSError) as error:
        raise _failed(f"Attempting to read the dataset failed: {error}") from None
    most = _most(config, flow)
    if most is not None:
        found = dict(list(found.items())[:most]) if isinstance(found, dict) else found[:most]
    return found, source


def _most(config: State, flow: Flow) -> int | None:
    if "MaxItemsPath" in config:
        value = flow.template({"value.$": config["MaxItemsPath"]}, "MaxItemsPath", {})["value"]
    elif "MaxItems" in config:
        value = flow.template(config["MaxItems"], "MaxItems", {})
    else:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_ITEMS:
        raise StatesError(RUNTIME, f"MaxItems must be an integer from 0 to {MOST_ITEMS}, but was {dump(value)}")
    return value or None


def _body(s3: Any, bucket: str, key: str) -> bytes:
    body: bytes = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body


def _file(s3: Any, bucket: str, key: str, config: State) -> Any:
    kind = config.get("InputType", "JSON")
    if kind == "MANIFEST":
        return _manifest(s3, bucket, key, config)
    return parse(_body(s3, bucket, key).decode("utf-8-sig"), kind, config)


def parse(text: str, kind: str, config: State) -> Any:
    """The items in a file. Raises ValueError or StatesError."""
    if kind == "JSONL":
        return [json.loads(row) for row in text.splitlines() if row.strip()]
    if kind == "CSV":
        return _rows(text, config)
    if kind != "JSON":
        raise _failed(f"InputType {kind} is not emulated: use CSV, JSON, JSONL or MANIFEST")
    found = json.loads(text)
    for part in str(config.get("ItemsPointer", "")).split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(name)] if isinstance(found, list) else found[name]
        except (KeyError, IndexError, TypeError, ValueError):
            raise _failed(f"ItemsPointer {config['ItemsPointer']} leads nowhere") from None
    if not isinstance(found, list | dict):
        raise _failed("Attempting to map over non-iterable node.")
    return found


def _rows(text: str, config: State) -> list[dict[str, str]]:
    """Missing fields are empty, surplus ones dropped."""
    delimiter = config.get("CSVDelimiter", "COMMA")
    if delimiter not in DELIMITERS:
        raise _failed(f"CSVDelimiter {delimiter} is none of {', '.join(DELIMITERS)}")
    rows = list(csv.reader(io.StringIO(text), delimiter=DELIMITERS[delimiter]))
    if config.get("CSVHeaderLocation") == "GIVEN":
        headers = list(config.get("CSVHeaders", []))
    else:
        headers, rows = (rows[0], rows[1:]) if rows else ([], [])
    return [{name: row[at] if at < len(row) else "" for at, name in enumerate(headers)} for row in rows if row]


def _listed(s3: Any, bucket: str, given: dict[str, Any], config: State) -> list[Any]:
    keys: list[Any] = []
    more = {key: value for key, value in given.items() if key != "Bucket"}
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, **more):
        keys += [
            {
                "Etag": one["ETag"],
                "Key": one["Key"],
                "LastModified": int(one["LastModified"].timestamp()),
                "Size": one["Size"],
                "StorageClass": one.get("StorageClass", "STANDARD"),
            }
            for one in page.get("Contents", [])
        ]
    if config.get("Transformation") != "LOAD_AND_FLATTEN":
        return keys
    flat: list[Any] = []
    for one in keys:
        found = _file(s3, bucket, one["Key"], config)
        flat += found if isinstance(found, list) else [{"Key": name, "Value": item} for name, item in found.items()]
    return flat


def _manifest(s3: Any, bucket: str, key: str, config: State) -> list[Any]:
    """The rows of an S3 inventory's or an Athena UNLOAD's files."""
    if config.get("ManifestType") == "ATHENA_DATA":
        body = _body(s3, bucket, key).decode()
        places = [line.strip().removeprefix("s3://").partition("/")[::2] for line in body.splitlines() if line.strip()]
        kind = config.get("ManifestInputType", "CSV")
        return [item for place in places for item in parse(_body(s3, *place).decode("utf-8-sig"), kind, config)]
    manifest = json.loads(_body(s3, bucket, key))
    headers = [name.strip() for name in manifest["fileSchema"].split(",")]
    return [row for part in manifest["files"] for row in _inventory(_body(s3, bucket, part["key"]).decode(), headers)]


def _inventory(text: str, headers: list[str]) -> Iterator[dict[str, str]]:
    for row in csv.reader(io.StringIO(text)):
        yield dict(zip(headers, row, strict=False))
