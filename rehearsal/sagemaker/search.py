"""Search over what the control plane remembers: filters, nested filters, order and pages."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.lineage.store import EXPERIMENT, TRIAL, TRIAL_COMPONENT, of_kind
from rehearsal.sagemaker.listing import page
from rehearsal.sagemaker.registry.feature_groups import feature
from rehearsal.sagemaker.shapes import service_model
from rehearsal.sagemaker.store import Record, State, public

DEPTH = "rules"
DIFFERENCES = (
    "`Search` finds what was kept in the account and region: projects, images and hub content are refused; Endpoint"
    " shows no variants, Model no dashboard.",
)

# Resource of the request → member of SearchRecord, where that is another word.
_MEMBERS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
_BY_ARN = {
    "TrainingJob": "training-job/",
    "HyperParameterTuningJob": "hyper-parameter-tuning-job/",
    "Endpoint": "endpoint/",
    "ModelPackage": "model-package/",
    "ModelPackageGroup": "model-package-group/",
    "Pipeline": "pipeline/",
    "PipelineExecution": "pipeline/",
    "FeatureGroup": "feature-group/",
    "ModelCard": "model-card/",
    "Model": "model/",
}
_LINEAGE = {"Experiment": EXPERIMENT, "ExperimentTrial": TRIAL, "ExperimentTrialComponent": TRIAL_COMPONENT}


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": lambda held, given: held > given,
    "GreaterThanOrEqualTo": lambda held, given: held >= given,
    "LessThan": lambda held, given: held < given,
    "LessThanOrEqualTo": lambda held, given: held <= given,
}


@action("Search")
def search(call: Call) -> Record:
    """One page of records of one kind, latest change first unless another order is asked for."""
    if "VisibilityConditions" in call.params or call.params.get("CrossAccountFilterOption") == "CrossAccount":
        raise not_emulated("Search with VisibilityConditions or across accounts")
    records = _records(call, call.params["Resource"])
    if "SearchExpression" in call.params:
        expression = call.params["SearchExpression"]
        _check(expression)
        records = [one for one in records if _matches(one, expression)]
    by = call.params.get("SortBy", "LastModifiedTime")
    records.sort(key=lambda one: _rank(one, by), reverse=call.params.get("SortOrder", "Descending") == "Descending")
    member = _MEMBERS.get(call.params["Resource"], call.params["Resource"])
    answer = page(call, [{member: _shown(one, member)} for one in records])
    return {**answer, "TotalHits": {"Value": len(records), "Relation": "EqualTo"}}


@action("GetSearchSuggestions")
def get_search_suggestions(call: Call) -> Record:
    """Names of properties that begin with the hint, as records of the kind have them."""
    hint = call.params.get("SuggestionQuery", {}).get("PropertyNameQuery", {}).get("PropertyNameHint", "")
    names = {name for one in _records(call, call.params["Resource"]) for name in _names(one)}
    found = sorted(name for name in names if name.lower().startswith(hint.lower()))[:10]
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in found]} if found else {}


def _records(call: Call, resource: str) -> list[Record]:
    """Views of the records: what the API shows, tags as a list."""
    state = call.state
    if resource in _LINEAGE:
        found = of_kind(state, _LINEAGE[resource])
    elif resource == "FeatureMetadata":
        groups = state.table("feature_groups").values()
        found = [feature(one, definition["FeatureName"]) for one in groups for definition in one["FeatureDefinitions"]]
    elif resource in _BY_ARN:
        found = _of_arn(state, resource)
    else:
        raise not_emulated(f"Search for {resource}")
    return [_view(state, one, resource) for one in found]


def _of_arn(state: State, resource: str) -> list[Record]:
    found = []
    for table in state.tables.values():
        for record in table.values():
            path = record.get("_arn", "").split(":", 5)[-1]
            executed = path.startswith("pipeline/") and "/execution/" in path
            if path.startswith(_BY_ARN[resource]) and executed == (resource == "PipelineExecution"):
                found.append(record)
    return found


def _view(state: State, record: Record, resource: str) -> Record:
    view = dict(record)
    tags = state.tags.get(record.get("_arn", ""), {})
    view["Tags"] = [{"Key": key, "Value": value} for key, value in sorted(tags.items())] or None
    if resource == "ExperimentTrial":
        components = [one for one in of_kind(state, TRIAL_COMPONENT) if record["TrialName"] in one.get("_trials", [])]
        shape: Any = service_model().shape_for("TrialComponentSimpleSummary")
        view["TrialComponentSummaries"] = [public(one, tuple(shape.members)) for one in components] or None
    if resource == "ExperimentTrialComponent":
        trials = {one["TrialName"]: one["ExperimentName"] for one in of_kind(state, TRIAL)}
        view["Parents"] = [
            {"TrialName": name, "ExperimentName": trials[name]} for name in record.get("_trials", []) if name in trials
        ] or None
    return view


def _shown(view: Record, member: str) -> Record:
    shape: Any = service_model().shape_for("SearchRecord")
    shape = shape.members[member]
    if member == "Model":
        return {"Model": public(view, tuple(shape.members["Model"].members))}
    return public(view, tuple(shape.members))


def _names(view: Record) -> Iterator[str]:
    for name, value in view.items():
        if name.startswith("_") or value is None:
            continue
        if name == "Tags":
            yield from (f"Tags.{one['Key']}" for one in value)
        elif isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
        else:
            yield name


def _check(expression: Record) -> None:
    """Refuse an expression that could not be judged, whether or not there are records to judge by it."""
    filters, nested = expression.get("Filters", []), expression.get("NestedFilters", [])
    for one in nested:
        name = one["NestedPropertyName"]
        filters = [*filters, *one["Filters"]]
        for inner in one["Filters"]:
            if not inner["Name"].startswith(f"{name}."):
                raise invalid(f"The filter {inner['Name']} of NestedPropertyName {name} must begin with {name}.")
    if not (filters or expression.get("SubExpressions")):
        raise invalid("A SearchExpression must have Filters, NestedFilters or SubExpressions.")
    for one in filters:
        operator, given = one.get("Operator", "Equals"), one.get("Value")
        if given is None and operator not in ("Exists", "NotExists"):
            raise invalid(f"The filter {one['Name']} with Operator {operator} needs a Value.")
        if operator in _ORDERS and _number(given) is None:
            raise invalid(f'The filter {one["Name"]} compares numbers or times; "{given}" is neither.')
    for inner in expression.get("SubExpressions", []):
        _check(inner)


def _matches(view: Record, expression: Record) -> bool:
    parts = [_passes(_values(view, one["Name"]), one) for one in expression.get("Filters", [])]
    parts += [_nested(view, one) for one in expression.get("NestedFilters", [])]
    parts += [_matches(view, one) for one in expression.get("SubExpressions", [])]
    return any(parts) if expression.get("Operator") == "Or" else all(parts)


def _nested(view: Record, nested: Record) -> bool:
    """One entry of the list must pass all filters, whose names begin with the list's."""
    name = nested["NestedPropertyName"]
    return any(
        all(_passes(_values(entry, one["Name"][len(name) + 1 :]), one) for one in nested["Filters"])
        for entry in _values(view, name)
        if isinstance(entry, dict)
    )


def _values(value: Any, path: str) -> list[Any]:
    """Everything that stands under a dotted name; lists are gone through, `Tags.key` and `Metrics.name` looked up."""
    if isinstance(value, list):
        return [found for one in value for found in _values(one, path)]
    if not path or not isinstance(value, dict):
        return [] if value is None or path else [value]
    head, _, rest = path.partition(".")
    if head == "Tags" and rest:
        return [one["Value"] for one in value.get("Tags") or [] if one["Key"] == rest]
    if head == "Metrics" and "FinalMetricDataList" in value:
        return [one["Value"] for one in value["FinalMetricDataList"] if one["MetricName"] == rest]
    if path in value:  # keys of maps may have dots
        return _values(value[path], "")
    found = _values(value[head], rest) if head in value and not head.startswith("_") else []
    return _parameter(found) if head in ("Parameters", "HyperParameters") else found


def _parameter(found: list[Any]) -> list[Any]:
    """A trial component's parameter is a number or a text in a structure of its own."""
    return [one.get("NumberValue", one.get("StringValue")) if isinstance(one, dict) else one for one in found]


def _passes(held: list[Any], one: Record) -> bool:
    operator, given = one.get("Operator", "Equals"), str(one.get("Value"))
    if operator in ("Exists", "NotExists"):
        return bool(held) is bool(operator == "Exists")
    if operator == "NotEquals":
        return all(not _equal(value, given) for value in held)
    if operator == "In":
        return any(_equal(value, part) for value in held for part in given.split(","))
    if operator == "Contains":
        return any(given.lower() in str(value).lower() for value in held)
    if operator == "Equals":
        return any(_equal(value, given) for value in held)
    return any(_compared(_ORDERS[operator], value, given) for value in held)


def _equal(held: Any, given: str) -> bool:
    if isinstance(held, bool):
        return str(held).lower() == given.lower()
    if isinstance(held, int | float):
        number = _number(given)
        return number is not None and held == number
    return str(held) == given


def _compared(order: Callable[[Any, Any], bool], held: Any, given: str) -> bool:
    number = held if isinstance(held, int | float) else _number(str(held))
    return number is not None and order(number, _number(given))


def _number(text: str) -> float | None:
    """A number, or a time as epoch seconds."""
    with contextlib.suppress(ValueError):
        return float(text)
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    return None


def _rank(view: Record, by: str) -> tuple[bool, bool, Any, int]:
    """Records without the property first, numbers before texts; the order of creation breaks ties."""
    held = _values(view, by) or (_values(view, "CreationTime") if by == "LastModifiedTime" else [])
    value = held[0] if held else 0
    text = not isinstance(value, int | float)
    return bool(held), text, str(value) if text else value, view["_sequence"]
