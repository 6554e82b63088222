"""The plan as the machine gets it, and what DynamoDB makes of it."""

from typing import Any

import pytest

from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.contracts.errors import BadEventError
from slipway_lambda.contracts.release import ReleaseSpec


@pytest.mark.parametrize(
    "value", ["text", "", 7, -1.5, True, False, None, ["a", 1, {"b": None}], {"deep": {"er": [True]}}]
)
def test_items_come_back_as_they_went(value: Any) -> None:
    assert from_item(to_item({"value": value})) == {"value": value}


def test_item_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no DynamoDB type"):
        to_item({"a": {1}})


def test_spec_that_lacks_a_field_names_it() -> None:
    with pytest.raises(BadEventError, match=r"lacks alarm_names, bake_seconds, .*variant"):
        ReleaseSpec.from_dict({})
