"""Rows of the fault catalogue that strike an API call: refused, or carried out with its answer lost."""

import pytest

from rehearsal.sagemaker import ServiceError


def _refusal(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


@pytest.mark.fault("A08")
def test_a08_an_accepted_update_can_lose_its_answer(kit):
    kit.endpoint("1")
    kit.sm.fault("A08", endpoint="e", after=True)
    refusal = _refusal(kit, "UpdateEndpoint", EndpointName="e", EndpointConfigName=kit.config("2"))
    assert refusal.code == "ResourceLimitExceeded"
    assert kit.settled()["EndpointConfigName"] == "v2"


@pytest.mark.fault("A08")
def test_a_row_can_be_aimed_at_another_action_and_name(kit):
    kit.sm.fault("A08", action="CreateModelPackageGroup", name="wanted", times=2)
    kit.call("CreateModelPackageGroup", ModelPackageGroupName="other")
    for _ in range(2):
        assert _refusal(kit, "CreateModelPackageGroup", ModelPackageGroupName="wanted").code == "ResourceLimitExceeded"
    kit.call("CreateModelPackageGroup", ModelPackageGroupName="wanted")


@pytest.mark.parametrize(
    ("where", "words"),
    [({"action": "CreateNothing"}, "not an action"), ({"colour": "red"}, "no filter"), ({"times": 0}, "times is 0")],
)
def test_call_faults_that_would_never_strike_are_refused(kit, where, words):
    with pytest.raises(ValueError, match=words):
        kit.sm.fault("A08", **where)


def test_a_fault_that_strikes_at_once_checks_its_values(kit):
    with pytest.raises(ValueError, match="one of Failed, OutOfService"):
        kit.sm.fault("A04", status="Broken")
    with pytest.raises(ValueError, match="no filter"):
        kit.sm.fault("A06", colour="red")
