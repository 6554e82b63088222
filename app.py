"""Environments -> stages -> stacks; tags and policy checks. No resources.

The only file of the CDK side that reads environment variables. `python app.py` and the CDK CLI give the same
assembly: the context
of cdk.json is read here when the CLI has not passed it.
"""

import json
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LOCKED_NODE = Path(sys.prefix) / "bin" / "node"
if LOCKED_NODE.exists():  # jsii reads this before its first import; the machine's own node may be too old
    os.environ.setdefault("JSII_NODE", str(LOCKED_NODE))

from aws_cdk import App, Validations  # noqa: E402
from cdk_nag import AwsSolutionsChecks  # noqa: E402

from slipway.config.commit import said_commit  # noqa: E402
from slipway.config.errors import DeclarationError  # noqa: E402
from slipway.config.loader import load  # noqa: E402
from stacks.environment import EnvironmentStage  # noqa: E402
from stacks.toolchain import ToolchainStack  # noqa: E402


def main() -> int:
    """Synthesise. Returns the exit code: 0, 1 for policy findings, 2 for faulty declarations."""
    try:
        declared = load(ROOT)
    except DeclarationError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    context = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    outdir = Path(os.environ.get("CDK_OUTDIR", ROOT / "cdk.out"))
    app = App(outdir=str(outdir), context=context, analytics_reporting=False)
    try:
        commit = said_commit(app.node.try_get_context("commit"), os.environ.get("CODEBUILD_RESOLVED_SOURCE_VERSION"))
    except DeclarationError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    stages = [
        EnvironmentStage(app, platform=declared.platform, environment=e, models=declared.models, commit=commit)
        for e in declared.platform.environments
    ]
    if toolchain := declared.platform.toolchain:
        ToolchainStack(
            app, "Toolchain", toolchain=toolchain, stages=stages, stack_name=f"{declared.platform.name}-Toolchain"
        )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app, verbose=True))
    try:
        app.synth()
    except RuntimeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    finally:
        _forget_temporary_folder(outdir)
    return 0


def _forget_temporary_folder(outdir: Path) -> None:
    """Traces of accepted findings name the folder that jsii unpacked to; two synths must be the same bytes."""
    for path in [outdir / "validation-report.json", *outdir.rglob("*.metadata.json")]:
        if path.exists():
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r"[^\s,\"]*jsii-kernel-\w+", "jsii-kernel", text), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
