"""Facts with something hostile in every text."""

import pytest

from slipway.demo.result import Deploy, Iam, Release, Result, Retraining, Training, Window
from slipway.report.facts import (
    Approval,
    Calls,
    DriftWindow,
    Edge,
    GateTable,
    Path,
    ReportFacts,
    Split,
    State,
    Traffic,
)

EVIL = "<script>alert('x')</script>\"&"


@pytest.fixture
def evil() -> str:
    return EVIL


@pytest.fixture
def facts() -> ReportFacts:
    result = Result(
        clock_speed=60.0,
        seconds=80.0,
        deploy=Deploy(5, 120, 12.5),
        training=Training(62000, "auc", 0.9123),
        releases=[
            Release(1, "all_at_once", "released", 1, 0, 0, None),
            Release(2, "canary", "released", 2, 4000, 0, None),
            Release(3, "canary", "rolled_back", 2, 3000, 240, f"alarm {EVIL}", 0, 1000),
        ],
        monitoring=[Window("13:00", 600, [], "April", "retrain")],
        retraining=Retraining("drift", "refused", f"auc too low {EVIL}"),
        iam=Iam(True, 3000, 1),
        timings={"deploy": 12.5},
    )
    states = (
        State("Check the data", "Task", 1),
        State(f"Train {EVIL}", "Task", 2, True),
        State("Registered", "Succeed"),
        State("Training failed", "Fail", 1, True),
    )
    edges = (
        Edge("Check the data", f"Train {EVIL}", "next", True),
        Edge(f"Train {EVIL}", "Registered"),
        Edge(f"Train {EVIL}", "Training failed", "catch", True),
        Edge(f"Train {EVIL}", "Check the data", "next"),
    )
    return ReportFacts(
        model="flight-delays",
        environment="dev",
        written_at="2026-11-21 05:00 UTC",
        result=result.as_dict(),
        paths=(Path("Training: version 1", "demo-v1", "FAILED", f"cause {EVIL}", states, edges),),
        traffic=Traffic(((0, 250, 0, 3.0), (1, 250, 20, 3.5)), ((0.5, f"v3 {EVIL}"),)),
        split=Split("2026-11-21 05:00", (0, 1), {f"v1{EVIL}": (100.0, 50.0), "v2": (0.0, 50.0)}, {"v2": (0.0, 3.0)}),
        drift=(
            DriftWindow("January", 600, {"temp": (0.02, 0.1), "origin": (0.01, 0.1)}),
            DriftWindow(f"April {EVIL}", 600, {"temp": (0.4, 0.1), "origin": (None, 0.1)}),
        ),
        gates=(
            GateTable(
                "Training: version 1",
                "registered",
                (
                    {
                        "gate": "absolute",
                        "metric": "auc",
                        "value": 0.9,
                        "bound": 0.75,
                        "champion": None,
                        "passed": True,
                        "reason": EVIL,
                    },
                    {"gate": "champion", "metric": "auc", "value": None, "passed": "yes", "reason": "no number"},
                ),
            ),
        ),
        approvals=(Approval(1, "Approved", "arn:aws:iam::111122223333:root", "2026-11-21T05:00:00Z", EVIL),),
        iam_enforced=True,
        calls=(Calls("TrainRole", "s3:GetObject", 10, 0), Calls(EVIL, "s3:PutObject", 0, 1)),
        missing=(f"the registry: {EVIL}",),
    )
