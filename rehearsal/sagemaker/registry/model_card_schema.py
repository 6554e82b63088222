"""What a model card's content must look like: the "Model card JSON schema" and the "Model package model card schema"
of the SageMaker developer guide.

Both give lists a `maxContains`, which JSON Schema ignores without `contains`; it is taken for the `maxItems` it means.
"""

import json
from typing import Any

from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.registry.json_schema import Schema, faults

_SHOWN = 5


def _text(most: int | None = None) -> Schema:
    return {"type": "string"} if most is None else {"type": "string", "maxLength": most}


def _name(most: int) -> Schema:
    return {"type": "string", "minLength": 1, "maxLength": most}


def _list(items: Schema, most: int | None = None, least: int = 0) -> Schema:
    bounds = {"minItems": least} | ({} if most is None else {"maxItems": most})
    return {"type": "array", "items": items, **bounds}


def _object(*required: str, **members: Schema) -> Schema:
    return {"type": "object", "properties": members, "required": required, "additionalProperties": False}


def _metric(kinds: tuple[str, ...], value: Schema, x_axis: Schema, y_axis: Schema) -> Schema:
    return _object(
        "name", "type", "value",
        name=_name(255), notes=_text(1024), type={"type": "string", "enum": kinds}, value=value,
        x_axis_name=x_axis, y_axis_name=y_axis,
    )  # fmt: skip


_NUMBER: Schema = {"type": "number"}
_AXIS, _AXES = _text(63), _list(_text(63))
_METRIC: Schema = {
    "anyOf": [
        _metric(
            ("number", "string", "boolean"), {"anyOf": [_NUMBER, _text(63), {"type": "boolean"}]}, _AXIS, _AXIS
        ),
        _metric(("linear_graph",), _list(_list(_NUMBER, 2, 2), least=1), _AXIS, _AXIS),
        _metric(("bar_chart",), _list(_NUMBER, least=1), _AXES, _AXIS),
        _metric(("matrix",), _list(_list(_NUMBER, 20, 1), 20, 1), _AXES, _AXES),
    ]
}  # fmt: skip
_IMAGES = _object(container_image=_list(_text(1024), 15))
_TRAINING_METRICS = _list(_object("name", "value", name=_name(255), notes=_text(1024), value=_NUMBER), 50)
_HYPER_PARAMETERS = _list(_object("name", "value", name=_name(255), value=_name(255)), 100)
_TRAINING_JOB = _object(
    training_arn=_text(1024),
    training_datasets=_list(_text(1024), 15),
    training_environment=_IMAGES,
    training_metrics=_TRAINING_METRICS,
    user_provided_training_metrics=_TRAINING_METRICS,
    hyper_parameters=_HYPER_PARAMETERS,
    user_provided_hyper_parameters=_HYPER_PARAMETERS,
)
_METRIC_GROUP: Schema = {
    "type": "object",
    "properties": {"name": _name(63), "metric_data": _list(_METRIC)},
    "required": ("name", "metric_data"),
}
_EVALUATION = _object(
    "name",
    name=_name(63),
    evaluation_observation=_text(2096),
    evaluation_job_arn=_text(256),
    datasets=_list(_text(1024), 10),
    metadata={"type": "object", "additionalProperties": _text(1024)},
    metric_groups=_list(_METRIC_GROUP),
)
_SECTIONS: dict[str, Schema] = {
    "intended_uses": _object(
        purpose_of_model=_text(2048),
        intended_uses=_text(2048),
        factors_affecting_model_efficiency=_text(2048),
        risk_rating={"type": "string", "enum": ("High", "Medium", "Low", "Unknown")},
        explanations_for_risk_rating=_text(2048),
    ),
    "business_details": _object(
        business_problem=_text(2048), business_stakeholders=_text(2048), line_of_business=_text(2048)
    ),
    "training_details": _object(
        objective_function={},  # the published schema sets no bounds here
        training_observations=_text(1024),
        training_job_details=_TRAINING_JOB,
    ),
    "evaluation_details": _list(_EVALUATION),
    "additional_information": _object(
        ethical_considerations=_text(2048),
        caveats_and_recommendations=_text(2048),
        custom_details={"type": "object", "additionalProperties": _text(1024)},
    ),
}  # fmt: skip
_CONTAINER = _object("image", model_data_url=_text(1024), image=_text(255), nearest_model_name=_text())

CARD: Schema = _object(
    model_overview=_object(
        model_description=_text(1024),
        model_owner=_text(1024),
        model_creator=_text(1024),
        problem_type=_text(),
        algorithm_type=_text(1024),
        model_id=_text(1024),
        model_artifact=_list(_text(1024), 15),
        model_name=_text(1024),
        model_version={"type": "number", "minimum": 1},
        inference_environment=_IMAGES,
    ),
    model_package_details=_object(
        model_package_description=_text(1024),
        model_package_arn=_text(2048),
        created_by=_object(user_profile_name=_text(63)),
        model_package_status=_text(),
        model_approval_status=_text(),
        approval_description=_text(1024),
        model_package_group_name=_text(63),
        model_package_name=_text(63),
        model_package_version={"type": "number", "minimum": 1},
        domain=_text(),
        task=_text(),
        source_algorithms=_list(_object("algorithm_name", algorithm_name=_text(170), model_data_url=_text(1024)), 1, 1),
        inference_specification=_object("containers", containers=_list(_CONTAINER, 15, 1)),
    ),
    **_SECTIONS,
)
PACKAGE_CARD: Schema = _object(
    model_overview=_object(model_creator=_text(1024), model_artifact=_list(_text(1024), 15)), **_SECTIONS
)


def check_content(text: str, schema: Schema) -> dict[str, Any]:
    """The content parsed, or the refusal that names what does not fit, at most five places."""
    try:
        content = json.loads(text or "{}")
    except ValueError as error:
        raise invalid(f"Model card content is not JSON: {error}.") from error
    found = list(faults(schema, content))
    if not isinstance(content, dict) or found:
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise invalid(f"Model card content does not fit the model card JSON schema: {'; '.join(found[:_SHOWN])}{more}.")
    return content
