"""SageMaker's lineage: actions, artifacts, contexts, and what came of what.

Each is made once: what somebody else made meanwhile, under the same name or for the same source, is found and taken.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from slipway_lambda.ports.clients import client

T = TypeVar("T")
GONE = frozenset({"ResourceNotFound", "ResourceNotFoundException"})


class Lineage(Protocol):
    """Finds or makes entities and the edges between them. ARNs go in and out."""

    def action(self, name: str) -> dict[str, Any]:
        """DescribeAction, or empty."""

    def begin_action(self, name: str, uri: str, properties: Mapping[str, str], commit: str, generated_by: str) -> str:
        """A deployment from now on in progress."""

    def complete_action(self, name: str) -> None:
        """All that belongs to it is written."""

    def artifact(self, uri: str, name: str, kind: str) -> str:
        """The artifact of a source; there is one at most."""

    def context(self, uri: str, name: str, kind: str) -> str:
        """The oldest context of that kind for a source, or a new one."""

    def associate(self, source: str, destination: str, kind: str) -> None:
        """An edge, once."""


class SageMakerLineage:
    """The real one."""

    def action(self, name: str) -> dict[str, Any]:
        sagemaker = client("sagemaker")
        try:
            found: dict[str, Any] = sagemaker.describe_action(ActionName=name)
        except sagemaker.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in GONE:
                return {}
            raise
        return found

    def begin_action(self, name: str, uri: str, properties: Mapping[str, str], commit: str, generated_by: str) -> str:
        def create() -> str:
            return str(
                client("sagemaker").create_action(
                    ActionName=name,
                    Source={"SourceUri": uri, "SourceType": "ARN"},
                    ActionType="ModelDeployment",
                    Status="InProgress",
                    Properties=dict(properties),
                    MetadataProperties={"CommitId": commit, "GeneratedBy": generated_by},
                )["ActionArn"]
            )

        def begin_again() -> str:
            if not (known := self.action(name)):
                return ""
            old = [key for key in known.get("Properties", {}) if key not in properties]
            client("sagemaker").update_action(
                ActionName=name,
                Status="InProgress",
                Properties=dict(properties),
                **({"PropertiesToRemove": old} if old else {}),
            )
            return str(known["ActionArn"])

        return _found_or_made(begin_again, create)

    def complete_action(self, name: str) -> None:
        client("sagemaker").update_action(ActionName=name, Status="Completed")

    def artifact(self, uri: str, name: str, kind: str) -> str:
        def find() -> str:
            found = client("sagemaker").list_artifacts(SourceUri=uri)["ArtifactSummaries"]
            return str(found[0]["ArtifactArn"]) if found else ""

        source = {"SourceUri": uri}
        return _found_or_made(
            find,
            lambda: str(
                client("sagemaker").create_artifact(ArtifactName=name, Source=source, ArtifactType=kind)["ArtifactArn"]
            ),
        )

    def context(self, uri: str, name: str, kind: str) -> str:
        def find() -> str:
            found = client("sagemaker").list_contexts(
                SourceUri=uri, ContextType=kind, SortBy="CreationTime", SortOrder="Ascending"
            )["ContextSummaries"]
            return str(found[0]["ContextArn"]) if found else ""

        source = {"SourceUri": uri, "SourceType": "ARN"}
        return _found_or_made(
            find,
            lambda: str(
                client("sagemaker").create_context(ContextName=name, Source=source, ContextType=kind)["ContextArn"]
            ),
        )

    def associate(self, source: str, destination: str, kind: str) -> None:
        def find() -> bool:
            edges = client("sagemaker").list_associations(SourceArn=source, DestinationArn=destination)
            return bool(edges["AssociationSummaries"])

        def add() -> bool:
            client("sagemaker").add_association(SourceArn=source, DestinationArn=destination, AssociationType=kind)
            return True

        _found_or_made(find, add)


def _found_or_made(find: Callable[[], T], make: Callable[[], T]) -> T:
    """SageMaker has no error of its own for what is there already, so a refusal is followed by a second look."""
    if found := find():
        return found
    try:
        return make()
    except client("sagemaker").exceptions.ClientError:
        if found := find():
            return found
        raise
