"""A model archive is read and never unpacked; what may not be in it is refused."""

import gzip
import hashlib
import io
import pickle
import tarfile
import time
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from slipway_lambda.contracts.training import ArtefactFaultError
from slipway_lambda.inspect_artefact.handler import handler
from slipway_lambda.inspect_artefact.inspect import inspect

URI = "s3://artefacts/m/runs/r/model.tar.gz"
UBJ = b"{L\x00\x00\x00\x07learner{}}"


def member(name: str, body: bytes = UBJ, **changed: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    for key, value in changed.items():
        setattr(info, key, value)
    return info, body


def packed(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as archive:
        for info, body in members:
            archive.addfile(info, io.BytesIO(body))
    return buffer.getvalue()


GOOD = packed(member("model.ubj"), member("schema.json", b'{"columns":[]}'))


def test_says_hash_size_and_files(objects: Any) -> None:
    objects.put("artefacts", "m/runs/r/model.tar.gz", GOOD)
    assert handler({"uri": URI}, None, objects) == {
        "sha256": hashlib.sha256(GOOD).hexdigest(),
        "bytes": len(GOOD),
        "members": ["model.ubj", "schema.json"],
    }


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reads_what_the_usual_tools_write(form: int) -> None:
    folder = tarfile.TarInfo("./")
    folder.type = tarfile.DIRTYPE
    body = packed((folder, b""), member("./model.ubj", UBJ * 1000), member("deep/" * 12 + "a.json", b"{}"), form=form)
    found = inspect(io.BytesIO(body))
    assert found.files == ("model.ubj", "deep/" * 12 + "a.json")


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reads_long_names(form: int) -> None:
    name = "x" * 150 + ".ubj"
    assert inspect(io.BytesIO(packed(member(name), form=form))).files == (name,)


@pytest.mark.fault("S05")
def test_refuses_an_archive_that_was_changed(objects: Any) -> None:
    objects.put("artefacts", "m/runs/r/model.tar.gz", GOOD)
    expected = hashlib.sha256(GOOD).hexdigest()
    assert handler({"uri": URI, "expected_sha256": expected}, None, objects)["sha256"] == expected
    with pytest.raises(ArtefactFaultError, match="it was changed"):
        handler({"uri": URI, "expected_sha256": "0" * 64}, None, objects)


@pytest.mark.fault("B09")
@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"", "The archive is empty"),
        (b"not a tar", "is not a gzip stream"),
        (gzip.compress(b"not a tar either" * 100), "not a tar of the ustar family"),
        (gzip.compress(b""), "The tar archive is cut off"),
        (GOOD[: len(GOOD) // 2], "cut off"),
        (packed(), "There is no .ubj file"),
        (packed(member("schema.json", b"{}")), "There is no .ubj file in the archive; it has schema.json"),
        (packed(member("model.ubj", b"")), "'model.ubj' in the archive is empty"),
    ],
    # Not the bytes, which hold the time: every process must give a case the same name.
    ids=["empty", "no gzip", "no tar", "nothing in it", "cut off", "no member", "no model", "empty model"],
)
def test_refuses_what_is_no_model(objects: Any, body: bytes, cause: str) -> None:
    objects.put("artefacts", "m/runs/r/model.tar.gz", body)
    with pytest.raises(ArtefactFaultError) as fault:
        handler({"uri": URI}, None, objects)
    assert cause in fault.value.cause
    assert URI in fault.value.cause
    assert fault.value.next_step


@pytest.mark.fault("B09")
def test_refuses_a_missing_archive(objects: Any) -> None:
    with pytest.raises(ArtefactFaultError, match="There is no model archive at s3://"):
        handler({"uri": URI}, None, objects)


@pytest.mark.fault("S01")
@pytest.mark.parametrize("name", ["../model.ubj", "/etc/model.ubj", "a/../../model.ubj", "a\\..\\model.ubj", ".."])
def test_refuses_paths_that_lead_out(name: str) -> None:
    with pytest.raises(ArtefactFaultError, match="leads out of it"):
        inspect(io.BytesIO(packed(member(name), member("model.ubj"))))


def linked(kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    return member("model.ubj", b"", type=kind, linkname="/etc/passwd")


@pytest.mark.fault("S02")
@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        (linked(tarfile.SYMTYPE), "is a symbolic link"),
        (linked(tarfile.LNKTYPE), "is a hard link"),
        (member("d", b"", type=tarfile.CHRTYPE), "is a device"),
        (member("d", b"", type=tarfile.BLKTYPE), "is a device"),
        (member("d", b"", type=tarfile.FIFOTYPE), "is a pipe"),
        (member("model.ubj", mode=0o4755), "set-user"),
        (member("model.ubj", mode=0o2755), "set-user"),
        (member("m.ubj", b"", type=b"V"), "of kind b'V'"),
    ],
)
def test_refuses_what_is_no_plain_file(bad: tuple[tarfile.TarInfo, bytes], cause: str) -> None:
    with pytest.raises(ArtefactFaultError) as fault:
        inspect(io.BytesIO(packed(bad, form=tarfile.GNU_FORMAT)))
    assert cause in fault.value.cause


@pytest.mark.fault("S02")
@pytest.mark.parametrize("again", ["model.ubj", "./model.ubj", ".//model.ubj"])
def test_refuses_the_same_file_twice(again: str) -> None:
    with pytest.raises(ArtefactFaultError, match="in the archive twice"):
        inspect(io.BytesIO(packed(member("model.ubj"), member(again))))


@pytest.mark.fault("S04")
@pytest.mark.parametrize("name", ["model.pkl", "model.joblib", "weights.npy", "run.py", "model.UBJ.pkl", "model"])
def test_refuses_formats_that_are_not_on_the_list(name: str) -> None:
    with pytest.raises(ArtefactFaultError, match=r"is not one of \.ubj, \.json"):
        inspect(io.BytesIO(packed(member("model.ubj"), member(name))))


@pytest.mark.fault("S04")
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_refuses_a_pickle_under_a_good_name(protocol: int) -> None:
    with pytest.raises(ArtefactFaultError, match="does not begin as its name says"):
        inspect(io.BytesIO(packed(member("model.ubj", pickle.dumps({"a": 1}, protocol=protocol)))))


def zeros(size: int) -> bytes:
    """A gzip of a tar member of zeros, made without holding them."""
    info = tarfile.TarInfo("model.ubj")
    info.size = size
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    parts = [compressor.compress(info.tobuf())]
    block = bytes(1024 * 1024)
    parts += [compressor.compress(block) for _ in range(size // len(block))]
    return b"".join([*parts, compressor.flush()])


@pytest.mark.fault("S03")
def test_stops_at_the_beginning_of_a_bomb_in_little_memory() -> None:
    bomb = zeros(512 * 1024 * 1024)
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(ArtefactFaultError, match="unpacks to more than 100 times its size"):
        inspect(io.BytesIO(bomb))
    assert time.perf_counter() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 16 * 1024 * 1024
    tracemalloc.stop()


@pytest.mark.fault("S03")
def test_refuses_a_huge_header() -> None:
    """The standard library's reader would hold all of it in memory."""
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1024 * 1024 * 1024
    body = gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(1024))
    with pytest.raises(ArtefactFaultError, match="A header of the tar archive has 1073741824 bytes"):
        inspect(io.BytesIO(body))


@pytest.mark.fault("S03")
def test_refuses_too_many_members_and_too_long_paths() -> None:
    with pytest.raises(ArtefactFaultError, match="more than 1000 members"):
        inspect(io.BytesIO(packed(*(member(f"{i}.json", b"{}") for i in range(1001)))))
    with pytest.raises(ArtefactFaultError, match="has 304 characters"):
        inspect(io.BytesIO(packed(member("x" * 300 + ".ubj"))))


@pytest.mark.fault("S03")
@pytest.mark.parametrize("limit", ["COMPRESSED_BYTES", "UNPACKED_BYTES"])
def test_refuses_archives_over_the_size_limits(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(f"slipway_lambda.inspect_artefact.limits.{limit}", 64)
    with pytest.raises(ArtefactFaultError, match=r"more than 64 bytes|larger than 64 bytes"):
        inspect(io.BytesIO(GOOD))


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (lambda raw: gzip.compress(raw + b"hidden"), "after the end of the tar"),
        (lambda raw: gzip.compress(raw) + b"hidden", "after the end of the gzip"),
        (lambda raw: gzip.compress(raw) + gzip.compress(raw), "after the end of the gzip"),
        (lambda raw: gzip.compress(b"other.ubj" + raw[9:]), "wrong checksum"),
    ],
)
def test_refuses_bytes_that_other_readers_might_see_otherwise(change: Callable[[bytes], bytes], cause: str) -> None:
    with pytest.raises(ArtefactFaultError, match=cause):
        inspect(io.BytesIO(change(gzip.decompress(GOOD))))


@pytest.mark.parametrize("key", ["size", "linkpath", "GNU.sparse.name"])
def test_refuses_extended_headers_that_move_content(key: str) -> None:
    info, body = member("model.ubj")
    info.pax_headers = {key: "7"}
    with pytest.raises(ArtefactFaultError, match=f"sets {key}"):
        inspect(io.BytesIO(packed((info, body))))


def test_a_folder_of_zeros_after_the_archive_is_padding() -> None:
    raw = gzip.decompress(GOOD)
    assert inspect(io.BytesIO(gzip.compress(raw + bytes(20480)) + bytes(100))).files == ("model.ubj", "schema.json")
