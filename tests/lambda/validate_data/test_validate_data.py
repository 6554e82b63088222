"""Training data is refused before compute is bought, with what is wrong and where."""

import json
from typing import Any

import pytest

from slipway_lambda.contracts.training import DataFaultError
from slipway_lambda.ports.objects import Listed
from slipway_lambda.validate_data.check import data_objects, data_version
from slipway_lambda.validate_data.handler import END_BYTES, handler

HEADER = "late,delay,carrier"
GOOD = HEADER + "\n" + "1,5,UA\n0,-2,AA\n" * 50


def event(**changed: Any) -> dict[str, Any]:
    return {
        "data_bucket": "data",
        "data_prefix": "flights/",
        "run_bucket": "artefacts",
        "run_prefix": "m/runs/r1/",
        "schema": {
            "problem": "binary_classification",
            "target": "late",
            "columns": [
                {"name": "delay", "type": "number", "required": True},
                {"name": "carrier", "type": "category", "required": True},
            ],
        },
        "prepare": {"holdout": 0.2, "minimum_rows": 100},
        **changed,
    }


def test_pins_the_objects_and_leaves_what_the_containers_read(objects: Any) -> None:
    objects.put("data", "flights/b/2.csv", GOOD)
    objects.put("data", "flights/a/1.csv", GOOD)
    objects.put("data", "flights/_SUCCESS", "")
    objects.put("data", "flights/a/", "")
    objects.put("data", "other/3.csv", "x")
    result = handler(event(), None, objects)
    assert json.loads(objects.held["artefacts", "m/runs/r1/manifest.json"]) == [
        {"prefix": "s3://data/flights/"},
        "a/1.csv",
        "b/2.csv",
    ]
    assert json.loads(objects.held["artefacts", "m/runs/r1/config/schema.json"]) == event()["schema"]
    assert json.loads(objects.held["artefacts", "m/runs/r1/config/prepare.json"]) == event()["prepare"]
    assert result["manifest_uri"] == "s3://artefacts/m/runs/r1/manifest.json"
    assert (result["objects"], result["bytes"], result["rows_about"]) == (2, 2 * len(GOOD), 200)


def test_running_twice_gives_the_same_answer(objects: Any) -> None:
    objects.put("data", "flights/1.csv", GOOD)
    assert handler(event(), None, objects) == handler(event(), None, objects)


BAD = {
    "empty": ("", "1.csv under s3://data/flights/ is empty"),
    "cut off": (GOOD[:-3], "its last line does not end"),
    "one field less at the end": (GOOD + "1,2\n", "a line has 2 fields where the header has 3: 1,2"),
    "one field more": (GOOD + "1,2,3,4\n", "a line has 4 fields"),
    "another schema": ("late,delay\n" + "1,5\n" * 200, "its header lacks carrier; it has late, delay"),
    "no target": ("delay,carrier\n" + "5,UA\n" * 200, "its header lacks late"),
    "no header": ("1,5,UA\n" * 200, "lacks delay, carrier, late"),
    "header only": (HEADER + "\n", "there is no row under its header"),
    "a doubled column": ("late,delay,carrier,delay\n" + "1,5,UA,5\n" * 200, "names delay twice"),
    "no header line": ("\n" + GOOD, "its first line is empty"),
    "too few rows": (HEADER + "\n" + "1,5,UA\n" * 99, "There are 99 rows in 1 objects, and data.minimum_rows is 100"),
    "no labels": (
        HEADER + "\n" + ",5,UA\nNA,5,UA\n" * 100,
        "No sampled row of any object has a value in the target late",
    ),
    "not text": (b"late,delay,carrier\n" + b"\xff\xfe,\x00,1\n" * 200, "is not UTF-8 text"),
}


@pytest.mark.fault("B12")
@pytest.mark.parametrize("what", BAD)
def test_refuses(objects: Any, what: str) -> None:
    body, cause = BAD[what]
    objects.put("data", "flights/0.csv", GOOD)
    objects.put("data", "flights/1.csv", body)
    if what in {"too few rows", "no labels"}:
        del objects.held["data", "flights/0.csv"]
    with pytest.raises(DataFaultError) as fault:
        handler(event(), None, objects)
    assert cause in fault.value.cause
    assert fault.value.next_step
    assert not [key for bucket, key in objects.held if bucket == "artefacts"], "nothing may be left of a refused run"


@pytest.mark.fault("B12")
def test_refuses_a_prefix_with_nothing_under_it(objects: Any) -> None:
    objects.put("data", "flights/_SUCCESS", "")
    with pytest.raises(DataFaultError, match="There is no object under s3://data/flights/"):
        handler(event(), None, objects)


def test_refuses_what_is_no_csv_file(objects: Any) -> None:
    objects.put("data", "flights/1.parquet", "PAR1")
    with pytest.raises(DataFaultError, match=r"1\.parquet under .* is not a \.csv file"):
        handler(event(), None, objects)


@pytest.mark.fault("B12")
def test_sees_the_end_of_a_large_file_without_reading_it_all(objects: Any) -> None:
    large = HEADER + "\n" + "1,5,UA\n" * 200_000
    objects.put("data", "flights/1.csv", large + "1,5\n")
    with pytest.raises(DataFaultError, match="a line has 2 fields"):
        handler(event(), None, objects)
    objects.put("data", "flights/1.csv", large)
    result = handler(event(), None, objects)
    assert result["rows_about"] == pytest.approx(200_000, rel=0.01)
    assert len(large) > 4 * END_BYTES


def test_a_large_file_of_far_too_few_rows_is_refused_by_its_estimate(objects: Any) -> None:
    objects.put("data", "flights/1.csv", HEADER + "\n" + "1,5,UA\n" * 20_000)
    with pytest.raises(DataFaultError, match="There are about 20"):
        handler(event(prepare={"holdout": 0.2, "minimum_rows": 100_000}), None, objects)


def test_further_columns_in_another_order_are_fine(objects: Any) -> None:
    objects.put("data", "flights/1.csv", "extra,carrier,late,delay\n" + "x,UA,1,5\n" * 100)
    assert handler(event(), None, objects)["objects"] == 1


def test_a_character_cut_in_two_by_a_range_is_no_fault(objects: Any) -> None:
    row = "1,5,Zürich\n"
    for shift in range(3):
        objects.put("data", "flights/1.csv", HEADER + "\n" + "1,5," + "x" * shift + "\n" + row * 20_000)
        handler(event(), None, objects)


def test_the_version_follows_content_and_not_the_order_of_a_listing() -> None:
    one, two = Listed("a", "e1", 1), Listed("b", "e2", 2)
    assert data_version([one, two]) == data_version([two, one])
    versions = {data_version(v) for v in ([one], [one, two], [Listed("a", "e9", 1), two], [Listed("a", "e1", 9), two])}
    assert len(versions) == 4


def test_markers_are_passed_over() -> None:
    kept = data_objects(
        [Listed("p/", "", 0), Listed("p/.x", "", 1), Listed("p/_y.csv", "", 1), Listed("p/1.csv", "", 1)], "w"
    )
    assert [o.key for o in kept] == ["p/1.csv"]
