"""A cloud assembly, as far as a deployment must know it: its stacks and where they go."""

import json
from dataclasses import dataclass
from pathlib import Path

from rehearsal.errors import CloudError
from rehearsal.host import Scope


@dataclass(frozen=True)
class Placed:
    """A stack and its environment."""

    name: str
    scope: Scope


def stacks_of(assembly: Path, home: Scope) -> list[Placed]:
    """Every stack, those of nested assemblies too. A stack that names no account or region goes to `home`.

    Raises CloudError when the folder holds no assembly.
    """
    try:
        manifest = json.loads((assembly / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise CloudError(f"{assembly} is not a cloud assembly", "Run `make synth` first") from None
    found = []
    for key, artifact in manifest.get("artifacts", {}).items():
        if artifact["type"] == "aws:cloudformation:stack":
            name = str(artifact.get("properties", {}).get("stackName") or key)
            found.append(Placed(name, _scope(str(artifact.get("environment", "")), home)))
        elif artifact["type"] == "cdk:cloud-assembly":
            found += stacks_of(assembly / artifact["properties"]["directoryName"], home)
    return found


def _scope(environment: str, home: Scope) -> Scope:
    account, _, region = environment.removeprefix("aws://").partition("/")
    return Scope(
        home.account if account in ("", "unknown-account") else account,
        home.region if region in ("", "unknown-region") else region,
    )
