"""Executions, with real jobs."""

import json
from typing import Any

import pytest

from rehearsal.sagemaker import SageMaker, ServiceError

FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:f"
OUT = [{"OutputName": "n", "OutputType": "String"}]


def call_function(name: str, arguments: Any = None, **more: Any) -> dict[str, Any]:
    step = {"Name": name, "Type": "Lambda", "FunctionArn": FUNCTION, "Arguments": arguments or {}}
    return {**step, "OutputParameters": OUT, **more}


def echo(pipelines: Any) -> list[Any]:
    seen: list[Any] = []
    pipelines.functions.answers[FUNCTION] = lambda given: seen.append(given) or {"n": len(seen)}
    return seen


def test_from_data_to_a_registered_model(kit: Any, pipelines: Any) -> None:
    """Prepare, train, judge by a property file, register: every reference is one that users write."""
    train = {
        "RoleArn": kit.role,
        "AlgorithmSpecification": {"TrainingImage": kit.job_image, "TrainingInputMode": "File"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": {"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['report'].S3Output.S3Uri"},
                    }
                },
            }
        ],
        "OutputDataConfig": {
            "S3OutputPath": {
                "Std:Join": {"On": "/", "Values": ["s3://artefacts", {"Get": "Execution.PipelineExecutionId"}]}
            }
        },
        "ResourceConfig": {"InstanceType": {"Get": "Parameters.Instance"}, "InstanceCount": 1, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60},
    }
    package = {
        "ModelPackageGroupName": "g",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [
                {
                    "Image": kit.image,
                    "ModelDataUrl": {"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"},
                }
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    }
    good = {
        "Type": "Equals",
        "LeftValue": {
            "Std:JsonGet": {"PropertyFile": {"Get": "Steps.Prepare.PropertyFiles.Report"}, "Path": "argv[0]"}
        },
        "RightValue": "prepare",
    }
    arms = {
        "IfSteps": [{"Name": "Register", "Type": "RegisterModel", "Arguments": package}],
        "ElseSteps": [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "not good"}}],
    }
    kit.call("CreateModelPackageGroup", ModelPackageGroupName="g")
    pipelines.create(
        {"Name": "Judge", "Type": "Condition", "DependsOn": ["Train"], "Arguments": {"Conditions": [good], **arms}},
        {"Name": "Train", "Type": "Training", "Arguments": train},
        pipelines.processing("Prepare", DisplayName="Prepare the data"),
        parameters=[{"Name": "Instance", "Type": "String", "DefaultValue": "ml.m5.large"}],
    )
    arn = pipelines.start(values={"Instance": "ml.m5.xlarge"})
    ended = pipelines.ended(arn)
    assert ended["PipelineExecutionStatus"] == "Succeeded", pipelines.steps(arn)
    steps = pipelines.steps(arn)
    assert {name: one["StepStatus"] for name, one in steps.items()} == dict.fromkeys(
        ("Prepare", "Train", "Judge", "Register"), "Succeeded"
    )
    assert steps["Judge"]["Metadata"] == {"Condition": {"Outcome": "True"}}
    assert steps["Prepare"]["StepDisplayName"] == "Prepare the data"
    assert steps["Prepare"]["StartTime"] <= steps["Train"]["StartTime"] <= steps["Register"]["StartTime"]
    name = steps["Train"]["Metadata"]["TrainingJob"]["Arn"].rpartition("/")[2]
    assert name.startswith(f"pipelines-{arn.rpartition('/')[2]}-train-")
    (registered,) = kit.call("ListModelPackages", ModelPackageGroupName="g")["ModelPackageSummaryList"]
    assert registered["ModelPackageArn"] == steps["Register"]["Metadata"]["RegisterModel"]["Arn"]
    values = kit.call("ListPipelineParametersForExecution", PipelineExecutionArn=arn)["PipelineParameters"]
    assert values == [{"Name": "Instance", "Value": "ml.m5.xlarge"}]


def test_each_change_is_told_to_the_bus(kit: Any, pipelines: Any) -> None:
    echo(pipelines)
    pipelines.create(call_function("One"))
    arn = pipelines.start()
    pipelines.ended(arn)
    changes = kit.details("SageMaker Model Building Pipeline Execution Status Change")
    assert [
        (one.get("previousPipelineExecutionStatus"), one["currentPipelineExecutionStatus"])
        for one in changes
    ] == [(None, "Executing"), ("Executing", "Succeeded")]  # fmt: skip
    assert changes[0]["pipelineExecutionArn"] == arn
    steps = kit.details("SageMaker Model Building Pipeline Execution Step Status Change")
    assert [one["currentStepStatus"] for one in steps] == ["Starting", "Succeeded"]
    assert steps[1]["metadata"] == {"lambda": {"arn": FUNCTION, "outputParameters": [{"Name": "n", "Value": "1"}]}}


def test_a_failed_job_fails_the_execution_and_nothing_further_starts(kit: Any, pipelines: Any) -> None:
    seen = echo(pipelines)
    pipelines.create(pipelines.processing("Bad", "fail"), call_function("After", DependsOn=["Bad"]))
    arn = pipelines.start()
    ended = pipelines.ended(arn)
    assert (ended["PipelineExecutionStatus"], ended["FailureReason"]) == (
        "Failed",
        "Step failure: One or multiple steps failed.",
    )
    assert "AlgorithmError" in pipelines.steps(arn)["Bad"]["FailureReason"]
    assert list(pipelines.steps(arn)) == ["Bad"]
    assert seen == []


def test_retry_goes_on_from_the_failed_step(kit: Any, pipelines: Any) -> None:
    seen = echo(pipelines)
    pipelines.create(
        call_function("First"),
        call_function("Second", {"x": {"Get": "Steps.First.OutputParameters['n']"}}),
        pipelines.processing("Last", {"Get": "Parameters.Mode"}, DependsOn=["Second"]),
        parameters=[{"Name": "Mode", "Type": "String", "DefaultValue": "fail"}],
    )
    arn = pipelines.start()
    assert pipelines.ended(arn)["PipelineExecutionStatus"] == "Failed"
    kit.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=pipelines.token())
    assert pipelines.ended(arn)["PipelineExecutionStatus"] == "Failed", "the data are the same"
    assert seen == [{}, {"x": 1}], "what had succeeded did not run again"
    with pytest.raises(ServiceError, match="Only a failed or stopped execution"):
        arn = pipelines.start(values={"Mode": ""})
        pipelines.ended(arn)
        kit.call("RetryPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=pipelines.token())


def test_the_other_arm_is_skipped_with_what_depends_on_it(pipelines: Any) -> None:
    echo(pipelines)
    never = {"Type": "Equals", "LeftValue": 1, "RightValue": 2}
    arms = {"Conditions": [never], "IfSteps": [call_function("Yes")], "ElseSteps": [call_function("No")]}
    pipelines.create(
        {"Name": "Which", "Type": "Condition", "Arguments": arms}, call_function("AfterYes", DependsOn=["Yes"])
    )
    assert pipelines.run() == ("Succeeded", {"Which": "Succeeded", "No": "Succeeded"})


def test_a_fail_step_gives_its_message(pipelines: Any) -> None:
    message = {"Std:Join": {"On": " ", "Values": ["rows:", {"Get": "Parameters.Rows"}]}}
    pipelines.create(
        {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": message}},
        parameters=[{"Name": "Rows", "Type": "Integer", "DefaultValue": 7}],
    )
    assert pipelines.ended(pipelines.start())["FailureReason"] == "rows: 7"


def test_a_callback_waits_for_its_token(kit: Any, pipelines: Any) -> None:
    seen = echo(pipelines)
    ask = {
        "Name": "Ask", "Type": "Callback", "SqsQueueUrl": "https://sqs/q", "Arguments": {"what": "label"},
        "OutputParameters": [{"OutputName": "rows", "OutputType": "Integer"}],
    }  # fmt: skip
    pipelines.create(ask, call_function("Use", {"rows": {"Get": "Steps.Ask.OutputParameters['rows']"}}))
    arn = pipelines.start()
    kit.until(lambda: pipelines.queue.messages)
    (message,) = pipelines.queue.messages
    assert (message["arguments"], message["status"], message["pipelineExecutionArn"]) == (
        {"what": "label"}, "Executing", arn,
    )  # fmt: skip
    kit.until(lambda: pipelines.status(arn) and pipelines.steps(arn)["Ask"]["StepStatus"] == "Executing")
    with pytest.raises(ServiceError, match="OutputParameters must be rows"):
        kit.call("SendPipelineExecutionStepSuccess", CallbackToken=message["token"])
    with pytest.raises(ServiceError, match="No step waits for this callback token"):
        kit.call("SendPipelineExecutionStepSuccess", CallbackToken="0123456789")
    given = [{"Name": "rows", "Value": "12"}]
    kit.call("SendPipelineExecutionStepSuccess", CallbackToken=message["token"], OutputParameters=given)
    assert pipelines.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert seen == [{"rows": 12}]
    with pytest.raises(ServiceError, match="does not wait any more"):
        kit.call("SendPipelineExecutionStepFailure", CallbackToken=message["token"])


def test_a_callback_can_fail_or_be_forgotten(kit: Any, pipelines: Any, clock: Any) -> None:
    pipelines.create({"Name": "Ask", "Type": "Callback", "SqsQueueUrl": "https://sqs/q", "Arguments": {}})
    first, second = pipelines.start(), pipelines.start()
    kit.until(lambda: pipelines.status(first) and len(pipelines.queue.messages) == 2)
    tokens = {one["pipelineExecutionArn"]: one["token"] for one in pipelines.queue.messages}
    kit.until(lambda: pipelines.status(second) and pipelines.steps(first)["Ask"]["StepStatus"] == "Executing")
    kit.call("SendPipelineExecutionStepFailure", CallbackToken=tokens[first], FailureReason="no labels")
    pipelines.ended(first)
    assert pipelines.steps(first)["Ask"]["FailureReason"] == "no labels"
    kit.until(lambda: pipelines.steps(second)["Ask"]["StepStatus"] == "Executing")
    clock.advance(7 * 86_400 + 1)
    pipelines.ended(second)
    assert "within 7 days" in pipelines.steps(second)["Ask"]["FailureReason"]


def test_stopping_stops_the_jobs(kit: Any, pipelines: Any) -> None:
    pipelines.create(pipelines.processing("Long", "wait"))
    arn = pipelines.start()
    kit.until(lambda: "waiting" in kit.host.logs.get("/aws/sagemaker/ProcessingJobs", []))
    kit.until(lambda: pipelines.status(arn) and pipelines.steps(arn)["Long"]["StepStatus"] == "Executing")
    kit.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=pipelines.token())
    with pytest.raises(ServiceError, match="The execution is Stopping"):
        kit.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=pipelines.token())
    assert pipelines.ended(arn)["PipelineExecutionStatus"] == "Stopped"
    assert pipelines.steps(arn)["Long"]["StepStatus"] == "Stopped"
    (job,) = kit.call("ListProcessingJobs")["ProcessingJobSummaries"]
    assert job["ProcessingJobStatus"] == "Stopped"


def test_retry_policies_go_by_the_kind_of_failure(kit: Any, pipelines: Any, clock: Any) -> None:
    policy = {"ExceptionType": ["Step.THROTTLING"], "IntervalSeconds": 60, "BackoffRate": 2, "MaxAttempts": 2}
    pipelines.create(pipelines.processing("P", RetryPolicies=[policy]))
    pipelines.refuse["CreateProcessingJob"] = ["ThrottlingException"]
    arn = pipelines.start()
    kit.until(lambda: pipelines.status(arn) and "FailureReason" in pipelines.steps(arn).get("P", {}))
    assert pipelines.steps(arn)["P"]["StepStatus"] == "Starting"
    clock.advance(59)
    assert pipelines.status(arn) == "Executing"
    clock.advance(2)
    assert pipelines.ended(arn)["PipelineExecutionStatus"] == "Succeeded"
    assert pipelines.steps(arn)["P"]["AttemptCount"] == 2
    pipelines.refuse["CreateProcessingJob"] = ["AccessDeniedException"]
    assert pipelines.run() == ("Failed", {"P": "Failed"}), "no policy is for that"


def test_at_most_as_many_steps_at_once_as_declared(kit: Any, pipelines: Any) -> None:
    names = [f"W{n}" for n in range(4)]
    most = {"MaxParallelExecutionSteps": 2}
    pipelines.create(*(pipelines.processing(name, "wait") for name in names), ParallelismConfiguration=most)
    arn = pipelines.start()
    kit.until(lambda: pipelines.status(arn) and len(pipelines.steps(arn)) == 2)
    for _ in range(3):
        kit.sm.flush()
    assert len(pipelines.steps(arn)) == 2
    kit.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=pipelines.token())
    pipelines.ended(arn)


def test_a_cached_result_is_used_until_it_expires(pipelines: Any, clock: Any) -> None:
    seen = echo(pipelines)
    cached = {"CacheConfig": {"Enabled": True, "ExpireAfter": "P1D"}}
    number = {"x": {"Get": "Parameters.N"}}
    parameters = [{"Name": "N", "Type": "Integer", "DefaultValue": 1}]
    pipelines.create(call_function("Once", number, **cached), parameters=parameters)
    first = pipelines.start()
    pipelines.ended(first)
    second = pipelines.start()
    pipelines.ended(second)
    assert pipelines.steps(second)["Once"]["CacheHitResult"] == {"SourcePipelineExecutionArn": first}
    pipelines.run(values={"N": "2"})
    assert seen == [{"x": 1}, {"x": 2}], "another request is another result"
    clock.advance(86_400 + 60)
    pipelines.run()
    assert seen[-1] == {"x": 1}
    assert len(seen) == 3


def test_selected_steps_only(pipelines: Any) -> None:
    seen = echo(pipelines)
    second = call_function("Second", {"x": {"Get": "Steps.First.OutputParameters['n']"}})
    pipelines.create(call_function("First"), second, call_function("Third", DependsOn=["Second"]))
    arn = pipelines.start()
    pipelines.ended(arn)
    chosen = {"SourcePipelineExecutionArn": arn, "SelectedSteps": [{"StepName": "Second"}]}
    again = pipelines.start(SelectiveExecutionConfig=chosen)
    assert pipelines.ended(again)["PipelineExecutionStatus"] == "Succeeded"
    assert seen[3:] == [{"x": 1}]
    assert pipelines.steps(again)["First"]["SelectiveExecutionResult"] == {"SourcePipelineExecutionArn": arn}
    with pytest.raises(ServiceError, match="is not a step of the pipeline"):
        pipelines.start(SelectiveExecutionConfig={"SelectedSteps": [{"StepName": "Ninth"}]})


def test_a_function_that_fails_or_forgets_its_output(pipelines: Any) -> None:
    def fail(_: Any) -> Any:
        raise ValueError("broken")

    pipelines.functions.answers[FUNCTION] = fail
    pipelines.create(call_function("F"))
    arn = pipelines.start()
    pipelines.ended(arn)
    assert "broken" in pipelines.steps(arn)["F"]["FailureReason"]
    pipelines.functions.answers[FUNCTION] = lambda _: {}
    arn = pipelines.start()
    pipelines.ended(arn)
    assert "did not return 'n'" in pipelines.steps(arn)["F"]["FailureReason"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "must be given"),
        ({"N": "x"}, "is not of type Integer"),
        ({"N": "3"}, "is not one of 1, 2"),
        ({"M": "1"}, "Unknown parameter 'M'"),
    ],
)
def test_parameters_are_checked_at_the_start(pipelines: Any, values: Any, words: str) -> None:
    echo(pipelines)
    pipelines.create(call_function("F"), parameters=[{"Name": "N", "Type": "Integer", "EnumValues": [1, 2]}])
    with pytest.raises(ServiceError, match=words):
        pipelines.start(values=values)


def test_a_pipeline_with_running_executions_is_not_deleted(kit: Any, pipelines: Any) -> None:
    pipelines.create({"Name": "Ask", "Type": "Callback", "SqsQueueUrl": "https://sqs/q", "Arguments": {}})
    arn = pipelines.start()
    with pytest.raises(ServiceError, match="has executions that run"):
        kit.call("DeletePipeline", PipelineName="p", ClientRequestToken=pipelines.token())
    kit.until(lambda: pipelines.status(arn) and pipelines.steps(arn).get("Ask", {}).get("StepStatus") == "Executing")
    kit.call("StopPipelineExecution", PipelineExecutionArn=arn, ClientRequestToken=pipelines.token())
    assert pipelines.ended(arn)["PipelineExecutionStatus"] == "Stopped"
    assert [one["status"] for one in pipelines.queue.messages] == ["Executing", "Stopping"]
    kit.call("DeletePipeline", PipelineName="p", ClientRequestToken=pipelines.token())


def test_an_execution_goes_on_after_a_restart(kit: Any, pipelines: Any, tmp_path: Any) -> None:
    seen = echo(pipelines)
    ask = {"Name": "Ask", "Type": "Callback", "SqsQueueUrl": "https://sqs/q", "Arguments": {}}
    pipelines.create(ask, call_function("Then", DependsOn=["Ask"]))
    arn = pipelines.start()
    kit.until(lambda: pipelines.status(arn) and pipelines.steps(arn).get("Ask", {}).get("StepStatus") == "Executing")
    kept = json.loads(json.dumps(kit.sm.snapshot()))
    again = SageMaker(kit.host, tmp_path / "again")
    try:
        again.resume(kept)
        token = {"CallbackToken": pipelines.queue.messages[0]["token"]}
        again.handle("SendPipelineExecutionStepSuccess", token, kit.scope, kit.principal)

        def done() -> bool:
            again.flush()
            asked = {"PipelineExecutionArn": arn}
            found = again.handle("DescribePipelineExecution", asked, kit.scope, kit.principal)
            return bool(found["PipelineExecutionStatus"] == "Succeeded")

        kit.until(done)
        assert seen == [{}]
    finally:
        again.close()
