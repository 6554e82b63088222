import json
import math
import random

import pytest

from rehearsal.sagemaker import Limits, SageMaker, ServiceError
from rehearsal.sagemaker.jobs.tuning_search import Trial, propose
from rehearsal.sagemaker.jobs.tuning_space import Space
from rehearsal.sagemaker.jobs.tuning_stops import out_of_hyperband, rungs, worse_than_median

QUADRATIC = "x = float(config('hyperparameters')['x']); print('loss=%r;' % ((x - 3) ** 2), flush=True)"
RANGES = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "10"}]}


def _definition(jobs, code, **more):
    return {
        "StaticHyperParameters": {"CODE": json.dumps(code), **more.pop("static", {})},
        "AlgorithmSpecification": jobs.algorithm(MetricDefinitions=[{"Name": "loss", "Regex": r"loss=([0-9.e-]+);"}]),
        "RoleArn": jobs.kit.role,
        "OutputDataConfig": {"S3OutputPath": "s3://artefacts/runs"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        **more,
    }


def _tune(jobs, code=QUADRATIC, name="t", *, count=4, parallel=2, strategy="Random", ranges=None, config=None, **more):
    request = {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": strategy,
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxParallelTrainingJobs": parallel}
            | ({"MaxNumberOfTrainingJobs": count} if count else {}),
            "ParameterRanges": ranges or RANGES,
            "RandomSeed": 7,
            **(config or {}),
        },
        "TrainingJobDefinition": _definition(jobs, code, **more.pop("definition", {})),
        **more,
    }
    if "TrainingJobDefinitions" in more:
        del request["TrainingJobDefinition"]
    return jobs.kit.call("CreateHyperParameterTuningJob", **request)


def _describe(jobs, name="t"):
    return jobs.kit.call("DescribeHyperParameterTuningJob", HyperParameterTuningJobName=name)


def _tuned(jobs, *args, name="t", **more):
    _tune(jobs, *args, name=name, **more)
    jobs.kit.until(
        lambda: _describe(jobs, name)["HyperParameterTuningJobStatus"] in ("Completed", "Failed", "Stopped"), 30
    )
    return _describe(jobs, name)


def _children(jobs, name="t", **more):
    return jobs.kit.call(
        "ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName=name, MaxResults=100, **more
    )["TrainingJobSummaries"]


def test_the_best_of_real_training_jobs_is_found(jobs):
    job = _tuned(jobs, count=5, definition={"static": {"depth": "4"}}, Tags=[{"Key": "team", "Value": "a"}])
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["TrainingJobStatusCounters"] == {
        "Completed": 5, "InProgress": 0, "RetryableError": 0, "NonRetryableError": 0, "Stopped": 0,
    }  # fmt: skip
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 5, "Pending": 0, "Failed": 0}
    children = _children(jobs, SortBy="FinalObjectiveMetricValue")
    losses = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in children]
    assert losses == sorted(losses)
    assert losses[0] == pytest.approx((float(children[0]["TunedHyperParameters"]["x"]) - 3) ** 2)
    assert job["BestTrainingJob"]["TrainingJobName"] == children[0]["TrainingJobName"]
    child = jobs.kit.call("DescribeTrainingJob", TrainingJobName=children[0]["TrainingJobName"])
    assert child["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert child["HyperParameters"]["depth"] == "4"
    assert child["HyperParameters"]["_tuning_objective_metric"] == "loss"
    tags = jobs.kit.call("ListTags", ResourceArn=child["TrainingJobArn"])["Tags"]
    assert tags == [{"Key": "team", "Value": "a"}]
    events = jobs.kit.details("SageMaker HyperParameter Tuning Job State Change")
    assert [one["HyperParameterTuningJobStatus"] for one in events] == ["InProgress", "Completed"]


def test_the_same_seed_makes_the_same_choices(jobs):
    _tuned(jobs, count=3)
    _tuned(jobs, count=3, name="u")
    first, second = ([one["TunedHyperParameters"] for one in _children(jobs, name)] for name in ("t", "u"))
    assert first == second


def test_no_more_children_run_at_once_than_asked(jobs):
    code = "print('loss=1;', flush=True); wait()"
    _tune(jobs, code, count=5, parallel=2)
    jobs.kit.until(lambda: _describe(jobs)["TrainingJobStatusCounters"]["InProgress"] == 2)
    jobs.waiting()
    assert len(_children(jobs)) == 2
    jobs.kit.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="t")
    assert _describe(jobs)["HyperParameterTuningJobStatus"] == "Stopping"
    jobs.kit.until(lambda: _describe(jobs)["HyperParameterTuningJobStatus"] == "Stopped")
    assert {one["TrainingJobStatus"] for one in _children(jobs)} == {"Stopped"}
    with pytest.raises(ServiceError, match="in status Stopped"):
        jobs.kit.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="t")


def test_grid_search_tries_every_combination_once(jobs):
    ranges = {"CategoricalParameterRanges": [
        {"Name": "x", "Values": ["1", "3", "5"]}, {"Name": "kind", "Values": ["a", "b"]},
    ]}  # fmt: skip
    job = _tuned(jobs, strategy="Grid", ranges=ranges, count=None, parallel=3)
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    tried = sorted((one["TunedHyperParameters"]["x"], one["TunedHyperParameters"]["kind"]) for one in _children(jobs))
    assert tried == [(x, kind) for x in "135" for kind in "ab"]
    assert job["BestTrainingJob"]["TunedHyperParameters"]["x"] == "3"


def test_an_objective_may_be_maximised(jobs):
    config = {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "loss"}}
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["3", "9"]}]}
    job = _tuned(jobs, strategy="Grid", ranges=ranges, count=None, config=config)
    assert job["BestTrainingJob"]["TunedHyperParameters"]["x"] == "9"


def test_all_children_failing_fails_the_job(jobs):
    job = _tuned(jobs, "sys.exit(1)", count=2)
    assert job["FailureReason"].startswith("All training jobs failed.")
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 2


def test_a_metric_that_is_never_printed_fails_the_job(jobs):
    job = _tuned(jobs, "print('nothing', flush=True)", count=2)
    assert job["FailureReason"].startswith("No objective metrics found after running 2 training jobs.")
    assert job["ObjectiveStatusCounters"]["Failed"] == 2


def test_a_target_ends_the_search_and_what_still_runs(jobs):
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["3", "9"]}]}
    code = QUADRATIC + "\nif x == 9: wait()"
    criteria = {"TargetObjectiveMetricValue": 0.5}
    job = _tuned(jobs, code, ranges=ranges, count=20, config={"TuningJobCompletionCriteria": criteria})
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert len(_children(jobs)) < 20
    assert job["BestTrainingJob"]["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] == 0


def test_a_search_that_no_longer_improves_ends(jobs):
    criteria = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    job = _tuned(
        jobs, "print('loss=1;', flush=True)", count=30, parallel=1, config={"TuningJobCompletionCriteria": criteria}
    )
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert len(_children(jobs)) == 4


def test_a_clearly_worse_child_is_stopped_early(jobs):
    code = """
bad = config('hyperparameters')['x'] == '9'
for step in range(5): print('loss=%d;' % (90 if bad else 1), flush=True)
if bad: wait()
"""
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3", "9"]}]}
    job = _tuned(
        jobs, code, strategy="Grid", ranges=ranges, count=None, parallel=1,
        config={"TrainingJobEarlyStoppingType": "Auto"},
    )  # fmt: skip
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    status = {one["TunedHyperParameters"]["x"]: one["TrainingJobStatus"] for one in _children(jobs)}
    assert status == {"1": "Completed", "2": "Completed", "3": "Completed", "9": "Stopped"}


def test_hyperband_ends_what_falls_behind(jobs):
    code = """
x = float(config('hyperparameters')['x'])
for step in range(9): print('loss=%r;' % (x + 1.0 / (step + 1)), flush=True); time.sleep(0.02)
if x > 5: wait()
"""
    strategy = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 9}}
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["1", "2", "3", "8", "9"]}]}
    job = _tuned(
        jobs, code, strategy="Hyperband", ranges=ranges, count=6, parallel=6, config={"StrategyConfig": strategy}
    )
    assert job["HyperParameterTuningJobStatus"] == "Completed", job
    assert job["TrainingJobStatusCounters"]["Stopped"] >= 1


def test_several_definitions_take_turns(jobs):
    definitions = [
        _definition(jobs, f"print('loss={value};', flush=True)", DefinitionName=name, HyperParameterRanges=RANGES,
                    TuningObjective={"Type": "Minimize", "MetricName": "loss"})
        for name, value in (("one", 5), ("two", 2))
    ]  # fmt: skip
    request = {"HyperParameterTuningJobName": "t", "TrainingJobDefinitions": definitions}
    config = {"Strategy": "Random", "ResourceLimits": {"MaxParallelTrainingJobs": 2, "MaxNumberOfTrainingJobs": 4}}
    jobs.kit.call("CreateHyperParameterTuningJob", HyperParameterTuningJobConfig=config, **request)
    jobs.kit.until(lambda: _describe(jobs)["HyperParameterTuningJobStatus"] == "Completed")
    assert sorted(one["TrainingJobDefinitionName"] for one in _children(jobs)) == ["one", "one", "two", "two"]
    assert _describe(jobs)["BestTrainingJob"]["TrainingJobDefinitionName"] == "two"


def test_a_warm_start_knows_what_its_parents_found(jobs):
    ranges = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["3", "9"]}]}
    _tuned(jobs, ranges=ranges, strategy="Grid", count=None)
    warm = {
        "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "t"}],
        "WarmStartType": "IdenticalDataAndAlgorithm",
    }
    worse = {"CategoricalParameterRanges": [{"Name": "x", "Values": ["7"]}]}
    job = _tuned(jobs, name="u", ranges=worse, count=1, parallel=1, WarmStartConfig=warm)
    assert job["BestTrainingJob"]["TunedHyperParameters"]["x"] == "7"
    assert job["OverallBestTrainingJob"]["TuningJobName"] == "t"
    assert job["OverallBestTrainingJob"]["TunedHyperParameters"]["x"] == "3"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ranges": {"CategoricalParameterRanges": []}}, "At least one hyperparameter range"),
        ({"strategy": "Grid"}, "categorical"),
        ({"count": 1, "parallel": 2}, "must not exceed"),
        ({"strategy": "Hyperband"}, "HyperbandStrategyConfig"),
        ({"definition": {"static": {"x": "1"}}}, "both static and tuned"),
        ({"config": {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "auc"}}}, "isn't defined"),
        ({"ranges": {"AutoParameters": [{"Name": "x", "ValueHint": "1"}]}}, "AutoParameters"),
        ({"Autotune": {"Mode": "Enabled"}}, "Autotune"),
        ({"count": None}, "must have MaxNumberOfTrainingJobs"),
        ({"ranges": {"IntegerParameterRanges": [{"Name": "x", "MinValue": "a", "MaxValue": "3"}]}}, "not a number"),
        ({"ranges": {"IntegerParameterRanges": [{"Name": "x", "MinValue": "5", "MaxValue": "3"}]}}, "is not one"),
        ({"definition": {"RemoteDebugConfig": {}}}, "Unknown parameter"),
        ({"WarmStartConfig": {"ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": "x"}],
                              "WarmStartType": "TransferLearning"}}, "does not exist"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_are_refused(jobs, more, words):
    with pytest.raises(ServiceError, match=words):
        _tune(jobs, **more)


def test_restart_goes_on_with_the_search(jobs, tmp_path):
    code = """
print('loss=1;', flush=True)
if not os.path.exists(path('checkpoints/a')): write('checkpoints/a', '1'); wait()
"""
    definition = {"CheckpointConfig": {"S3Uri": "s3://artefacts/ck"}, "RetryStrategy": {"MaximumRetryAttempts": 1}}
    _tune(jobs, code, count=2, parallel=2, definition=definition)
    jobs.kit.until(lambda: sum(key.startswith("ck/") for _, key in jobs.objects) == 2)
    kept = json.loads(json.dumps(jobs.kit.sm.snapshot()))
    jobs.kit.sm.close()
    jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "again", Limits())
    jobs.kit.sm.resume(kept)
    jobs.kit.until(lambda: _describe(jobs)["HyperParameterTuningJobStatus"] == "Completed")
    assert _describe(jobs)["TrainingJobStatusCounters"]["Completed"] == 2
    jobs.kit.sm.close()


def test_lists_and_deletion(jobs):
    _tuned(jobs, count=1, parallel=1)
    (row,) = jobs.kit.call("ListHyperParameterTuningJobs")["HyperParameterTuningJobSummaries"]
    assert (row["Strategy"], row["ResourceLimits"]["MaxNumberOfTrainingJobs"]) == ("Random", 1)
    jobs.kit.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="t")
    with pytest.raises(ServiceError) as missing:
        _describe(jobs)
    assert missing.value.code == "ResourceNotFound"


# The search itself, on plain values
SPACE = Space({"ContinuousParameterRanges": [{"Name": name, "MinValue": "0", "MaxValue": "1"} for name in "xy"]})


def _found(strategy, seed, count=25):
    trials = []
    for _ in range(count):
        values = propose(strategy, SPACE, trials, seed)
        loss = (float(values["x"]) - 0.7) ** 2 + (float(values["y"]) - 0.2) ** 2
        trials.append(Trial(values, loss))
    return min(trial.loss for trial in trials)


def test_bayesian_search_finds_a_minimum_that_random_search_does_not():
    bayesian = sorted(_found("Bayesian", seed) for seed in range(5))
    chance = sorted(_found("Random", seed) for seed in range(5))
    assert bayesian[2] < chance[2] / 10


def test_parallel_bayesian_trials_differ():
    generator = random.Random(1)
    done = [Trial(SPACE.at(SPACE.random(generator)), generator.random()) for _ in range(5)]
    first = propose("Bayesian", SPACE, done, 1)
    second = propose("Bayesian", SPACE, [*done, Trial(first, None)], 1)
    assert math.dist([float(v) for v in first.values()], [float(v) for v in second.values()]) > 1e-3


@pytest.mark.parametrize(("scale", "middle"), [("Linear", 50.0005), ("Logarithmic", 0.316), ("Auto", 0.316)])
def test_scales(scale, middle):
    space = Space({"ContinuousParameterRanges": [
        {"Name": "x", "MinValue": "0.001", "MaxValue": "100", "ScalingType": scale}
    ]})  # fmt: skip
    assert float(space.at([0.5])["x"]) == pytest.approx(middle, rel=0.01)
    assert space.point({"x": space.at([0.25])["x"]}) == pytest.approx([0.25])


def test_whole_numbers_stay_whole_and_within_their_bounds():
    space = Space({"IntegerParameterRanges": [{"Name": "n", "MinValue": "2", "MaxValue": "4"}]})
    assert {space.at([position / 20])["n"] for position in range(21)} == {"2", "3", "4"}


def test_the_median_rule_needs_three_finished_jobs_and_compares_like_with_like():
    finished = [[5.0, 1.0], [5.0, 2.0], [5.0, 3.0]]
    assert not worse_than_median([9.0], finished[:2])
    assert worse_than_median([9.0], finished)
    assert not worse_than_median([5.0], finished)
    assert worse_than_median([5.0, 4.0], finished)


def test_hyperband_keeps_the_best_third_at_a_rung():
    assert rungs(1, 27) == [1, 3, 9]
    others = [[3.0], [4.0], [5.0], [6.0], [7.0]]
    assert not out_of_hyperband([3.5], others, [1])
    assert out_of_hyperband([4.5], others, [1])
    assert out_of_hyperband([9.0, 2.0], others, [1])
    assert not out_of_hyperband([2.0, 9.0], others, [1])
    assert not out_of_hyperband([9.0], others, [2])
    assert not out_of_hyperband([9.0], others[:1], [1])
