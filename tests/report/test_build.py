"""The report is whole, escapes everything, loads nothing, and is well formed."""

import dataclasses
import json
from html.parser import HTMLParser
from pathlib import Path as File

import pytest

from slipway.report import build as module
from slipway.report import last
from slipway.report.build import build, figure, level
from slipway.report.facts import Calls, ReportFacts

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Checks nesting and collects what a browser would show."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data


def test_hostile_texts_are_shown_and_never_run(facts: ReportFacts, evil: str) -> None:
    page = build(facts)
    parsed = Page(page)
    assert "script" not in parsed.tags
    assert "<script" not in page
    assert not [name for name, _ in parsed.attributes if name.startswith("on")]
    # cause, gate reason, approval, drift window, call, missing, execution cause, legend, retraining
    assert parsed.text.count(evil) >= 9


def test_nothing_is_loaded(facts: ReportFacts) -> None:
    parsed = Page(build(facts))
    assert not {"link", "img", "iframe", "object", "embed"} & set(parsed.tags)
    assert not [value for name, value in parsed.attributes if name in {"src", "href", "xlink:href"}]
    assert "url(" not in build(facts)
    assert "default-src 'none'" in build(facts)


@pytest.mark.parametrize(
    "words",
    [
        "flight-delays in dev",
        "rolled_back",
        "Who approved what",
        "arn:aws:iam::111122223333:root",
        "Drift by month and feature",
        "TrainRole",
        "s3:GetObject",
        "3000 calls allowed, 1 denied",
        "Check the data",
        "What this cannot prove",
        "0.9123",
        "Where the time went",
        "What could not be collected",
    ],
)
def test_says(facts: ReportFacts, words: str) -> None:
    assert words in Page(build(facts)).text


def test_the_path_taken_and_the_failed_state_are_marked(facts: ReportFacts) -> None:
    page = build(facts)
    assert page.count('class="visited"') == 1
    assert page.count('class="failed"') == 2
    assert page.count('class="taken"') == 1
    assert page.count('class="taken catch"') == 1
    assert page.count('class="idle"') == 1


def test_a_failure_in_an_execution_that_ended_well_was_caught(facts: ReportFacts) -> None:
    well = dataclasses.replace(facts, paths=(dataclasses.replace(facts.paths[0], status="SUCCEEDED"),))
    page = build(well)
    assert page.count('class="caught"') == 2
    assert 'class="failed"' not in page


def test_a_gate_passes_only_by_a_clear_yes(facts: ReportFacts) -> None:
    page = build(facts)
    champion = page[page.index("no number") - 200 : page.index("no number")]
    assert ">no</td>" in champion


def test_is_readable_by_ear_and_in_the_dark(facts: ReportFacts) -> None:
    page = build(facts)
    assert '<html lang="en">' in page
    assert "prefers-color-scheme: dark" in page
    assert page.count('role="img"') == page.count("aria-label=") == 3
    assert page.count("<th") == page.count('scope="') + page.count("<thead")


def test_the_same_facts_give_the_same_bytes(facts: ReportFacts) -> None:
    assert build(facts) == build(facts)


def test_an_empty_run_has_a_report_too() -> None:
    from slipway.demo.result import Result

    empty = ReportFacts("m", "dev", "now", Result(error={"code": "SLW907", "what": "w", "fix": "f"}).as_dict())
    text = Page(build(empty)).text
    assert "Not all is as it should be" in text
    assert "No window was monitored" in text


def test_stays_small(facts: ReportFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    many = tuple(Calls(f"Role{n}", f"s3:Action{n}", 1, 0) for n in range(400))
    monkeypatch.setattr(module, "MOST_BYTES", 40_000)
    page = build(dataclasses.replace(facts, calls=many))
    assert len(page.encode()) <= 40_000
    assert "more rows are left out" in page


@pytest.mark.parametrize(
    ("distance", "threshold", "expected"),
    [(None, 0.1, None), (0.05, None, None), (0.0, 0.1, 0), (0.06, 0.1, 2), (0.1, 0.1, 3), (0.11, 0.1, 4)],
)
def test_heat(distance: float | None, threshold: float | None, expected: int | None) -> None:
    assert level(distance, threshold) == expected


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), ("", "–"), (0.5, "0.5"), (2.0, "2"), (0, "0"), (True, "yes"), ("word", "word")]
)
def test_figures(value: object, text: str) -> None:
    assert figure(value) == text


def test_the_last_run_can_be_drawn_again(facts: ReportFacts, tmp_path: File) -> None:
    assert last.html(tmp_path) is None
    last.keep(tmp_path, facts)
    assert last.html(tmp_path) == build(facts)
    assert ReportFacts.from_dict(json.loads(json.dumps(facts.as_dict()))) == facts
    (tmp_path / last.FILE).write_text('{"model": 1}')
    assert last.html(tmp_path) is None
