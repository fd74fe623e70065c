"""Types of values that clients may send, months, and the problem of a parameter that is not valid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from fastapi import Query as QueryParameters
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from i94_platform.partitions import Month
from i94_platform.serving.auth.api_keys import KEY_PATTERN
from i94_platform.serving.filters import MONTH, Filter
from i94_platform.serving.problems import Problem

Int32 = Annotated[int, Field(ge=-(1 << 31), lt=1 << 31)]
Int64 = Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)]
FiniteFloat = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=1024, pattern=r"^[^\x00]*$")]


def _parse_month(text: str) -> Month:
    try:
        return Month.parse(text)
    except ValueError:
        raise PydanticCustomError("month", "Input should be a month such as 2016-04") from None


OptionalMonth = Annotated[
    Month | None,
    BeforeValidator(_parse_month),
    WithJsonSchema({"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$", "examples": ["2016-04"]}),
]

UNKNOWN_FILTER = "unknown_filter"
"""The type of the validation error whose message says what there is instead of a filter."""


class NoParameters(BaseModel):
    """For routes without query parameters: any is refused."""

    model_config = ConfigDict(extra="forbid")


class MonthRange(NoParameters):
    """A range of months, both included."""

    range_start: OptionalMonth = Field(None, alias="from", description="First month.")
    range_end: OptionalMonth = Field(None, alias="to", description="Last month.")

    def month_filters(self) -> list[Filter]:
        """Return the range as filters."""
        bounds = (("ge", self.range_start), ("le", self.range_end))
        return [Filter(MONTH, name, bound.year * 12 + bound.month) for name, bound in bounds if bound]


def refuse_parameters(_: Annotated[NoParameters, QueryParameters()]) -> None:
    """Refuse any query parameter."""


def require_single(names: Iterable[str]) -> None:
    """Refuse a parameter that is repeated.

    Raises:
        Problem: there is such a parameter.
    """
    for name, number in Counter(names).items():
        if number > 1:
            raise Problem("invalid-parameter", f"{name} is given more than once.", parameter=name)


def describe_validation_error(error: RequestValidationError) -> Problem:
    """Return the problem of the first invalid parameter, without the value that was sent."""
    first = error.errors()[0]
    name = str(first["loc"][1]) if len(first["loc"]) > 1 else ""
    if first["type"] in ("extra_forbidden", UNKNOWN_FILTER):
        reason = first["msg"] if first["type"] == UNKNOWN_FILTER else "/api/v1/openapi.json lists the parameters."
        detail = f"{reason} Keys are sent in a header, never in a URL."
        return Problem("invalid-parameter", detail, parameter=KEY_PATTERN.sub("…", name)[:64])
    return Problem("invalid-parameter", f"{name}: {first['msg']}.", parameter=name)
