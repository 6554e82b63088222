"""The columns a model reads and what it predicts; what `schema.json` beside the data and inside the artefact holds."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from tabular.faults import ContractFault
from tabular.files import read_json

PROBLEMS = ("binary_classification", "regression")
TYPES = ("number", "category")


@dataclass(frozen=True)
class Column:
    """One input. `categories` (sorted) is known once a model is trained: the code of a value is its place."""

    name: str
    type: str
    required: bool = True
    categories: tuple[str, ...] | None = None

    def document(self) -> dict[str, Any]:
        known = {} if self.categories is None else {"categories": list(self.categories)}
        return {"name": self.name, "type": self.type, "required": self.required, **known}


@dataclass(frozen=True)
class Schema:
    """Inputs in the order of a request."""

    problem: str
    target: str
    columns: tuple[Column, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file; every fault of the file in one text."""
        document = read_json(path)
        faults = list(_faults(document))
        if faults:
            raise ContractFault(f"{path}: " + "; ".join(faults))
        columns = tuple(
            Column(
                c["name"],
                c["type"],
                c.get("required", True),
                tuple(c["categories"]) if c["type"] == "category" and "categories" in c else None,
            )
            for c in document["columns"]
        )
        return cls(document["problem"], document["target"], columns)

    @property
    def names(self) -> list[str]:
        return [c.name for c in self.columns]

    @property
    def is_classification(self) -> bool:
        return self.problem == "binary_classification"

    def document(self) -> dict[str, Any]:
        return {"problem": self.problem, "target": self.target, "columns": [c.document() for c in self.columns]}

    def same_declaration(self, other: "Schema") -> bool:
        """Whether both read the same request, whatever categories each has learnt."""
        return self.declaration() == other.declaration()

    def declaration(self) -> "Schema":
        return replace(self, columns=tuple(replace(c, categories=None) for c in self.columns))


def _faults(document: dict[str, Any]) -> list[str]:
    faults = []
    if document.get("problem") not in PROBLEMS:
        faults.append(f"problem is {document.get('problem')!r}, not one of {', '.join(PROBLEMS)}")
    if not isinstance(document.get("target"), str) or not document.get("target"):
        faults.append("target must name the column to predict")
    columns = document.get("columns")
    if not isinstance(columns, list) or not columns:
        return [*faults, "columns must be a list of at least one input column"]
    seen: set[str] = {str(document.get("target"))}
    for place, column in enumerate(columns, 1):
        if not isinstance(column, dict) or not isinstance(column.get("name"), str) or not column["name"]:
            faults.append(f"column {place} has no name")
            continue
        if column.get("type") not in TYPES:
            faults.append(f'column "{column["name"]}": type is {column.get("type")!r}, not one of {", ".join(TYPES)}')
        if not isinstance(column.get("required", True), bool):
            faults.append(f'column "{column["name"]}": required must be true or false')
        known = column.get("categories", [])
        if not isinstance(known, list) or not all(isinstance(v, str) for v in known) or len(set(known)) != len(known):
            faults.append(f'column "{column["name"]}": categories must be a list of different texts')
        if column["name"] in seen:
            faults.append(f'column "{column["name"]}" stands twice, or is the target')
        seen.add(column["name"])
    return faults
