"""Request bodies to columns of text, predictions to response bodies. A client's fault is one line with its place."""

import json
from collections.abc import Callable
from typing import Any

from tabular.encode import Matrix, clip
from tabular.faults import DataFault
from tabular.model import Model
from tabular.table import split_rows

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"


class Refused(Exception):
    """An HTTP status from 400 up and its one-line reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def read(body: bytes, content_type: str, model: Model) -> Matrix:
    """The rows to predict, or Refused 400 or 415."""
    reader = READERS.get(content_type)
    if reader is None:
        raise Refused(415, f"content type {clip(content_type)} is not one of {', '.join(READERS)}")
    if not body.strip():
        raise Refused(400, "the body is empty: send one row or more")
    try:
        return model.encoder.encode(reader(body, model))
    except DataFault as fault:
        raise Refused(400, fault.args[0]) from None
    except UnicodeDecodeError as error:
        raise Refused(400, f"the body is not UTF-8 (byte {error.start})") from None
    except RecursionError:
        raise Refused(400, "the JSON is nested too deeply") from None


def _csv(body: bytes, model: Model) -> list[list[str]]:
    return split_rows(body, len(model.schema.columns), 1, "")


def _json(body: bytes, model: Model) -> list[list[str]]:
    value = _loads(body.decode(), "the body")
    if isinstance(value, dict) and "instances" in value:
        value = value["instances"]
        if not isinstance(value, list) or not value:
            raise DataFault("instances must be a list of at least one row")
    else:
        value = [value]
    return _columns(value, model)


def _json_lines(body: bytes, model: Model) -> list[list[str]]:
    lines = [line for line in body.decode().split("\n") if line.strip()]
    return _columns([_loads(line, f"row {i}") for i, line in enumerate(lines, 1)], model)


def _loads(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise DataFault(f"{where} is not JSON: {error}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _columns(rows: list[Any], model: Model) -> list[list[str]]:
    names = model.schema.names
    texts = [[_text(v, i, n) for v, n in zip(_values(r, i, names), names, strict=True)] for i, r in enumerate(rows, 1)]
    return [list(column) for column in zip(*texts, strict=True)]


def _values(row: Any, number: int, names: list[str]) -> list[Any]:
    if isinstance(row, dict):
        if isinstance(row.get("features"), list) and "features" not in names:
            row = row["features"]
        else:
            if strangers := [key for key in row if key not in names]:
                raise DataFault(f"row {number}: no input is named {clip(strangers[0])}")
            return [row.get(name) for name in names]
    if not isinstance(row, list):
        raise DataFault(f"row {number} is a {type(row).__name__}, not an object or a list of values")
    if len(row) != len(names):
        raise DataFault(f"row {number} has {len(row)} fields, not {len(names)}")
    return row


def _text(value: Any, row: int, name: str) -> str:
    """As the field would stand in CSV; a float without a fraction as the whole number it is."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DataFault(f'row {row}, column "{name}": a {type(value).__name__} is neither a number nor a text')
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    return str(value) if abs(value) < 2**127 else "1e999"


READERS: dict[str, Callable[[bytes, Model], list[list[str]]]] = {CSV: _csv, JSON: _json, JSON_LINES: _json_lines}


def accepted(accept: str, content_type: str) -> str:
    """The response's type: what was asked for, else the request's own; Refused 406 if we have none of it."""
    asked = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for kind in asked:
        if kind in READERS:
            return kind
        if kind in ("", "*/*", "text/*" if content_type == CSV else "application/*"):
            return content_type
    raise Refused(406, f"cannot answer as {clip(accept)}: ask for one of {', '.join(READERS)}")


def write(predictions: list[float], kind: str) -> bytes:
    """One prediction a row, in nine digits: enough to give back the same float32."""
    texts = [f"{p:.9g}" for p in predictions]
    if kind == CSV:
        return ("\n".join(texts) + "\n").encode()
    if kind == JSON:
        return ('{"predictions": [' + ", ".join(texts) + "]}").encode()
    return "".join(f'{{"prediction": {text}}}\n' for text in texts).encode()
