"""Whether training data may be spent compute on. Pure: the ends of the objects in, a verdict out."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from slipway_lambda.contracts.training import DataFaultError
from slipway_lambda.ports.objects import Listed
from slipway_lambda.validate_data.sample import Ends, Sample, UnreadableError, read_sample

FIX = "Mend or remove the object and start the training again; nothing was bought yet."
MISSING = frozenset({"", "na", "nan", "null", "none"})


@dataclass(frozen=True)
class Wanted:
    """What the declaration says of the data."""

    columns: tuple[str, ...]
    target: str
    minimum_rows: int


def data_objects(listed: Sequence[Listed], where: str) -> list[Listed]:
    """The CSV objects of a listing, in the order of keys; markers that tools leave (`_SUCCESS`, `folder/`) are passed
    over."""
    kept = [o for o in listed if not o.key.endswith("/") and o.key.rsplit("/", 1)[-1][:1] not in {"_", "."}]
    if not kept:
        raise DataFaultError(
            f"There is no object under {where}.", "Put CSV files there, or mend data.prefix in model.yaml."
        )
    for item in kept:
        if not item.key.endswith(".csv"):
            raise DataFaultError(f"{item.key} under {where} is not a .csv file.", FIX)
        if item.size_bytes == 0:
            raise DataFaultError(f"{item.key} under {where} is empty.", FIX)
    return sorted(kept, key=lambda o: o.key)


def data_version(objects: Sequence[Listed]) -> str:
    """Names the data by its content: other keys, bytes or sizes are another version."""
    text = "".join(f"{o.key}\0{o.etag}\0{o.size_bytes}\n" for o in sorted(objects, key=lambda o: o.key))
    return hashlib.sha256(text.encode()).hexdigest()


def check_data(ends: Sequence[Ends], wanted: Wanted) -> float:
    """About how many rows there are. Raises DataFaultError naming the object and what is wrong with it."""
    samples = [_sample(e, wanted) for e in ends]
    _check_target(samples, wanted)
    rows = sum(s.row_count for s in samples)
    exact = all(s.exact for s in samples)
    # An estimate from two ends can be off by the spread of line lengths; the preparing job counts.
    if rows < (wanted.minimum_rows if exact else wanted.minimum_rows / 2):
        raise DataFaultError(
            f"There are {'' if exact else 'about '}{rows:.0f} rows in {len(ends)} objects, and data.minimum_rows is"
            f" {wanted.minimum_rows}.",
            "Add data, or lower data.minimum_rows in model.yaml if so few rows are enough.",
        )
    return rows


def _sample(ends: Ends, wanted: Wanted) -> Sample:
    try:
        sample = read_sample(ends)
    except UnreadableError as error:
        raise DataFaultError(f"{ends.key}: {error}.", FIX) from None
    doubled = sorted({name for name in sample.header if sample.header.count(name) > 1})
    if doubled:
        raise DataFaultError(f"{ends.key}: its header names {', '.join(doubled)} twice.", FIX)
    absent = [name for name in (*wanted.columns, wanted.target) if name not in sample.header]
    if absent:
        raise DataFaultError(
            f"{ends.key}: its header lacks {', '.join(absent)}; it has {', '.join(sample.header)}.",
            "Mend the file, or the columns in model.yaml if the data has changed for good.",
        )
    if not sample.rows:
        raise DataFaultError(f"{ends.key}: there is no row under its header.", FIX)
    return sample


def _check_target(samples: Sequence[Sample], wanted: Wanted) -> None:
    labels = {row[s.header.index(wanted.target)].lower() for s in samples for row in s.rows} - MISSING
    if not labels:
        raise DataFaultError(f"No sampled row of any object has a value in the target {wanted.target}.", FIX)
