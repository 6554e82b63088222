"""`evaluate`: metrics of challenger and champion on one holdout, the model quality baseline and golden records."""

import hashlib
import json
import math

import numpy as np
import pytest

OUT = "processing/output/evaluation/"


def test_judges_challenger_and_champion_alike(evaluation_job, trained):
    archive = (trained / "model.tar.gz").read_bytes()
    evaluation_job.put("processing/input/champion/model.tar.gz", archive)
    evaluation_job.ok("evaluate", SLIPWAY_EXPECTED_SHA256=hashlib.sha256(archive).hexdigest())
    found = evaluation_job.json(OUT + "evaluation.json")
    assert found["version"] == 1
    assert found["challenger"] == found["champion"]
    assert found["challenger"]["artefact_sha256"] == hashlib.sha256(archive).hexdigest()
    assert found["challenger"]["metrics"]["auc"] > 0.8
    assert found["rows"] == len((trained / "prepared/holdout/holdout.csv").read_text().splitlines()) - 1


def test_no_champion_is_null(evaluation_job):
    evaluation_job.ok("evaluate")
    assert evaluation_job.json(OUT + "evaluation.json")["champion"] is None


def test_statistics_have_model_monitors_shape_and_agree_with_the_evaluation(evaluation_job):
    evaluation_job.ok("evaluate")
    metrics = evaluation_job.json(OUT + "evaluation.json")["challenger"]["metrics"]
    found = evaluation_job.json(OUT + "statistics.json")["binary_classification_metrics"]
    for name in ("auc", "accuracy", "f1", "precision", "recall"):
        assert found[name]["value"] == pytest.approx(metrics[name])
        assert 0 <= found[name]["standard_deviation"] < 0.1
    (tn, fp), (fn, tp) = (found["confusion_matrix"][a].values() for a in "01")
    assert found["recall"]["value"] == tp / (tp + fn)
    assert found["false_positive_rate"]["value"] == fp / (fp + tn)
    assert found["f1_best_constant_classifier"]["value"] is not None
    curve = found["receiver_operating_characteristic_curve"]
    assert curve["true_positive_rates"][-1] == curve["false_positive_rates"][-1] == 1.0


def test_golden_records_are_what_the_server_answers(evaluation_job, server):
    evaluation_job.ok("evaluate")
    golden = [json.loads(line) for line in evaluation_job.text(OUT + "golden.jsonl").splitlines()]
    assert 100 < len(golden) <= 200
    for record in golden:
        status, _, text = server.invoke(record["body"], record["content_type"])
        assert (status, float(text)) == (200, record["prediction"])


@pytest.mark.fault("B13")
def test_an_undefined_metric_is_null_with_its_reason(evaluation_job):
    holdout = evaluation_job.base / "processing/input/holdout/holdout.csv"
    lines = holdout.read_text().splitlines()
    holdout.write_text("\n".join([lines[0], *("0" + line[1:] for line in lines[1:]), ""]))
    evaluation_job.ok("evaluate")
    text = evaluation_job.text(OUT + "evaluation.json")
    challenger = json.loads(text)["challenger"]
    assert challenger["metrics"]["auc"] is None
    assert challenger["reasons"]["auc"] == "the holdout has one class only"
    assert "NaN" not in text + evaluation_job.text(OUT + "statistics.json")


@pytest.mark.fault("B13")
def test_no_metric_of_non_finite_predictions():
    from tabular.metrics import judge

    for bad in (math.nan, math.inf):
        found = judge(np.array([0.0, 1.0]), np.array([0.5, bad]), True)
        assert set(found.values.values()) == {None}
        assert found.reasons["auc"] == "1 predictions are not finite"


@pytest.mark.fault("B13")
def test_no_nan_can_be_written(tmp_path):
    from tabular.files import write_json

    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"auc": math.nan})
    assert not (tmp_path / "x.json").exists()


def test_a_champion_that_cannot_read_the_holdout_has_no_metrics(evaluation_job, jobs, archive_of):
    champion = jobs("champion")
    schema = evaluation_job.json("processing/input/config/schema.json")
    columns = [*schema["columns"][:2], {"name": "gust", "type": "number", "required": False}]
    rows = (evaluation_job.base / "processing/input/holdout/holdout.csv").read_text().replace("wind", "gust", 1)
    champion.put("input/data/train/train.csv", rows)
    champion.put("input/data/config/schema.json", {**schema, "columns": columns})
    champion.put("input/config/hyperparameters.json", {"num_round": "3"})
    champion.ok("train")
    files = {p.name: p.read_bytes() for p in (champion.base / "model").iterdir()}
    evaluation_job.put("processing/input/champion/model.tar.gz", archive_of(files))
    evaluation_job.ok("evaluate")
    found = evaluation_job.json(OUT + "evaluation.json")["champion"]
    assert set(found["metrics"].values()) == {None}
    assert "no column gust" in found["reasons"]["auc"]


def refused(job, text, **env):
    assert job.run("evaluate", **env).returncode == 1
    message = job.text("output/message")
    assert message.startswith("ArtefactFault: ")
    assert text in message
    assert not (job.base / OUT).exists()


def test_refuses_another_artefact_than_expected(evaluation_job):
    refused(evaluation_job, "not the expected " + "0" * 64, SLIPWAY_EXPECTED_SHA256="0" * 64)


def test_refuses_a_model_of_another_schema(evaluation_job):
    schema = evaluation_job.json("processing/input/config/schema.json")
    schema["columns"].reverse()
    evaluation_job.put("processing/input/config/schema.json", schema)
    refused(evaluation_job, "trained for another schema")


@pytest.mark.fault("S01")
@pytest.mark.parametrize("which", ["model", "champion"])
@pytest.mark.parametrize("name", ["../model.ubj", "/tmp/model.ubj"])
def test_refuses_an_archive_that_leaves_its_directory(evaluation_job, archive_of, which, name):
    evaluation_job.put(f"processing/input/{which}/model.tar.gz", archive_of({name: b"x"}))
    refused(evaluation_job, "would leave the model's directory")


def test_auc_counts_ties_for_half():
    from tabular.metrics import auc

    truth, predicted = np.array([0.0, 1, 1, 0]), np.array([0.5, 0.5, 0.9, 0.1])
    assert auc(truth, predicted) == pytest.approx((0.5 + 1 + 1 + 1) / 4)
