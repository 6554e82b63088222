"""Models of several containers."""

import json

import pytest

from rehearsal.sagemaker import ServiceError

ON = ("EndpointName", "VariantName")


def test_the_answer_of_one_container_is_the_request_of_the_next(plane):
    stages = [plane.container(SUFFIX=f"-{n}", ContainerHostname=f"stage{n}") for n in range(3)]
    described = plane.endpoint(plane.variant(plane.model("m", *stages)))
    assert plane.invoke(b"x")[2] == b"x-0-1-2"
    assert len(described["ProductionVariants"][0]["DeployedImages"]) == 3
    assert len(plane.kit.sm.processes()) == 3
    assert len(plane.values("ContainerLatency", *ON, "ContainerName")) == 3
    assert len(plane.values("ModelLatency", *ON)) == 1


def test_a_stage_that_refuses_is_named(plane):
    stages = [plane.container(SUFFIX=":400", ContainerHostname="first"), plane.container(ContainerHostname="second")]
    plane.endpoint(plane.variant(plane.model("m", *stages)))
    status, headers, body = plane.invoke(b"status")
    assert (status, headers["x-amzn-ErrorType"]) == (424, "ModelError")
    document = json.loads(body)
    assert document["OriginalStatusCode"] == 400
    assert "from second with message" in document["Message"]


def test_direct_mode_asks_the_named_container_only(plane):
    containers = [plane.container(SUFFIX=f"-{name}", ContainerHostname=name) for name in ("a", "b")]
    plane.endpoint(plane.variant(plane.model("m", *containers, InferenceExecutionConfig={"Mode": "Direct"})))
    assert plane.invoke(b"x", Target_Container_Hostname="b")[2] == b"x-b"
    assert "TargetContainerHostname is required" in json.loads(plane.invoke(b"x")[2])["Message"]
    assert "Container c not found" in json.loads(plane.invoke(b"x", Target_Container_Hostname="c")[2])["Message"]
    assert plane.values("Invocations", *ON, "ContainerName") == [1.0]


def test_a_pipeline_takes_no_target_container(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container())))
    status, _, body = plane.invoke(b"x", Target_Container_Hostname="primary")
    assert (status, "Mode is Direct" in json.loads(body)["Message"]) == (400, True)


@pytest.mark.parametrize(
    ("containers", "more", "words"),
    [
        ([{"ContainerHostname": "a"}, {"ContainerHostname": "a"}], {}, "must be unique"),
        ([{"ContainerHostname": "a"}, {}], {}, "for all containers of a model or for none"),
        ([{}, {}], {"InferenceExecutionConfig": {"Mode": "Direct"}}, "Mode Direct needs"),
        ([{"Mode": "MultiModel"}], {}, "ends with a forward slash"),
        ([{"MultiModelConfig": {"ModelCacheSetting": "Enabled"}}], {}, "only with Mode MultiModel"),
        ([{}] * 16, {}, "less than or equal to 15"),
    ],
)
def test_impossible_models_are_refused(plane, containers, more, words):
    with pytest.raises(ServiceError, match=words):
        plane.model("m", *({**plane.container(), **one} for one in containers), **more)


def test_uncompressed_model_data_lies_in_the_model_directory(plane):
    objects = plane.kit.host.objects
    objects["artefacts", "m/weights.bin"] = b"w"
    objects["artefacts", "m/code/run.py"] = b"r"
    source = {"S3Uri": "s3://artefacts/m/", "S3DataType": "S3Prefix", "CompressionType": "None"}
    data = {"ModelDataSource": {"S3DataSource": source}}
    extra = [{"ChannelName": "draft", "S3DataSource": {**source, "S3Uri": "s3://artefacts/m/code/"}}]
    plane.endpoint(plane.variant(plane.model("m", plane.container(**data, AdditionalModelDataSources=extra))))
    assert json.loads(plane.invoke(b"files")[2]) == {
        "model/weights.bin": "w",
        "model/code/run.py": "r",
        "additional-model-data-sources/draft/run.py": "r",
    }


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"S3Uri": "s3://a/m", "S3DataType": "S3Prefix", "CompressionType": "None"}, "must end with a forward slash"),
        ({"S3Uri": "s3://a/m/", "S3DataType": "S3Prefix", "CompressionType": "Gzip"}, "CompressionType must be None"),
    ],
)
def test_a_prefix_that_cannot_be_read_is_refused(plane, source, words):
    with pytest.raises(ServiceError, match=words):
        plane.model("m", plane.container(ModelDataSource={"S3DataSource": source}))
