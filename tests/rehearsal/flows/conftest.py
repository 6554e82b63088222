"""The whole app, deployed once a run to an embedded cloud by the real CDK CLI, with a small made data set."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rehearsal.cloud import Cloud
from slipway.config.loader import load
from slipway.config.model import Model

SPEED = 120.0
WALL_SECONDS = 90.0
MODEL = "flight-delays"
ENDPOINT = "flight-delays-dev"
STACK = "Release-FlightDelays"
ACCOUNT, REGION = "111122223333", "eu-west-1"


@dataclass
class Ended:
    """How an execution ended."""

    status: str
    output: dict[str, Any]
    error: str
    cause: str
    arn: str


@dataclass
class App:
    """The deployed app, as an operator's scripts would use it."""

    cloud: Cloud
    model: Model
    outputs: dict[str, str]
    notices: list[dict[str, Any]] = field(default_factory=list)
    _queue: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)
    _sweeps: dict[str, bool] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    # data
    def upload_month(self, month: str, *, rows: int = 6000, seed: int = 1, shift: float = 0.0) -> None:
        """A month of made flights; `shift` moves the temperatures, which is drift."""
        text = made_flights(self.model, rows=rows, seed=seed, shift=shift)
        self.client("s3").put_object(
            Bucket=self.outputs["DataBucket"],
            Key=f"{self.model.data.prefix}month={month}/part-0.csv",
            Body=text.encode(),
        )

    def made(self, *, rows: int, seed: int, shift: float = 0.0) -> list[str]:
        """Rows as a client sends them: no header, no target."""
        lines = made_flights(self.model, rows=rows, seed=seed, shift=shift).splitlines()[1:]
        return [line.split(",", 1)[1] for line in lines]

    def clear_data(self) -> None:
        s3 = self.client("s3")
        for item in s3.list_objects_v2(Bucket=self.outputs["DataBucket"], Prefix=self.model.data.prefix).get(
            "Contents", []
        ):
            s3.delete_object(Bucket=self.outputs["DataBucket"], Key=item["Key"])

    # executions
    def start(self, machine: str, payload: dict[str, Any]) -> str:
        arn: str = self.client("stepfunctions").start_execution(
            stateMachineArn=self.outputs[machine], input=json.dumps(payload)
        )["executionArn"]
        return arn

    def end_of(self, arn: str, *, wall_seconds: float = WALL_SECONDS) -> Ended:
        sfn = self.client("stepfunctions")
        deadline = time.monotonic() + wall_seconds
        while time.monotonic() < deadline:
            record = sfn.describe_execution(executionArn=arn)
            if record["status"] != "RUNNING":
                return Ended(
                    record["status"],
                    json.loads(record.get("output") or "{}"),
                    record.get("error", ""),
                    record.get("cause", ""),
                    arn,
                )
            time.sleep(0.1)
        raise AssertionError(f"{arn} still runs after {wall_seconds} s: {self.path(arn)}")

    def wait_for(self, question: Callable[[], Any], what: str, *, wall_seconds: float = 30) -> Any:
        """The first truthy answer to `question`."""
        deadline = time.monotonic() + wall_seconds
        while time.monotonic() < deadline:
            if answer := question():
                return answer
            time.sleep(0.1)
        raise AssertionError(f"waited {wall_seconds} s in vain: {what}")

    def run(self, machine: str, payload: dict[str, Any]) -> Ended:
        return self.end_of(self.start(machine, payload))

    def path(self, arn: str) -> list[str]:
        """Names of the states entered, in order."""
        history = self.client("stepfunctions").get_execution_history(executionArn=arn, maxResults=1000)["events"]
        return [e["stateEnteredEventDetails"]["name"] for e in history if "stateEnteredEventDetails" in e]

    def executions(self, machine: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client("stepfunctions").list_executions(
            stateMachineArn=self.outputs[machine], maxResults=1000
        )["executions"]
        return found

    def ends_since(self, machine: str, before: set[str], *, count: int = 1) -> list[Ended]:
        """The ends of at least `count` executions that were not there `before`, once none of them runs."""
        deadline = time.monotonic() + WALL_SECONDS
        while time.monotonic() < deadline:
            new = sorted(self.known(machine) - before)
            if len(new) >= count:
                return [self.end_of(arn) for arn in new]
            time.sleep(0.1)
        raise AssertionError(f"fewer than {count} new executions of {machine} ended")

    def known(self, machine: str) -> set[str]:
        """ARNs of the executions that somebody or some event asked for; the reconciler's sweeps come and go by
        themselves."""
        return {e["executionArn"] for e in self.executions(machine) if not self._is_sweep(e["executionArn"])}

    def _is_sweep(self, arn: str) -> bool:
        if arn not in self._sweeps:
            record = self.client("stepfunctions").describe_execution(executionArn=arn)
            self._sweeps[arn] = json.loads(record["input"]).get("trigger") == "reconcile"
        return self._sweeps[arn]

    # what is live
    def endpoint(self) -> dict[str, Any] | None:
        sagemaker = self.client("sagemaker")
        try:
            found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=ENDPOINT)
        except sagemaker.exceptions.ClientError:
            return None
        return found

    def ledger(self, pk: str, sk: str) -> dict[str, Any] | None:
        item = (
            self.client("dynamodb")
            .get_item(TableName=self.outputs["LedgerTable"], Key={"pk": {"S": pk}, "sk": {"S": sk}})
            .get("Item")
        )
        return {k: next(iter(v.values())) for k, v in item.items()} if item else None

    def told(self, what: str = "", *, by: Ended | None = None) -> list[dict[str, Any]]:
        """Every notification since the last call, or those about one kind of workflow: schedules and alarms speak up
        by themselves."""
        sqs = self.client("sqs")
        found = []
        while messages := sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [
            n for n in found if (not what or n.get("what") == what) and (by is None or n.get("execution") == by.arn)
        ]

    def switch_sweeps_off(self) -> None:
        """The reconciler would take versions before their approvals do. Tests start sweeps themselves."""
        scheduler = self.client("scheduler")
        found = scheduler.list_schedules()["Schedules"]
        (sweep,) = [s for s in found if s["Target"]["Arn"] == self.outputs["ReleaseMachine"]]
        schedule = scheduler.get_schedule(Name=sweep["Name"], GroupName=sweep["GroupName"])
        kept = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        scheduler.update_schedule(State="DISABLED", **{k: schedule[k] for k in kept})

    def listen(self) -> None:
        sqs, sns = self.client("sqs"), self.client("sns")
        self._queue = sqs.create_queue(QueueName="people")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sqs.set_queue_attributes(QueueUrl=self._queue, Attributes={"Policy": policy})
        sns.subscribe(TopicArn=self.outputs["Topic"], Protocol="sqs", Endpoint=arn)

    def clear_halt(self) -> None:
        """What a person does when automation halted and the endpoint has been looked at."""
        if self.ledger(f"endpoint#{ENDPOINT}", "halt"):
            key = {"pk": {"S": f"endpoint#{ENDPOINT}"}, "sk": {"S": "halt"}}
            self.client("dynamodb").delete_item(TableName=self.outputs["LedgerTable"], Key=key)
            self.run("ReleaseMachine", {"trigger": "operator"})

    def calm(self) -> None:
        """Cloud time passes until no alarm remembers the release that an earlier test broke."""
        cloudwatch = self.client("cloudwatch")
        while any("Release" in a["AlarmName"] for a in cloudwatch.describe_alarms(StateValue="ALARM")["MetricAlarms"]):
            self.cloud.clock.advance(60)

    # captured requests
    def hour(self) -> dict[str, str]:
        """The cloud's current hour, as an operator would name it to the monitor."""
        start = datetime.fromtimestamp(self.cloud.clock.now(), UTC).replace(minute=0, second=0, microsecond=0)
        form = "%Y-%m-%dT%H:%M:%SZ"
        return {"window_start": start.strftime(form), "window_end": (start + timedelta(hours=1)).strftime(form)}

    def to_next_hour(self) -> None:
        self.cloud.clock.advance(3600 - self.cloud.clock.now() % 3600 + 1)

    def send(self, *, shift: float, rows: int = 400, seed: int = 5) -> None:
        """Requests that are captured; a shifted temperature is drift."""
        runtime = self.client("sagemaker-runtime")
        for row in self.made(rows=rows, seed=seed, shift=shift):
            runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="text/csv", Body=row)
        self.cloud.flush()

    # registry
    def register_by_hand(self) -> str:
        """A version made from the live one's artefact; not approved."""
        return registered_by_hand(self, harmless)

    def approve(self, arn: str, reason: str = "reviewed") -> None:
        self.client("sagemaker").update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=f"{reason} {time.time_ns()}"
        )


def made_flights(model: Model, *, rows: int, seed: int, shift: float = 0.0) -> str:
    """CSV with a header. Lateness follows the departure delay, so a model can learn it; `shift` degrees on the
    temperature."""
    random = np.random.default_rng(seed)
    carriers, places = ["UA", "AA", "B6", "DL", "EV"], ["EWR", "JFK", "LGA", "ORD", "LAX", "BOS"]
    delay = random.gamma(1.2, 18, rows) - 8
    late = (delay + random.normal(0, 12, rows)) > 15
    values: dict[str, Any] = {
        "dep_delay": np.round(delay),
        "sched_dep_minute": random.integers(300, 1380, rows),
        "day_of_week": random.integers(0, 7, rows),
        "distance": random.integers(100, 2500, rows),
        "carrier": random.choice(carriers, rows),
        "origin": random.choice(places[:3], rows),
        "dest": random.choice(places[3:], rows),
        "temp": np.round(random.normal(40 + shift, 9, rows), 1),
    }
    for column in model.data.columns:
        if column.name not in values:
            values[column.name] = np.round(random.normal(10, 3, rows), 2)
    header = [model.problem.target, *[c.name for c in model.data.columns]]
    lines = [",".join(header)]
    for i in range(rows):
        lines.append(",".join([str(int(late[i])), *[str(values[c.name][i]) for c in model.data.columns]]))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def deployed(assembly: Path, tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[App]:
    """The five stacks, on their own cloud."""
    model = next(m for m in load(root).models if m.name == MODEL)
    cloud = Cloud.start(tmp_path_factory.mktemp("cloud"), account=ACCOUNT, region=REGION, speed=SPEED)
    try:
        cloud.bootstrap()
        cloud.deploy(assembly / "assembly-Dev")
        outputs = {
            o["OutputKey"]: o["OutputValue"]
            for s in cloud.client("cloudformation").describe_stacks()["Stacks"]
            for o in s.get("Outputs", [])
        }
        app = App(cloud, model, outputs)
        app.listen()
        app.switch_sweeps_off()
        yield app
    finally:
        cloud.stop()


@pytest.fixture(scope="session")
def live(deployed: App) -> App:
    """The app with version 1 trained, approved and verified live."""
    deployed.upload_month("2013-01")
    trained = deployed.run("TrainMachine", {"trigger": "manual", "reason": "first"})
    assert trained.status == "SUCCEEDED", f"{trained.error}: {trained.cause}"
    assert trained.output["outcome"] == "registered"
    before = deployed.known("ReleaseMachine")
    deployed.approve(trained.output["model_package_arn"])
    (released,) = deployed.ends_since("ReleaseMachine", before)
    assert released.status == "SUCCEEDED", f"{released.error}: {released.cause}"
    return deployed


@pytest.fixture
def app(live: App) -> Iterator[App]:
    """The app with a version live, no fault switched on, one month of good data and nothing unread."""
    live.cloud.clear_faults()
    live.clear_halt()
    live.calm()
    live.clear_data()
    live.upload_month("2013-01")
    live.told()
    yield live
    live.cloud.clear_faults()


@pytest.fixture
def hand_register(app: App) -> Callable[..., str]:
    """Register a version made by hand from the live one's artefact. Returns its ARN; it is not approved."""
    return lambda change=harmless: registered_by_hand(app, change)


def harmless(members: dict[str, bytes]) -> None:
    """Another artefact with the same answers: white space at the end of its schema."""
    members["schema.json"] += b"\n" * (1 + time.time_ns() % 1000)


def registered_by_hand(app: App, change: Callable[[dict[str, bytes]], None]) -> str:
    record = app.ledger(f"endpoint#{ENDPOINT}", "live")
    assert record, "nothing is live"
    sagemaker, s3 = app.client("sagemaker"), app.client("s3")
    package = sagemaker.describe_model_package(ModelPackageName=record["package_arn"])
    (container,) = package["InferenceSpecification"]["Containers"]
    bucket, key = container["ModelDataUrl"].removeprefix("s3://").split("/", 1)
    members: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())) as archive:
        for member in archive.getmembers():
            handle = archive.extractfile(member)
            if handle:
                members[member.name] = handle.read()
    change(members)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, body in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    key = f"{MODEL}/runs/by-hand-{time.time_ns()}/model/model.tar.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=buffer.getvalue())
    metadata = package["CustomerMetadataProperties"] | {
        "artefact_sha256": hashlib.sha256(buffer.getvalue()).hexdigest()
    }
    specification = package["InferenceSpecification"]
    specification["Containers"][0]["ModelDataUrl"] = f"s3://{bucket}/{key}"
    specification["Containers"][0].pop("ModelDataETag", None)
    arn: str = sagemaker.create_model_package(
        ModelPackageGroupName=MODEL,
        InferenceSpecification=specification,
        CustomerMetadataProperties=metadata,
        ModelApprovalStatus="PendingManualApproval",
        **{k: package[k] for k in ("ModelMetrics", "DriftCheckBaselines") if k in package},
    )["ModelPackageArn"]
    return arn


@pytest.fixture
def declared(app: App, assembly: Path, root: Path, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Deploys the release stack of a declaration with some of its text replaced; the repository's own is deployed again
    at the end. Its code is deployed already: the template is all that differs."""

    def deploy(*changes: tuple[str, str]) -> None:
        synthesised(root, tmp_path, changes)
        update(app, tmp_path / "cdk.out" / "assembly-Dev")

    yield deploy
    app.cloud.clear_faults()
    app.cloud.clock.set_speed(SPEED)
    update(app, assembly / "assembly-Dev")


def update(app: App, assembly: Path) -> None:
    """The release stack as this assembly has it, by CloudFormation."""
    cfn = app.client("cloudformation")
    (template,) = assembly.glob(f"*{STACK.replace('-', '')}*.template.json")
    bucket, key = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}", f"{time.time_ns()}.json"
    app.client("s3").put_object(Bucket=bucket, Key=key, Body=template.read_bytes())
    (name,) = (s["StackName"] for s in cfn.describe_stacks()["Stacks"] if s["StackName"].endswith(STACK))
    try:
        url = f"https://{bucket}.s3.{REGION}.amazonaws.com/{key}"
        cfn.update_stack(StackName=name, TemplateURL=url, Capabilities=["CAPABILITY_NAMED_IAM"])
    except cfn.exceptions.ClientError as error:
        assert "No updates are to be performed" in str(error), error

    def status() -> str:
        return str(cfn.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])

    app.wait_for(lambda: not status().endswith("_IN_PROGRESS"), f"{name} is updated", wall_seconds=120)
    assert status().endswith("_COMPLETE") and "ROLLBACK" not in status(), status()


def synthesised(root: Path, folder: Path, changes: Sequence[tuple[str, str]]) -> None:
    """`cdk.out` in a folder with the repository's app and a changed declaration."""
    for name in ("app.py", "cdk.json", "platform.yaml"):
        shutil.copy(root / name, folder)
    shutil.copytree(root / "models", folder / "models", dirs_exist_ok=True)
    path = folder / "models" / MODEL / "model.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, f"{old!r} is not declared"
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_", "CODEBUILD_"))}
    done = subprocess.run([sys.executable, "app.py"], cwd=folder, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]


@pytest.fixture
def monitored_hour(app: App) -> Iterator[dict[str, str]]:
    """An hour with captured requests like the training data, and a clock that stays in it."""
    app.cloud.clock.set_speed(1)
    app.to_next_hour()
    app.send(shift=0.0)
    yield app.hour()
    app.cloud.clock.set_speed(SPEED)


@pytest.fixture
def application() -> Callable[[Cloud, Model], App]:
    """The app as it is deployed to a cloud of the test's own."""

    def make(cloud: Cloud, model: Model) -> App:
        stacks = cloud.client("cloudformation").describe_stacks()["Stacks"]
        app = App(cloud, model, {o["OutputKey"]: o["OutputValue"] for s in stacks for o in s.get("Outputs", [])})
        app.switch_sweeps_off()
        return app

    return make


@pytest.fixture
def synthesise(root: Path) -> Callable[[Path, Sequence[tuple[str, str]]], None]:
    """`cdk.out` in a folder, from a changed declaration."""
    return lambda folder, changes: synthesised(root, folder, changes)
