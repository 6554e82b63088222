"""One endpoint with its release machine, as an operator's scripts use them."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.cloud import Cloud
from release_load.registry import Registry
from slipway.config.rollout import Strategy
from slipway_lambda.contracts.ledger import LOCK, endpoint_key

LOOK_SECONDS = 0.05
"""Of the wall, between two looks."""
NUMBER_DIGITS = 4
"""At the end of an instance's name."""


@dataclass
class Ended:
    """How an execution ended."""

    status: str
    error: str
    cause: str
    output: dict[str, Any]


@dataclass
class Endpoint:
    """`registry`: its model's versions. `ledger`: the table."""

    cloud: Cloud
    strategy: Strategy
    name: str
    machine: str
    ledger: str
    registry: Registry
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    # releases
    def release(self, version: int) -> str:
        """Approve it; the ARN of the execution which that starts."""
        before = self._executions()
        self.registry.approve(version)
        return str(until(lambda: next(iter(self._executions() - before), None), "an execution"))

    def roll_back(self, version: int) -> str:
        """As `slipway rollback` asks for it."""
        asked = {"trigger": "rollback", "version": version, "who": "ada", "reason": "proof"}
        started = self.client("stepfunctions").start_execution(stateMachineArn=self.machine, input=json.dumps(asked))
        return str(started["executionArn"])

    def promote(self) -> None:
        """End the trial that runs in the new version's favour, as `slipway promote --full` asks for it."""
        self.client("dynamodb").update_item(
            TableName=self.ledger,
            Key={"pk": {"S": endpoint_key(self.name)}, "sk": {"S": LOCK}},
            UpdateExpression="SET promote_by = :by, promote_reason = :why, promote_full = :full",
            ConditionExpression="attribute_exists(#owner)",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues={":by": {"S": "ada"}, ":why": {"S": "proof"}, ":full": {"S": "true"}},
        )

    def ended(self, arn: str) -> Ended | None:
        """None while it runs."""
        found = self.client("stepfunctions").describe_execution(executionArn=arn)
        if found["status"] == "RUNNING":
            return None
        output = json.loads(found.get("output") or "{}")
        return Ended(found["status"], found.get("error", ""), found.get("cause", ""), output)

    def end_of(self, arn: str, seconds: float = 240) -> Ended:
        """Wait for it."""
        found: Ended = until(lambda: self.ended(arn), f"the end of {arn}", seconds)
        return found

    def _executions(self) -> set[str]:
        found = self.client("stepfunctions").list_executions(stateMachineArn=self.machine, maxResults=1000)
        return {e["executionArn"] for e in found["executions"]}

    # what is live
    def describe(self) -> dict[str, Any]:
        """DescribeEndpoint."""
        found: dict[str, Any] = self.client("sagemaker").describe_endpoint(EndpointName=self.name)
        return found

    def servers(self) -> dict[int, str]:
        """Pids of the serving processes, with the fleet that each belongs to: `<variant>/i-<its own mark>`."""
        mine = (p for p in self.cloud.processes() if str(p.get("name", "")).startswith(f"{self.name}/"))
        return {int(p["pid"]): str(p["name"]).removeprefix(f"{self.name}/")[:-NUMBER_DIGITS] for p in mine}

    def kill_one(self, fleet: str | None = None) -> bool:
        """End a serving process as the kernel does when memory is short; of this fleet, or of any. False: none runs."""
        for pid in sorted(pid for pid, of in self.servers().items() if fleet in (None, of)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                return True
        return False

    def alarms(self) -> list[str]:
        """Names of those of its release alarms that are not OK."""
        found = self.client("cloudwatch").describe_alarms(MaxRecords=100)["MetricAlarms"]
        mine = [a for a in found if self.name in {d["Value"] for d in a.get("Dimensions", [])}]
        return [a["AlarmName"] for a in mine if a["StateValue"] != "OK"]

    def raised(self, since: float) -> list[dict[str, Any]]:
        """What its alarms said as they were raised since then (cloud time), earliest first."""
        cloudwatch = self.client("cloudwatch")
        names = {
            a["AlarmName"]: a
            for a in cloudwatch.describe_alarms(MaxRecords=100)["MetricAlarms"]
            if self.name in {d["Value"] for d in a.get("Dimensions", [])}
        }
        told = []
        for name, alarm in names.items():
            items = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate", MaxRecords=100)
            for item in items["AlarmHistoryItems"]:
                if item["Timestamp"].timestamp() >= since and item["HistorySummary"].endswith("to ALARM"):
                    data = json.loads(item["HistoryData"])["newState"]["stateReasonData"]
                    told.append({"at": item["Timestamp"].timestamp(), "data": data, "metric": alarm["MetricName"]})
        return sorted(told, key=lambda one: float(one["at"]))


def until(question: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """The first truthy answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(LOOK_SECONDS)
    raise AssertionError(f"waited {seconds} s in vain for {what}")
