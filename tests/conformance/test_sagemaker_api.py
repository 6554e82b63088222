"""Every action of the embedded SageMaker against botocore's model of the service: what it refuses, what it answers, how
it pages."""

import copy
import io
import json
import sys
import tarfile
import time

import pytest

from rehearsal.clock import Clock
from rehearsal.host import Image, ImageNotFoundError, Scope
from rehearsal.sagemaker import Limits, SageMaker, ServiceError
from rehearsal.sagemaker.shapes import check, service_model

SCOPE = Scope("111122223333", "eu-west-1")
PRINCIPAL = "arn:aws:sts::111122223333:assumed-role/operator/alice"
ROLE = "arn:aws:iam::111122223333:role/job"
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/walk:1"
BASE = "arn:aws:sagemaker:eu-west-1:111122223333:"

# Serves when it is given a port, else is a job that has nothing to do.
PROGRAM = """
import http.server, os, sys
if "SAGEMAKER_BIND_TO_PORT" not in os.environ: sys.exit(0)
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""

# The model calls these required, but the service leaves them out: versions have no ModelPackageName, a token is given
# only where there is more, and a training job has no artefacts before it has made them.
LEFT_OUT = {
    ("DescribeModelPackage", "ModelPackageName"),
    ("DescribeFeatureGroup", "NextToken"),
    ("DescribeTrainingJob", "ModelArtifacts"),
}
# The model lists ResourceNotFound for these, but the service answers ValidationException ("Requested resource not
# found.", "Could not find requested job with name: …"), as SDKs and their users know it.
VALIDATION = {
    f"{verb}{kind}Job" for verb in ("Describe", "Stop", "Delete") for kind in ("Training", "Processing", "Transform")
}
# Lists that the service answers even when they are empty.
MAY_BE_EMPTY = {"ValidationStatuses", "ImageScanStatuses"}

# ARNs of what is not there, where they do not follow from the member's name.
ARNS = {
    "ModelCardExportJobArn": f"{BASE}model-card/none/export-job/none",
    "PipelineExecutionArn": f"{BASE}pipeline/none/execution/abcdefghijkl",
}
HARDWARE = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
TRANSFORM_HARDWARE = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
WITH_CONFIG = ("ModelBias", "ModelExplainability")
VARIANT = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
FEATURES = [{"FeatureName": "id", "FeatureType": "String"}, {"FeatureName": "time", "FeatureType": "String"}]
SOURCE = {"SourceUri": "s3://walk/data"}
POLICY = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sagemaker:*", "Resource": "*"}]}
)  # fmt: skip


class WalkHost:
    """A host in memory: model data in S3, one image, nobody listening to events."""

    def __init__(self, directory):
        self.clock = Clock(speed=0, start=1_795_183_509.0)
        self.image_files = directory / "image"
        self.image_files.mkdir()
        (self.image_files / "main.py").write_text(PROGRAM)
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            tar.addfile(tarfile.TarInfo("empty"))
        self.objects = {("walk", "m.tar.gz"): packed.getvalue(), ("walk", "in/a.csv"): b"1\n"}

    def client(self, service, role_arn, scope):
        return self

    def list_objects_v2(self, Bucket, Prefix, **_):
        keys = [key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix)]
        return {"Contents": [{"Key": key, "Size": len(self.objects[Bucket, key])} for key in keys]}

    def get_object(self, Bucket, Key, **_):
        body = self.objects[Bucket, Key]
        return {"Body": io.BytesIO(body), "ContentLength": len(body), "ETag": '"e"'}

    def head_object(self, Bucket, Key, **_):
        return {"ContentLength": len(self.objects[Bucket, Key]), "ETag": '"e"'}

    def put_object(self, Bucket, Key, Body, **_):
        self.objects[Bucket, Key] = Body if isinstance(Body, bytes) else Body.read()

    def delete_object(self, Bucket, Key, **_):
        self.objects.pop((Bucket, Key), None)

    def image(self, uri):
        if not uri.startswith(IMAGE.rpartition(":")[0]):
            raise ImageNotFoundError(uri)
        return Image(IMAGE.rpartition(":")[0], "sha256:" + "ab" * 32, self.image_files, (sys.executable, "main.py"))

    def pull(self, uri, role_arn, scope):
        return self.image(uri)

    def scalable_variants(self, endpoint, scope):
        return frozenset()

    def deregister_variants(self, endpoint, scope):
        return None

    def alarm_state(self, name, scope):
        return None

    def publish_event(self, *event):
        json.dumps(event[2])

    def put_metrics(self, *metrics):
        pass

    def write_log(self, *lines):
        pass


class Walk:
    """Calls, each answer checked against the model."""

    def __init__(self, sm):
        self.sm = sm
        self.done, self.faults = set(), []

    def call(self, action, /, **params):
        answer = self.sm.handle(action, params, SCOPE, PRINCIPAL)
        self.done.add(action)
        self.faults += answer_faults(action, answer)
        return answer

    def until(self, action, key, values, /, **params):
        deadline = time.monotonic() + 15
        while self.call(action, **params)[key] not in values:
            assert time.monotonic() < deadline, f"{action} {params}: waited in vain for {values}"
            time.sleep(0.02)


def answer_faults(action, answer):
    """Where the answer departs from the model: members, values, what is required, and structures that are empty."""
    shape = service_model().operation_model(action).output_shape
    if shape is None:
        return [] if answer == {} else [f"{action}: the service answers nothing"]
    found = []
    try:
        check(shape, answer)
    except ServiceError as fault:
        found += [f"{action}: {one}" for one in fault.message.split("; ") if "Value null" not in one]
    missing = [name for name in shape.required_members if name not in answer and (action, name) not in LEFT_OUT]
    found += [f"{action}: {name} is missing" for name in missing]
    listed = {name for name, member in shape.members.items() if member.type_name == "list"}
    found += [f"{action}: {name} is empty" for name in _empty({k: v for k, v in answer.items() if k not in listed})]
    return found


def _empty(value):
    if isinstance(value, dict):
        for name, inner in value.items():
            if inner in ({}, [], None, "") and name not in MAY_BE_EMPTY:
                yield name
            yield from _empty(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _empty(inner)


@pytest.fixture
def sm(tmp_path):
    limits = Limits(startup_seconds=8, ping_seconds=0.03, server_grace_seconds=1, drain_seconds=1)
    sm = SageMaker(WalkHost(tmp_path), tmp_path / "state", limits)
    yield sm
    sm.close()


def test_every_action_refuses_what_its_shape_does_not_have(sm, figure):
    wrong = []
    for action in sorted(SageMaker.ACTIONS):
        shape = service_model().operation_model(action).input_shape
        for params, words in (({"Colour": "red"}, "Colour"), ({}, "Value null at")):
            if not params and not shape.required_members:
                continue
            try:
                sm.handle(action, params, SCOPE, PRINCIPAL)
                wrong.append(f"{action}: {params} was accepted")
            except ServiceError as fault:
                if fault.code != "ValidationException" or words not in fault.message:
                    wrong.append(f"{action}: {fault}")
    assert not wrong
    figure("SageMaker actions that refuse unknown and missing members", len(SageMaker.ACTIONS), "all", not wrong)


def test_error_codes_are_those_the_model_lists(sm, figure):
    """A resource that is not there: ResourceNotFound exactly where the model lists it, else ValidationException."""
    wrong, asked = [], 0
    for action in sorted(SageMaker.ACTIONS):
        operation = service_model().operation_model(action)
        required = operation.input_shape.required_members
        if not action.startswith(("Describe", "Delete", "Stop", "Start")) or len(required) != 1:
            continue
        asked += 1
        name = required[0]
        kind = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name.removesuffix("Arn"))
        value = f"{BASE}{kind.strip('-')}/none" if name.endswith("Arn") else "none"
        value = ARNS.get(name, value)
        listed = {error.name for error in operation.error_shapes}
        if action.startswith("Delete"):  # some deletions list no error at all: then it is the one of Describe
            described = action.replace("Delete", "Describe")
            if described in SageMaker.ACTIONS:
                listed |= {error.name for error in service_model().operation_model(described).error_shapes}
        found_out = "ResourceNotFound" in listed and action not in VALIDATION
        wanted = "ResourceNotFound" if found_out else "ValidationException"
        try:
            sm.handle(action, {name: value}, SCOPE, PRINCIPAL)
            wrong.append(f"{action}: found what is not there")
        except ServiceError as fault:
            if fault.code != wanted:
                wrong.append(f"{action}: {fault.code}, the model lists {wanted}")
    assert not wrong
    figure("SageMaker error codes for what does not exist", f"{asked - len(wrong)} of {asked}", "all", not wrong)


CANDIDATES = (
    "a", "none", "1", "s3://walk/in", "https://example.org/x", ROLE, f"{BASE}model-package/none/1",
    f"{BASE}model-card/none/export-job/none", f"{BASE}pipeline/none/execution/abcdefghijkl", f"{BASE}artifact/none",
    "arn:aws:kms:eu-west-1:111122223333:key/1", "sha256:" + "ab" * 32, "subnet-1", "a" * 32, IMAGE, "0",
    "arn:aws:sns:eu-west-1:111122223333:t", "10.0.0.0/16", "1m", "-PT1H", "/opt/ml/x", "text/csv", "a/b", "1.0",
)  # fmt: skip


def _made(shape, *, whole, depth=0):
    """A value of the shape: only what is required, or with `whole` every member, three levels deep."""
    if shape.type_name == "structure":
        wanted = shape.members if whole and depth < 3 else shape.required_members
        inner = {name: _made(shape.members[name], whole=whole, depth=depth + 1) for name in wanted}
        return {name: value for name, value in inner.items() if value is not None}
    if shape.type_name == "list":
        return [_made(shape.member, whole=whole, depth=depth + 1)] if shape.metadata.get("min", 1) <= 1 else None
    if shape.type_name == "map":
        return {_made(shape.key, whole=whole): _made(shape.value, whole=whole, depth=depth + 1)}
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "timestamp":
        return 1_795_183_509.0
    if shape.type_name != "string":
        return shape.metadata.get("min", 1)
    for candidate in shape.enum or CANDIDATES:
        try:
            return check(shape, candidate)
        except ServiceError:
            continue
    return None


@pytest.mark.parametrize("whole", [False, True], ids=["least", "most"])
def test_no_request_that_fits_its_shape_is_answered_with_a_crash(sm, figure, whole):
    """Made-up requests: the service answers or refuses; anything else would be a traceback."""
    crashed, answered = [], 0
    for action in sorted(SageMaker.ACTIONS, key=lambda one: (one.startswith("Delete"), one)):
        params = _made(service_model().operation_model(action).input_shape, whole=whole)
        try:
            sm.handle(action, params, SCOPE, PRINCIPAL)
            answered += 1
        except ServiceError:
            pass
        except Exception as error:
            crashed.append(f"{action}: {type(error).__name__} {error}")
    assert not crashed, "\n".join(crashed)
    kind = "with every member" if whole else "with the least"
    figure(f"SageMaker requests made up {kind}: crashes", len(crashed), "0", not crashed)


def _models(walk):
    walk.call("CreateModelPackageGroup", ModelPackageGroupName="g", ModelPackageGroupDescription="d")
    walk.call("PutModelPackageGroupPolicy", ModelPackageGroupName="g", ResourcePolicy=POLICY)
    containers = [{"Image": IMAGE, "ModelDataUrl": "s3://walk/m.tar.gz"}]
    package = walk.call(
        "CreateModelPackage", ModelPackageGroupName="g", InferenceSpecification={"Containers": containers}
    )["ModelPackageArn"]
    walk.call("UpdateModelPackage", ModelPackageArn=package, ModelApprovalStatus="Approved")
    walk.call("DescribeModelPackage", ModelPackageName=package)
    walk.call("BatchDescribeModelPackage", ModelPackageArnList=[package, package[:-1] + "9"])
    walk.call("DescribeModelPackageGroup", ModelPackageGroupName="g")
    walk.call("GetModelPackageGroupPolicy", ModelPackageGroupName="g")
    walk.call("AddTags", ResourceArn=f"{BASE}model-package-group/g", Tags=[{"Key": "a", "Value": "b"}])
    walk.call("ListTags", ResourceArn=f"{BASE}model-package-group/g")
    walk.call("DeleteTags", ResourceArn=f"{BASE}model-package-group/g", TagKeys=["a"])
    for name in ("m", "n"):
        walk.call("CreateModel", ModelName=name, PrimaryContainer=containers[0], ExecutionRoleArn=ROLE)
    walk.call("DescribeModel", ModelName="m")


def _endpoints(walk):
    for name in ("c", "d"):
        walk.call("CreateEndpointConfig", EndpointConfigName=name, ProductionVariants=[VARIANT])
    walk.call("DescribeEndpointConfig", EndpointConfigName="c")
    walk.call("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    walk.until("DescribeEndpoint", "EndpointStatus", ["InService"], EndpointName="e")
    walk.call("UpdateEndpoint", EndpointName="e", EndpointConfigName="d")
    walk.until("DescribeEndpoint", "EndpointStatus", ["InService"], EndpointName="e")
    change = {"VariantName": "main", "DesiredWeight": 2.0}
    walk.call("UpdateEndpointWeightsAndCapacities", EndpointName="e", DesiredWeightsAndCapacities=[change])
    walk.until("DescribeEndpoint", "EndpointStatus", ["InService"], EndpointName="e")


def _experiments_on_endpoints(walk):
    infrastructure = {
        "InfrastructureType": "RealTimeInference",
        "RealTimeInferenceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    variants = [
        {"ModelName": model, "VariantName": name, "InfrastructureConfig": infrastructure}
        for name, model in (("main", "m"), ("next", "n"))
    ]
    start = 1_795_183_509.0
    shadow = {"ShadowModelVariantName": "next", "SamplingPercentage": 50}
    walk.call(
        "CreateInferenceExperiment", Name="x", Type="ShadowMode", RoleArn=ROLE, EndpointName="e",
        ModelVariants=variants, Schedule={"StartTime": start + 3600, "EndTime": start + 7200},
        ShadowModeConfig={"SourceModelVariantName": "main", "ShadowModelVariants": [shadow]},
    )  # fmt: skip
    walk.call("UpdateInferenceExperiment", Name="x", Description="more")
    walk.call("StartInferenceExperiment", Name="x")
    walk.until("DescribeInferenceExperiment", "Status", ["Running"], Name="x")
    walk.call("StopInferenceExperiment", Name="x", ModelVariantActions={"main": "Retain", "next": "Remove"})
    walk.until("DescribeInferenceExperiment", "Status", ["Completed"], Name="x")


def _jobs(walk):
    walk.call(
        "CreateTrainingJob", TrainingJobName="t", RoleArn=ROLE, ResourceConfig=HARDWARE,
        AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
        OutputDataConfig={"S3OutputPath": "s3://walk/out"}, StoppingCondition={"MaxRuntimeInSeconds": 60},
    )  # fmt: skip
    walk.until("DescribeTrainingJob", "TrainingJobStatus", ["Completed"], TrainingJobName="t")
    walk.call(
        "CreateProcessingJob", ProcessingJobName="p", RoleArn=ROLE, AppSpecification={"ImageUri": IMAGE},
        ProcessingResources={"ClusterConfig": HARDWARE},
    )  # fmt: skip
    walk.until("DescribeProcessingJob", "ProcessingJobStatus", ["Completed"], ProcessingJobName="p")


def _more_jobs(walk):
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://walk/in/"}}
    walk.call(
        "CreateTransformJob", TransformJobName="b", ModelName="m", TransformInput={"DataSource": source},
        TransformOutput={"S3OutputPath": "s3://walk/out"}, TransformResources=TRANSFORM_HARDWARE,
    )  # fmt: skip
    walk.call("StopTransformJob", TransformJobName="b")
    walk.until("DescribeTransformJob", "TransformJobStatus", ["Stopped", "Failed"], TransformJobName="b")
    algorithm = {"TrainingImage": IMAGE, "TrainingInputMode": "File"}
    metric = {"Name": "loss", "Regex": "loss=([0-9.]+)"}
    walk.call(
        "CreateHyperParameterTuningJob", HyperParameterTuningJobName="h",
        HyperParameterTuningJobConfig={
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "loss"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {"IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "3"}]},
        },
        TrainingJobDefinition={
            "AlgorithmSpecification": {**algorithm, "MetricDefinitions": [metric]}, "RoleArn": ROLE,
            "OutputDataConfig": {"S3OutputPath": "s3://walk/out"}, "ResourceConfig": HARDWARE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        },
    )  # fmt: skip
    walk.call("StopHyperParameterTuningJob", HyperParameterTuningJobName="h")
    ended = ["Stopped", "Failed", "Completed"]
    walk.until(
        "DescribeHyperParameterTuningJob", "HyperParameterTuningJobStatus", ended, HyperParameterTuningJobName="h"
    )
    walk.call("ListTrainingJobsForHyperParameterTuningJob", HyperParameterTuningJobName="h")


def _monitors(walk):
    for kind, features in (
        ("DataQuality", {}),
        ("ModelQuality", {"InferenceAttribute": "0"}),
        ("ModelBias", {"InferenceAttribute": "0"}),
        ("ModelExplainability", {"InferenceAttribute": "0"}),
    ):
        app = {"ImageUri": IMAGE} | ({"ConfigUri": "s3://walk/config.json"} if kind in WITH_CONFIG else {})
        app |= {"ProblemType": "Regression"} if kind == "ModelQuality" else {}
        given = {"EndpointInput": {"EndpointName": "e", "LocalPath": "/opt/ml/processing/input", **features}}
        if kind in ("ModelQuality", "ModelBias"):
            given["GroundTruthS3Input"] = {"S3Uri": "s3://walk/truth"}
        output = {"S3Uri": "s3://walk/out", "LocalPath": "/opt/ml/processing/output"}
        request = {
            f"{kind}AppSpecification": app, f"{kind}JobInput": given, "RoleArn": ROLE,
            f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
            "JobResources": {"ClusterConfig": HARDWARE},
        }  # fmt: skip
        walk.call(f"Create{kind}JobDefinition", JobDefinitionName="d", **request)
        walk.call(f"Describe{kind}JobDefinition", JobDefinitionName="d")
    config = {
        "MonitoringJobDefinitionName": "d", "MonitoringType": "DataQuality",
        "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
    }  # fmt: skip
    walk.call("CreateMonitoringSchedule", MonitoringScheduleName="s", MonitoringScheduleConfig=config)
    named = {"MonitoringScheduleName": "s"}
    walk.until("DescribeMonitoringSchedule", "MonitoringScheduleStatus", ["Scheduled"], **named)
    walk.call("UpdateMonitoringSchedule", MonitoringScheduleConfig=config, **named)
    walk.until("DescribeMonitoringSchedule", "MonitoringScheduleStatus", ["Scheduled"], **named)
    walk.call("StopMonitoringSchedule", **named)
    walk.until("DescribeMonitoringSchedule", "MonitoringScheduleStatus", ["Stopped"], **named)
    walk.call("StartMonitoringSchedule", **named)
    walk.until("DescribeMonitoringSchedule", "MonitoringScheduleStatus", ["Scheduled"], **named)
    walk.call("ListMonitoringAlerts", **named)


def _pipelines(walk):
    steps = [{"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "enough"}}]
    parameters = [{"Name": "rows", "Type": "Integer", "DefaultValue": 1}]
    body = json.dumps({"Version": "2020-12-01", "Parameters": parameters, "Steps": steps})
    request = {"PipelineName": "p", "PipelineDefinition": body, "RoleArn": ROLE}
    walk.call("CreatePipeline", ClientRequestToken="t" * 32, **request)
    walk.call("UpdatePipeline", PipelineName="p", PipelineDescription="d")
    walk.call("DescribePipeline", PipelineName="p")
    run = walk.call("StartPipelineExecution", PipelineName="p", ClientRequestToken="s" * 32)
    walk.until("DescribePipelineExecution", "PipelineExecutionStatus", ["Failed"], **run)
    walk.call("UpdatePipelineExecution", PipelineExecutionDescription="d", **run)
    walk.call("DescribePipelineDefinitionForExecution", **run)
    for action in ("ListPipelineExecutionSteps", "ListPipelineParametersForExecution"):
        assert walk.call(action, **run)


def _cards(walk):
    walk.call("CreateModelCard", ModelCardName="c", Content='{"model_overview": {}}', ModelCardStatus="Draft")
    walk.call("UpdateModelCard", ModelCardName="c", Content="{}")
    walk.call("DescribeModelCard", ModelCardName="c")
    request = {"ModelCardExportJobName": "j", "OutputConfig": {"S3OutputPath": "s3://walk/cards"}}
    job = walk.call("CreateModelCardExportJob", ModelCardName="c", **request)
    walk.until("DescribeModelCardExportJob", "Status", ["Completed"], **job)


def _lineage(walk):
    for name in ("a", "b"):
        walk.call("CreateAction", ActionName=name, Source=SOURCE, ActionType="T")
    walk.call("DescribeAction", ActionName="a")
    walk.call("UpdateAction", ActionName="a", Status="Completed")
    artifact = walk.call("CreateArtifact", Source=SOURCE, ArtifactType="DataSet", ArtifactName="a")
    walk.call("DescribeArtifact", **artifact)
    walk.call("UpdateArtifact", **artifact, Properties={"a": "b"})
    walk.call("CreateContext", ContextName="c", Source=SOURCE, ContextType="T")
    walk.call("DescribeContext", ContextName="c")
    walk.call("UpdateContext", ContextName="c", Description="d")
    ends = {"SourceArn": artifact["ArtifactArn"], "DestinationArn": f"{BASE}action/a"}
    walk.call("AddAssociation", AssociationType="ContributedTo", **ends)
    walk.call("QueryLineage", StartArns=[ends["SourceArn"]])
    walk.call("CreateExperiment", ExperimentName="e")
    walk.call("DescribeExperiment", ExperimentName="e")
    walk.call("UpdateExperiment", ExperimentName="e", Description="d")
    walk.call("CreateTrial", TrialName="t", ExperimentName="e")
    walk.call("DescribeTrial", TrialName="t")
    walk.call("UpdateTrial", TrialName="t", DisplayName="T")
    walk.call("CreateTrialComponent", TrialComponentName="tc", Parameters={"a": {"NumberValue": 1}})
    walk.call("AssociateTrialComponent", TrialComponentName="tc", TrialName="t")
    walk.call("DescribeTrialComponent", TrialComponentName="tc")
    walk.call("UpdateTrialComponent", TrialComponentName="tc", Status={"PrimaryStatus": "Completed"})
    walk.call("DescribeLineageGroup", LineageGroupName="sagemaker-default-lineage-group")


def _features(walk):
    walk.call(
        "CreateFeatureGroup", FeatureGroupName="f", RecordIdentifierFeatureName="id", EventTimeFeatureName="time",
        FeatureDefinitions=FEATURES, OfflineStoreConfig={"S3StorageConfig": {"S3Uri": "s3://walk/f"}}, RoleArn=ROLE,
    )  # fmt: skip
    added = [{"FeatureName": "more", "FeatureType": "Integral"}]
    walk.call("UpdateFeatureGroup", FeatureGroupName="f", FeatureAdditions=added)
    walk.call("DescribeFeatureGroup", FeatureGroupName="f")
    walk.call("UpdateFeatureMetadata", FeatureGroupName="f", FeatureName="id", Description="d")
    walk.call("DescribeFeatureMetadata", FeatureGroupName="f", FeatureName="id")


def _searches(walk):
    for kind in (
        "TrainingJob", "Experiment", "ExperimentTrial", "ExperimentTrialComponent", "Endpoint", "Model", "ModelPackage",
        "ModelPackageGroup", "FeatureGroup", "FeatureMetadata", "ModelCard", "HyperParameterTuningJob", "Pipeline",
        "PipelineExecution",
    ):  # fmt: skip
        assert walk.call("Search", Resource=kind)["Results"], kind
    walk.call("GetSearchSuggestions", Resource="TrainingJob")


def _deletions(walk):
    walk.call("DeletePipeline", PipelineName="p", ClientRequestToken="d" * 32)
    walk.call("DeleteMonitoringSchedule", MonitoringScheduleName="s")
    for kind in ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability"):
        walk.call(f"Delete{kind}JobDefinition", JobDefinitionName="d")
    walk.call("DeleteHyperParameterTuningJob", HyperParameterTuningJobName="h")
    walk.call("DeleteInferenceExperiment", Name="x")
    walk.call("DeleteModelCard", ModelCardName="c")
    walk.call("DeleteFeatureGroup", FeatureGroupName="f")
    walk.call("DisassociateTrialComponent", TrialComponentName="tc", TrialName="t")
    walk.call("DeleteTrialComponent", TrialComponentName="tc")
    walk.call("DeleteTrial", TrialName="t")
    walk.call("DeleteExperiment", ExperimentName="e")
    artifact = walk.call("ListArtifacts", SourceUri=SOURCE["SourceUri"])["ArtifactSummaries"][0]["ArtifactArn"]
    walk.call("DeleteAssociation", SourceArn=artifact, DestinationArn=f"{BASE}action/a")
    walk.call("DeleteArtifact", ArtifactArn=artifact)
    walk.call("DeleteAction", ActionName="a")
    walk.call("DeleteContext", ContextName="c")
    walk.call("DeleteModelPackageGroupPolicy", ModelPackageGroupName="g")
    walk.call("DeleteModelPackage", ModelPackageName=f"{BASE}model-package/g/1")
    walk.call("DeleteModelPackageGroup", ModelPackageGroupName="g")
    walk.call("DeleteEndpoint", EndpointName="e")
    walk.call("DeleteEndpointConfig", EndpointConfigName="c")
    walk.call("DeleteModel", ModelName="m")
    walk.call("DeleteTrainingJob", TrainingJobName="t")
    walk.call("DeleteProcessingJob", ProcessingJobName="p")


# What the list actions with a required parameter are asked about.
ASKED = {
    "ListTags": {"ResourceArn": f"{BASE}model-package-group/g"},
    "ListModelCardVersions": {"ModelCardName": "c"},
    "ListModelCardExportJobs": {"ModelCardName": "c"},
    "ListModelPackages": {"ModelPackageGroupName": "g"},
    "ListPipelineExecutions": {"PipelineName": "p"},
    "Search": {"Resource": "TrainingJob"},
}
# Lists about an execution, which needs its ARN whatever the model says.
NOT_PAGED = {"ListPipelineExecutionSteps", "ListPipelineParametersForExecution"}


def _multiply(sm):
    """Seven of each record, told apart by their time of creation."""
    store = sm._core.store
    state = store.state(SCOPE)
    for table in state.tables.values():
        firsts = {record.get("_kind"): (key, record) for key, record in reversed(table.items())}
        for key, record in firsts.values():
            for number in range(1, 7):
                clone = copy.copy(record)
                clone |= {"_sequence": store.next_sequence(), "CreationTime": record.get("CreationTime", 0) + number}
                table[f"{key}-{number}"] = clone
    state.tags[f"{BASE}model-package-group/g"] = {f"k{number}": "v" for number in range(7)}


def _pages(walk, action):
    """Rows of all pages of two, and those of one page of a hundred; empty where the action has no pages."""
    shape = service_model().operation_model(action)
    if not {"NextToken", "MaxResults"} <= set(shape.input_shape.members):
        return [], []
    member = next(name for name, inner in shape.output_shape.members.items() if inner.type_name == "list")
    bounds = shape.input_shape.members["MaxResults"].metadata
    least = max(2, bounds.get("min", 1))
    asked = ASKED.get(action, {})
    whole = walk.call(action, **asked, MaxResults=min(100, bounds.get("max", 100)))
    rows, token = [], {}
    while True:
        page = walk.call(action, **asked, MaxResults=least, **token)
        assert len(page[member]) <= least, action
        rows += page[member]
        if "NextToken" not in page:
            return rows, whole[member]
        token = {"NextToken": page["NextToken"]}


def test_answers_fit_the_model_and_lists_page_without_loss(sm, figure):
    walk = Walk(sm)
    steps = (
        _models,
        _endpoints,
        _experiments_on_endpoints,
        _jobs,
        _more_jobs,
        _monitors,
        _pipelines,
        _cards,
        _lineage,
        _features,
        _searches,
    )
    for step in steps:
        step(walk)
    sm.flush()
    before = {kind: set(table) for kind, table in _tables(sm).items()}
    _multiply(sm)
    lists = sorted(one for one in SageMaker.ACTIONS if one.startswith("List") or one == "Search")
    paged, lost = [], []
    for action in lists:
        required = service_model().operation_model(action).input_shape.required_members
        if action in NOT_PAGED or set(required) - set(ASKED.get(action, {})):
            continue
        rows, whole = _pages(walk, action)
        if rows != whole:
            lost.append(action)
        elif len(rows) >= 5:
            paged.append(action)
    assert not lost
    for kind, table in _tables(sm).items():
        for key in set(table) - before.get(kind, set()):
            del table[key]
    _deletions(walk)
    assert not walk.faults, "\n".join(sorted(set(walk.faults)))
    missing = sorted(SageMaker.ACTIONS - walk.done)
    own = [one for one in missing if one in OWN]
    assert not own, f"not walked: {own}"
    share = len(walk.done) / len(SageMaker.ACTIONS)
    figure(
        "SageMaker actions whose answers were checked against the model",
        f"{len(walk.done)} of {len(SageMaker.ACTIONS)}", "80 % and every one of registry, lineage and records",
        share >= 0.8,
    )  # fmt: skip
    figure("SageMaker lists paged without loss or doubles", f"{len(paged)} of {len(lists)}", "25", len(paged) >= 25)


def _tables(sm):
    return sm._core.store.state(SCOPE).tables


KINDS = (
    "ModelPackage", "ModelCard", "Artifact", "Action", "Context", "Association", "Experiment", "Trial", "Lineage",
    "Feature", "Search", "Tags",
)  # fmt: skip
OWN = {one for one in SageMaker.ACTIONS if any(kind in one for kind in KINDS)} - {"GetLineageGroupPolicy"}
