"""Templates of the one shared synth."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass(frozen=True)
class Template:
    """A synthesised template."""

    name: str
    body: dict[str, Any]

    def of(self, type_: str) -> dict[str, dict[str, Any]]:
        """Resources of a type, by logical id."""
        return {k: r for k, r in self.body.get("Resources", {}).items() if r["Type"] == type_}

    def statements(self) -> list[dict[str, Any]]:
        """Every IAM identity statement of the template."""
        found: list[dict[str, Any]] = []
        for resource in self.body.get("Resources", {}).values():
            properties = resource.get("Properties", {})
            documents = [properties.get("PolicyDocument")] if "IAM" in resource["Type"] else []
            documents += [p["PolicyDocument"] for p in properties.get("Policies", []) if isinstance(p, dict)]
            for document in filter(None, documents):
                found += document["Statement"]
        return found


@pytest.fixture(scope="session")
def templates(assembly: Path) -> dict[str, Template]:
    """Every template, by stack name."""
    found: dict[str, Template] = {}
    for manifest in [assembly / "manifest.json", *assembly.glob("assembly-*/manifest.json")]:
        for artefact in json.loads(manifest.read_text(encoding="utf-8"))["artifacts"].values():
            if artefact["type"] == "aws:cloudformation:stack":
                properties = artefact["properties"]
                name = properties.get("stackName") or Path(properties["templateFile"]).stem
                path = manifest.parent / properties["templateFile"]
                found[name] = Template(name, json.loads(path.read_text(encoding="utf-8")))
    return found


@pytest.fixture(scope="session")
def template(templates: dict[str, Template]) -> Callable[[str], Template]:
    """A template by the end of its stack's name."""

    def find(ending: str) -> Template:
        (name,) = [n for n in templates if n.endswith(ending)]
        return templates[name]

    return find
