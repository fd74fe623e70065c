"""The data version that a table holds, or a month of it: by Dagster's records or by the warehouse's ledger."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import dagster as dg

from i94_platform.contracts import MARTS
from i94_platform.errors import PlatformError
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry

logger = logging.getLogger(__name__)

DATA_VERSION_TAG = "dagster/data_version"

LISTING_TAG = ".dagster/i94_listing"
"""The listing fingerprint of the delivery that a load read. The UI hides tags with the prefix `.dagster/`."""


@dataclass(frozen=True)
class HeldVersion:
    """What a table holds, and the load that brought it."""

    version: str
    run_id: str = ""
    loaded_at: float = 0.0
    """In seconds since 1970."""
    listing: str = ""
    """The listing fingerprint of the delivery; empty if it is not recorded."""


@dataclass(frozen=True)
class HeldVersions:
    """Finds what tables hold. It reads each source once, when it is first needed."""

    instance: dg.DagsterInstance
    read_ledger: Callable[[], Iterable[LedgerEntry]] = tuple
    prefers_ledger: bool = False
    """Whether only the ledger is asked."""

    @classmethod
    def from_ledger(cls, ledger: Iterable[LedgerEntry], instance: dg.DagsterInstance) -> HeldVersions:
        """Answer from a ledger that was read."""
        return cls(instance, lambda: ledger, prefers_ledger=True)

    @classmethod
    def from_records(cls, instance: dg.DagsterInstance, warehouse: Warehouse | None = None) -> HeldVersions:
        """Answer from Dagster's records; ask the warehouse, which may be paused, only if they lack the version.

        If the warehouse does not answer, it counts as empty, so that its content is loaded.
        """

        def read_ledger() -> Iterable[LedgerEntry]:
            try:
                return warehouse.read_ledger() if warehouse else ()
            except PlatformError as error:
                logger.warning("The warehouse counts as empty, because it does not answer: %s", error)
                return ()

        return cls(instance, read_ledger)

    def find(self, table: str, month: str, version: str) -> HeldVersion | None:
        """Find what a table holds, or a month of it; `version` is the one that it would have now."""
        record = None if self.prefers_ledger else self.find_record(table, month)
        if record is not None and record.version == version:
            return record
        return self._ledger.get((table, month), record)

    def has(self, table: str, month: str) -> bool:
        """Whether a table, or a month of it, was ever loaded."""
        has_record = not self.prefers_ledger and self.find_record(table, month) is not None
        return has_record or (table, month) in self._ledger

    def find_record(self, table: str, month: str) -> HeldVersion | None:
        """Find Dagster's newest record of a table, or of a month of it."""
        if table not in self._records:
            self._records[table] = _read_records(table, is_monthly=bool(month), instance=self.instance)
        return self._records[table].get(month)

    @cached_property
    def _records(self) -> dict[str, Mapping[str, HeldVersion]]:
        return {}

    @cached_property
    def _ledger(self) -> Mapping[tuple[str, str], HeldVersion]:
        return index_ledger(self.read_ledger())


def index_ledger(ledger: Iterable[LedgerEntry]) -> Mapping[tuple[str, str], HeldVersion]:
    """Return what the ledger says of each table and month; the month is empty for tables without months."""
    return {
        (entry.table_name, entry.partition_key): HeldVersion(
            entry.fingerprint, entry.run_id, dt.datetime.fromisoformat(entry.loaded_at).timestamp()
        )
        for entry in ledger
    }


def _read_records(table: str, *, is_monthly: bool, instance: dg.DagsterInstance) -> Mapping[str, HeldVersion]:
    """Read the newest record of each month of a table, in two queries; the month is empty for other tables."""
    key = dg.AssetKey(["mart" if table in {mart.name for mart in MARTS} else "warehouse", table])
    if is_monthly:
        type_ = dg.DagsterEventType.ASSET_MATERIALIZATION
        ids = list(instance.get_latest_storage_id_by_partition(key, type_).values())
        filter_ = dg.AssetRecordsFilter(key, storage_ids=ids)
        records = instance.fetch_materializations(filter_, limit=len(ids)).records if ids else ()
    else:
        records = instance.fetch_materializations(key, limit=1).records
    return {record.partition_key or "": held for record in records if (held := _to_held_version(record))}


def _to_held_version(record: dg.EventLogRecord) -> HeldVersion | None:
    """Return what a record says; None if it has no data version, such as one that a person reported in the UI."""
    tags = (record.asset_materialization and record.asset_materialization.tags) or {}
    if DATA_VERSION_TAG not in tags:
        return None
    return HeldVersion(tags[DATA_VERSION_TAG], record.run_id, record.timestamp, tags.get(LISTING_TAG, ""))
