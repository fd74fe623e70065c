"""What a contract is: a SQLAlchemy `Table` whose columns carry description, unit, source and valid values.

The two functions that declare one, and the accessors that read it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Required, TypedDict, Unpack

from sqlalchemy import Column, ForeignKey, MetaData, String, Table
from sqlalchemy.types import TypeEngine

warehouse_metadata = MetaData(schema="i94")
"""The star schema and the load ledger."""

mart_metadata = MetaData(schema="mart")
"""The marts, which the warehouse computes from schema `i94`."""

lake_metadata = MetaData(schema="staged")
"""The quarantine and the unreadable values, which stay in the lake."""

raw_metadata = MetaData(schema="raw")
"""Deliveries as they arrive."""

MONTH_COLUMNS = ("i94yr", "i94mon")
"""The columns that hold a row's month, in every monthly table."""

Domain = Literal["arrivals", "climate", "codes", "people", "places", "platform", "time"]
"""What a table is about; `platform` is the platform's own."""


@dataclass(frozen=True)
class Statistic:
    """A figure or text that is computed from arrivals; `disclosure` says what becomes of it."""

    kind: Literal["cell", "count", "sum", "average", "text"]
    """`cell` counts the arrivals of a row, `count` anything else; `sum` adds up a quantity of arrivals; `text` names or
    describes some of them."""
    base: str = ""
    """The count that it stands on: it is withheld where that is small."""
    digits: int = 0
    """Decimal places of a rounded average."""


class ColumnInfo(TypedDict, total=False):
    """What a contract says of a column beyond its declaration in SQL, in the column's `info`."""

    source: Required[str]
    """Where the value comes from."""
    unit: str
    """Its unit; empty for codes and text."""
    key: bool
    """Whether it belongs to the key, which identifies a row."""
    allowed: Sequence[str | int]
    """All valid values; a null is valid too."""
    low: Any
    """The lowest valid value; a null is valid too."""
    high: Any
    """The highest valid value; a null is valid too."""
    byte_encoding: str | None
    """Redshift's ENCODE; chosen by type unless given."""
    personal: bool
    """Whether the value leads to one person; only analysts and loaders see it."""
    quasi_identifier: bool
    """Whether the value leads to one person together with others of its kind, such as age and port."""
    statistic: Statistic | None
    """How the value is computed from arrivals, for disclosure control."""


_DEFAULT_INFO = ColumnInfo(
    source="",
    unit="",
    key=False,
    allowed=(),
    low=None,
    high=None,
    byte_encoding=None,
    personal=False,
    quasi_identifier=False,
    statistic=None,
)


def column(
    name: str,
    type_: TypeEngine[Any],
    description: str,
    *,
    nullable: bool = True,
    references: str | None = None,
    **info: Unpack[ColumnInfo],
) -> Column[Any]:
    """Declare a column of a contract.

    Args:
        name: Its name.
        type_: Its type, one of `rendering.types.TYPES`.
        description: What the value means, in one sentence for people.
        nullable: Whether it may be missing; a key column never is.
        references: `table.column` of a dimension in schema `i94`.
        info: What else the contract says of it; see `ColumnInfo`.
    """
    return Column(
        name,
        type_,
        *([ForeignKey(f"i94.{references}")] if references else []),
        nullable=nullable and not info.get("key"),
        comment=description,
        info={**_DEFAULT_INFO, **info, "allowed": tuple(info.get("allowed", ()))},
    )


def table(
    metadata: MetaData,
    name: str,
    description: str,
    *columns: Column[Any],
    domain: Domain,
    grain: str,
    distribution: str = "ALL",
    sort: Sequence[str] = (),
) -> Table:
    """Declare a contract.

    Args:
        metadata: The schema that it belongs to.
        name: Its name, which is also the name of its assets.
        description: What a row tells, in one sentence for people.
        columns: Its columns in the order of every file and table.
        domain: What it is about.
        grain: In words, what a row is.
        distribution: On Redshift `ALL`, `EVEN`, `AUTO` or the name of a column.
        sort: On Redshift the columns of the sort key; those of the key by default.
    """
    contract = Table(name, metadata, *columns, comment=description)
    contract.info.update(
        domain=domain, grain=grain, distribution=distribution, sort=tuple(sort or key_columns(contract))
    )
    return contract


def key_columns(contract: Table) -> list[str]:
    """The names of the columns that identify a row."""
    return [c.name for c in contract.columns if c.info["key"]]


def is_monthly(contract: Table) -> bool:
    """Whether every row belongs to a month."""
    return {*MONTH_COLUMNS} <= {*column_names(contract)}


def column_names(contract: Table) -> list[str]:
    """The names of all columns, in the order of every file and table."""
    return [c.name for c in contract.columns]


def text_limit(col: Column[Any]) -> int | None:
    """The most bytes of UTF-8 a text column holds, as Redshift counts them; None for other types."""
    return col.type.length if isinstance(col.type, String) else None


def public_columns(contract: Table) -> list[str]:
    """The names of the columns that messages and metadata may show of single rows: they describe no person."""
    return [c.name for c in contract.columns if not (c.info["personal"] or c.info["quasi_identifier"])]


def is_personal(contract: Table) -> bool:
    """Whether a value of it leads to one person."""
    return any(c.info["personal"] for c in contract.columns)


def describes_persons(contract: Table) -> bool:
    """Whether a row of it describes one person."""
    return is_personal(contract) or any(c.info["quasi_identifier"] for c in contract.columns)
