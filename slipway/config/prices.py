"""`prices` of `platform.yaml`: what an instance costs you, since no price is known here."""

from typing import Annotated

from pydantic import Field, StringConstraints

from slipway.config.base import Declared, says


class Price(Declared):
    """Of one instance of a type, as your contract has it."""

    per_hour: Annotated[float, Field(gt=0, le=10_000)]
    currency: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Z]{3}$"),
        Field(json_schema_extra=says("a currency by its three letters, such as USD")),
    ] = "USD"
