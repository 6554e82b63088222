"""A model file is whole before XGBoost sees it: a cut one makes it take all memory."""

import pytest


@pytest.fixture(scope="module")
def raw(trained):
    return (trained / "model/model.ubj").read_bytes()


@pytest.mark.fault("B09")
@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_model_cut_anywhere_is_refused(raw, share):
    from tabular import ubjson

    with pytest.raises(ubjson.BrokenError, match="it ends at byte"):
        ubjson.check(raw[: max(1, int(len(raw) * share))])


def test_a_whole_model_passes(raw):
    from tabular import ubjson

    ubjson.check(raw)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"[]", "it is not an object"),
        (b"{}x", "it goes on after byte 2"),
        (b"{Li", "it ends at byte"),
        (b"{i\x01aQ}", "is 'Q', not a value"),
        (b"{x", "is 'x', not a length"),
        (b"{i\x01a[$d#l\x7f\xff\xff\xff", "it ends at byte"),
        (b"{i\x01aSi\xff}", "it ends at byte"),
        (b"{i\x01a" + b"[" * 100, "levels deep"),
    ],
)
def test_what_is_not_ubjson_is_refused(raw, words):
    from tabular import ubjson

    with pytest.raises(ubjson.BrokenError, match=words):
        ubjson.check(raw)
