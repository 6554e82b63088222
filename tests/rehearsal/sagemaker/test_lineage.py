import itertools

import pytest

from rehearsal.sagemaker import ServiceError

BASE = "arn:aws:sagemaker:eu-west-1:111122223333:"


def _refused(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


def _artifact(kit, name, kind="DataSet", **more):
    source = {"SourceUri": f"s3://data/{name}"}
    return kit.call("CreateArtifact", ArtifactName=name, Source=source, ArtifactType=kind, **more)["ArtifactArn"]


def _action(kit, name, kind="Step"):
    source = {"SourceUri": f"step:{name}"}
    return kit.call("CreateAction", ActionName=name, Source=source, ActionType=kind)["ActionArn"]


def _join(kit, *arns, kind="ContributedTo"):
    for source, destination in itertools.pairwise(arns):
        kit.call("AddAssociation", SourceArn=source, DestinationArn=destination, AssociationType=kind)


@pytest.fixture
def graph(kit):
    """raw → clean → data → train → model → deploy; data → report."""
    arns = {
        "raw": _artifact(kit, "raw"),
        "clean": _action(kit, "clean"),
        "data": _artifact(kit, "data"),
        "train": _action(kit, "train"),
        "model": _artifact(kit, "model", "Model", Properties={"stage": "prod"}),
        "deploy": _action(kit, "deploy", "ModelDeployment"),
        "report": _artifact(kit, "report", "Report"),
    }
    _join(kit, *(arns[name] for name in ("raw", "clean", "data", "train", "model", "deploy")))
    _join(kit, arns["data"], arns["report"])
    names = {arn: name for name, arn in arns.items()}

    def query(start, **params):
        answer = kit.call("QueryLineage", StartArns=[arns[start]], **params)
        edges = {(names[one["SourceArn"]], names[one["DestinationArn"]]) for one in answer.get("Edges", [])}
        return [names[one["Arn"]] for one in answer["Vertices"]], edges

    return query, arns


@pytest.mark.parametrize(
    ("start", "params", "vertices", "edges"),
    [
        ("model", {"Direction": "Ascendants"}, "model train data clean raw", 4),
        ("data", {"Direction": "Descendants"}, "data train report model deploy", 4),
        ("data", {}, "data clean raw train report model deploy", 6),
        ("model", {"Direction": "Ascendants", "MaxDepth": 2}, "model train data", 2),
        ("deploy", {"Filters": {"Types": ["DataSet"]}, "IncludeEdges": False}, "data raw", 0),
        ("deploy", {"Filters": {"Types": ["Report"]}, "IncludeEdges": False}, "", 0),
        ("raw", {"Filters": {"LineageTypes": ["Action"]}, "IncludeEdges": False}, "clean train deploy", 0),
        ("raw", {"Filters": {"Properties": {"stage": "prod"}}, "IncludeEdges": False}, "model", 0),
        ("deploy", {"Filters": {"Types": ["DataSet"]}, "MaxDepth": 3}, "deploy model train data", 3),
    ],
)
def test_a_query_walks_the_graph(graph, start, params, vertices, edges):
    query, _ = graph
    found, joined = query(start, **params)
    assert (found, len(joined)) == (vertices.split(), edges)


def test_a_query_pages_without_loss(kit, graph):
    _, arns = graph
    seen, token = [], {}
    while True:
        page = kit.call("QueryLineage", StartArns=[arns["data"]], MaxResults=3, **token)
        seen += [one["Arn"] for one in page["Vertices"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert sorted(seen) == sorted(arns.values())


def test_a_query_by_time_and_without_a_start(kit, clock, graph):
    _, arns = graph
    clock.advance(3600)
    late = _artifact(kit, "late")
    filters = {"CreatedAfter": clock.now() - 60, "LineageTypes": ["Artifact"]}
    answer = kit.call("QueryLineage", Filters=filters)
    assert answer == {"Vertices": [{"Arn": late, "Type": "DataSet", "LineageType": "Artifact"}]}
    assert _refused(kit, "QueryLineage", StartArns=[late + "0"]).code == "ResourceNotFound"
    assert "less than or equal to 10" in _refused(kit, "QueryLineage", StartArns=[arns["raw"]], MaxDepth=11).message


def test_there_is_one_artifact_for_a_uri(kit):
    arn = _artifact(kit, "raw")
    assert (
        arn
        == _refused(kit, "CreateArtifact", Source={"SourceUri": "s3://data/raw"}, ArtifactType="X").message.split(" ")[
            3
        ]
    )
    kit.call("DeleteArtifact", Source={"SourceUri": "s3://data/raw"})
    assert _artifact(kit, "raw") == arn


def test_entities_are_updated_listed_and_deleted(kit):
    _artifact(kit, "a", Properties={"x": "1", "y": "2"}, Tags=[{"Key": "k", "Value": "v"}])
    arn = _artifact(kit, "b", "Model")
    assert [one["ArtifactName"] for one in kit.call("ListArtifacts")["ArtifactSummaries"]] == ["b", "a"]
    assert kit.call("ListArtifacts", ArtifactType="Model")["ArtifactSummaries"][0]["ArtifactArn"] == arn
    found = kit.call("ListArtifacts", SourceUri="s3://data/a")["ArtifactSummaries"]
    kit.call("UpdateArtifact", ArtifactArn=found[0]["ArtifactArn"], Properties={"z": "3"}, PropertiesToRemove=["x"])
    described = kit.call("DescribeArtifact", ArtifactArn=found[0]["ArtifactArn"])
    assert described["Properties"] == {"y": "2", "z": "3"}
    assert described["LineageGroupArn"].endswith(":lineage-group/sagemaker-default-lineage-group")
    _action(kit, "train")
    kit.call("UpdateAction", ActionName="train", Status="Completed", Description="done")
    assert kit.call("DescribeAction", ActionName=BASE + "action/train")["Status"] == "Completed"
    kit.call("CreateContext", ContextName="prod", Source={"SourceUri": "x"}, ContextType="Endpoint")
    assert kit.call("ListContexts", ContextType="Endpoint")["ContextSummaries"][0]["ContextName"] == "prod"
    assert kit.call("DeleteContext", ContextName="prod") == {"ContextArn": BASE + "context/prod"}
    for action, params in (
        ("DescribeContext", {"ContextName": "prod"}),
        ("UpdateAction", {"ActionName": "none"}),
        ("DeleteArtifact", {"ArtifactArn": BASE + "artifact/none"}),
        ("DeleteAssociation", {"SourceArn": arn, "DestinationArn": arn}),
        ("DescribeLineageGroup", {"LineageGroupName": "none"}),
        ("GetLineageGroupPolicy", {"LineageGroupName": "sagemaker-default-lineage-group"}),
    ):
        assert _refused(kit, action, **params).code == "ResourceNotFound", action


def test_associations_are_listed_and_hold_their_ends(kit):
    data, train = _artifact(kit, "data"), _action(kit, "train")
    _join(kit, data, train)
    listed = kit.call("ListAssociations", DestinationArn=train, AssociationType="ContributedTo")
    one = listed["AssociationSummaries"][0]
    assert (one["SourceName"], one["SourceType"], one["DestinationType"]) == ("data", "DataSet", "Step")
    assert kit.call("ListAssociations", SourceArn=train) == {"AssociationSummaries": []}
    assert "has associations" in _refused(kit, "DeleteAction", ActionName="train").message
    same = {"SourceArn": data, "DestinationArn": train}
    assert "already exists" in _refused(kit, "AddAssociation", **same).message
    kit.call("DeleteAssociation", **same)
    kit.call("DeleteAction", ActionName="train")
    assert _refused(kit, "AddAssociation", **same).code == "ResourceNotFound"


def test_experiments_hold_trials_and_trials_hold_components(kit):
    kit.call("CreateExperiment", ExperimentName="delays")
    for name in ("t1", "t2"):
        kit.call("CreateTrial", TrialName=name, ExperimentName="delays")
    component = {
        "TrialComponentName": "prep",
        "Parameters": {"rows": {"NumberValue": 10}, "mode": {"StringValue": "fast"}},
        "InputArtifacts": {"in": {"Value": "s3://a/b"}},
    }
    kit.call("CreateTrialComponent", **component)
    for name in ("t1", "t2"):
        kit.call("AssociateTrialComponent", TrialComponentName="prep", TrialName=name)
    trials = kit.call("ListTrials", TrialComponentName="prep")["TrialSummaries"]
    assert [one["TrialName"] for one in trials] == ["t2", "t1"]
    for filters in ({"TrialName": "t1"}, {"ExperimentName": "delays"}):
        found = kit.call("ListTrialComponents", **filters)["TrialComponentSummaries"]
        assert [one["TrialComponentName"] for one in found] == ["prep"]
    both = {"TrialName": "t1", "ExperimentName": "delays"}
    assert "one of" in _refused(kit, "ListTrialComponents", **both).message
    kit.call("UpdateTrialComponent", TrialComponentName="prep", ParametersToRemove=["mode"], DisplayName="Prepare")
    described = kit.call("DescribeTrialComponent", TrialComponentName="prep")
    assert (described["Parameters"], described["DisplayName"]) == ({"rows": {"NumberValue": 10}}, "Prepare")
    for action, params, words in (
        ("DeleteExperiment", {"ExperimentName": "delays"}, "has trials"),
        ("DeleteTrial", {"TrialName": "t1"}, "has trial components"),
        ("DeleteTrialComponent", {"TrialComponentName": "prep"}, "is in trials: t1, t2"),
        ("CreateTrial", {"TrialName": "x", "ExperimentName": "none"}, "does not exist"),
        ("CreateExperiment", {"ExperimentName": "DELAYS"}, "already exists"),
    ):
        assert words in _refused(kit, action, **params).message
    for name in ("t1", "t2"):
        kit.call("DisassociateTrialComponent", TrialComponentName="prep", TrialName=name)
        kit.call("DeleteTrial", TrialName=name)
    again = {"TrialComponentName": "prep", "TrialName": "t1"}
    assert _refused(kit, "DisassociateTrialComponent", **again).code == "ResourceNotFound"
    kit.call("DeleteTrialComponent", TrialComponentName="prep")
    kit.call("DeleteExperiment", ExperimentName="delays")


def test_the_service_tracks_from_training_data_to_the_endpoint(kit):
    kit.call("CreateExperiment", ExperimentName="delays")
    kit.call("CreateTrial", TrialName="t1", ExperimentName="delays")
    kit.host.objects["data", "train/a.csv"] = b"1,2"
    channel = {
        "ChannelName": "train",
        "ContentType": "text/csv",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/"}},
    }
    kit.training(InputDataConfig=[channel], ExperimentConfig={"ExperimentName": "delays", "TrialName": "t1"})
    model_data = kit.ended("Training")["ModelArtifacts"]["S3ModelArtifacts"]
    kit.sm.flush()
    component = kit.call("DescribeTrialComponent", TrialComponentName="job-aws-training-job")
    assert component["Source"] == {"SourceArn": BASE + "training-job/job", "SourceType": "SageMakerTrainingJob"}
    assert component["Status"]["PrimaryStatus"] == "Completed"
    assert component["Parameters"]["max_depth"] == {"NumberValue": 6.0}
    assert component["Parameters"]["SageMaker.InstanceType"] == {"StringValue": "ml.m5.large"}
    assert component["InputArtifacts"] == {"train": {"MediaType": "text/csv", "Value": "s3://data/train/"}}
    assert component["OutputArtifacts"] == {"SageMaker.ModelArtifact": {"Value": model_data}}
    assert component["Metrics"][0]["MetricName"] == "train:logloss"
    found = kit.call("ListTrialComponents", TrialName="t1")["TrialComponentSummaries"]
    assert [one["TrialComponentName"] for one in found] == ["job-aws-training-job"]

    kit.call("CreateModelPackageGroup", ModelPackageGroupName="flights")
    containers = [{"Image": kit.image, "ModelDataUrl": model_data}]
    package = kit.call(
        "CreateModelPackage",
        ModelPackageGroupName="flights",
        InferenceSpecification={"Containers": containers},
        ModelApprovalStatus="Approved",
    )["ModelPackageArn"]
    kit.host.objects["artefacts", model_data.removeprefix("s3://artefacts/")] = _archive(kit)
    kit.call("CreateModel", ModelName="m", PrimaryContainer={"ModelPackageName": package}, ExecutionRoleArn=kit.role)
    variant = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    kit.call("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[variant])
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName="c")
    assert kit.settled()["EndpointStatus"] == "InService"
    kit.sm.flush()

    endpoint = kit.call("ListContexts", ContextType="Endpoint")["ContextSummaries"][0]
    assert endpoint["Source"] == {"SourceUri": BASE + "endpoint/e", "SourceType": "ARN"}
    asked = {"StartArns": [endpoint["ContextArn"]], "Direction": "Ascendants", "IncludeEdges": False}
    data = kit.call("QueryLineage", Filters={"Types": ["DataSet"]}, **asked)["Vertices"]
    uris = [kit.call("DescribeArtifact", ArtifactArn=one["Arn"])["Source"]["SourceUri"] for one in data]
    assert uris == ["s3://data/train/"]
    everything = kit.call("QueryLineage", MaxResults=50, **asked)["Vertices"]
    assert {one["Type"] for one in everything} >= {
        "ModelDeployment", "ModelPackage", "Model", "Image", "TrainingJob", "DataSet",
    }  # fmt: skip
    group = kit.call("ListContexts", ContextType="ModelGroup")["ContextSummaries"]
    assert [one["ContextName"] for one in group] == ["flights-aws-model-group"]


def _archive(kit):
    kit.archive("lineage.tar.gz", "9")
    return kit.host.objects["artefacts", "lineage.tar.gz"]


def test_a_failed_job_is_tracked_without_a_model(kit):
    kit.training(mode="fail")
    kit.ended("Training")
    kit.sm.flush()
    component = kit.call("DescribeTrialComponent", TrialComponentName="job-aws-training-job")
    assert component["Status"]["PrimaryStatus"] == "Failed"
    assert "no labels" in component["Status"]["Message"]
    assert "OutputArtifacts" not in component
    assert kit.call("ListArtifacts", ArtifactType="Model") == {"ArtifactSummaries": []}


def test_a_processing_job_produces_data_that_another_job_takes(kit):
    target = {"S3Uri": "s3://data/prepared", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    output = {"OutputName": "out", "S3Output": target}
    kit.processing(ProcessingOutputConfig={"Outputs": [output]})
    kit.ended("Processing")
    kit.sm.flush()
    artifact = kit.call("ListArtifacts", SourceUri="s3://data/prepared")["ArtifactSummaries"][0]
    made = kit.call("ListAssociations", DestinationArn=artifact["ArtifactArn"])["AssociationSummaries"]
    assert [(one["AssociationType"], one["SourceType"]) for one in made] == [("Produced", "ProcessingJob")]
