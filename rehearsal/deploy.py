"""The real CDK command line, pointed at the embedded cloud."""

import json
import re
import subprocess
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.assembly import stacks_of
from rehearsal.errors import CloudError, DeployError
from rehearsal.host import Scope

if TYPE_CHECKING:
    from rehearsal.cloud import Cloud

CLI_VERSION = "2.1148.1"
TOOLKIT_STACK = "CDKToolkit"
_EXECUTION_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"  # the CLI's own choice when nobody is trusted
_EVENT = re.compile(
    r"(?P<stack>[\w-]+) \| +(?P<done>[\d/]+) \| (?P<time>[^|]+) "
    r"\| (?P<status>[A-Z_]+) +\| (?P<type>[\w:]+) +\| (?P<rest>.*)"
)


class Cdk:
    """CDK CLI of a checkout, run by the node of its virtual environment."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._command: list[str] | None = None

    def command(self) -> list[str]:
        """node and the CLI's script. Raises CloudError with the fix if either is missing or of another version."""
        if self._command is None:
            package = self._root / "node_modules" / "aws-cdk"
            node = self._root / ".venv" / "bin" / "node"
            try:
                version = json.loads((package / "package.json").read_text(encoding="utf-8"))["version"]
            except (OSError, ValueError, KeyError):
                raise CloudError("the CDK command line is not installed", "Run `make setup`") from None
            if version != CLI_VERSION:
                raise CloudError(f"the CDK command line is {version}, not {CLI_VERSION}", "Run `make setup`")
            if not node.exists():
                raise CloudError(f"node is not at {node}", "Run `make setup`")
            self._command = [str(node), str(package / "bin" / "cdk")]
        return self._command

    def bootstrap(self, cloud: "Cloud", trusted: Sequence[str] = ()) -> float:
        """Make the toolkit stack unless it stands; accounts that are `trusted` may deploy and publish there."""
        client = cloud.client("cloudformation")
        try:
            if client.describe_stacks(StackName=TOOLKIT_STACK)["Stacks"][0]["StackStatus"].endswith("_COMPLETE"):
                return 0.0
        except client.exceptions.ClientError:
            pass
        started = time.monotonic()
        trust = [word for account in trusted for word in ("--trust", account)]
        trust += ["--cloudformation-execution-policies", _EXECUTION_POLICY] if trust else []
        place = f"aws://{cloud.account}/{cloud.region}"
        self._run(cloud, ["bootstrap", place, "--no-version-reporting", *trust], None)
        return time.monotonic() - started

    def deploy(
        self, cloud: "Cloud", assembly: Path, stacks: Sequence[str], on_event: Callable[[dict[str, Any]], None] | None
    ) -> dict[str, Any]:
        """Bootstrap every environment of the assembly if need be, then deploy. `seconds` is the deployment alone.

        An environment of another account is bootstrapped by that account's own root, and trusts the operator's.
        """
        home = Scope(cloud.account, cloud.region)
        placed = stacks_of(assembly, home)
        for scope in dict.fromkeys([home, *(one.scope for one in placed)]):
            trusted = () if scope.account == home.account else (home.account,)
            self.bootstrap(cloud.at(scope.account, scope.region), trusted)
        started = time.monotonic()
        options = [
            "--require-approval",
            "never",
            "--concurrency",
            "5",
            "--progress",
            "events",
            "--asset-parallelism",
            "true",
        ]
        self._run(cloud, ["deploy", *stacks, "--app", str(assembly.resolve()), *options], on_event)
        seconds = time.monotonic() - started
        standing, resources = 0, 0
        for one in placed:
            client = cloud.at(one.scope.account, one.scope.region).client("cloudformation")
            try:
                pages = client.get_paginator("list_stack_resources").paginate(StackName=one.name)
                resources += sum(len(page["StackResourceSummaries"]) for page in pages)
                standing += 1
            except client.exceptions.ClientError:
                continue  # not among the stacks asked for
        return {"stacks": standing, "resources": resources, "seconds": round(seconds, 2)}

    def destroy(self, cloud: "Cloud", assembly: Path, stacks: Sequence[str]) -> float:
        """Delete the stacks without asking."""
        started = time.monotonic()
        self._run(cloud, ["destroy", *stacks, "--app", str(assembly.resolve()), "--force"], None)
        return time.monotonic() - started

    def differs(self, cloud: "Cloud", assembly: Path, stacks: Sequence[str]) -> bool:
        """Whether `cdk diff` finds the stacks other than the assembly."""
        try:
            self._run(cloud, ["diff", *stacks, "--app", str(assembly.resolve()), "--fail", "--exclusively"], None)
        except DeployError as error:
            if "Number of stacks with differences" in error.output:
                return True
            raise
        return False

    def _run(self, cloud: "Cloud", words: list[str], on_event: Callable[[dict[str, Any]], None] | None) -> None:
        home = cloud.directory / "tmp" / "cdk-home"
        home.mkdir(parents=True, exist_ok=True)
        environment = cloud.environment() | {
            "CDK_DISABLE_CLI_TELEMETRY": "1",
            "CDK_HOME": str(home),
            "CDK_DEFAULT_ACCOUNT": cloud.account,
            "CDK_DEFAULT_REGION": cloud.region,
            "NODE_NO_WARNINGS": "1",
            "CI": "true",
            "NO_COLOR": "1",
        }
        for name in [name for name in environment if name.lower().endswith("_proxy")]:
            del environment[name]
        tail: deque[str] = deque(maxlen=60)
        command = [*self.command(), *words, "--no-notices", "--ci", "--no-color"]
        with subprocess.Popen(
            command,
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    tail.append(line.rstrip())
                    match = _EVENT.match(line.strip())
                    if match and on_event is not None:
                        on_event({key: value.strip() for key, value in match.groupdict().items()})
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            output = "\n".join(tail)
            raise DeployError(
                f"cdk {words[0]} failed: {_reason(tail)}",
                "Correct the cause above and run it again: it is safe to repeat",
                output,
            )


def _reason(tail: Sequence[str]) -> str:
    told = [line.strip() for line in tail if re.search(r"❌|FAILED|rror:|rror\b|denied", line)]
    return told[0][:600] if told else (tail[-1] if tail else "it said nothing")
