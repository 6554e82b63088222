"""`serve`: the inference contract over real HTTP."""

import contextlib
import json
import os
import shutil
import signal
import threading
import time
import urllib.error
from pathlib import Path

import pytest

ROW = "500,AA,12.5"
MEBIBYTE = 1 << 20


@pytest.fixture
def serving_job(job, trained):
    shutil.copytree(trained / "model", job.base / "model")
    return job


def test_answers_ping_and_execution_parameters(server):
    assert server.call("/ping")[::2] == (200, "")
    status, _, text = server.call("/execution-parameters")
    assert status == 200
    assert json.loads(text) == {"MaxConcurrentTransforms": 1, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 6}


def test_every_form_of_a_row_gives_the_same_prediction(server):
    status, kind, text = server.invoke(ROW)
    assert (status, kind) == (200, "text/csv; charset=utf-8")
    value = float(text)
    assert 0 < value < 1
    by_name = {"distance": 500, "carrier": "AA", "wind": 12.5}
    for body in (
        by_name,
        {"instances": [by_name]},
        {"instances": [[500, "AA", 12.5]]},
        {"instances": [[500.0, "AA", "12.5"]]},
    ):
        status, kind, text = server.invoke(json.dumps(body), "application/json")
        assert (status, kind, json.loads(text)) == (200, "application/json", {"predictions": [value]})
    lines = "".join(json.dumps(row) + "\n" for row in (by_name, [500, "AA", 12.5]))
    status, kind, text = server.invoke(lines, "application/jsonlines")
    assert kind == "application/jsonlines"
    assert [json.loads(line) for line in text.splitlines()] == [{"prediction": value}] * 2
    assert server.invoke('500,"AA",12.5\r\n')[2] == f"{value:.9g}\n"


def test_a_batch_answers_row_by_row_in_order(server, raw_rows):
    rows = [row.rsplit(",", 1)[0] for row in raw_rows(500, seed=9)]
    status, _, text = server.invoke("\n".join(rows))
    assert status == 200
    single = [server.invoke(row)[2] for row in rows[::50]]
    assert text.splitlines(keepends=True)[::50] == single
    assert len(set(text.split())) > 50


def test_accept_chooses_the_answer(server):
    status, kind, text = server.invoke(ROW, Accept="application/json")
    assert (status, kind) == (200, "application/json")
    assert len(json.loads(text)["predictions"]) == 1
    assert server.invoke(ROW, Accept="*/*")[1].startswith("text/csv")
    status, _, text = server.invoke(ROW, Accept="image/png")
    assert (status, text) == (406, "cannot answer as 'image/png': ask for one of text/csv, application/json,"
                                   " application/jsonlines\n")  # fmt: skip


def test_unknown_category_and_missing_value_are_no_error(server):
    unknown, missing = server.invoke("500,ZZ,12.5"), server.invoke("500,AA,")
    assert unknown[0] == missing[0] == 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("500,AA", "row 1 has 2 fields, not 3"),
        (f"{ROW}\n500,AA,1,2", "row 2 has 4 fields, not 3"),
        ("\n".join([ROW] * 99 + ["1,AA"]), "row 100 has 2 fields, not 3"),
        (f"{ROW}\nfar,AA,1", "row 2, column \"distance\": 'far' is not a number"),
        ("500,AA,nan", "row 1, column \"wind\": 'nan' is not a number"),
        ("500,AA,-inf", "row 1, column \"wind\": '-inf' is not a number"),
        ("500,AA,1e39", "row 1, column \"wind\": '1e39' is not a number"),
        ("5_0,AA,1", "row 1, column \"distance\": '5_0' is not a number"),
        (",AA,1", 'row 1, column "distance": is empty but required'),
        ("500,,1", 'row 1, column "carrier": is empty but required'),
        (b"500,A\xff,1", "row 1 is not UTF-8 (byte 0xff)"),
        ('5,"A"A,1', "row 1 is not CSV: "),
        ("", "the body is empty"),
        ("\n", "the body is empty"),
    ],
)
def test_refuses_bad_csv(server, body, text):
    status, kind, answer = server.invoke(body)
    assert (status, kind) == (400, "text/plain; charset=utf-8")
    assert answer.startswith(text)
    assert answer.count("\n") == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{", "the body is not JSON: "),
        ('{"instances": []}', "instances must be a list of at least one row"),
        ('{"instances": [[1, "AA"]]}', "row 1 has 2 fields, not 3"),
        ('{"instances": [7]}', "row 1 is a int, not an object or a list of values"),
        ('{"distance": 1, "carrier": "AA", "gust": 1}', "row 1: no input is named 'gust'"),
        ('{"distance": true, "carrier": "AA"}', 'row 1, column "distance": a bool is neither'),
        ('{"distance": NaN, "carrier": "AA"}', "the body is not JSON: NaN is not a JSON number"),
        ('{"distance": 1e400, "carrier": "AA"}', "row 1, column \"distance\": 'inf' is not a number"),
        ('{"distance": null, "carrier": "AA"}', 'row 1, column "distance": is empty but required'),
        ('{"carrier": "AA"}', 'row 1, column "distance": is empty but required'),
        (b'{"distance": "\xff"}', "the body is not UTF-8"),
        ("[" * 100_000, "the JSON is nested too deeply"),
    ],
)
def test_refuses_bad_json(server, body, text):
    status, _, answer = server.invoke(body, "application/json")
    assert status == 400
    assert answer.startswith(text)
    assert answer.count("\n") == 1


def test_refuses_other_types_paths_and_methods(server):
    assert server.invoke(ROW, "application/x-npy")[0] == 415
    assert server.call("/nowhere")[0] == 404
    assert server.call("/invocations")[0] == 405
    assert server.call("/ping", b"x")[0] == 405


@pytest.mark.fault("S17")
def test_refuses_a_body_over_six_mebibytes_and_keeps_serving(server):
    body = ROW + "\n"
    status, _, text = server.invoke(body * (6 * MEBIBYTE // len(body) + 1))
    assert (status, text) == (413, "the body is over 6291456 bytes: send fewer rows a request\n")
    assert server.invoke(ROW)[0] == 200


def test_a_batch_transform_sets_its_own_limit(serving_job, start_server):
    server = start_server(serving_job, SAGEMAKER_BATCH="true", SAGEMAKER_MAX_PAYLOAD_IN_MB="7")
    body = ROW + "\n"
    assert server.invoke(body * (13 * MEBIBYTE // 2 // len(body)))[0] == 200
    assert server.invoke(body * (7 * MEBIBYTE // len(body) + 1))[0] == 413


def test_sigterm_answers_what_it_has_taken_and_exits_cleanly(serving_job, start_server):
    server = start_server(serving_job)
    body = (ROW + "\n") * 300_000
    answers = []
    client = threading.Thread(target=lambda: answers.append(server.invoke(body[: 6 * MEBIBYTE // 12 * 12])))
    client.start()
    while not busy(server.process.pid):
        time.sleep(0.005)  # poll interval: the request is not in the model yet
    server.process.send_signal(signal.SIGTERM)
    client.join(30)
    assert answers
    assert answers[0][0] == 200
    assert server.process.wait(30) == 0


def busy(pid):
    """Whether the server took its (large) request: it holds the body."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") > 120 * MEBIBYTE


@pytest.mark.parametrize(
    ("breakage", "env", "text"),
    [
        ("missing", {}, "ArtefactFault: model.ubj is missing from the model in"),
        ("pickle", {}, "ArtefactFault: model.pkl is not a file of a model"),
        ("columns", {}, "ArtefactFault: model.ubj reads 3 columns, schema.json declares 2"),
        (None, {"SAGEMAKER_BIND_TO_PORT": "http"}, "ParameterFault: SAGEMAKER_BIND_TO_PORT is 'http', not a port"),
        (
            None,
            {"SAGEMAKER_BATCH": "true", "SAGEMAKER_MAX_PAYLOAD_IN_MB": "x"},
            "ParameterFault: SAGEMAKER_MAX_PAYLOAD_IN_MB is 'x', not 0 to 100",
        ),
    ],
)
def test_a_server_that_cannot_serve_never_listens(serving_job, breakage, env, text):
    if breakage == "missing":
        (serving_job.base / "model/model.ubj").unlink()
    elif breakage == "pickle":
        serving_job.put("model/model.pkl", b"\x80\x04.")
    elif breakage == "columns":
        schema = serving_job.json("model/schema.json")
        serving_job.put("model/schema.json", {**schema, "columns": schema["columns"][:2]})
    done = serving_job.run("serve", **env)
    assert done.returncode == 1
    assert text in done.stderr


def peak_mebibytes(server):
    """The most the process ever held in memory."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


@pytest.mark.fault("S17")
def test_a_huge_body_is_not_kept_in_memory(serving_job, start_server):
    server = start_server(serving_job)
    assert server.invoke(ROW)[0] == 200
    before = peak_mebibytes(server)
    assert before < 110
    assert server.invoke(b"1" * (40 * MEBIBYTE))[0] == 413
    with contextlib.suppress(urllib.error.URLError):  # cut off while still sending: the client need not see the answer
        assert server.invoke(b"1" * (60 * MEBIBYTE))[0] == 413
    assert peak_mebibytes(server) - before < 20
    assert server.invoke(ROW)[0] == 200
