import errno
import gzip
import io
import os
import tarfile
import time
import tracemalloc

import pytest

from rehearsal.sagemaker import archive
from rehearsal.sagemaker.archive import ArchiveError, pack, unpack


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
    "backslash": ([("..\\escape.txt", b"x")], "leaves the model directory"),
    "symlink": ([_special("link", tarfile.SYMTYPE, "/etc/passwd")], "is a link or a device"),
    "hard link": ([_special("link", tarfile.LNKTYPE, "version.txt")], "is a link or a device"),
    "device": ([_special("dev", tarfile.CHRTYPE)], "is a link or a device"),
    "pipe": ([_special("pipe", tarfile.FIFOTYPE)], "is a link or a device"),
    "setuid": ([_setuid()], "setuid"),
    "duplicate": ([("a", b"1"), ("./a", b"2")], "occurs twice"),
    "file as folder": ([("a", b"1"), ("a/b", b"2")], "lies in a file"),
    "folder as file": ([("a/b", b"1"), ("a", b"2")], "occurs twice"),
    "long component": ([("x" * 300, b"1")], "is too long"),
    "long path": ([("x/" * 600 + "x", b"1")], "is too long"),
    "bomb": ([("zeros", b"\0" * (40 << 20))], "too much for a model"),
}


@pytest.mark.fault("S01")
@pytest.mark.parametrize("case", ["parent", "absolute", "bomb"])
def test_an_endpoint_refuses_a_hostile_archive_and_nothing_is_written(kit, case):
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


MOST = 2_000  # members, where a test must make them all


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Unpacks bytes, which must be refused within 1 s of this process and 64 MB, with nothing written; the words."""

    def check(body):
        monkeypatch.setattr(archive, "MAX_MEMBERS", MOST)
        source, target = tmp_path / "model.tar.gz", tmp_path / "inner" / "model"
        source.write_bytes(body)
        target.mkdir(parents=True)
        began = time.process_time()
        with pytest.raises(ArchiveError) as refusal:
            unpack(source, target)
        assert time.process_time() - began < 1
        tracemalloc.start()  # slow: the time was taken before
        with pytest.raises(ArchiveError):
            unpack(source, target)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < 64 << 20
        assert sorted(path.name for path in tmp_path.rglob("*")) == ["inner", "model", "model.tar.gz"]
        return str(refusal.value)

    return check


def _tar(members, **options):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", **options) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                tar.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


@pytest.mark.fault("S02")
@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_archive_is_refused_and_nothing_is_written(refused, case):
    members, words = HOSTILE[case]
    assert words in refused(_tar([("good.txt", b"1"), *members]))


def _header(name, size, kind=b"0"):
    """One ustar header by hand, so that it may lie."""
    field = lambda text, width: text.encode().ljust(width, b"\0")  # noqa: E731
    digits = f"{size:011o}\0".encode() if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    block = field(name, 100) + b"0000644\0" + b"0000000\0" * 2 + digits + b"00000000000\0" + b" " * 8 + kind
    block = block.ljust(257, b"\0") + b"ustar\x0000".ljust(8, b"\0")
    block = block.ljust(512, b"\0")
    return block[:148] + f"{sum(block):06o}\0 ".encode() + block[156:]


def _zeros(size):
    """gzip of so many zero bytes, made without holding them."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=9) as file:
        for _ in range(size >> 20):
            file.write(b"\0" * (1 << 20))
    return buffer.getvalue()


BOMBS = {
    "claims a terabyte": lambda: gzip.compress(_header("big", 1 << 40)),
    "negative size": lambda: gzip.compress(_header("odd", 0)[:124] + b"\xff" * 12 + _header("odd", 0)[136:]),
    "many members": lambda: gzip.compress(b"".join(_header(f"f{n}", 0) for n in range(MOST + 2))),
    "ratio over many members": lambda: _tar([(f"f{n}", b"\0" * (1 << 20)) for n in range(40)]),
    "giant extended header": lambda: gzip.compress(_header("x", 1 << 33, b"x")) + _zeros(64 << 20),
    "giant long name": lambda: gzip.compress(_header("././@LongLink", 1 << 33, b"L")) + _zeros(64 << 20),
    "sparse": lambda: gzip.compress(_sparse(1 << 20)),
}


def _sparse(size):
    block = bytearray(_header("sparse", 512, b"S"))
    block[386:398], block[398:410] = b"00000000000\0", b"00000001000\0"
    block[483:495] = f"{size:011o}\0".encode()
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block) + b"x" * 512


@pytest.mark.fault("S03")
@pytest.mark.parametrize("case", BOMBS)
def test_a_bomb_is_refused_at_once(refused, case):
    assert refused(BOMBS[case]())


def test_an_archive_that_ends_early_leaves_nothing(refused):
    whole = _tar([("a", os.urandom(100_000)), ("b", os.urandom(100_000))])
    assert "not a valid tar.gz archive" in refused(whole[: len(whole) // 2])


def test_a_full_disk_is_not_the_archives_fault_and_leaves_nothing(tmp_path, monkeypatch):
    (tmp_path / "model.tar.gz").write_bytes(_tar([("a/b", b"1"), ("c", b"2")]))
    (tmp_path / "model").mkdir()
    extract = archive._extract

    def full(tar, member, directory):
        if member.name == "c":
            raise OSError(errno.ENOSPC, "No space left on device")
        extract(tar, member, directory)

    monkeypatch.setattr(archive, "_extract", full)
    with pytest.raises(OSError, match="No space left"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "model")
    assert not list((tmp_path / "model").iterdir())


def test_a_flipped_bit_leaves_nothing_or_the_right_bytes(tmp_path):
    body = bytearray(_tar([("a", b"abc" * 1000), ("b/c", b"xyz" * 1000)]))
    source = tmp_path / "model.tar.gz"
    for position in range(10, len(body), 7):
        broken = bytes(body[:position]) + bytes([body[position] ^ 0x10]) + bytes(body[position + 1 :])
        source.write_bytes(broken)
        target = tmp_path / str(position)
        target.mkdir()
        try:
            unpack(source, target)
        except ArchiveError:
            assert not list(target.iterdir())


def test_what_is_packed_is_unpacked_again_read_only(tmp_path):
    first, second, target = tmp_path / "algo-1", tmp_path / "algo-2", tmp_path / "model"
    for root, name in ((first, "a/b.txt"), (second, "a/c.txt"), (second, "a/b.txt")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(root.name)
    (first / "link").symlink_to("/etc/passwd")
    assert pack([first, second], tmp_path / "model.tar.gz") == 2
    target.mkdir()
    unpack(tmp_path / "model.tar.gz", target)
    assert {path.name: path.read_text() for path in target.rglob("*.txt")} == {"b.txt": "algo-1", "c.txt": "algo-2"}
    assert not (target / "link").exists()
    assert (target / "a/b.txt").stat().st_mode & 0o777 == 0o444
    assert (target / "a").stat().st_mode & 0o777 == 0o555


def test_a_nested_archive_stays_packed(tmp_path):
    (tmp_path / "model.tar.gz").write_bytes(_tar([("inner.tar.gz", _tar([("../escape.txt", b"x")]))]))
    target = tmp_path / "model"
    target.mkdir()
    unpack(tmp_path / "model.tar.gz", target)
    assert [path.name for path in target.rglob("*")] == ["inner.tar.gz"]
