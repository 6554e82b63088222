"""Writes what the service itself adds to the lineage: entities and edges that are made once and then found again."""

from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope
from rehearsal.sagemaker.lineage.graph import edge
from rehearsal.sagemaker.lineage.store import ARTIFACT, Kind, artifact_arn, associations, entities, group_arn
from rehearsal.sagemaker.store import Record, arn_of

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

_NAME_CHARACTERS = 120


class Tracker:
    """Entities and edges of one account and region; what exists is taken, not made again."""

    def __init__(self, core: "Core", scope: Scope) -> None:
        self.scope = scope
        self.state = core.store.state(scope)
        self._core = core

    def entity(self, kind: Kind, arn: str, shown_type: str, **members: Any) -> Record:
        """The entity with this ARN, with these members from now on."""
        now = self._core.host.clock.now()
        table = entities(self.state)
        if arn not in table:
            table[arn] = {
                kind.arn_key: arn, "_arn": arn, "_kind": kind.noun, "_type": shown_type, "_automatic": True,
                "CreationTime": now, "_sequence": self._core.store.next_sequence(),
                "LineageGroupArn": group_arn(self.scope),
            }  # fmt: skip
        table[arn] |= {**members, "LastModifiedTime": now}
        return table[arn]

    def artifact(self, uri: str, shown_type: str) -> Record:
        """The artifact of a URI."""
        known = entities(self.state).get(artifact_arn(self.scope, uri))
        if known is not None:
            return known
        return self.entity(
            ARTIFACT, artifact_arn(self.scope, uri), shown_type, ArtifactType=shown_type, Source={"SourceUri": uri}
        )

    def named(self, kind: Kind, name: str, shown_type: str, **members: Any) -> Record:
        """An action, a context or a trial component of this name."""
        short = name[-_NAME_CHARACTERS:].lstrip("-")
        arn = arn_of(self.scope, kind.arn_kind, short)
        return self.entity(kind, arn, shown_type, **{kind.name_key: short, **members})

    def associate(self, source: Record, destination: Record, kind: str) -> None:
        """An edge, once."""
        key = f"{source['_arn']} {destination['_arn']}"
        self_made = {
            **edge(source, destination, kind),
            "CreationTime": self._core.host.clock.now(),
            "_automatic": True,
            "_sequence": self._core.store.next_sequence(),
        }
        associations(self.state).setdefault(key, self_made)
