"""What every declaration model shares: unknown fields are refused, values are frozen, numbers are finite."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z](-?[a-z0-9])*$", min_length=2, max_length=20)]
"""Lower-case words joined by single hyphens: it becomes part of AWS names and, for models, of package ARNs."""

Percent = Annotated[int, Field(ge=1, le=100)]


class Declared(BaseModel):
    """A block of YAML a user writes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
