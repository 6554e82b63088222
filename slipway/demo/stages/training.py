"""Training versions 1 and 2, and a person's approval."""

import json
from typing import Any

from slipway.demo import waiting
from slipway.demo.errors import EXECUTION_FAILED, DemoError
from slipway.demo.result import Training
from slipway.demo.setting import Demo
from slipway.operations import approvals, ledger

FIRST = {"num_round": "20"}
SECOND = {"num_round": "150"}
USUAL_SECONDS = 120.0


def train_first(demo: Demo) -> None:
    """Version 1: deliberately modest, so that there is something to beat."""
    arn = begin(demo, "v1", "the demo's first version, modest on purpose", FIRST)
    output = registered(demo, arn, 1)
    metric = champion_metric(demo)
    demo.result.training = Training(int(output.get("rows") or 0), metric, demo.metrics.get(1))
    demo.progress.note(
        f"{demo.result.training.rows} rows, {metric} {demo.metrics.get(1, float('nan')):.4f} on the holdout"
    )


def begin_second(demo: Demo) -> None:
    """Start version 2's training. Its champion is version 1, so that must be approved."""
    begin(demo, "v2", "more rounds: it has to beat version 1 on the same holdout", SECOND)


def train_second(demo: Demo) -> None:
    """Wait for version 2, which must beat version 1."""
    output = registered(demo, demo.trainings["v2"], 2)
    demo.progress.note(f"{gain(output)}, both on the same holdout")


def begin(demo: Demo, name: str, reason: str, hyperparameters: dict[str, str]) -> str:
    """Start the training machine as a person would."""
    asked = {"trigger": "manual", "reason": reason, "hyperparameters": hyperparameters}
    started = demo.client("stepfunctions").start_execution(
        stateMachineArn=demo.places.need("train_machine"), name=f"demo-{name}", input=json.dumps(asked)
    )
    demo.trainings[name] = started["executionArn"]
    return str(started["executionArn"])


def registered(demo: Demo, arn: str, version: int) -> dict[str, Any]:
    """The output of a training that must have registered this version."""
    end = waiting.succeeded(
        demo.client("stepfunctions"), arn, f"The training of version {version}", seconds=demo.seconds(USUAL_SECONDS),
        alive=demo.alive,
    )  # fmt: skip
    output = end.output
    if output.get("outcome") != "registered" or output.get("version") != version:
        raise DemoError(
            EXECUTION_FAILED,
            f"The training of version {version} ended {output.get('outcome')!r} with version {output.get('version')}:"
            f" {refusal(output)}",
            "The gates are in models/flight-delays/model.yaml: bring it back from version control.",
        )
    metric = champion_metric(demo)
    demo.metrics[version] = float(output["metrics"][metric])
    return output


def refusal(output: dict[str, Any]) -> str:
    """Why the gates did not let a version through, in their own words."""
    rows = output.get("gate_rows") or []
    return "; ".join(str(row.get("reason", row)) for row in rows if row.get("passed") is not True)


def gain(output: dict[str, Any]) -> str:
    """What the champion gate compared."""
    rows = [row for row in output.get("gate_rows") or [] if row.get("gate") == "champion"]
    return "; ".join(f"{r['metric']} {r['value']:.4f} against the champion's {r['champion']:.4f}" for r in rows)


def champion_metric(demo: Demo) -> str:
    """The metric that champion and challenger are compared by."""
    gate = demo.declared[2].gates.champion
    return str(gate.metric) if gate else ""


def approve(demo: Demo, version: int, reason: str) -> None:
    """What `slipway approve MODEL@V --reason …` does."""
    model, where = demo.declared[2], demo.where
    found = approvals.find_version(where, model, version)
    approvals.check(found, "Approved", ledger.live(where, demo.places.ledger_table, demo.endpoint))
    demo.words.append(approvals.decide(where, found, "Approved", approvals.clean_reason(reason)))


def reject(demo: Demo, version: int, reason: str) -> None:
    """What `slipway reject MODEL@V --reason …` does."""
    found = approvals.find_version(demo.where, demo.declared[2], version)
    demo.words.append(approvals.decide(demo.where, found, "Rejected", approvals.clean_reason(reason)))
