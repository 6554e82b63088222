"""The archive reader: what a model archive must not hold is refused before anything is written."""

import gzip
import resource
import tarfile
import time
from pathlib import Path

import pytest

ALLOWED = frozenset({"model.ubj", "schema.json"})


@pytest.fixture
def read(tmp_path):
    def extract(data: bytes) -> Path:
        from tabular.archive import extract

        path, target = tmp_path / "model.tar.gz", tmp_path / "out"
        path.write_bytes(data)
        target.mkdir()
        extract(path, target, ALLOWED)
        return target

    return extract


@pytest.fixture
def refused(read, tmp_path):
    def check(data: bytes, text: str) -> None:
        from tabular.faults import ArtefactFault

        with pytest.raises(ArtefactFault) as caught:
            read(data)
        assert text in str(caught.value)
        assert list((tmp_path / "out").iterdir()) == []
        assert sorted(p.name for p in tmp_path.iterdir()) == ["model.tar.gz", "out"]

    return check


def member(name="model.ubj", data=b"x", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


@pytest.mark.parametrize("fmt", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reads_what_common_tools_write(read, archive_of, fmt):
    data = b"m" * 1500
    files = [member("./", b"", type=tarfile.DIRTYPE), member("./model.ubj", data, mtime=1.5), member("schema.json")]
    target = read(archive_of(files, format=fmt))
    assert (target / "model.ubj").read_bytes() == data
    assert {p.name for p in target.iterdir()} == ALLOWED


@pytest.mark.fault("S01")
@pytest.mark.parametrize("name", ["../model.ubj", "a/../../model.ubj", "/etc/cron.d/x", "..\\model.ubj", "a\x07b"])
def test_refuses_a_path_that_leaves(refused, archive_of, name):
    # The good member stands first: nothing of it may be written either.
    refused(archive_of([member(), member(name)]), "would leave the model's directory")


@pytest.mark.fault("S01")
def test_refuses_a_pax_path_that_leaves(refused, archive_of):
    bad = member("schema.json", pax_headers={"path": "../../evil"})
    refused(archive_of([member(), bad], format=tarfile.PAX_FORMAT), "would leave the model's directory")


@pytest.mark.fault("S01")
def test_refuses_a_gnu_long_name_that_leaves(refused, archive_of):
    refused(archive_of([member("../" + "a" * 150)], format=tarfile.GNU_FORMAT), "would leave the model's directory")


@pytest.mark.fault("S02")
@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "is a symbolic link"),
        ({"type": tarfile.LNKTYPE, "linkname": "schema.json"}, "is a hard link"),
        ({"type": tarfile.CHRTYPE}, "is a device"),
        ({"type": tarfile.BLKTYPE}, "is a device"),
        ({"type": tarfile.FIFOTYPE}, "is a pipe"),
        ({"type": b"Z"}, "is of the unknown kind"),
        ({"mode": 0o4755}, "is setuid, setgid or sticky"),
    ],
)
def test_refuses_what_is_not_a_plain_file(refused, archive_of, fields, text):
    refused(archive_of([member(data=b"", **fields)]), text)


@pytest.mark.fault("S02")
def test_refuses_two_members_of_one_name(refused, archive_of):
    refused(archive_of([member(), member("./model.ubj")]), "holds 'model.ubj' twice")


@pytest.mark.fault("S02")
def test_refuses_a_sparse_member(refused, archive_of):
    bad = member(pax_headers={"GNU.sparse.major": "1"})
    refused(archive_of([bad], format=tarfile.PAX_FORMAT), "GNU.sparse.major")


@pytest.mark.fault("S03")
def test_refuses_a_bomb_quickly_and_in_little_memory(refused):
    info = tarfile.TarInfo("model.ubj")
    info.size = 400 << 20
    data = gzip.compress(info.tobuf() + bytes(400 << 20), 1)
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    refused(data, "expands to over")
    assert time.process_time() - started < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


@pytest.mark.fault("S03")
@pytest.mark.parametrize("what", ["size", "count", "path", "pax"])
def test_refuses_excess(refused, archive_of, what):
    if what == "size":
        info = tarfile.TarInfo("model.ubj")
        info.size = 600 << 20
        refused(gzip.compress(info.tobuf()), "says it is 629145600 bytes")
    elif what == "count":
        refused(archive_of([member("d/", b"", type=tarfile.DIRTYPE)] * 101), "has over 100 members")
    elif what == "path":
        refused(archive_of([member("a" * 201)]), "a path is over 200 characters long")
    else:
        bad = member(pax_headers={"comment": "x" * 70_000})
        refused(archive_of([bad], format=tarfile.PAX_FORMAT), "an extended header is")


@pytest.mark.fault("S04")
@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "code/inference.py", "weights.npy"])
def test_refuses_formats_outside_the_allow_list(refused, archive_of, name):
    refused(archive_of([member(), member(name, b"\x80\x04.")]), f"{name!r} is not one of model.ubj, schema.json")


@pytest.mark.fault("S04")
def test_a_pickle_by_the_models_name_is_not_loaded(tmp_path, trained):
    from tabular.faults import ArtefactFault
    from tabular.model import Model

    (tmp_path / "model.ubj").write_bytes(b"\x80\x04\x95.")
    (tmp_path / "schema.json").write_bytes((trained / "model/schema.json").read_bytes())
    with pytest.raises(ArtefactFault, match=r"model.ubj is not UBJSON"):
        Model.load(tmp_path)
    (tmp_path / "model.ubj").write_bytes((trained / "model/model.ubj").read_bytes()[:3000])
    with pytest.raises(ArtefactFault, match=r"model.ubj cannot be read"):
        Model.load(tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"")
    with pytest.raises(ArtefactFault, match=r"model.pkl is not a file of a model"):
        Model.load(tmp_path)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "ends in the middle"),
        (b"not gzip", "is not a whole gzip file"),
        (gzip.compress(b"x" * 2000), "is not a tar archive, or a header is damaged"),
        (gzip.compress(bytes(10240)), "is empty"),
        (gzip.compress(member()[0].tobuf() + bytes(100)), "ends in the middle of a member"),
    ],
    # Not the bytes, which hold the time: every process must give a case the same name.
    ids=["empty", "no gzip", "no tar", "nothing in it", "cut off"],
)
@pytest.mark.fault("B09")
def test_refuses_what_is_not_a_whole_archive(refused, data, text):
    refused(data, text)


def test_refuses_a_torn_archive_and_hidden_data(refused, archive_of):
    whole = archive_of([member()])
    refused(whole[:-12], "is not a whole gzip file")


def test_refuses_data_after_the_end(refused, archive_of):
    refused(archive_of([member()]) + gzip.compress(b"second archive"), "has data after its end")
