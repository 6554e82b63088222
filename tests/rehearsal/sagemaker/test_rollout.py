"""A DeploymentConfig's rules and its whole instances: no process, no clock."""

import pytest

from rehearsal.sagemaker import ServiceError
from rehearsal.sagemaker.endpoints.rollout import guards_traffic, plan


def blue_green(kind, size=None, wait=60, **more):
    routing = {"Type": kind, "WaitIntervalInSeconds": wait}
    if size:
        member = "CanarySize" if kind == "CANARY" else "LinearStepSize"
        routing[member] = {"Type": size[0], "Value": size[1]}
    return {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing, **more}}


def rolling(kind, value, wait=60, **more):
    return {"RollingUpdatePolicy": {"MaximumBatchSize": {"Type": kind, "Value": value},
                                    "WaitIntervalInSeconds": wait, **more}}  # fmt: skip


@pytest.mark.fault("A20")
@pytest.mark.fault("A21")
@pytest.mark.parametrize(
    ("config", "words"),
    [
        (blue_green("CANARY", ("CAPACITY_PERCENT", 51)), "at most 50 percent"),
        (blue_green("CANARY", ("INSTANCE_COUNT", 3)), "INSTANCE_COUNT 3 is 75 percent"),
        (blue_green("CANARY"), "CanarySize is required"),
        (blue_green("LINEAR", ("CAPACITY_PERCENT", 5)), "10 to 50 percent"),
        (blue_green("LINEAR", ("INSTANCE_COUNT", 3)), "10 to 50 percent"),
        (blue_green("LINEAR"), "LinearStepSize is required"),
        (blue_green("ALL_AT_ONCE", ("INSTANCE_COUNT", 1)), "not allowed with traffic routing type ALL_AT_ONCE"),
        (
            blue_green("CANARY", ("INSTANCE_COUNT", 1), 400, TerminationWaitInSeconds=300,
                       MaximumExecutionTimeoutInSeconds=700),
            "(700) must be greater than the sum of all wait intervals and TerminationWaitInSeconds (700)",
        ),
        (blue_green("LINEAR", ("CAPACITY_PERCENT", 25), 300, MaximumExecutionTimeoutInSeconds=900), "(900) must be"),
        ({**blue_green("ALL_AT_ONCE"), **rolling("INSTANCE_COUNT", 1)}, "not both"),
        (rolling("CAPACITY_PERCENT", 4), "5 to 50 percent"),
        (rolling("CAPACITY_PERCENT", 51), "5 to 50 percent"),
        (rolling("INSTANCE_COUNT", 3), "5 to 50 percent of the variant's total instance count (4)"),
        (
            rolling("INSTANCE_COUNT", 1, RollbackMaximumBatchSize={"Type": "INSTANCE_COUNT", "Value": 5}),
            "RollbackMaximumBatchSize must be at most 100 percent",
        ),
        (rolling("CAPACITY_PERCENT", 25, 300, MaximumExecutionTimeoutInSeconds=1200), "(1200) must be greater"),
        ({"AutoRollbackConfiguration": {"Alarms": [{}]}}, "AlarmName is required"),
    ],
)  # fmt: skip
def test_rollouts_that_the_service_refuses(config, words):
    with pytest.raises(ServiceError) as refusal:
        plan(config, [4])
    assert (refusal.value.code, words in refusal.value.message) == ("ValidationException", True), refusal.value.message


@pytest.mark.parametrize(
    ("config", "fleet", "expected"),
    [
        (blue_green("CANARY", ("CAPACITY_PERCENT", 10)), 4, [1, 4]),
        (blue_green("CANARY", ("CAPACITY_PERCENT", 50)), 5, [2, 5]),
        (blue_green("CANARY", ("INSTANCE_COUNT", 2)), 4, [2, 4]),
        (blue_green("LINEAR", ("CAPACITY_PERCENT", 25)), 4, [1, 2, 3, 4]),
        (blue_green("LINEAR", ("CAPACITY_PERCENT", 33)), 10, [3, 6, 9, 10]),
        (blue_green("LINEAR", ("INSTANCE_COUNT", 2)), 5, [2, 4, 5]),
        (blue_green("ALL_AT_ONCE"), 3, [3]),
        (rolling("CAPACITY_PERCENT", 5), 4, [1, 2, 3, 4]),
        (rolling("CAPACITY_PERCENT", 50), 5, [2, 4, 5]),
        (rolling("INSTANCE_COUNT", 2), 4, [2, 4]),
        (None, 3, [3]),
    ],
)
def test_shares_are_whole_instances(config, fleet, expected):
    assert [step.instances(fleet) for step in plan(config, [fleet]).steps] == expected


def test_the_largest_variant_says_how_many_steps_there_are():
    steps = plan(blue_green("LINEAR", ("CAPACITY_PERCENT", 20)), [2, 10]).steps
    assert [(step.instances(2), step.instances(10)) for step in steps] == [(1, 2), (2, 4), (2, 6), (2, 8), (2, 10)]


def test_waits_follow_each_step_and_the_last_one_is_the_termination_wait():
    policy = blue_green("LINEAR", ("CAPACITY_PERCENT", 50), 90, TerminationWaitInSeconds=30)
    steps = plan(policy, [4]).steps
    assert [(step.bake_seconds, step.wait_name) for step in steps] == [
        (90, "WaitIntervalInSeconds"),
        (30, "TerminationWaitInSeconds"),
    ]


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        (None, False),
        ({"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "a"}]}}, False),
        (blue_green("ALL_AT_ONCE"), False),
        (blue_green("CANARY", ("INSTANCE_COUNT", 1)), True),
        (rolling("INSTANCE_COUNT", 1), True),
    ],
)
def test_what_needs_the_same_variant_names(config, asked):
    assert guards_traffic(config) is asked


@pytest.mark.fault("A19")
@pytest.mark.parametrize(("count", "words"), [(0, "greater than or equal to 1"), (11, "less than or equal to 10")])
def test_a19_one_to_ten_alarms(kit, count, words):
    alarms = {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": f"a{n}"} for n in range(count)]}}
    with pytest.raises(ServiceError, match=f"deploymentConfig.autoRollbackConfiguration.alarms.*{words}"):
        kit.update("v1", **alarms)
