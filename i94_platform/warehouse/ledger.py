"""The load ledger: reading it, and writing it in the transaction of the load that it records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import and_, delete, insert, or_, select

from i94_platform.contracts import load_ledger
from i94_platform.warehouse.transaction import Transaction


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class LedgerEntry:
    """What a table, or one month of it, holds now; the fields are the columns of the contract."""

    table_name: str
    partition_key: str
    manifest: str
    fingerprint: str
    run_id: str
    loaded_rows: int
    loaded_at: str = field(default_factory=_now)
    acceptance: str = ""


def read_entries(transaction: Transaction) -> list[LedgerEntry]:
    """Read the entries by table and month."""
    key = (load_ledger.c.table_name, load_ledger.c.partition_key)
    return [LedgerEntry(**row) for row in transaction.execute(select(load_ledger).order_by(*key)).to_pylist()]


def record_loads(transaction: Transaction, entries: Sequence[LedgerEntry]) -> None:
    """Replace the entries of some tables, or of one month of each of them."""
    is_same = [
        and_(load_ledger.c.table_name == entry.table_name, load_ledger.c.partition_key == entry.partition_key)
        for entry in entries
    ]
    transaction.execute(delete(load_ledger).where(or_(*is_same)))
    transaction.execute(insert(load_ledger).values([*map(vars, entries)]))
