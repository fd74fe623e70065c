"""What a warehouse exports: a table in the order of its key, and what it held at that moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Table, func, select

from i94_platform.contracts.model import column_names, is_monthly, key_columns
from i94_platform.contracts.rendering.types import render_columns
from i94_platform.lake.manifest import Entry
from i94_platform.lake.releases import ReleasedMonth
from i94_platform.partitions import Month
from i94_platform.warehouse.loading import count_rows
from i94_platform.warehouse.transaction import Transaction


@dataclass(frozen=True)
class ExportedTable:
    """What a table held when it was exported."""

    rows: int
    months: tuple[str, ...] = ()
    """The months that it has rows of, as YYYY-MM; empty for a table without months."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """By month, the version of its rows; a month that the ledger does not know has none."""
    unchanged: tuple[Entry, ...] = ()
    """The published files of the months that were not exported, since they have not changed."""


def render_ordered_select(contract: Table, month: Month | None) -> str:
    """Render the query of a table, or of a month of it: columns as in the contract, rows in the order of the key."""
    columns, key = (", ".join(f'"{n}"' for n in names) for names in (column_names(contract), key_columns(contract)))
    where = f" WHERE i94yr = {month.year} AND i94mon = {month.month}" if month else ""
    return f"SELECT {columns} FROM {contract.fullname}{where} ORDER BY {key}"


def export_table(
    transaction: Transaction,
    contract: Table,
    folder: str,
    fingerprints: Mapping[str, str],
    published: Mapping[str, ReleasedMonth],
) -> ExportedTable:
    """Write a table as Parquet into the new folder of that address, and return what it holds.

    Args:
        transaction: An open transaction.
        contract: The table.
        folder: The address. Each month has a folder in it, unless the published one has its version and its rows.
        fingerprints: By month, the data version in the ledger.
        published: What is published of it, by month.
    """
    if not is_monthly(contract):
        transaction.export(contract, folder)
        return ExportedTable(count_rows(transaction, contract))
    rows = _count_rows_by_month(transaction, contract)
    known = {month.key: fingerprints[month.key] for month in rows if month.key in fingerprints}
    versions = {key: _compute_version(contract, fingerprint) for key, fingerprint in known.items()}
    unchanged: list[Entry] = []
    for month, count in rows.items():
        released = published.get(month.key)
        if released and (released.version, released.rows) == (versions.get(month.key), count):
            unchanged += released.entries
        else:
            transaction.export(contract, f"{folder}/{month.key}", month)
    return ExportedTable(sum(rows.values()), tuple(month.key for month in rows), versions, tuple(unchanged))


def _count_rows_by_month(transaction: Transaction, contract: Table) -> dict[Month, int]:
    month = (contract.c.i94yr, contract.c.i94mon)
    counts = transaction.execute(select(*month, func.count().label("n")).group_by(*month).order_by(*month)).to_pylist()
    return {Month(row["i94yr"], row["i94mon"]): row["n"] for row in counts}


def _compute_version(contract: Table, fingerprint: str) -> str:
    return hashlib.blake2b("\n".join([fingerprint, *render_columns(contract)]).encode(), digest_size=8).hexdigest()
