import pytest

from rehearsal.sagemaker import ServiceError

FEATURES = [
    {"FeatureName": "id", "FeatureType": "String"},
    {"FeatureName": "time", "FeatureType": "Fractional"},
    {"FeatureName": "count", "FeatureType": "Integral"},
]
GROUP = {
    "FeatureGroupName": "flights",
    "RecordIdentifierFeatureName": "id",
    "EventTimeFeatureName": "time",
    "FeatureDefinitions": FEATURES,
    "OnlineStoreConfig": {"EnableOnlineStore": True},
}
OFFLINE = {"S3StorageConfig": {"S3Uri": "s3://features/flights"}}


def _refused(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


def test_a_group_is_kept_and_says_that_no_offline_store_is_behind_it(kit):
    kit.call("CreateFeatureGroup", **GROUP, OfflineStoreConfig=OFFLINE, RoleArn=kit.role)
    described = kit.call("DescribeFeatureGroup", FeatureGroupName="flights")
    assert described["FeatureGroupStatus"] == "Created"
    assert described["OfflineStoreStatus"]["Status"] == "Blocked"
    assert "does not run the offline store" in described["OfflineStoreStatus"]["BlockedReason"]
    listed = kit.call("ListFeatureGroups", OfflineStoreStatusEquals="Blocked", SortBy="OfflineStoreStatus")
    assert [one["FeatureGroupName"] for one in listed["FeatureGroupSummaries"]] == ["flights"]
    assert kit.call("ListFeatureGroups", OfflineStoreStatusEquals="Active") == {"FeatureGroupSummaries": []}
    event = kit.details("SageMaker Feature Group State Change")[0]
    assert event["FeatureDefinitions"] == FEATURES
    assert event["CreationTime"] == 1_795_183_509_000


def test_features_are_only_added(kit):
    kit.call("CreateFeatureGroup", **GROUP)
    more = [{"FeatureName": "delay", "FeatureType": "Fractional"}]
    kit.call("UpdateFeatureGroup", FeatureGroupName="flights", FeatureAdditions=more)
    described = kit.call("DescribeFeatureGroup", FeatureGroupName="flights")
    assert described["FeatureDefinitions"] == [*FEATURES, *more]
    assert described["LastUpdateStatus"] == {"Status": "Successful"}
    again = {"FeatureGroupName": "flights", "FeatureAdditions": more}
    assert "more than once" in _refused(kit, "UpdateFeatureGroup", **again).message


def test_features_have_metadata(kit):
    kit.call("CreateFeatureGroup", **GROUP)
    one = {"FeatureGroupName": "flights", "FeatureName": "count"}
    parameters = [{"Key": "unit", "Value": "flights"}, {"Key": "source", "Value": "radar"}]
    kit.call("UpdateFeatureMetadata", **one, Description="a day", ParameterAdditions=parameters)
    kit.call("UpdateFeatureMetadata", **one, ParameterRemovals=["source"])
    described = kit.call("DescribeFeatureMetadata", **one)
    assert (described["Description"], described["Parameters"]) == ("a day", parameters[:1])
    assert described["FeatureType"] == "Integral"
    found = kit.call(
        "Search",
        Resource="FeatureMetadata",
        SearchExpression={"Filters": [{"Name": "Description", "Operator": "Exists"}]},
    )["Results"]
    assert [one["FeatureMetadata"]["FeatureName"] for one in found] == ["count"]
    unknown = {**one, "FeatureName": "none"}
    assert _refused(kit, "DescribeFeatureMetadata", **unknown).code == "ResourceNotFound"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"RecordIdentifierFeatureName": "none"}, "RecordIdentifierFeatureName none is not one of"),
        ({"EventTimeFeatureName": "count"}, "must be String or Fractional"),
        ({"OnlineStoreConfig": None}, "Either OnlineStoreConfig or OfflineStoreConfig"),
        ({"OfflineStoreConfig": OFFLINE}, "RoleArn is required"),
        ({"FeatureDefinitions": [*FEATURES, {"FeatureName": "write_time", "FeatureType": "String"}]}, "is reserved"),
        ({"FeatureDefinitions": [*FEATURES, FEATURES[0]]}, "more than once"),
    ],
)
def test_groups_that_the_service_refuses(kit, more, words):
    assert words in _refused(kit, "CreateFeatureGroup", **(GROUP | more)).message


def test_codes_are_those_the_model_lists(kit):
    kit.call("CreateFeatureGroup", **GROUP)
    assert _refused(kit, "CreateFeatureGroup", **GROUP).code == "ResourceInUse"
    kit.call("DeleteFeatureGroup", FeatureGroupName="flights")
    for action in ("DescribeFeatureGroup", "DeleteFeatureGroup"):
        assert _refused(kit, action, FeatureGroupName="flights").code == "ResourceNotFound"
    last = kit.details("SageMaker Feature Group State Change")[-1]
    assert last["FeatureGroupStatus"] == "Deleting"
