"""Note what is live where others look for it: in SageMaker's lineage, and in the lifecycle stages of the registry."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.ledger import LIVE, endpoint_key
from slipway_lambda.events import setting
from slipway_lambda.note_live.facts import Deployment, archive_words, deployment_of, replaced
from slipway_lambda.ports.ledger import DynamoLedger, Ledger
from slipway_lambda.ports.lineage import Lineage, SageMakerLineage
from slipway_lambda.ports.versions import RegistryVersions, Versions


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """After an execution that ended well; what it says is not believed → {"noted": action or "", "archived": ARNs}."""
    return note(
        setting("ENDPOINT"),
        setting("ENDPOINT_ARN"),
        setting("GROUP"),
        ledger=DynamoLedger(setting("LEDGER_TABLE")),
        lineage=SageMakerLineage(),
        versions=RegistryVersions(),
    )


def note(
    endpoint: str, endpoint_arn: str, group: str, *, ledger: Ledger, lineage: Lineage, versions: Versions
) -> dict[str, Any]:
    """As the handler, on any ports. Safe at any time and as often as wanted: all of it derives from the ledger."""
    live = ledger.item(endpoint_key(endpoint), LIVE)
    if not live:
        return {"noted": "", "archived": []}
    old = replaced(versions.approved(group), live["package_arn"])
    for arn in old:
        versions.mark(arn, *archive_words(live))
    deployment = deployment_of(live, group)
    if deployment.noted(lineage.action(deployment.action)):
        return {"noted": "", "archived": old}
    _write(lineage, deployment, endpoint, endpoint_arn)
    return {"noted": deployment.action, "archived": old}


def _write(lineage: Lineage, it: Deployment, endpoint: str, endpoint_arn: str) -> None:
    """Model package version → deployment → endpoint. Completed last, so that a half-written one is written again."""
    action = lineage.begin_action(it.action, endpoint_arn, it.properties, it.commit, it.execution)
    lineage.associate(lineage.artifact(it.package_arn, it.package_name, "ModelPackage"), action, "ContributedTo")
    lineage.associate(action, lineage.context(endpoint_arn, f"{endpoint}-endpoint", "Endpoint"), "AssociatedWith")
    lineage.complete_action(it.action)
