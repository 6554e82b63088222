import pytest

from rehearsal.sagemaker import ServiceError


@pytest.fixture
def records(kit, clock):
    kit.call("CreateExperiment", ExperimentName="exp", Tags=[{"Key": "team", "Value": "ops"}])
    kit.call("CreateTrial", TrialName="trial", ExperimentName="exp")
    for number in range(6):
        clock.advance(60)
        kit.call(
            "CreateTrialComponent",
            TrialComponentName=f"tc-{number}",
            Parameters={"depth": {"NumberValue": number}, "mode": {"StringValue": "fast" if number % 2 else "slow"}},
            Tags=[{"Key": "owner", "Value": f"user-{number}"}, {"Key": "team.name", "Value": "ops"}],
        )
        kit.call("AssociateTrialComponent", TrialComponentName=f"tc-{number}", TrialName="trial")
    return kit


def _names(kit, *filters, **more):
    expression = {"Filters": list(filters)} if filters else {}
    if "SearchExpression" not in more and expression:
        more["SearchExpression"] = expression
    answer = kit.call("Search", Resource="ExperimentTrialComponent", **more)
    return [one["TrialComponent"]["TrialComponentName"][-1] for one in answer["Results"]]


def _filter(name, operator=None, value=None):
    given = {"Name": name, "Operator": operator, "Value": value}
    return {key: part for key, part in given.items() if part is not None}


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([_filter("TrialComponentName", None, "tc-3")], "3"),
        ([_filter("TrialComponentName", "Contains", "TC-")], "543210"),
        ([_filter("TrialComponentName", "NotEquals", "tc-3")], "54210"),
        ([_filter("TrialComponentName", "In", "tc-1,tc-4")], "41"),
        ([_filter("Parameters.depth", "GreaterThan", "3")], "54"),
        ([_filter("Parameters.depth", "GreaterThanOrEqualTo", "3")], "543"),
        ([_filter("Parameters.depth", "LessThan", "2")], "10"),
        ([_filter("Parameters.depth", "LessThanOrEqualTo", "2.0")], "210"),
        ([_filter("Parameters.mode", "Equals", "fast"), _filter("Parameters.depth", "LessThan", "4")], "31"),
        ([_filter("Tags.owner", "Equals", "user-5")], "5"),
        ([_filter("Tags.team.name", "Equals", "ops")], "543210"),
        ([_filter("Tags.none", "Exists")], ""),
        ([_filter("Tags.none", "NotExists")], "543210"),
        ([_filter("CreationTime", "LessThan", "2026-11-20T14:07:30Z")], "10"),
        ([_filter("Parents.ExperimentName", "Equals", "exp")], "543210"),
    ],
)
def test_filters(records, filters, found):
    assert _names(records, *filters) == list(found)


def test_expressions_nest(records):
    fast = {"Filters": [_filter("Parameters.mode", "Equals", "fast")]}
    first = {"Filters": [_filter("TrialComponentName", "Equals", "tc-0")]}
    either = {"SubExpressions": [fast, first], "Operator": "Or"}
    assert _names(records, SearchExpression=either) == ["5", "3", "1", "0"]
    nested = {
        "NestedPropertyName": "Parents",
        "Filters": [_filter("Parents.TrialName", None, "trial"), _filter("Parents.ExperimentName", None, "exp")],
    }
    assert len(_names(records, SearchExpression={"NestedFilters": [nested]})) == 6
    nested["Filters"][1]["Value"] = "other"
    assert _names(records, SearchExpression={"NestedFilters": [nested]}) == []


def test_order_and_pages(records):
    assert _names(records, SortBy="Parameters.depth", SortOrder="Ascending") == list("012345")
    assert _names(records, SortBy="Parameters.mode", SortOrder="Ascending") == list("135024")
    records.call("UpdateTrialComponent", TrialComponentName="tc-0", DisplayName="again")
    assert _names(records)[0] in "05"  # both were changed last
    seen, token = [], {}
    while True:
        answer = records.call("Search", Resource="ExperimentTrialComponent", MaxResults=4, **token)
        assert answer["TotalHits"] == {"Value": 6, "Relation": "EqualTo"}
        seen += [one["TrialComponent"]["TrialComponentName"] for one in answer["Results"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert sorted(seen) == [f"tc-{number}" for number in range(6)]


def test_other_kinds_are_found(records):
    kit = records
    kit.training()
    kit.ended("Training")
    metric = _filter("Metrics.train:logloss", "LessThan", "0.3")
    found = kit.call("Search", Resource="TrainingJob", SearchExpression={"Filters": [metric]})["Results"]
    assert [one["TrainingJob"]["TrainingJobName"] for one in found] == ["job"]
    kit.call("CreateModelPackageGroup", ModelPackageGroupName="g")
    kit.call("CreateModelPackage", ModelPackageGroupName="g", CustomerMetadataProperties={"a.b": "1"})
    custom = _filter("CustomerMetadataProperties.a.b", "Equals", "1")
    found = kit.call("Search", Resource="ModelPackage", SearchExpression={"Filters": [custom]})["Results"]
    assert [one["ModelPackage"]["ModelPackageVersion"] for one in found] == [1]
    kit.config("1")
    assert kit.call("Search", Resource="Model")["Results"][0]["Model"]["Model"]["ModelName"] == "v1"
    trial = kit.call("Search", Resource="ExperimentTrial")["Results"][0]["Trial"]
    assert len(trial["TrialComponentSummaries"]) >= 6
    experiment = kit.call("Search", Resource="Experiment")["Results"][0]["Experiment"]
    assert experiment["Tags"] == [{"Key": "team", "Value": "ops"}]
    found = kit.call(
        "GetSearchSuggestions",
        Resource="ExperimentTrialComponent",
        SuggestionQuery={"PropertyNameQuery": {"PropertyNameHint": "param"}},
    )
    names = {one["PropertyName"] for one in found["PropertyNameSuggestions"]}
    assert names >= {"Parameters.depth", "Parameters.mode"}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"Resource": "HubContent"}, "does not run Search for HubContent"),
        ({"Resource": "TrainingJob", "SearchExpression": {}}, "must have Filters"),
        ({"Resource": "ExperimentTrialComponent", "CrossAccountFilterOption": "CrossAccount"}, "across accounts"),
        (
            {
                "Resource": "ExperimentTrialComponent",
                "SearchExpression": {"Filters": [_filter("Parameters.depth", "GreaterThan", "deep")]},
            },
            '"deep" is neither',
        ),
        (
            {"Resource": "ExperimentTrialComponent", "SearchExpression": {"Filters": [_filter("X", "Equals")]}},
            "needs a Value",
        ),
    ],
)
def test_searches_that_are_refused(records, params, words):
    with pytest.raises(ServiceError, match=words):
        records.call("Search", **params)
