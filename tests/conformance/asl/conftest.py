"""Machines of the tables run against one embedded cloud, started once."""

import io
import json
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from rehearsal.cloud import Cloud

HERE = Path(__file__).parent
SPEED = 60
AT_ONCE = 12
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")
# Longest that the slowest machine of the table may take: 210 s of cloud time, real jobs, a loaded machine.
PATIENCE_SECONDS = 45

HANDLER = """
import os, time

def handler(event, context):
    if not isinstance(event, dict):
        return event
    if "exit" in event:
        os._exit(event["exit"])
    if "sleep_seconds" in event:
        time.sleep(event["sleep_seconds"])
    if "size" in event:
        return {"text": "x" * event["size"], "made": event["size"]}
    if event.get("raise") and event.get("attempt", 0) < event.get("until", 1_000_000):
        raise type(event["raise"], (Exception,), {})(event.get("message", "asked to"))
    return event
"""

TRAIN = """
import json, os, sys
base = os.environ["SAGEMAKER_BASE_DIR"]
given = json.load(open(os.path.join(base, "input", "config", "hyperparameters.json")))
if given.get("fail"):
    open(os.path.join(base, "output", "failure"), "w").write("asked to fail")
    sys.exit(1)
open(os.path.join(base, "model", "model.txt"), "w").write("m")
"""

DOCKERFILE = 'FROM scratch\nWORKDIR /opt/program\nCOPY train.py ./\nENTRYPOINT ["python", "train.py"]\n'


class _Yaml12(yaml.SafeLoader):
    """Only true and false are booleans, so that a state may be called Yes."""


_Yaml12.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml12.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"), list("tf"))


def load_cases() -> list[dict[str, Any]]:
    """Every machine of the tables; `family` is the file it stands in."""
    cases = []
    for path in sorted(HERE.glob("*.yaml")):
        for case in yaml.load(path.read_text(encoding="utf-8"), _Yaml12):  # a SafeLoader
            cases.append({**case, "family": path.stem})
    return cases


def definition_of(case: dict[str, Any]) -> dict[str, Any]:
    """The machine of a case: written out, one state, states in order, or a list of Choice rules."""
    if "definition" in case:
        return dict(case["definition"])
    if "rules" in case:
        return _rules(case["rules"])
    states = case.get("states") or {"S": {**case["state"], "End": True}}
    machine: dict[str, Any] = {"StartAt": next(iter(states)), "States": states}
    if "language" in case:
        machine["QueryLanguage"] = case["language"]
    if "timeout_seconds" in case:
        machine["TimeoutSeconds"] = case["timeout_seconds"]
    return machine


def _rules(rules: list[Any]) -> dict[str, Any]:
    """One Choice state after the other; the output holds for each whether its rule matched."""
    states: dict[str, Any] = {"Begin": {"Type": "Pass", "Result": {}, "ResultPath": "$.r", "Next": "C0"}}
    for index, (rule, _) in enumerate(rules):
        after = {"Next": f"C{index + 1}"} if index + 1 < len(rules) else {"Next": "Done"}
        states[f"C{index}"] = {"Type": "Choice", "Choices": [{**rule, "Next": f"T{index}"}], "Default": f"F{index}"}
        for letter, result in (("T", True), ("F", False)):
            answer = {"Type": "Pass", "Result": result, "ResultPath": f"$.r.r{index}"}
            states[f"{letter}{index}"] = {**answer, **after}
    states["Done"] = {"Type": "Pass", "OutputPath": "$.r", "End": True}
    return {"StartAt": "Begin", "States": states}


@dataclass
class Outcome:
    """How one machine ended; `refused` is CreateStateMachine's code and words."""

    status: str
    output: Any = None
    error: str | None = None
    cause: str | None = None
    refused: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    lasted_seconds: float = 0


class Bench:
    """The embedded cloud with what the machines call."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.sfn = cloud.client("stepfunctions")
        self.names = {"role": self._role(), "name81": "n" * 81, "long": "x" * 200_000}
        self.names["queue"] = cloud.client("sqs").create_queue(QueueName="conformance")["QueueUrl"]
        self.names["topic"] = cloud.client("sns").create_topic(Name="conformance")["TopicArn"]
        self._function("echo", 20)
        self._function("slow", 1)
        self._table()
        self._bucket()
        self._image()
        for name, state in (
            ("child", {"Type": "Pass", "OutputPath": "$", "End": True}),
            ("child_fails", {"Type": "Fail", "Error": "Child.Error", "Cause": "of the child"}),
        ):
            machine = {"StartAt": "S", "States": {"S": state}}
            if name == "child":  # the id that links executions in the console is no part of the echo
                machine["States"]["S"]["Parameters"] = {"n.$": "$.n"}
            self.names[name] = self.create(name, machine)

    def _role(self) -> str:
        iam = self.cloud.client("iam")
        services = ("states", "lambda", "sagemaker", "codebuild", "events", "scheduler")
        trust = {
            "Effect": "Allow",
            "Principal": {"Service": [f"{name}.amazonaws.com" for name in services]},
            "Action": "sts:AssumeRole",
        }
        arn = iam.create_role(RoleName="conformance", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName="conformance", PolicyName="all", PolicyDocument=json.dumps(allow))
        return str(arn["Role"]["Arn"])

    def _function(self, name: str, timeout_seconds: int) -> None:
        made = self.cloud.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Handler="index.handler",
            Role=self.names["role"],
            Code={"ZipFile": zipped({"index.py": HANDLER})},
            Timeout=timeout_seconds,
        )
        self.names[name] = made["FunctionArn"]

    def _table(self) -> None:
        self.names["table"] = "conformance"
        self.cloud.client("dynamodb").create_table(
            TableName="conformance",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def _bucket(self) -> None:
        s3 = self.cloud.client("s3")
        self.names["bucket"] = "conformance"
        s3.create_bucket(Bucket="conformance", CreateBucketConfiguration={"LocationConstraint": self.cloud.region})
        files = {
            "list.json": '[{"id": 1}, {"id": 2}]',
            "rows.csv": 'a,b\n1,x\n2,"y, z"\n',
            "lines.jsonl": '{"n": 1}\n{"n": 2}\n{"n": 3}\n',
            "keys/1": "x",
            "keys/2": "x",
            "keys/3": "x",
        }
        for key, body in files.items():
            s3.put_object(Bucket="conformance", Key=key, Body=body)

    def _image(self) -> None:
        repository = self.cloud.client("ecr").create_repository(repositoryName="conformance")["repository"]
        source = zipped({"Dockerfile": DOCKERFILE, "train.py": TRAIN})
        self.cloud.client("s3").put_object(Bucket="conformance", Key="source.zip", Body=source)
        builds = self.cloud.client("codebuild")
        variables = {"REPOSITORY_URI": repository["repositoryUri"], "IMAGE_TAG": "v1"}
        builds.create_project(
            name="conformance",
            source={"type": "S3", "location": "conformance/source.zip"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "privilegedMode": True,
                "environmentVariables": [{"name": name, "value": value} for name, value in variables.items()],
            },
            serviceRole=self.names["role"],
        )
        build = builds.start_build(projectName="conformance")["build"]["id"]
        ended = self.until(
            lambda: (
                found
                if (found := builds.batch_get_builds(ids=[build])["builds"][0]["buildStatus"]) != "IN_PROGRESS"
                else None
            )
        )
        assert ended == "SUCCEEDED"
        self.names["image"] = f"{repository['repositoryUri']}:v1"

    def fill(self, value: Any) -> Any:
        """The value with <<name>> replaced by what the bench holds under that name."""
        if isinstance(value, str):
            return re.sub(r"<<(\w+)>>", lambda match: self.names[match[1]], value)
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        return [self.fill(item) for item in value] if isinstance(value, list) else value

    def create(self, name: str, machine: Any, *, express: bool = False) -> str:
        """CreateStateMachine with the definition as JSON, or as the text it is."""
        text = machine if isinstance(machine, str) else json.dumps(self.fill(machine))
        kind = "EXPRESS" if express else "STANDARD"
        made = self.sfn.create_state_machine(name=name, definition=text, roleArn=self.names["role"], type=kind)
        return str(made["stateMachineArn"])

    def start(self, machine_arn: str, given: Any, **more: Any) -> str:
        """StartExecution."""
        text = json.dumps(self.fill(given))
        return str(self.sfn.start_execution(stateMachineArn=machine_arn, input=text, **more)["executionArn"])

    def until(self, look: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """What `look` finds as soon as it is not None."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (found := look()) is not None:
                return found
            time.sleep(0.03)
        raise AssertionError(f"nothing after {seconds} s")

    def ended(self, execution_arn: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """DescribeExecution once it is over."""

        def look() -> dict[str, Any] | None:
            found: dict[str, Any] = self.sfn.describe_execution(executionArn=execution_arn)
            return found if found["status"] in ENDED else None

        described: dict[str, Any] = self.until(look, seconds)
        return described

    def run(self, name: str, machine: Any, given: Any = None) -> dict[str, Any]:
        """Create, start, and wait."""
        return self.ended(self.start(self.create(name, machine), {} if given is None else given))

    def history(self, execution_arn: str) -> list[dict[str, Any]]:
        """All events."""
        pages = self.sfn.get_paginator("get_execution_history").paginate(executionArn=execution_arn)
        return [event for page in pages for event in page["events"]]

    def outcome(self, described: dict[str, Any]) -> Outcome:
        """An ended execution as the table looks at it."""
        return Outcome(
            status=described["status"],
            output=json.loads(described["output"]) if "output" in described else None,
            error=described.get("error"),
            cause=described.get("cause"),
            events=self.history(described["executionArn"]),
            lasted_seconds=(described["stopDate"] - described["startDate"]).total_seconds(),
        )


def zipped(files: dict[str, str]) -> bytes:
    """A zip file of texts."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def run_all(bench: Bench, cases: list[dict[str, Any]]) -> dict[str, Outcome]:
    """Run every case, a dozen at a time, and those that wait long first."""
    outcomes: dict[str, Outcome] = {}
    waiting = sorted(
        enumerate(cases), key=lambda pair: -max([pair[1].get("lasts_seconds", 0), sum(pair[1].get("gaps_seconds", []))])
    )
    running: dict[str, tuple[str, float]] = {}
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            index, case = waiting.pop(0)
            key = key_of(case)
            try:
                machine = case["text"] if "text" in case else definition_of(case)
                arn = bench.create(f"{case['family']}-{index}"[:80], machine, express=case.get("express", False))
                if "refused" in case:
                    outcomes[key] = Outcome("CREATED")
                    continue
                running[key] = bench.start(arn, case.get("input", {})), time.monotonic()
            except ClientError as error:
                code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
                outcomes[key] = Outcome("REFUSED", refused=f"{code}: {message}")
        for key, (arn, began) in list(running.items()):
            described = bench.sfn.describe_execution(executionArn=arn)
            if described["status"] in ENDED:
                outcomes[key] = bench.outcome(described)
                del running[key]
            elif time.monotonic() - began > PATIENCE_SECONDS:
                outcomes[key] = Outcome("RUNNING", events=bench.history(arn))
                bench.sfn.stop_execution(executionArn=arn)
                del running[key]
        time.sleep(0.03)
    return outcomes


def key_of(case: dict[str, Any]) -> str:
    """Family and name."""
    return f"{case['family']}: {case['name']}"


def faults_of(case: dict[str, Any], outcome: Outcome, fill: Callable[[Any], Any]) -> list[str]:
    """What differs from the documented outcome; empty when all is right."""
    if "refused" in case:
        words = (
            case["refused"] if len(case["refused"]) > 1 else {".": "."}.get(case["refused"], rf"\b{case['refused']}\b")
        )
        right = (outcome.refused or "").startswith("InvalidDefinition: ") and re.search(words, outcome.refused or "")
        return (
            [] if right else [f"not refused as InvalidDefinition naming {words}: {outcome.refused or outcome.status}"]
        )
    if outcome.refused:
        return [f"the definition is refused: {outcome.refused}"]
    wanted = case.get("status", "FAILED" if "error" in case else "SUCCEEDED")
    wrong = [] if outcome.status == wanted else [f"{outcome.status}, not {wanted}: {outcome.error} {outcome.cause}"]
    if "error" in case:
        names = case["error"] if isinstance(case["error"], list) else [case["error"]]
        wrong += [] if outcome.error in names else [f"error {outcome.error}, not {' or '.join(names)}"]
    if "cause" in case and not re.search(case["cause"], outcome.cause or ""):
        wrong.append(f"cause {outcome.cause!r} without {case['cause']!r}")
    output = {f"r{index}": answer for index, (_, answer) in enumerate(case["rules"])} if "rules" in case else None
    output = case.get("output", output)
    if ("output" in case or "rules" in case) and not alike(fill(output), outcome.output):
        wrong.append(f"output {json.dumps(outcome.output)[:300]}, not {json.dumps(output)[:300]}")
    return wrong + _history_faults(case, outcome)


def _history_faults(case: dict[str, Any], outcome: Outcome) -> list[str]:
    wrong = []
    types = [event["type"] for event in outcome.events]
    if "events" in case and types != case["events"]:
        wrong.append(f"events {types}, not {case['events']}")
    if "order" in case and (found := [kind for kind in types if kind in case["order"]]) != case["order"]:
        wrong.append(f"order {found}")
    counted = Counter(types)
    wrong += [
        f"{counted[kind]} {kind}, not {count}"
        for kind, count in case.get("counts", {}).items()
        if counted[kind] != count
    ]
    if [event["id"] for event in outcome.events] != list(range(1, len(types) + 1)):
        wrong.append("event ids are not 1, 2, 3, …")
    if any(event.get("previousEventId", 0) >= event["id"] for event in outcome.events):
        wrong.append("an event follows a later one")
    gaps = _gaps(outcome.events)
    for gap, least in zip([*gaps, *[0.0] * 9], case.get("gaps_seconds", []), strict=False):
        if gap < least - 0.01:
            wrong.append(f"gaps {gaps}, at least {case['gaps_seconds']}")
            break
    if "gaps_most_seconds" in case and any(gap > case["gaps_most_seconds"] for gap in gaps):
        wrong.append(f"gaps {gaps}, at most {case['gaps_most_seconds']}")
    if outcome.lasted_seconds < case.get("lasts_seconds", 0) - 0.01:
        wrong.append(f"lasted {outcome.lasted_seconds} s, at least {case['lasts_seconds']}")
    if outcome.lasted_seconds > case.get("lasts_most_seconds", 1e9):
        wrong.append(f"lasted {outcome.lasted_seconds} s, at most {case['lasts_most_seconds']}")
    return wrong


def _gaps(events: list[dict[str, Any]]) -> list[float]:
    gaps, failed = [], None
    for event in events:
        if event["type"] in ("LambdaFunctionFailed", "TaskFailed"):
            failed = event["timestamp"]
        elif event["type"] in ("LambdaFunctionScheduled", "TaskScheduled") and failed is not None:
            gaps.append((event["timestamp"] - failed).total_seconds())
            failed = None
    return gaps


def alike(wanted: Any, found: Any) -> bool:
    """Equal as JSON; {"~": pattern} stands for a text that matches it."""
    if isinstance(wanted, dict) and set(wanted) == {"~"}:
        return isinstance(found, str) and re.fullmatch(wanted["~"], found) is not None
    if isinstance(wanted, dict) and isinstance(found, dict):
        return wanted.keys() == found.keys() and all(alike(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(alike(a, b) for a, b in zip(wanted, found, strict=True))
    return isinstance(wanted, bool) == isinstance(found, bool) and bool(wanted == found)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One cloud for all machines."""
    with Cloud.start(tmp_path_factory.mktemp("asl") / "state", speed=SPEED) as cloud:
        yield Bench(cloud)


@pytest.fixture(scope="session")
def cases(full: bool) -> list[dict[str, Any]]:
    """The whole table, or every fourth machine of it."""
    return load_cases() if full else load_cases()[::4]


@pytest.fixture(scope="session")
def complaints(bench: Bench, cases: list[dict[str, Any]]) -> dict[str, list[str]]:
    """What is wrong, by machine."""
    outcomes = run_all(bench, cases)
    return {key_of(case): faults_of(case, outcomes[key_of(case)], bench.fill) for case in cases}
