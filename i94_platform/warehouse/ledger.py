"""The load ledger: reading it, and writing it in the transaction of the load that it records."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import delete, insert, select

from i94_platform.contracts import load_ledger
from i94_platform.warehouse.transaction import Transaction


@dataclass(frozen=True)
class LedgerEntry:
    """What a table, or one month of it, holds now; the fields are the columns of the contract."""

    table_name: str
    partition_key: str
    manifest: str
    fingerprint: str
    run_id: str
    loaded_rows: int
    loaded_at: str
    acceptance: str = ""


def read_entries(transaction: Transaction) -> list[LedgerEntry]:
    """Read the entries by table and month."""
    key = (load_ledger.c.table_name, load_ledger.c.partition_key)
    return [LedgerEntry(**row) for row in transaction.execute(select(load_ledger).order_by(*key)).to_pylist()]


def record_load(
    transaction: Transaction,
    table: str,
    partition_key: str,
    *,
    manifest: str,
    fingerprint: str,
    run_id: str,
    rows: int,
    acceptance: str = "",
) -> None:
    """Replace the entry of a table, or of one month of it."""
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    entry = LedgerEntry(table, partition_key, manifest, fingerprint, run_id, rows, now, acceptance)
    is_same = (load_ledger.c.table_name == table, load_ledger.c.partition_key == partition_key)
    transaction.execute(delete(load_ledger).where(*is_same))
    transaction.execute(insert(load_ledger).values(vars(entry)))
