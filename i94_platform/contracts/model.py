"""What a contract is: a SQLAlchemy `Table` whose columns carry description, unit, source, domain and range.

Here: the two constructors every declaration uses and the accessors that read them back. Not here: any particular
table, and any rendering.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ForeignKey, MetaData, String, Table
from sqlalchemy.types import TypeEngine

warehouse_metadata = MetaData(schema="i94")
"""Everything that the warehouse holds, in schema `i94`."""

mart_metadata = MetaData(schema="mart")
"""The answers, computed in the warehouse from what schema `i94` holds."""

lake_metadata = MetaData(schema="staged")
"""What stays in the lake and is never loaded: the quarantine."""

raw_metadata = MetaData(schema="raw")
"""What is delivered to us, as it is delivered."""

MONTH_COLUMNS = ("i94yr", "i94mon")
"""The columns that say a row's month, in every table that is kept by months."""


def column(
    name: str,
    type_: TypeEngine[Any],
    description: str,
    *,
    source: str,
    unit: str = "",
    nullable: bool = True,
    key: bool = False,
    references: str | None = None,
    allowed: Sequence[str | int] = (),
    low: Any = None,
    high: Any = None,
    byte_encoding: str | None = None,
    personal: bool = False,
) -> Column[Any]:
    """One column of a contract.

    `source` names where the value comes from; `unit` is empty for codes and text. `key` columns are never null and
    form the grain together. `references` is `table.column` of a dimension in the same schema. `allowed` is a closed
    domain, `low` and `high` an inclusive range; nulls are outside both rules. `byte_encoding` is Redshift's ENCODE,
    chosen by type unless given. `personal` says that the value leads to one person: only analysts and loaders see it.
    """
    return Column(
        name,
        type_,
        *([ForeignKey(f"i94.{references}")] if references else []),
        nullable=nullable and not key,
        comment=description,
        info={
            "source": source,
            "unit": unit,
            "key": key,
            "allowed": tuple(allowed),
            "low": low,
            "high": high,
            "encode": byte_encoding,
            "personal": personal,
        },
    )


def table(
    metadata: MetaData,
    name: str,
    description: str,
    *columns: Column[Any],
    grain: str,
    distribution: str = "ALL",
    sort: Sequence[str] = (),
) -> Table:
    """One contract: `grain` says in words what a row is; `distribution` is `ALL`, `EVEN`, `AUTO` or a column name."""
    contract = Table(name, metadata, *columns, comment=description)
    contract.info.update(grain=grain, distribution=distribution, sort=tuple(sort))
    return contract


def key_columns(contract: Table) -> list[str]:
    """The names that identify a row."""
    return [c.name for c in contract.columns if c.info["key"]]


def is_monthly(contract: Table) -> bool:
    """Whether every row belongs to a month."""
    return {"i94yr", "i94mon"} <= {c.name for c in contract.columns}


def required_columns(contract: Table) -> list[str]:
    """The names that are never null."""
    return [c.name for c in contract.columns if not c.nullable]


def column_names(contract: Table) -> list[str]:
    """All names, in contract order, which is the order of every file and table."""
    return [c.name for c in contract.columns]


def text_limit(col: Column[Any]) -> int | None:
    """The most bytes of UTF-8 a text column holds, as Redshift counts them; None for other types."""
    return col.type.length if isinstance(col.type, String) else None


def is_personal(contract: Table) -> bool:
    """Whether a column leads to one person."""
    return any(c.info["personal"] for c in contract.columns)
