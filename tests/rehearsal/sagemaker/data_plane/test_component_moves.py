"""Inference components while their endpoint moves to another fleet: no request fails, and none is left behind."""

import asyncio
import threading
from collections import Counter

import pytest

CANARY = {"Type": "CANARY", "WaitIntervalInSeconds": 30, "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
WAYS = {
    "all at once": None,
    "canary": {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": CANARY, "TerminationWaitInSeconds": 30}},
    "rolling": {
        "RollingUpdatePolicy": {"MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1}, "WaitIntervalInSeconds": 30}
    },
}


class Traffic:
    """Requests without a pause from a thread of its own, until it is left. `answers` counts them by status."""

    def __init__(self, plane):
        self._plane, self._over = plane, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), daemon=True)
        self.answers = Counter()
        self.refusals = []

    async def _work(self):
        sent = {"Content-Type": "text/csv", "X-Amzn-SageMaker-Inference-Component": "ic"}
        kit = self._plane.kit

        async def client():
            while not self._over.is_set():
                status, _, body = await kit.sm.invoke("e", sent, b"x", kit.scope, "InvokeEndpoint")
                self.answers[status] += 1
                if status != 200:
                    self.refusals.append(body)
                await asyncio.sleep(0.002)

        try:
            await asyncio.gather(*(client() for _ in range(3)))
        finally:
            await kit.sm.aclose()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


@pytest.fixture
def served(plane):
    """Two instances with two copies of `ic`, and a config `next` to move to."""
    plane.endpoint(plane.variant(InitialInstanceCount=2), ExecutionRoleArn=plane.kit.role)
    plane.kit.call("CreateEndpointConfig", EndpointConfigName="next", ExecutionRoleArn=plane.kit.role,
                   ProductionVariants=[plane.variant(InitialInstanceCount=2)])  # fmt: skip
    _component(plane)
    plane.kit.until(lambda: _shown(plane)["InferenceComponentStatus"] == "InService")
    return plane


def _component(plane, copies=2):
    required = {"NumberOfCpuCoresRequired": 1, "MinMemoryRequiredInMb": 1024}
    plane.kit.call(
        "CreateInferenceComponent", InferenceComponentName="ic", EndpointName="e", VariantName="main",
        Specification={"Container": plane.container(), "ComputeResourceRequirements": required},
        RuntimeConfig={"CopyCount": copies},
    )  # fmt: skip


def _shown(plane):
    return plane.kit.call("DescribeInferenceComponent", InferenceComponentName="ic")


def _copies(plane):
    return [one for one in plane.kit.sm.processes() if one["kind"] == "server"]


def _update(plane, deployment, config="next"):
    more = {"DeploymentConfig": deployment} if deployment else {}
    plane.kit.call("UpdateEndpoint", EndpointName="e", EndpointConfigName=config, **more)


@pytest.mark.parametrize("way", WAYS)
def test_no_request_fails_while_the_endpoint_moves(served, way):
    before = {one["pid"] for one in _copies(served)}
    with Traffic(served) as traffic:
        _update(served, WAYS[way])
        assert served.kit.settled()["EndpointConfigName"] == "next"
        served.kit.until(lambda: len(_copies(served)) == 2)
    assert set(traffic.answers) == {200}, traffic.refusals[:3]
    assert traffic.answers[200] > 20
    assert before.isdisjoint(one["pid"] for one in _copies(served))
    assert _shown(served)["RuntimeConfig"] == {"DesiredCopyCount": 2, "CurrentCopyCount": 2}


def test_a_move_that_rolls_back_leaves_the_copies_where_they_were(served):
    before = {one["pid"] for one in _copies(served)}
    served.kit.sm.fault("A09", endpoint="e")
    with Traffic(served) as traffic:
        _update(served, WAYS["canary"])
        assert served.kit.settled()["EndpointConfigName"] == "c"
        served.kit.until(lambda: len(_copies(served)) == 2)
    assert set(traffic.answers) == {200}, traffic.refusals[:3]
    assert before == {one["pid"] for one in _copies(served)}


def test_a_fleet_that_cannot_carry_the_copies_gets_no_traffic(served):
    served.kit.call("CreateEndpointConfig", EndpointConfigName="small", ExecutionRoleArn=served.kit.role,
                    ProductionVariants=[served.variant(InstanceType="ml.t2.medium")])  # fmt: skip
    _component_needs(served, cpus=1.5)
    before = {one["pid"] for one in _copies(served)}
    with Traffic(served) as traffic:
        _update(served, None, "small")
        assert served.kit.settled()["EndpointConfigName"] == "c"
        served.kit.until(lambda: len(_copies(served)) == 2)
    assert set(traffic.answers) == {200}, traffic.refusals[:3]
    assert before == {one["pid"] for one in _copies(served)}


def _component_needs(plane, cpus):
    """Another specification, that two copies on one small instance cannot have."""
    required = {"NumberOfCpuCoresRequired": cpus, "MinMemoryRequiredInMb": 1024}
    specification = {"Container": plane.container(), "ComputeResourceRequirements": required}
    plane.kit.call("UpdateInferenceComponent", InferenceComponentName="ic", Specification=specification)
    plane.kit.until(lambda: _shown(plane)["InferenceComponentStatus"] == "InService")
