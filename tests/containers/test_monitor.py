"""The monitor as a process: baseline, then runs over captured requests, in Model Monitor's file formats."""

import base64
import json
import random
import shutil
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"
START, END = "2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z"
INPUT, OUTPUT = "processing/input/endpoint/flights-dev/main/2026/11/20/14/a.jsonl", "processing/output/"
BASELINE_INPUT = "processing/input/baseline_dataset_input/baseline.csv"
CSV_FORMAT = '{"csv": {"header": true, "output_columns_position": "START"}}'


def record(data, *, time="2026-11-20T14:05:09Z", kind="text/csv", encoding="CSV", **metadata):
    payload = {"observedContentType": kind, "mode": "INPUT", "data": data, "encoding": encoding}
    meta = {"eventId": "0d2c3f6e", "inferenceTime": time, **metadata}
    return json.dumps({"captureData": {"endpointInput": payload}, "eventMetadata": meta, "eventVersion": "0"})


def table(count, seed=1, shift=0.0, carriers=("AA", "B6", "UA")):
    """`distance,carrier,wind` rows; wind is missing in 5 %."""
    chance = random.Random(seed)
    return [
        f"{chance.randrange(100, 3000)},{chance.choice(carriers)},"
        + ("" if chance.random() < 0.05 else f"{chance.expovariate(0.1) + shift:.2f}")
        for _ in range(count)
    ]


@pytest.fixture
def baseline(jobs):
    def make(rows, header="distance,carrier,wind", **env):
        job = jobs("baseline", "monitor")
        job.put(BASELINE_INPUT, "\n".join([header, *rows, ""]))
        job.ok("baseline", dataset_format=CSV_FORMAT, **env)
        return job

    return make


@pytest.fixture
def monitor(jobs, baseline):
    """A run over `lines` against a baseline of `table(4000)`; returns the job and the finished process."""
    made = []

    def run(lines, *, path=INPUT, change=lambda constraints: None, rules=None, **env):
        job = jobs(f"run{len(made)}", "monitor")
        source = rules or (made[0] if made else baseline(table(4000)).base / OUTPUT)
        made.append(source)
        constraints = json.loads((source / "constraints.json").read_text())
        change(constraints)
        job.put("processing/input/baseline/constraints.json", constraints)
        shutil.copy(source / "statistics.json", job.base / "processing/input/baseline/statistics.json")
        if lines is not None:
            job.put(path, "".join(line + "\n" for line in lines))
        given = {
            "dataset_format": '{"sagemakerCaptureJson": {"captureIndexNames": ["endpointInput", "endpointOutput"]}}',
            "dataset_source": "/opt/ml/processing/input/endpoint",
            "output_path": "/opt/ml/processing/output",
            "start_time": START,
            "end_time": END,
            "baseline_constraints": "/opt/ml/processing/input/baseline/constraints.json",
            "baseline_statistics": "/opt/ml/processing/input/baseline/statistics.json",
            "sagemaker_endpoint_name": "flights-dev",
            "sagemaker_monitoring_schedule_name": "flights-dev-dq",
            "publish_cloudwatch_metrics": "Enabled",
        }
        return job, job.run("run", **{**given, **env})

    return run


def violations(ran):
    job, done = ran
    assert done.returncode == 0, done.stderr
    found = job.json(OUTPUT + "constraint_violations.json")["violations"]
    assert job.json(OUTPUT + "report.json")["violations"] == len(found)
    return {(v["feature_name"], v["constraint_check_type"]): v["description"] for v in found}


def keys(shape):
    return {(k, *(keys(v) if isinstance(v, dict) else ())) for k, v in shape.items()}


def test_baseline_writes_the_documented_shapes(baseline):
    rows = table(4000)
    job = baseline([row + f",{i % 73}" for i, row in enumerate(rows)], "distance,carrier,wind,tenure_months")
    statistics, rules = (job.json(OUTPUT + name) for name in ("statistics.json", "constraints.json"))
    golden = json.loads((FIXTURES / "statistics.json").read_text())
    golden_rules = json.loads((FIXTURES / "constraints.json").read_text())
    assert statistics["dataset"] == {"item_count": 4000}
    features = {f["name"]: f for f in statistics["features"]}
    samples = {f["name"]: f for f in golden["features"]}
    for ours, theirs in (("tenure_months", "tenure_months"), ("wind", "monthly_charge"), ("carrier", "plan")):
        assert keys(features[ours]) == keys(samples[theirs])
        assert features[ours]["inferred_type"] == samples[theirs]["inferred_type"]
    winds = [float(row.split(",")[2]) for row in rows if row.split(",")[2]]
    wind = features["wind"]["numerical_statistics"]
    assert wind["common"] == {"num_present": len(winds), "num_missing": 4000 - len(winds)}
    assert wind["mean"] == pytest.approx(sum(winds) / len(winds))
    kll = wind["distribution"]["kll"]
    assert [len(kll["buckets"]), sum(b["count"] for b in kll["buckets"])] == [10, len(winds)]
    assert kll["sketch"]["parameters"] == {"c": 0.64, "k": 2048.0}
    assert sum(len(level) << i for i, level in enumerate(kll["sketch"]["data"])) == len(winds)
    assert rules["monitoring_config"] == golden_rules["monitoring_config"]
    by_name = {f["name"]: f for f in rules["features"]}
    assert by_name["carrier"]["string_constraints"] == {"domains": ["AA", "B6", "UA"]}
    assert by_name["wind"]["completeness"] == len(winds) / 4000
    assert by_name["wind"]["num_constraints"] == {"is_non_negative": True}
    assert job.text("output/message") == "Completed: Job completed successfully with no violations."


def test_the_drift_threshold_is_the_callers(baseline):
    rules = baseline(table(100), slipway_drift_threshold="0.25").json(OUTPUT + "constraints.json")
    distance = rules["monitoring_config"]["distribution_constraints"]
    assert distance["comparison_threshold"] == distance["categorical_comparison_threshold"] == 0.25


def test_a_fair_window_has_no_violation(monitor):
    job, done = monitor([record(row + "\n") for row in table(4000)[:500]])
    assert violations((job, done)) == {}
    report = job.json(OUTPUT + "report.json")
    assert (report["verdict"], report["records"], report["unparsable"]) == ("Completed", 500, 0)
    assert report["window"] == {"start": START, "end": END}
    assert set(report["features"]) == {"distance", "carrier", "wind"}
    assert report["features"]["wind"]["threshold"] == 0.1
    assert job.text("output/message") == "Completed: Job completed successfully with no violations."
    assert job.json(OUTPUT + "statistics.json")["dataset"]["item_count"] == 500


def test_drift_is_found_in_numbers_and_categories(monitor):
    job, done = monitor([record(row) for row in table(500, seed=2, shift=10, carriers=("AA", "AA", "AA", "B6", "UA"))])
    found = violations((job, done))
    assert set(found) == {("wind", "baseline_drift_check"), ("carrier", "baseline_drift_check")}
    assert "exceeds threshold: 0.1" in found["wind", "baseline_drift_check"]
    text = "CompletedWithViolations: Job completed successfully with 2 violations."
    assert (job.text("output/message"), done.returncode) == (text, 0)
    assert job.json(OUTPUT + "report.json")["verdict"] == "CompletedWithViolations"


def test_publishes_metrics_as_model_monitor_names_them(monitor):
    job, _ = monitor([record(row) for row in table(500, seed=2)])
    lines = [json.loads(x) for x in job.text("output/metrics/cloudwatch/cloudwatch_metrics.jsonl").splitlines()]
    by_name = {line["MetricName"]: line for line in lines}
    assert set(by_name) == {
        *(f"feature_data_{f}" for f in ("distance", "wind")),
        *(f"feature_{kind}_{f}" for kind in ("non_null", "baseline_drift") for f in ("distance", "carrier", "wind")),
    }
    drift = by_name["feature_baseline_drift_wind"]
    assert drift["Timestamp"] == END
    assert drift["Dimensions"] == [
        {"Name": "Endpoint", "Value": "flights-dev"},
        {"Name": "MonitoringSchedule", "Value": "flights-dev-dq"},
    ]
    assert by_name["feature_non_null_distance"]["Value"] == 500
    assert by_name["feature_data_distance"]["StatisticValues"]["SampleCount"] == 500


def test_disabled_metrics_are_not_written(monitor):
    rows = [record(row) for row in table(100)]
    for env, change in (
        ({"publish_cloudwatch_metrics": "Disabled"}, lambda c: None),
        ({}, lambda c: c["monitoring_config"].update(emit_metrics="Disabled")),
    ):
        job, _ = monitor(rows, change=change, **env)
        assert not (job.base / "output/metrics").exists()


def test_the_platforms_own_requests_are_not_a_clients(monitor):
    """Golden records bake every release; as a client's they would look like drift."""
    ours = [record(row, inferenceId="slipway-golden-1") for row in table(40, seed=5, shift=500)]
    clients = [record(row, inferenceId="order-1") for row in table(40, seed=6)]
    job, _ = monitor(ours + clients)
    report = job.json(OUTPUT + "report.json")
    assert (report["records"], report["golden"]) == (40, 40)


def test_only_the_window_counts(monitor):
    rows = table(60, seed=3)
    times = ["2026-11-20T13:59:59.999Z", START, "2026-11-20T14:59:59.999Z", "2026-11-20T15:30:00+01:00", END]
    job, _ = monitor([record(row, time=times[i % 5]) for i, row in enumerate(rows)])
    report = job.json(OUTPUT + "report.json")
    assert (report["records"], report["outside_window"]) == (36, 24)


def test_reads_every_encoding_alike(monitor):
    rows = table(40, seed=4)
    fields = [row.split(",") for row in rows]
    values = [[int(d), c, float(w) if w else None] for d, c, w in fields]
    names = ("distance", "carrier", "wind")
    kind = "application/json"
    named = [dict(zip(names, v, strict=True)) for v in values]
    forms = [
        [record(row + "\n") for row in rows],
        [record("\n".join(rows))],
        [record(base64.b64encode(row.encode()).decode(), encoding="BASE64") for row in rows],
        [record(json.dumps({"instances": values}), kind=kind, encoding="JSON")],
        [record(json.dumps(row), kind=kind, encoding="JSON") for row in named],
        [record(base64.b64encode(json.dumps({"instances": named}).encode()).decode(), kind=kind, encoding="BASE64")],
        [record("\n".join(map(json.dumps, named)), kind="application/jsonlines", encoding="JSON")],
        [record(json.dumps({"instances": [{"features": v} for v in values]}), kind=kind, encoding="JSON")],
    ]
    found = []
    for lines in forms:
        job, done = monitor(lines)
        assert done.returncode == 0, done.stderr
        found.append(job.json(OUTPUT + "statistics.json"))
        assert found[-1] == found[0]
    assert found[0]["dataset"]["item_count"] == 40


@pytest.mark.fault("E14")
def test_unparsable_records_are_counted_not_guessed(monitor):
    good = [record(row) for row in table(96)]
    bad = ["{", record("%%", encoding="BASE64"), record("1,2", encoding="GZIP"), '{"captureData": {}}']
    job, done = monitor(good + bad)
    assert done.returncode == 0
    report = job.json(OUTPUT + "report.json")
    assert (report["records"], report["rows"], report["unparsable"]) == (100, 96, 4)
    assert report["unparsable_share"] == 0.04


def test_bad_values_are_violations(monitor):
    rows = [row.split(",") for row in table(500)]
    for i in range(5):
        rows[i][0] = "far"
        rows[10 + i][1] = "ZZ"
        rows[20 + i][0] = ""
    found = violations(monitor([record(",".join(row)) for row in rows]))
    assert set(found) == {
        ("distance", "data_type_check"),
        ("carrier", "categorical_values_check"),
        ("distance", "completeness_check"),
    }
    golden = json.loads((FIXTURES / "constraint_violations.json").read_text())["violations"][0]["description"]
    text = found["distance", "data_type_check"]
    assert text.split("Observed")[0] == golden.split("Observed")[0]
    assert text.endswith("Only 98.99% of data is Integral.")
    assert "'ZZ'" in found["carrier", "categorical_values_check"]


def test_extra_and_missing_columns_are_violations(monitor):
    rows = table(50)
    found = violations(monitor([record(row + ",9") for row in rows[:2]] + [record(row) for row in rows[2:]]))
    golden = json.loads((FIXTURES / "constraint_violations.json").read_text())["violations"][1]
    assert found["Extra columns", "extra_column_check"].startswith(golden["description"])
    found = violations(monitor([record(row.rsplit(",", 1)[0]) for row in rows]))
    assert set(found) == {("Missing columns", "missing_column_check")}
    named = [json.dumps({"distance": 1, "carrier": "AA", "gust": 1})] * 50
    found = violations(monitor([record(row, kind="application/json", encoding="JSON") for row in named]))
    assert {("gust", "extra_column_check"), ("wind", "missing_column_check")} <= set(found)


def test_whole_floats_from_json_are_whole_numbers(monitor):
    rows = [json.dumps([float(row.split(",")[0]), *row.split(",")[1:]]) for row in table(50)]
    assert violations(monitor([record(row, kind="application/json", encoding="JSON") for row in rows])) == {}


def test_constraints_are_read_not_assumed(monitor):
    lines = [record(row) for row in table(500, seed=2, shift=10)]

    def loose(c):
        c["monitoring_config"]["distribution_constraints"]["comparison_threshold"] = 0.9

    def override(c):
        c["features"][2]["monitoringConfigOverrides"] = {"distribution_constraints": {"comparison_threshold": 0.9}}

    def off(c):
        c["monitoring_config"]["evaluate_constraints"] = "Disabled"

    assert set(violations(monitor(lines))) == {("wind", "baseline_drift_check")}
    for change in (loose, override, off):
        assert violations(monitor(lines, change=change)) == {}


@pytest.mark.fault("E01")
def test_no_data_fails_in_model_monitors_words(monitor):
    job, done = monitor(None)
    assert done.returncode == 255
    assert job.text("output/message").startswith("Error: Could not find any jsonl file under directory ")
    assert not (job.base / OUTPUT).exists()
    job, done = monitor([record(row, time="2026-11-20T13:00:00Z") for row in table(5)])
    assert done.returncode == 255
    assert f"Could not find any record from {START} to {END}" in job.text("output/message")
    job, done = monitor(["{"])
    assert done.returncode == 255
    assert "none of the 1 records" in job.text("output/message")


def test_too_few_records_are_no_verdict(monitor):
    lines = [record(row) for row in table(49, shift=99)]
    job, done = monitor(lines, slipway_minimum_records="50")
    assert done.returncode == 0
    report = job.json(OUTPUT + "report.json")
    assert (report["verdict"], report["violations"]) == ("TooFewRecords", 0)
    assert report["features"]["wind"]["distance"] is None
    assert not (job.base / "output/metrics").exists()
    assert job.text("output/message").startswith("TooFewRecords: 49 rows in the window, under the 50 asked for")
    assert violations(monitor([*lines, lines[0]], slipway_minimum_records="50"))


def test_without_an_argument_the_environment_tells(jobs):
    """As Model Monitor starts its own image: an execution has a start_time, a baseline has none."""
    job = jobs("bare", "monitor")
    job.put(BASELINE_INPUT, "\n".join(["distance,carrier,wind", *table(400), ""]))
    env = {
        "dataset_source": "/opt/ml/processing/input/baseline_dataset_input",
        "output_path": "/opt/ml/processing/output",
        "dataset_format": CSV_FORMAT,
    }
    assert job.run(**env).returncode == 0
    assert job.json(OUTPUT + "constraints.json")["features"]
    done = job.run(**env, start_time=START, end_time=END)
    assert done.returncode != 0, "a run, which finds no captured data"
    assert "give one of baseline, run" in jobs("empty", "monitor").run().stderr


def test_reads_the_documented_samples(monitor, tmp_path):
    """Files of another tool: its sketch is a picture only, so the buckets are compared."""
    source = tmp_path / "samples"
    source.mkdir()
    for name in ("statistics.json", "constraints.json"):
        shutil.copy(FIXTURES / name, source / name)
    lines = [line.replace("T14:02", "T14:00") for line in (FIXTURES / "capture.jsonl").read_text().splitlines()]
    found = violations(monitor(lines, rules=source))
    assert set(found) == {("plan", "categorical_values_check")}  # the sample's JSON row has a 1 for its plan


@pytest.mark.parametrize(
    ("env", "change", "text"),
    [
        ({"start_time": ""}, None, "environment variable start_time is not set"),
        ({"start_time": "noon"}, None, "'noon' is not a time"),
        ({"start_time": END}, None, "is not before end_time"),
        ({"slipway_minimum_records": "0"}, None, "slipway_minimum_records is '0', not a whole number from 1"),
        ({"dataset_format": '{"csv": {}}'}, None, "a run reads"),
        ({"baseline_constraints": "/opt/ml/x.json"}, None, "x.json is missing: run the baseline job"),
        ({}, {"comparison_method": "Fuzzy"}, "comparison_method is 'Fuzzy', not Simple or Robust"),
        ({}, {"categorical_drift_method": "ChiSquared"}, "ChiSquared is not supported here"),
        ({}, {"comparison_threshold": 7}, "is not a number from 0 to 1"),
    ],
)
def test_refuses_bad_settings(monitor, env, change, text):
    def apply(rules):
        rules["monitoring_config"]["distribution_constraints"].update(change or {})

    job, done = monitor([record("1,AA,1")], change=apply, **env)
    assert done.returncode == 255
    assert text in job.text("output/message")


@pytest.mark.parametrize(
    ("content", "env", "text"),
    [
        (None, {}, "Could not find any csv file"),
        ("a,b\n", {}, "have no rows"),
        ("a,b\n1\n", {}, "row 2 has 1 fields, not 2"),
        ("a,a\n1,2\n", {}, "the header ['a', 'a'] is empty, doubled"),
        ("a,b\n1,2\n", {"slipway_drift_threshold": "2"}, "slipway_drift_threshold is '2', not a number over 0"),
        ("a,b\n1,2\n", {"dataset_format": '{"csv": {"header": false}}'}, "a baseline needs"),
    ],
)
def test_baseline_refuses_bad_input(jobs, content, env, text):
    job = jobs("baseline", "monitor")
    if content:
        job.put(BASELINE_INPUT, content)
    done = job.run("baseline", **{"dataset_format": CSV_FORMAT, **env})
    assert done.returncode == 255
    assert text in job.text("output/message")
