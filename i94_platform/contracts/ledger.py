"""The load ledger: what each table of the warehouse holds, written in the transaction that loads it."""

from sqlalchemy import BigInteger, String, Table

from i94_platform.contracts.model import column, table, warehouse_metadata

load_ledger: Table = table(
    warehouse_metadata,
    "load_ledger",
    "What each warehouse table holds now: one row per table or table and month, replaced with the data itself.",
    column("table_name", String(64), "Name of the loaded table.", source="the loader", key=True),
    column(
        "partition_key", String(7), "Month as YYYY-MM; empty for tables without months.", source="the loader", key=True
    ),
    column(
        "manifest",
        String(1024),
        "Address of the manifest that was loaded; empty for a mart that is computed in the warehouse.",
        source="the lake",
        nullable=False,
    ),
    column("fingerprint", String(64), "Data version of what it was made from.", source="the lake", nullable=False),
    column("run_id", String(64), "Run that loaded it.", source="the run", nullable=False),
    column(
        "loaded_rows",
        BigInteger(),
        "Rows that it holds, equal to the manifest's count where there is one.",
        source="the loader",
        unit="rows",
        nullable=False,
        low=0,
    ),
    column("loaded_at", String(32), "Time of the load in UTC, ISO 8601.", source="the loader", nullable=False),
    column(
        "acceptance",
        String(1024),
        "Who accepted a delivery that the gate would have blocked, when and why; empty for any other.",
        source="the gate",
        nullable=False,
    ),
    domain="platform",
    grain="one row per table and partition (table_name, partition_key)",
)
