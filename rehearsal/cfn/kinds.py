"""What tells one resource type from another. Create-only properties are those of the type's registry schema."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Properties = Mapping[str, Any]
Call = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""`call(action, params)` of the type's service."""


@dataclass(frozen=True)
class Settle:
    """How a resource comes to rest: the member of its description that says so."""

    status: str
    pending: tuple[str, ...]
    settled: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """One resource type.

    `identity` is the API parameter that names the resource in Update, Delete and Describe, `name` the property that
    names it; a resource without a name gets one of at most `generated` characters, or is refused when that is 0.
    `ref` is the member of Create's answer (a dotted path) that Ref gives; empty: the name.
    `attributes` are GetAtt's names, `Name=Member.Path` where the API has another name for it.
    """

    type: str
    service: str
    create: str
    delete: str
    update: str = ""
    describe: str = ""
    name: str = ""
    identity: str = ""
    generated: int = 63
    ref: str = ""
    create_only: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    settle: Settle | None = None
    reached: Callable[[Properties, Properties], bool] | None = None  # (description, template): no, if it rolled back
    leaves: bool = False  # the delete ends later: wait until it is gone
    own: tuple[str, ...] = ()  # properties that are no parameter of Create or Update
    adapt: Callable[[Properties], dict[str, Any]] = field(default=dict)
    change: Callable[[Properties, Properties], dict[str, Any]] | None = None  # Update's parameters, unless all
    deletion: Callable[[str, Properties], dict[str, Any]] | None = None
    afterwards: Callable[[Call, Properties, Properties, str], None] | None = None  # once it is made or changed
    beforehand: Callable[[Call, str, Properties], None] | None = None  # before it is deleted
    tags_of: str = ""  # with this property set it has no tags of its own: only the template's are passed on
    lowercase: bool = False

    @property
    def named_by(self) -> str:
        """The parameter that identifies it to the API."""
        return self.identity or self.name

    def replaced_by(self, old: Properties, new: Properties) -> list[str]:
        """Create-only properties that differ."""
        return [path for path in self.create_only if _at(old, path) != _at(new, path)]


def _at(properties: Properties, path: str) -> Any:
    found: Any = properties
    for part in path.split("/"):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found
