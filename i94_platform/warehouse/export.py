"""What a warehouse exports: a table in the order of its key, and what it held at that moment."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Table, func, select

from i94_platform.contracts.model import column_names, is_monthly, key_columns
from i94_platform.partitions import Month
from i94_platform.warehouse.loading import count_rows
from i94_platform.warehouse.transaction import Transaction


@dataclass(frozen=True)
class ExportedTable:
    """What a table held when it was exported."""

    rows: int
    months: tuple[str, ...]
    """The months that it has rows of, as YYYY-MM; empty for a table without months."""


def render_ordered_select(contract: Table) -> str:
    """The query of a whole table: the contract's columns in their order, the rows in the order of the key."""
    columns, key = (", ".join(f'"{n}"' for n in names) for names in (column_names(contract), key_columns(contract)))
    return f"SELECT {columns} FROM {contract.fullname} ORDER BY {key}"


def export_table(transaction: Transaction, contract: Table, folder: str) -> ExportedTable:
    """Write a table as Parquet into the new folder of that address, and return what it holds."""
    transaction.export(contract, folder)
    if not is_monthly(contract):
        return ExportedTable(count_rows(transaction, contract), ())
    month = (contract.c.i94yr, contract.c.i94mon)
    counts = transaction.execute(select(*month, func.count().label("n")).group_by(*month).order_by(*month)).to_pylist()
    months = tuple(Month(row["i94yr"], row["i94mon"]).key for row in counts)
    return ExportedTable(sum(row["n"] for row in counts), months)
