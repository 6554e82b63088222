"""What there is to note of the live version: its deployment in the lineage, and the stage of what it replaced."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from slipway_lambda.contracts.registry import ARCHIVED, PRODUCTION, UNKNOWN_COMMIT

TOLD = ("config", "image_digest", "artefact_sha256", "data_version", "approved_by", "previous_config")


@dataclass(frozen=True)
class Deployment:
    """`action`: derives from the config's name, and so from the content; the same again finds its own."""

    action: str
    package_arn: str
    package_name: str
    commit: str
    execution: str
    properties: Mapping[str, str]

    def noted(self, action: Mapping[str, Any]) -> bool:
        """Whether DescribeAction shows it whole: it is completed last of all."""
        return action.get("Status") == "Completed" and action.get("Properties") == dict(self.properties)


def deployment_of(live: Mapping[str, Any], group: str) -> Deployment:
    """From the ledger's live item; what an older release did not write there is left out."""
    released = datetime.fromtimestamp(live["released_at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    told = {name: str(live[name]) for name in TOLD if live.get(name)}
    commit, execution = str(live.get("commit") or UNKNOWN_COMMIT), str(live.get("execution") or "unknown")
    return Deployment(
        action=f"{live['config']}-release",
        package_arn=live["package_arn"],
        package_name=f"{group}-{live['version']}",
        commit=commit,
        execution=execution,
        properties={
            **told, "version": str(live["version"]), "released_at": released, "commit": commit, "execution": execution,
        },
    )  # fmt: skip


def replaced(versions: Iterable[Mapping[str, Any]], live_arn: str) -> list[str]:
    """Versions whose stage still says that they are live. One that failed or was left stays marked so."""
    return [
        version["ModelPackageArn"]
        for version in versions
        if version["ModelPackageArn"] != live_arn
        and version.get("ModelLifeCycle", {}).get("Stage") == PRODUCTION
        and version["ModelLifeCycle"].get("StageStatus") == "Approved"
    ]


def archive_words(live: Mapping[str, Any]) -> tuple[str, str, str]:
    """Stage, status and description of a version that was replaced. Still Approved: it may be gone back to."""
    return ARCHIVED, "Approved", f"Replaced by version {live['version']}."
