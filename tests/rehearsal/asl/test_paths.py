"""JSONPath and intrinsic functions by themselves."""

from typing import Any

import pytest

from rehearsal.asl import intrinsics, jsonpath
from rehearsal.asl.errors import StatesError

BOOKS = {
    "store": {
        "book": [
            {"title": "A", "price": 8, "tags": ["x"]},
            {"title": "B", "price": 13, "isbn": "1"},
            {"title": "C", "price": 9, "isbn": "2"},
        ],
        "bike": {"price": 20, "full name": "b"},
    },
    "max": 10,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("$", BOOKS),
        ("$.store.bike.price", 20),
        ("$['store']['bike']['full name']", "b"),
        ("$.store.book[1].title", "B"),
        ("$.store.book[-1].title", "C"),
        ("$.store.book[0:2].title", ["A", "B"]),
        ("$.store.book[-2:].title", ["B", "C"]),
        ("$.store.book[::2].title", ["A", "C"]),
        ("$.store.book[0,2].title", ["A", "C"]),
        ("$.store.book[*].price", [8, 13, 9]),
        ("$.store.*.price", [20]),
        ("$..price", [8, 13, 9, 20]),
        ("$..book[0].title", ["A"]),
        ("$.store.book[?(@.price < 10)].title", ["A", "C"]),
        ("$.store.book[?(@.isbn)].title", ["B", "C"]),
        ("$.store.book[?(!@.isbn)].title", ["A"]),
        ("$.store.book[?(@.price > 8 && @.isbn == '2')].title", ["C"]),
        ("$.store.book[?(@.title =~ /[ab]/i || @.price == 9)].title", ["A", "B", "C"]),
        ("$.store.book[?(@.tags[0] == 'x')].price", [8]),
        ("$.nobody..price", []),
    ],
)
def test_paths_select_what_json_path_selects(path: str, found: Any) -> None:
    assert jsonpath.parse(path).read(BOOKS) == found


@pytest.mark.parametrize("path", ["$.nobody", "$.store.book[9]", "$.max.deeper", "$.store.book.title"])
def test_a_definite_path_that_leads_nowhere_is_an_error(path: str) -> None:
    with pytest.raises(jsonpath.NoMatchError):
        jsonpath.parse(path).read(BOOKS)


@pytest.mark.parametrize(
    "path", ["store", "$.", "$.a.", "$[", "$['a'", "$.a[x]", "$[::0]", "$.a b", "$.length()", "$[?(@.a ==)]", 5, ""]
)
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(ValueError, match=r"."):
        jsonpath.parse(path)


def test_writing_copies_the_way_and_leaves_the_original_alone() -> None:
    given = {"a": {"b": 1}, "list": [1, {"x": 2}]}
    assert jsonpath.parse("$.a.c.d").write(given, 9) == {"a": {"b": 1, "c": {"d": 9}}, "list": [1, {"x": 2}]}
    assert jsonpath.parse("$.list[1].x").write(given, 9)["list"] == [1, {"x": 9}]
    assert given == {"a": {"b": 1}, "list": [1, {"x": 2}]}
    for path, value in (("$.a.b.c", given), ("$.x", [1]), ("$.list[5]", given)):
        with pytest.raises(jsonpath.NoMatchError):
            jsonpath.parse(path).write(value, 1)


def evaluate(call: str) -> Any:
    return intrinsics.parse(call).evaluate(lambda path: path.read({"n": 3, "list": [1, 2, 2, True], "o": {"k": "v"}}))


@pytest.mark.parametrize(
    ("call", "found"),
    [
        (r"States.Format('It\'s {} of \{{}\} \\', $.n, 'x\'y')", "It's 3 of {x'y} \\"),
        ("States.Format('{} {}', $.o, null)", '{"k":"v"} null'),
        ("States.Array($.n, States.MathAdd($.n, -1), 'a, b)')", [3, 2, "a, b)"]),
        ("States.ArrayContains($.list, true)", True),
        ("States.ArrayContains($.list, 3)", False),
        ("States.ArrayUnique($.list)", [1, 2, True]),
        ("States.ArrayRange(9, 1, -3)", [9, 6, 3]),
        ("States.StringSplit('a.+b,c', '.+,')", ["a", "b", "c"]),
        ('States.JsonMerge($.o, States.StringToJson(\'{"k":1,"l":2}\'), false)', {"k": 1, "l": 2}),
        ("States.Hash('input data', 'SHA-1')", "aaff4a450a104cd177d28d18d74485e8cae074b7"),
        ("States.MathRandom(5, 6)", 5),
        ("States.ArrayGetItem(States.Array(1, 'z'), 1)", "z"),
    ],
)
def test_intrinsic_functions(call: str, found: Any) -> None:
    assert evaluate(call) == found


@pytest.mark.parametrize(
    "call",
    [
        "States.ArrayGetItem($.list, 9)",
        "States.StringToJson('nonsense')",
        "States.JsonMerge($.o, $.o, true)",
        "States.ArrayPartition($.list, 0)",
        "States.ArrayRange(1, 5000, 1)",
        "States.Format('{}')",
        "States.Format('{} {')",
        "States.MathAdd(2147483647, 1)",
        "States.Hash('a', 'SHA-3')",
        "States.Base64Decode('###')",
        "States.MathRandom(3, 3)",
        "States.Array($.nobody)",
        "States.UUID('x')",
    ],
)
def test_what_an_intrinsic_function_cannot_do_is_intrinsic_failure(call: str) -> None:
    with pytest.raises(StatesError) as failed:
        evaluate(call)
    assert failed.value.error == "States.IntrinsicFailure"


@pytest.mark.parametrize(
    "call",
    ["States.Nothing()", "States.Array(1", "States.Array(1 2)", "States.Array('a)", "Array()", "States.UUID() x"],
)
def test_what_is_no_call_is_refused(call: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        intrinsics.parse(call)
