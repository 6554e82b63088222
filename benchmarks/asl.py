"""What the States Language interpreter costs: a Pass state, and a task on a warm Lambda function.

    python benchmarks/asl.py

Three figures, each beside its peer in the same run:
- a Pass state with a payload template, in an execution of 2,000 of them, beside the same work as a loop in Python;
- the same for JSONata, beside the bare expression engine;
- a Lambda task with a warm worker, in an execution of its own through the API, beside a bare Invoke of the same worker.
"""

import io
import json
import statistics
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

STATES = 2_000
TASKS = 60
WARM = 10


def chain(state: dict[str, Any], count: int, language: str) -> dict[str, Any]:
    """A machine of `count` such states, one after the other."""
    states = {f"S{n}": {**state, "Next": f"S{n + 1}"} for n in range(count - 1)}
    last = {f"S{count - 1}": {**state, "End": True}}
    return {"StartAt": "S0", "QueryLanguage": language, "States": {**states, **last}}


def until(look: Callable[[], Any]) -> Any:
    """Poll every millisecond."""
    while not (found := look()):
        time.sleep(0.001)
    return found


def ended_execution(sfn: Any, arn: str) -> Any:
    """The execution's description once it is over."""
    told = sfn.describe_execution(executionArn=arn)
    return told if told["status"] != "RUNNING" else None


def passes(sfn: Any, role: str) -> dict[str, float]:
    """Milliseconds of the interpreter per Pass state, by query language."""
    found = {}
    states = {
        "JSONPath": {"Type": "Pass", "Parameters": {"n.$": "$.n", "k": {"deep.$": "$$.State.Name"}}, "OutputPath": "$"},
        "JSONata": {"Type": "Pass", "Output": {"n": "{% $states.input.n + 1 %}"}},
    }
    for language, state in states.items():
        machine = sfn.create_state_machine(
            name=f"bench-{language}", roleArn=role, definition=json.dumps(chain(state, STATES, language))
        )["stateMachineArn"]
        arn = sfn.start_execution(stateMachineArn=machine, input='{"n": 1}')["executionArn"]
        ended = until(partial(ended_execution, sfn, arn))
        assert ended["status"] == "SUCCEEDED", ended
        found[language] = (ended["stopDate"] - ended["startDate"]).total_seconds() * 1000 / STATES
    return found


def loop() -> dict[str, float]:
    """The least that anybody could do for a Pass state: compute the output and write it down as JSON."""
    import jsonata

    given: dict[str, Any] = {"n": 1}
    began = time.perf_counter()
    for number in range(STATES):
        given = {"n": given["n"], "k": {"deep": f"S{number}"}}
        json.dumps(given)
    plain = (time.perf_counter() - began) * 1000 / STATES
    began = time.perf_counter()
    value: Any = 1
    for _ in range(STATES):
        value = jsonata.Jsonata.jsonata("$states.input.n + 1").evaluate(None, {"states": {"input": {"n": value}}})
        json.dumps(value)
    return {"JSONPath": plain, "JSONata": (time.perf_counter() - began) * 1000 / STATES}


def tasks(cloud: Any, sfn: Any, role: str) -> tuple[list[float], list[float]]:
    """Milliseconds of a Lambda task, from scheduled to succeeded, and of a bare Invoke, each sorted."""
    client = cloud.client("lambda")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("index.py", "def main(event, context):\n    return event\n")
    client.create_function(
        FunctionName="bench", Runtime="python3.11", Role=role, Handler="index.main", Code={"ZipFile": packed.getvalue()}
    )
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "TimeoutSeconds": 60,
        "Parameters": {"FunctionName": "bench", "Payload.$": "$"},
        "OutputPath": "$.Payload",
    }
    machine = sfn.create_state_machine(
        name="bench-tasks", roleArn=role, definition=json.dumps(chain(state, TASKS + WARM, "JSONPath"))
    )["stateMachineArn"]
    bare = []
    for _ in range(TASKS + WARM):
        began = time.perf_counter()
        client.invoke(FunctionName="bench", Payload=b'{"n": 1}')["Payload"].read()
        bare.append((time.perf_counter() - began) * 1000)
    arn = sfn.start_execution(stateMachineArn=machine, input='{"n": 1}')["executionArn"]
    until(partial(ended_execution, sfn, arn))
    events = sfn.get_execution_history(executionArn=arn, maxResults=1000)["events"]
    starts = [e["timestamp"].timestamp() for e in events if e["type"] == "TaskStateEntered"]
    ends = [e["timestamp"].timestamp() for e in events if e["type"] == "TaskStateExited"]
    assert len(ends) == TASKS + WARM, events[-1]
    spent = [(end - start) * 1000 for start, end in zip(starts, ends, strict=True)]
    return sorted(spent[WARM:]), sorted(bare[WARM:])


def main() -> int:
    """Print the figures; 1 if one is not reached."""
    from rehearsal.cloud import Cloud

    with tempfile.TemporaryDirectory() as directory, Cloud.start(Path(directory) / "cloud") as cloud:
        iam, sfn = cloud.client("iam"), cloud.client("stepfunctions")
        services = ["states.amazonaws.com", "lambda.amazonaws.com"]
        trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": services}, "Action": "sts:AssumeRole"}]}
        role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        iam.put_role_policy(RoleName="bench", PolicyName="all", PolicyDocument=json.dumps(allow))
        measured, floor = passes(sfn, role), loop()
        spent, bare = tasks(cloud, sfn, role)
    median = statistics.median(spent)
    for language in measured:
        print(
            f"Pass state, {language:<8}  {measured[language]:6.3f} ms   asked < 1 ms   "
            f"(the same in a loop of Python: {floor[language]:.3f} ms)"
        )
    print(
        f"warm Lambda task       {median:6.2f} ms   asked <= 25 ms at the median   "
        f"(p90 {spent[int(len(spent) * 0.9)]:.2f}; a bare Invoke: {statistics.median(bare):.2f})"
    )
    return 0 if max(measured.values()) < 1 and median <= 25 else 1


if __name__ == "__main__":
    sys.exit(main())
