"""`train`: a model by the training contract; resumable, deterministic, and clear about what it refuses."""

import json
import re
import select
import signal

import pytest

HYPERPARAMETERS = "input/config/hyperparameters.json"


def test_writes_the_artefact_and_prints_metrics(trained):
    schema = json.loads((trained / "model/schema.json").read_text())
    assert {p.name for p in (trained / "model").iterdir()} == {"model.ubj", "schema.json"}
    assert (trained / "model/model.ubj").read_bytes()[:2] == b"{L"
    assert schema["columns"][1]["categories"] == ["AA", "B6", "UA"]
    assert schema["training"]["rounds"] == 20
    assert schema["training"]["hyperparameters"]["max_depth"] == 4
    assert schema["training"]["metrics"]["train_auc"] > 0.9
    assert re.search(r"train_logloss=([0-9.]+);", (trained / "log.txt").read_text())


def test_equal_inputs_give_equal_bytes(training_job, trained):
    training_job.put(HYPERPARAMETERS, {"num_round": "20", "max_depth": "4"})
    training_job.ok("train")
    for name in ("model.ubj", "schema.json"):
        assert (training_job.base / "model" / name).read_bytes() == (trained / "model" / name).read_bytes()


def interrupt(job):
    """SIGTERM once a checkpoint is announced; returns the exit code and the failure text."""
    process = job.start("train")
    line = ""
    while "round=20;" not in line:
        assert select.select([process.stdout], [], [], 30)[0]
        line = process.stdout.readline()
        assert line, process.stderr.read()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    return process.returncode, job.text("output/failure")


def test_sigterm_keeps_a_checkpoint_and_the_next_run_ends_with_the_same_model(training_job, jobs, trained):
    settings = {"num_round": "400", "max_depth": "3"}
    training_job.put(HYPERPARAMETERS, settings)
    code, failure = interrupt(training_job)
    assert code == 143
    rounds = int(re.search(r"InterruptedFault: stopped after round (\d+) of 400; checkpoint kept", failure)[1])
    assert not (training_job.base / "model").exists()
    assert (training_job.base / f"checkpoints/round-{rounds:05d}.ubj").exists()
    # The newest is torn, as by a kill during its upload: the one before is taken.
    newest = training_job.base / f"checkpoints/round-{rounds:05d}.ubj"
    newest.write_bytes(newest.read_bytes()[:-10])
    older = json.loads(min(training_job.base.glob("checkpoints/round-*.json")).read_text())["rounds"]
    assert older < rounds
    log = training_job.ok("train")
    assert f"resumed after round {older}\n" in log
    whole = jobs("whole")
    whole.base.mkdir()
    (whole.base / "input").symlink_to(training_job.base / "input")
    assert "resumed" not in whole.ok("train")
    assert (whole.base / "model/model.ubj").read_bytes() == (training_job.base / "model/model.ubj").read_bytes()


@pytest.mark.parametrize("change", ["data", "hyperparameters"])
def test_another_trainings_checkpoint_is_not_resumed(training_job, change):
    training_job.put(HYPERPARAMETERS, {"num_round": "20"})
    training_job.ok("train")
    assert "resumed after round 20" in training_job.ok("train")
    if change == "data":
        path = training_job.base / "input/data/train/train.csv"
        path.write_text(path.read_text() + "1,500,AA,1\n")
    else:
        training_job.put(HYPERPARAMETERS, {"num_round": "20", "eta": "0.1"})
    assert "resumed" not in training_job.ok("train")


def test_stops_early_on_the_validation_channel(training_job, trained):
    validation = (trained / "prepared/holdout/holdout.csv").read_bytes()
    training_job.put("input/data/validation/holdout.csv", validation)
    training_job.put(HYPERPARAMETERS, {"num_round": "500", "early_stopping_rounds": "5"})
    log = training_job.ok("train")
    training = training_job.json("model/schema.json")["training"]
    assert training["rounds"] < 100
    losses = [float(x) for x in re.findall(r"validation_logloss=([0-9.]+);", log)]
    assert training["metrics"]["validation_logloss"] == pytest.approx(min(losses), abs=1e-6)


def test_trains_a_regression(training_job):
    schema = training_job.json("input/data/config/schema.json")
    training_job.put("input/data/config/schema.json", {**schema, "problem": "regression"})
    training_job.put(HYPERPARAMETERS, {"num_round": "20"})
    assert re.search(r"train_rmse=0\.[0-9]+;", training_job.ok("train"))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"max_deep": "3"}, "max_deep is unknown; known are num_round, max_depth, eta"),
        ({"num_round": "0"}, "num_round is '0', not a whole number from 1 to 10000"),
        ({"num_round": "10.5"}, "num_round is '10.5', not a whole number"),
        ({"eta": "0"}, "eta is '0', not a number over 0 to 1"),
        ({"eta": "nan"}, "eta is 'nan', not a number over 0 to 1"),
        ({"subsample": "1.1"}, "subsample is '1.1', not a number over 0 to 1"),
        ({"colsample_bytree": "0"}, "colsample_bytree is '0'"),
        ({"min_child_weight": "-1"}, "min_child_weight is '-1', not a number from 0"),
        ({"reg_lambda": "x"}, "reg_lambda is 'x'"),
        ({"seed": "-1"}, "seed is '-1'"),
        ({"early_stopping_rounds": "5"}, "early_stopping_rounds needs a validation channel"),
    ],
)
def test_refuses_bad_hyperparameters(training_job, settings, text):
    training_job.put(HYPERPARAMETERS, settings)
    assert training_job.run("train").returncode == 1
    failure = training_job.text("output/failure")
    assert failure.startswith("ParameterFault: ")
    assert text in failure


def test_tells_every_bad_hyperparameter_at_once(training_job):
    training_job.put(HYPERPARAMETERS, {"eta": "9", "max_depth": "99"})
    training_job.run("train")
    assert {"eta", "max_depth"} <= set(training_job.text("output/failure").split())


@pytest.mark.fault("B12")
@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("", "is empty"),
        ("late,distance,carrier,wind\n", "header only, no rows"),
        ("late,distance,carrier\n1,5,AA\n", "no column wind"),
        ("late,distance,carrier,wind\n1,5,AA,x\n", "row 2, column \"wind\": 'x' is not a number"),
        ("late,distance,carrier,wind\n1,5,AA,1\n1,6,AA,2\n", 'target "late" is 1 in every row'),
    ],
)
def test_refuses_bad_data(training_job, content, text):
    training_job.put("input/data/train/train.csv", content)
    assert training_job.run("train").returncode == 1
    failure = training_job.text("output/failure")
    assert failure.startswith("DataFault: ")
    assert text in failure


def test_an_unknown_command_says_which_there_are(job):
    done = job.run("fit")
    assert done.returncode == 2
    assert "give one of train, serve, prepare, evaluate, not fit" in done.stderr
