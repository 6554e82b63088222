"""One embedded cloud for the bus's tests; its clock is stepped."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from rehearsal.cloud import Cloud

NUMBERS = count(1)


class Bus:
    """Rules, queues and events of one cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.events, self.sqs, self.scheduler = (cloud.client(name) for name in ("events", "sqs", "scheduler"))
        self.role = self._role()

    def _role(self) -> str:
        iam = self.cloud.client("iam")
        services = [f"{name}.amazonaws.com" for name in ("events", "scheduler", "lambda")]
        trust = {"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}
        arn = iam.create_role(RoleName="bus", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"][
            "Arn"
        ]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName="bus", PolicyName="all", PolicyDocument=json.dumps(policy))
        return str(arn)

    def queue(self, *, allowed: bool = True) -> tuple[str, str]:
        """A queue that the bus may write to, unless not `allowed`: url and ARN."""
        url = self.sqs.create_queue(QueueName=f"q{next(NUMBERS)}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        if allowed:
            statement = {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": arn,
            }
            policy = {"Version": "2012-10-17", "Statement": [statement]}
            self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        return url, arn

    def rule(self, *targets: dict[str, Any], **rule: Any) -> str:
        """A rule with targets; without a schedule it matches the source of its own name. Returns its name."""
        name = f"r{next(NUMBERS)}"
        if "ScheduleExpression" not in rule:
            rule = {"EventPattern": json.dumps({"source": [name]}), **rule}
        self.events.put_rule(Name=name, **rule)
        given = [{"Id": f"t{index}", **target} for index, target in enumerate(targets)]
        assert self.events.put_targets(Rule=name, Targets=given)["FailedEntryCount"] == 0
        return name

    def put(self, source: str, detail: Any = None, kind: str = "Test", **more: Any) -> dict[str, Any]:
        """One event."""
        text = detail if isinstance(detail, str) else json.dumps({} if detail is None else detail)
        entry = {"Source": source, "DetailType": kind, "Detail": text, **more}
        answer: dict[str, Any] = self.events.put_events(Entries=[entry])
        return answer

    def message(self, url: str, between: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """The next message, taken off the queue; `between` runs after each look that found none."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = self.sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
            if found:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=found[0]["ReceiptHandle"])
                return dict(found[0])
            between()
            time.sleep(0.02)
        raise AssertionError("no message")

    def bodies(self, url: str) -> list[Any]:
        """All that is in the queue now, in order, as JSON."""
        bodies = []
        while found := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                bodies.append(json.loads(one["Body"]))
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return bodies

    @staticmethod
    def attributes(message: dict[str, Any]) -> dict[str, str]:
        return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}

    def step(self, seconds: float) -> Callable[[], object]:
        return lambda: self.cloud.clock.advance(seconds)


@pytest.fixture(scope="session")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with Cloud.start(tmp_path_factory.mktemp("bus") / "state", speed=0) as cloud:
        yield Bus(cloud)


@pytest.fixture(autouse=True)
def nothing_stays(bus: Bus) -> Iterator[None]:
    yield
    bus.cloud.clear_faults()
    for rule in bus.events.list_rules()["Rules"]:  # a rule with a schedule would fire in the next test
        with contextlib.suppress(bus.events.exceptions.ClientError):
            bus.events.disable_rule(Name=rule["Name"])
