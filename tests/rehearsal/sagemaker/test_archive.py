import tarfile

import pytest


def _special(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def _setuid():
    member = tarfile.TarInfo("version.txt")
    member.mode = 0o4755
    return member


HOSTILE = {
    "parent": ([("../escape.txt", b"x")], "leaves the model directory"),
    "absolute": ([("/tmp/escape.txt", b"x")], "leaves the model directory"),
    "symlink": ([_special("link", tarfile.SYMTYPE, "/etc/passwd")], "is a link or a device"),
    "hard link": ([_special("link", tarfile.LNKTYPE, "version.txt")], "is a link or a device"),
    "device": ([_special("dev", tarfile.CHRTYPE)], "is a link or a device"),
    "setuid": ([_setuid()], "setuid"),
    "duplicate": ([("a", b"1"), ("./a", b"2")], "occurs twice"),
    "bomb": ([("zeros", b"\0" * (40 << 20))], "too much for a model"),
}


@pytest.mark.fault("S01")
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_is_written(kit, case):
    members, words = HOSTILE[case]
    before = kit.endpoint("1")
    url = kit.tar("bad/model.tar.gz", [("good.txt", b"1"), *members])
    kit.call("CreateEndpoint", EndpointName="new", EndpointConfigName=kit.config("2", data=url))
    described = kit.settled("new")
    assert described["EndpointStatus"] == "Failed"
    assert words in described["FailureReason"]
    assert not list(kit.root.parent.rglob("escape.txt"))
    assert not list(kit.root.rglob("good.txt"))
    kit.update("v2")
    assert kit.settled()["EndpointConfigName"] == before["EndpointConfigName"]
    assert kit.invoke()[2] == b"1"


@pytest.mark.parametrize("body", [b"", b"<html>", b"\x1f\x8b\x08 torn"])
def test_what_is_not_an_archive_is_named(kit, body):
    kit.host.objects["artefacts", "odd.tar.gz"] = body
    config = kit.config("2", data="s3://artefacts/odd.tar.gz")
    kit.call("CreateEndpoint", EndpointName="e", EndpointConfigName=config)
    assert "not a valid tar.gz archive" in kit.settled()["FailureReason"]
