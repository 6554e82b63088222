"""What is noted of the live version: lineage that survives any half-way end, and the stage of what was replaced."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from slipway_lambda.note_live.facts import deployment_of, replaced
from slipway_lambda.note_live.handler import note

ENDPOINT, GROUP = "flights-dev", "flights"
ENDPOINT_ARN = "arn:endpoint"
CONFIG = "flights-dev-v2-0000000a"
LIVE: dict[str, Any] = {
    "version": 2, "package_arn": "arn:package/2", "config": CONFIG, "image_digest": "sha256:a", "commit": "c0ffee",
    "artefact_sha256": "b", "data_version": "d", "approved_by": "", "execution": "arn:run",
    "released_at": 1_795_000_000,
}  # fmt: skip


class LedgerItem:
    """Holds what is live."""

    def __init__(self, live: dict[str, Any]) -> None:
        self.live = live

    def item(self, partition: str, sort: str) -> dict[str, Any]:
        assert (partition, sort) == ("endpoint#flights-dev", "live")
        return self.live


class Graph:
    """Lineage in memory; breaks at the call that `breaks_at` counts."""

    def __init__(self) -> None:
        self.actions: dict[str, dict[str, Any]] = {}
        self.artifacts: dict[str, str] = {}
        self.contexts = {ENDPOINT_ARN: "arn:context/by-sagemaker"}
        self.edges: set[tuple[str, str, str]] = set()
        self.writes = 0
        self.breaks_at = 0

    def _write(self) -> None:
        self.writes += 1
        if self.writes == self.breaks_at:
            raise ConnectionError("no answer")

    def action(self, name: str) -> dict[str, Any]:
        return self.actions.get(name, {})

    def begin_action(self, name: str, uri: str, properties: Mapping[str, str], commit: str, generated_by: str) -> str:
        self._write()
        self.actions[name] = {"Status": "InProgress", "Properties": dict(properties), "uri": uri, "commit": commit}
        return f"arn:action/{name}"

    def complete_action(self, name: str) -> None:
        self._write()
        self.actions[name]["Status"] = "Completed"

    def artifact(self, uri: str, name: str, kind: str) -> str:
        self._write()
        return self.artifacts.setdefault(uri, f"arn:artifact/{name}")

    def context(self, uri: str, name: str, kind: str) -> str:
        self._write()
        return self.contexts.setdefault(uri, f"arn:context/{name}")

    def associate(self, source: str, destination: str, kind: str) -> None:
        self._write()
        self.edges.add((source, destination, kind))


class Registry:
    """Versions by number: stage and status."""

    def __init__(self, **stages: tuple[str, str]) -> None:
        self.stages = {f"arn:package/{name[1:]}": stage for name, stage in stages.items()}

    def approved(self, group: str) -> Iterator[dict[str, Any]]:
        assert group == GROUP
        for arn, (stage, status) in self.stages.items():
            life = {"ModelLifeCycle": {"Stage": stage, "StageStatus": status}} if stage else {}
            yield {"ModelPackageArn": arn, **life}

    def mark(self, arn: str, stage: str, status: str, description: str) -> None:
        assert description == "Replaced by version 2."
        self.stages[arn] = (stage, status)


def noted(graph: Graph, registry: Registry, live: dict[str, Any] = LIVE) -> dict[str, Any]:
    ledger: Any = LedgerItem(live)
    return note(ENDPOINT, ENDPOINT_ARN, GROUP, ledger=ledger, lineage=graph, versions=registry)


EDGES = {
    ("arn:artifact/flights-2", f"arn:action/{CONFIG}-release", "ContributedTo"),
    (f"arn:action/{CONFIG}-release", "arn:context/by-sagemaker", "AssociatedWith"),
}


def test_a_version_is_tied_to_the_endpoint_by_its_deployment() -> None:
    graph = Graph()
    assert noted(graph, Registry()) == {"noted": f"{CONFIG}-release", "archived": []}
    (action,) = graph.actions.values()
    assert (action["Status"], action["uri"], action["commit"]) == ("Completed", ENDPOINT_ARN, "c0ffee")
    assert action["Properties"] == {
        "version": "2", "config": CONFIG, "image_digest": "sha256:a", "artefact_sha256": "b", "data_version": "d",
        "commit": "c0ffee", "execution": "arn:run", "released_at": "2026-11-18T11:06:40Z",
    }  # fmt: skip
    assert graph.edges == EDGES
    before = graph.writes
    assert noted(graph, Registry())["noted"] == ""
    assert graph.writes == before


@pytest.mark.parametrize("breaks_at", range(1, 7))
def test_what_was_cut_off_anywhere_is_whole_after_the_next_time(breaks_at: int) -> None:
    graph = Graph()
    graph.breaks_at = breaks_at
    with pytest.raises(ConnectionError):
        noted(graph, Registry())
    assert noted(graph, Registry())["noted"]
    assert graph.edges == EDGES
    assert [a["Status"] for a in graph.actions.values()] == ["Completed"]


def test_a_version_that_is_released_again_says_when() -> None:
    graph = Graph()
    noted(graph, Registry())
    again = LIVE | {"released_at": 1_795_009_000, "execution": "arn:rollback"}
    assert noted(graph, Registry(), again)["noted"] == f"{CONFIG}-release"
    (action,) = graph.actions.values()
    assert action["Properties"]["execution"] == "arn:rollback"


def test_nothing_live_is_nothing_to_note() -> None:
    graph = Graph()
    assert noted(graph, Registry(v1=("Production", "Approved")), {}) == {"noted": "", "archived": []}
    assert not graph.writes


def test_what_was_replaced_is_archived_and_nothing_else() -> None:
    registry = Registry(
        v1=("Production", "Approved"), v2=("Production", "Approved"), v3=("Production", "Rejected"),
        v4=("Production", "PendingApproval"), v5=("", ""), v6=("Staging", "Approved"),
    )  # fmt: skip
    kept = {arn: stage for arn, stage in registry.stages.items() if arn != "arn:package/1"}
    assert noted(Graph(), registry)["archived"] == ["arn:package/1"]
    assert registry.stages == kept | {"arn:package/1": ("Archived", "Approved")}
    assert noted(Graph(), registry)["archived"] == []


def test_an_older_release_left_less_to_tell() -> None:
    old = {k: LIVE[k] for k in ("version", "package_arn", "config", "released_at")}
    told = deployment_of(old, GROUP)
    assert (told.commit, told.execution, "data_version" in told.properties) == ("unknown", "unknown", False)


def test_the_live_version_is_not_replaced() -> None:
    live = {"ModelPackageArn": "a", "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Approved"}}
    assert replaced([live], "a") == []
    assert replaced([live], "b") == ["a"]
