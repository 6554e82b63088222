import pytest

GROUP = "flights"
EVENT = "SageMaker Model Package State Change"


@pytest.fixture
def registry(kit):
    kit.call("CreateModelPackageGroup", ModelPackageGroupName=GROUP)
    return kit


def _versions(kit, count):
    for _ in range(count):
        kit.call("CreateModelPackage", ModelPackageGroupName=GROUP)
    return [one["ModelPackageVersion"] for one in kit.details(EVENT)]


@pytest.mark.fault("C02")
def test_c02_loses_a_share_of_events_and_the_same_again_with_the_same_seed(registry):
    registry.sm.fault("C02", times=None, detail_type=EVENT, probability=0.3, seed=7)
    first = _versions(registry, 60)
    assert 30 <= len(first) <= 54
    registry.sm.clear_faults()
    registry.sm.fault("C02", times=None, detail_type=EVENT, probability=0.3, seed=7)
    assert [one - 60 for one in _versions(registry, 60)[len(first) :]] == first


@pytest.mark.fault("C01")
def test_c01_repeats_every_event_of_a_kind(registry):
    registry.sm.fault("C01", times=None, detail_type="*", copies=5)
    assert _versions(registry, 2) == [1] * 5 + [2] * 5


@pytest.mark.fault("C03")
def test_c03_turns_several_events_around(registry):
    registry.sm.fault("C03", detail_type=EVENT, count=3, name=GROUP)
    assert _versions(registry, 5) == [3, 2, 1, 4, 5]


@pytest.mark.fault("C14")
def test_c14_sends_what_nobody_expects(registry):
    registry.sm.fault("C14", detail_type=EVENT, bytes=300_000)
    _versions(registry, 2)
    first, second = registry.details(EVENT)
    assert len(first["UnexpectedMember"]) == 300_000
    assert "UnexpectedMember" not in second


@pytest.mark.parametrize("probability", [0, -0.1, 1.5])
def test_a_chance_that_is_none_is_refused(registry, probability):
    with pytest.raises(ValueError, match="probability"):
        registry.sm.fault("C02", probability=probability)


def test_lineage_knows_what_the_bus_has_lost(registry):
    registry.sm.fault("C02", times=None, detail_type="*")
    assert _versions(registry, 2) == []
    artifacts = registry.call("ListArtifacts", ArtifactType="ModelPackage")["ArtifactSummaries"]
    assert len(artifacts) == 2
