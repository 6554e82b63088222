"""`prepare`: what it writes, and what it refuses before compute is bought."""

import pytest

SCHEMA_PATH = "processing/input/config/schema.json"
RAW = "processing/input/raw/month=2013-01/part-0.csv"
HEADER = "distance,carrier,wind,late"
SCHEMA = {
    "problem": "binary_classification",
    "target": "late",
    "columns": [
        {"name": "distance", "type": "number", "required": True},
        {"name": "carrier", "type": "category", "required": True},
        {"name": "wind", "type": "number", "required": False},
    ],
}


@pytest.fixture
def prepare(job, raw_rows):
    """Run over a table (header, rows) changed by the test; returns the job and the finished process."""

    def run(change=lambda header, rows: (header, rows), *, count=1500, end="\n", settings=None, schema=SCHEMA):
        header, rows = change(HEADER, raw_rows(count))
        job.put(RAW, "\n".join([header, *rows]) + end if header else "")
        job.put(SCHEMA_PATH, schema)
        job.put("processing/input/config/prepare.json", settings or {"holdout": 0.2, "minimum_rows": 1000})
        return job, job.run("prepare")

    return run


def refused(prepared, *texts):
    job, done = prepared
    message = job.text("output/message")
    assert done.returncode == 1
    assert len(message.encode()) <= 1024
    for text in texts:
        assert text in message, message
    assert not (job.base / "processing/output/train").exists()
    return message


def test_splits_by_content_and_keeps_every_row(prepare):
    job, done = prepare()
    assert done.returncode == 0, done.stderr
    out = "processing/output/"
    train = job.text(out + "train/train.csv").splitlines()
    holdout = job.text(out + "holdout/holdout.csv").splitlines()
    baseline = job.text(out + "baseline/baseline.csv").splitlines()
    report = job.json(out + "report/data_report.json")
    assert train[0] == holdout[0] == "late,distance,carrier,wind"
    assert baseline[0] == "distance,carrier,wind"
    assert [line.split(",", 1)[1] for line in train] == baseline
    assert (len(train) - 1, len(holdout) - 1) == (report["train_rows"], report["holdout_rows"])
    assert report["rows"] == 1500 == report["train_rows"] + report["holdout_rows"]
    assert 0.15 < report["holdout_rows"] / 1500 < 0.25
    assert set(train[1:]).isdisjoint(holdout[1:])
    assert report["columns"]["wind"]["missing"] > 0
    assert report["faults"] == []


def test_a_row_keeps_its_side_when_files_are_reordered(prepare, jobs, raw_rows):
    job, _ = prepare()
    other = jobs("other")
    rows = [",".join(reversed(row.split(","))) for row in reversed(raw_rows(1500))]
    other.put(RAW, "\n".join(["late,wind,carrier,distance", *rows, ""]))
    other.put(SCHEMA_PATH, SCHEMA)
    other.ok("prepare")
    for side in ("train/train.csv", "holdout/holdout.csv"):
        first, second = (sorted(j.text(f"processing/output/{side}").splitlines()) for j in (job, other))
        assert first == second


def test_quoted_fields_survive(prepare):
    job, done = prepare(lambda h, rows: (h, [r.replace(",AA,", ',"A, ""A""\nx",') for r in rows]))
    assert done.returncode == 0, done.stderr
    assert ',"A, ""A""\nx",' in job.text("processing/output/train/train.csv")


B12 = {
    "empty file": (lambda h, r: ("", []), "is empty"),
    "no rows": (lambda h, r: (h, []), "0 labelled rows, under the 1000"),
    "too few rows": (lambda h, r: (h, r[:900]), "900 labelled rows, under the 1000"),
    "truncated row": (lambda h, r: (h, [*r[:-1], "100,AA"]), "row 1501 has 2 fields, not 4"),
    "one row long, one short": (lambda h, r: (h, [*r, "1,AA,2,0,9", "1,AA,2"]), "row 1502 has 5 fields, not 4 (2 such"),
    "column renamed": (lambda h, r: (h.replace("wind", "gust"), r), "no column wind; the header has distance,"),
    "no label column": (lambda h, r: (h.replace("late", "delay"), r), "no column late"),
    "header lost": (lambda h, r: (r[0], r[1:]), "no column late, distance, carrier, wind"),
    "labels empty": (lambda h, r: (h, [x[:-1] for x in r]), 'target "late" is empty in 100% of the rows'),
    "labels of another kind": (lambda h, r: (h, [x[:-1] + "yes" for x in r]), "'yes' is not 0 or 1"),
    "one class": (lambda h, r: (h, [x[:-1] + "1" for x in r]), "target \"late\" is '1' in every train row"),
    "text in a number": (lambda h, r: (h, ["far,AA,1,0", *r]), "row 2, column \"distance\": 'far' is not a number"),
    "nan": (lambda h, r: (h, ["1,AA,nan,0", *r]), "'nan' is not a number"),
    "infinity": (lambda h, r: (h, ["1,AA,1e99,0", *r]), "'1e99' is not a number"),
    "underscore": (lambda h, r: (h, ["1_0,AA,1,0", *r]), "'1_0' is not a number"),
    "required but empty": (lambda h, r: (h, [",AA,1,0", *r]), 'column "distance": is empty but required (1 such rows)'),
    "column empty": (lambda h, r: (h, ["1,AA,," + x[-1] for x in r]), 'column "wind" is empty in every row'),
    "doubled header": (lambda h, r: (h + ",wind", [x + ",1" for x in r]), "the header names wind twice"),
    "broken quoting": (lambda h, r: (h, ['"a"b,AA,1,0', *r]), "row 2 is not CSV"),
}


@pytest.mark.fault("B12")
@pytest.mark.parametrize("name", B12)
def test_refuses_bad_data(prepare, name):
    change, text = B12[name]
    assert refused(prepare(change), text).startswith("DataFault: ")


@pytest.mark.fault("B12")
def test_refuses_a_file_cut_inside_its_last_field(prepare):
    refused(prepare(end=""), "does not end in a line break", "cut short")


@pytest.mark.fault("B12")
def test_refuses_text_that_is_not_utf8(job):
    job.put(RAW, HEADER.encode() + b"\n1,A\xff,1,0\n")
    job.put(SCHEMA_PATH, SCHEMA)
    refused((job, job.run("prepare")), "row 2 is not UTF-8 (byte 0xff)")


def test_tells_all_faults_at_once(prepare):
    message = refused(prepare(lambda h, r: (h, ["far,AA,x,0", *r[:10]])), '"distance"', '"wind"', "labelled rows")
    assert message.startswith("DataFault: 3 faults: ")


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"holdout": 1}, "holdout is 1, not a share over 0 and under 1"),
        ({"minimum_rows": 0}, "minimum_rows is 0, not a whole number from 1"),
        ({"houldout": 0.2}, "houldout unknown; known are holdout, minimum_rows"),
    ],
)
def test_refuses_bad_settings(prepare, settings, text):
    refused(prepare(settings=settings), "ParameterFault: ", text)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"problem": "ranking"}, "problem is 'ranking', not one of binary_classification, regression"),
        ({"target": ""}, "target must name the column to predict"),
        ({"columns": []}, "columns must be a list of at least one input column"),
        ({"columns": [{"name": "a", "type": "text"}]}, "type is 'text', not one of number, category"),
        ({"columns": [{"name": "late", "type": "number"}]}, 'column "late" stands twice, or is the target'),
        ({"columns": [{"type": "number"}]}, "column 1 has no name"),
        ({"columns": [{"name": "a", "type": "number", "required": 1}]}, "required must be true or false"),
    ],
)
def test_refuses_a_bad_schema(prepare, change, text):
    refused(prepare(schema={**SCHEMA, **change}), "ContractFault: ", text)


def test_missing_inputs_are_named(job):
    assert "schema.json is missing" in refused((job, job.run("prepare")))
    job.put(SCHEMA_PATH, "{")
    assert "is not JSON" in refused((job, job.run("prepare")))
    job.put(SCHEMA_PATH, SCHEMA)
    assert "no .csv file under" in refused((job, job.run("prepare")))


def test_regression_keeps_numeric_labels(prepare):
    schema = {**SCHEMA, "problem": "regression"}
    job, done = prepare(lambda h, r: (h, [x + f".{i % 9 + 1}" for i, x in enumerate(r)]), schema=schema)
    assert done.returncode == 0, done.stderr
    report = job.json("processing/output/report/data_report.json")
    assert 0 < report["label_mean"] < 2


def test_refuses_a_label_that_is_no_number_in_regression(prepare):
    schema = {**SCHEMA, "problem": "regression"}
    refused(prepare(lambda h, r: (h, ["1,AA,1,late", *r]), schema=schema), "'late' is not a number")
