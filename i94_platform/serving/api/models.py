"""Pydantic models of the API's responses: one for the rows of each contract, and those that all tables share.

They describe the responses in the OpenAPI document. Rows are never validated: their bytes come from the database.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, String, Table

PYTHON_TYPES: dict[type, Any] = {
    Integer: int, BigInteger: int, Double: float, Boolean: bool, Date: dt.date, String: str
}  # fmt: skip
JSON_TYPES = {int: "integer", float: "number", bool: "boolean", dt.date: "string", str: "string"}


class ResponseModel(BaseModel):
    """A response, or a part of one."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class ProblemDetails(ResponseModel):
    """Problem details by RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    parameter: str | None = Field(None, description="The query parameter that is not valid.")


class ReleaseSummary(ResponseModel):
    """The release that a response was read from."""

    version: str = Field(description="A hash of the content.")
    published_at: str
    data_as_of: str = Field(description="When the newest data was loaded.")
    months: list[str] = Field(description="The months that every monthly table covers.")


class DownloadableRelease(ReleaseSummary):
    """A release that the server has."""

    href: str = Field(description="All its tables as one archive.")
    tables: list[str]


class ReleaseList(ResponseModel):
    """The releases that the server has, newest first."""

    releases: list[DownloadableRelease]


class PageSummary(ResponseModel):
    """Where a page of rows ends."""

    limit: int
    rows: int = Field(description="Rows of this page.")
    next: str | None = Field(description="The cursor of the next page; null on the last page.")
    total: int = Field(0, description="Rows of all pages, where `count=exact` asks for it.")


class DisclosureSummary(ResponseModel):
    """What disclosure control has done to the figures."""

    control: str = Field(description="exact; or rounded-5, where counts are rounded to 5 and 0 to 2 are left out.")
    withheld: dict[str, str] = Field(description="Why values are withheld, by the column.")


class ColumnSummary(ResponseModel):
    """A column of a table."""

    name: str
    type: str
    description: str
    unit: str
    nullable: bool
    key: bool


class TableSummary(ResponseModel):
    """A table and its columns."""

    name: str
    href: str
    description: str
    grain: str
    rows: int | None = Field(description="Null where the release has no such table, or the figures are rounded.")
    columns: list[ColumnSummary]


class TableList(ResponseModel):
    """The tables of a layer."""

    release: ReleaseSummary
    tables: list[TableSummary]


class FailedCheckSummary(ResponseModel):
    """A check that did not pass."""

    check: str
    month: str
    blocking: bool
    message: str = Field(description="Withheld where figures are rounded, because it holds exact ones.")


class CheckSummary(ResponseModel):
    """The latest results of a table's checks."""

    state: str = Field(description="passed, warned, failed or unchecked.")
    passed: int
    failed_checks: list[FailedCheckSummary]


class TableStatus(ResponseModel):
    """Rows, months and checks of a table."""

    rows: int | None = Field(description="Null where the figures are rounded.")
    months: list[str]
    checks: CheckSummary


class Status(ResponseModel):
    """The release that is served, and why it is not the newest if it is not."""

    release: ReleaseSummary
    tables: dict[str, TableStatus]
    error: str


class Health(ResponseModel):
    """That the server runs."""

    alive: bool


class Readiness(ResponseModel):
    """That the server has a release."""

    ready: bool
    version: str
    error: str


def python_type(column: Column[Any]) -> Any:
    """Return the Python type of a column's values that are not null."""
    return PYTHON_TYPES[type(column.type)]


def summarize_table(contract: Table, href: str, rows: int | None) -> TableSummary:
    """Describe a table; `rows` is null if the release does not have it."""
    columns = [
        ColumnSummary(
            name=column.name,
            type=JSON_TYPES[python_type(column)],
            description=str(column.comment),
            unit=column.info["unit"],
            nullable=bool(column.nullable),
            key=column.info["key"],
        )
        for column in contract.columns
    ]
    return TableSummary(
        name=contract.name,
        href=href,
        description=str(contract.comment),
        grain=contract.info["grain"],
        rows=rows,
        columns=columns,
    )
