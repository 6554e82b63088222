"""Golden records sent while two versions serve: what is neither's answer is counted, and nothing else."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from slipway_lambda.check_preflight.champion import FAILURES, answers_of_champion
from slipway_lambda.contracts.golden import KEPT_CHARS
from slipway_lambda.contracts.release import PreflightRefusedError, ReleaseSpec
from slipway_lambda.ports.runtime import InvocationError
from slipway_lambda.probe_release.handler import MAX_PROBES, MAX_SECONDS, run
from slipway_lambda.probe_release.judge import is_wrong
from slipway_lambda.smoke_test.golden import GoldenRecord

GOLDEN = GoldenRecord("text/csv", "1,AA", 0.5)
RECORDS = [{"content_type": "text/csv", "body": f"{n},AA", "prediction": n / 10} for n in range(3)]
CHAMPION = ["0.7", "0.8", "0.9"]


def spec(**changed: Any) -> ReleaseSpec:
    names = {
        str: "x", int: 1, float: 0.001, tuple[str, ...]: ("a",),
    }  # fmt: skip
    values: dict[str, Any] = {f: names.get(t) for f, t in ReleaseSpec.__annotations__.items()}
    return ReleaseSpec(**{**values, "endpoint": "flights", "smoke_records": 3, **changed})


@dataclass
class Endpoint:
    """Answers in turn; remembers what was asked and published."""

    answers: list[str]
    text: str = "".join(json.dumps(r) + "\n" for r in RECORDS)
    asked: list[str] = field(default_factory=list)
    published: list[int] = field(default_factory=list)

    def head(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        return self.text.encode()

    def invoke(self, endpoint: str, content_type: str, body: str) -> str:
        answer = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append(body)
        if answer == "error":
            raise InvocationError("ModelError")
        return answer

    def publish(self, endpoint: str, wrong: int) -> None:
        assert endpoint == "flights"
        self.published.append(wrong)


def probe(
    endpoint: Endpoint, *, probes: int = 6, champion: list[Any] | None = None, seconds: int | None = 30
) -> dict[str, Any]:
    event = {
        "spec": spec().as_dict(),
        "golden_uri": "s3://artefacts/golden.jsonl",
        "probes": probes,
        "champion": CHAMPION if champion is None else champion,
    }
    if seconds is not None:
        event["seconds"] = seconds
    ports: Any = endpoint
    return run(event, ports, ports, ports, lambda: 2.0 * len(endpoint.asked))


@pytest.mark.fault("A13")
@pytest.mark.parametrize(
    ("champion", "answer", "wrong"),
    [
        ("0.7", "0.5", False),
        ("0.7", "0.5004", False),
        ("0.7", "0.7", False),
        ("0.7", "0.7003\n", False),
        ("0.7", "0.6", True),
        ("0.7", "nan", True),
        ("0.7", "", True),
        ("0.7", '{"p": 0.5}', True),
        ("0.7", "0.5\n0.5", True),
        ("late", "late", False),
        ("late", "early", True),
        (None, "0.5", False),
        (None, "0.6", None),
    ],
)
def test_only_what_neither_version_answers_is_wrong(champion: str | None, answer: str, wrong: bool | None) -> None:
    assert is_wrong(GOLDEN, champion, answer, 0.001) is wrong


@pytest.mark.fault("A13")
def test_wrong_answers_of_a_canary_are_counted_and_right_ones_of_both_versions_are_not() -> None:
    two_versions = Endpoint(["0.0", "0.8", "0.2", "0.7", "0.1", "0.9"])
    assert probe(two_versions) == {"sent": 6, "failed": 0, "judged": 6, "wrong": 0}
    constant = Endpoint(["0.7", "0.4", "0.9", "0.4", "0.8", "0.9"])
    assert probe(constant) == {"sent": 6, "failed": 0, "judged": 6, "wrong": 2}
    assert (two_versions.published, constant.published) == ([0], [2])


def test_failed_requests_are_left_to_the_alarms_on_errors() -> None:
    endpoint = Endpoint(["error", "0.8", "0.2"])
    assert probe(endpoint) == {"sent": 6, "failed": 2, "judged": 4, "wrong": 0}
    silent = Endpoint(["error"])
    assert probe(silent)["judged"] == 0
    assert silent.published == []


def test_without_the_champions_answers_it_is_traffic_and_no_verdict() -> None:
    endpoint = Endpoint(["0.4"])
    assert probe(endpoint, champion=[]) == {"sent": 6, "failed": 0, "judged": 0, "wrong": 0}
    assert probe(endpoint, champion=[None, None, None])["judged"] == 0
    assert endpoint.published == []


def test_never_more_requests_than_a_stage_has_time_for() -> None:
    endpoint: Any = Endpoint(["0.0"])
    event = {"spec": spec().as_dict(), "golden_uri": "s3://artefacts/golden.jsonl", "probes": 10_000, "champion": []}
    assert run({**event, "seconds": 60}, endpoint, endpoint, endpoint, lambda: 0.0)["sent"] == MAX_PROBES


@pytest.mark.fault("A12")
def test_a_slow_model_does_not_keep_the_machine_from_looking_at_alarms() -> None:
    slow = Endpoint(["0.7", "0.4"])
    assert probe(slow, probes=500, seconds=9)["sent"] == 5, "two seconds each, the last begun after eight"
    assert slow.published == [4], "what was seen until then is told"
    assert probe(Endpoint(["0.0"]), probes=500, seconds=100_000)["sent"] == MAX_SECONDS // 2
    assert probe(Endpoint(["0.0"]), probes=500, seconds=None)["sent"] == MAX_SECONDS // 2


def asked(endpoint: Endpoint) -> list[str | None]:
    ports: Any = endpoint
    return answers_of_champion(spec(), "s3://artefacts/golden.jsonl", ports, ports)


def test_the_champion_is_asked_each_record_once_and_its_words_are_kept() -> None:
    endpoint = Endpoint(["0.7", "error", "0.9\n"])
    assert asked(endpoint) == ["0.7", None, "0.9\n"]
    assert endpoint.asked == ["0,AA", "1,AA", "2,AA"]
    assert asked(Endpoint(["x" * (KEPT_CHARS + 1)])) == [None, None, None]


def test_a_broken_champion_does_not_keep_out_what_replaces_it() -> None:
    text = "".join(json.dumps({**RECORDS[0], "body": str(n)}) + "\n" for n in range(9))
    endpoint = Endpoint(["error"], text=text)
    ports: Any = endpoint
    assert answers_of_champion(spec(smoke_records=9), "s3://artefacts/golden.jsonl", ports, ports) == [None] * 9
    assert len(endpoint.asked) == FAILURES


def test_golden_records_that_cannot_be_read_are_refused_before_anything_is_touched() -> None:
    with pytest.raises(PreflightRefusedError, match="Line 1 of the golden file"):
        asked(Endpoint(["0.5"], text="{}"))
