"""Multi-model endpoints: models come and go in one container."""

import json

ON = ("EndpointName", "VariantName")


def _endpoint(plane, **environment):
    for name in ("a", "b", "c"):
        plane.kit.archive(f"models/{name}.tar.gz", name)
    container = plane.container(Mode="MultiModel", ModelDataUrl="s3://artefacts/models/", **environment)
    plane.endpoint(plane.variant(plane.model("m", container)))


def _message(answer):
    return json.loads(answer[2])["Message"]


def test_a_model_is_loaded_on_first_use_and_kept(plane):
    _endpoint(plane)
    assert plane.invoke(Target_Model="a.tar.gz")[2] == b"a.tar.gz=a"
    assert plane.invoke(Target_Model="a.tar.gz")[2] == b"a.tar.gz=a"
    assert plane.invoke(Target_Model="b.tar.gz")[2] == b"b.tar.gz=b"
    assert sorted(plane.values("ModelCacheHit", *ON)) == [0.0, 0.0, 1.0]
    for metric in ("ModelLoadingTime", "ModelDownloadingTime", "ModelLoadingWaitTime"):
        assert len(plane.values(metric, *ON)) == 2
        assert all(value > 0 for value in plane.values(metric, *ON))


def test_concurrent_first_requests_load_once(plane):
    _endpoint(plane)
    assert {answer[2] for answer in plane.many([b"1"] * 8, Target_Model="a.tar.gz")} == {b"a.tar.gz=a"}
    assert len(plane.values("ModelLoadingTime", *ON)) == 1


def test_the_least_recently_used_model_makes_room(plane):
    _endpoint(plane, MAX_MODELS="2")
    for name in ("a", "b", "a", "c"):  # c evicts b
        assert plane.invoke(Target_Model=f"{name}.tar.gz")[0] == 200
    assert len(plane.values("ModelUnloadingTime", *ON)) == 1
    plane.invoke(Target_Model="a.tar.gz")
    assert len(plane.values("ModelLoadingTime", *ON)) == 3
    assert sum(1 for path in plane.kit.root.rglob("version.txt")) == 2


def test_a_container_without_room_for_one_model_is_a_model_error(plane):
    _endpoint(plane, MAX_MODELS="0")
    status, _, body = plane.invoke(Target_Model="a.tar.gz")
    assert (status, json.loads(body)["OriginalStatusCode"]) == (424, 507)


def test_a_model_that_is_not_there_is_refused_in_the_services_words(plane):
    _endpoint(plane)
    status, headers, _ = answer = plane.invoke(Target_Model="missing.tar.gz")
    assert (status, headers["x-amzn-ErrorType"]) == (400, "ValidationError")
    assert "Failed to download model data" in _message(answer)
    assert "TargetModel is required" in _message(plane.invoke())


def test_a_target_model_cannot_leave_the_models_prefix_or_directory(plane):
    _endpoint(plane)
    for name in ("../secret.tar.gz", "/etc/passwd", "a.tar.gz/../../x"):
        assert plane.invoke(Target_Model=name)[0] == 400
    assert not [path for path in plane.kit.root.rglob("*") if "secret" in path.name]


def test_what_a_replaced_container_had_loaded_is_loaded_anew(plane):
    _endpoint(plane)
    plane.invoke(Target_Model="a.tar.gz")
    import os

    (server,) = plane.kit.sm.processes()
    os.kill(server["pid"], 9)
    plane.kit.until(lambda: plane.kit.sm.processes() and plane.kit.sm.processes()[0]["pid"] != server["pid"])
    plane.kit.until(lambda: plane.invoke(Target_Model="a.tar.gz")[0] == 200)
    assert len(plane.values("ModelLoadingTime", *ON)) == 2


def test_other_endpoints_take_no_target_model(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container())))
    assert "not a multi-model endpoint" in _message(plane.invoke(Target_Model="a.tar.gz"))
