"""Data versions: a hash over the inputs and the code of a dataset, table or mart.

Equal inputs and equal code give an equal version. An asset is stale if the version that it would get now differs from
the one that it has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from sqlalchemy import Table

from i94_platform.contracts import immigration
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.marts import correlations, rendering
from i94_platform.sources.delivery import Delivery
from i94_platform.transforms.immigration import queries
from i94_platform.warehouse.ledger import LedgerEntry

CODE_VERSION = "2"
"""Raise it when a transform gives another result for the same input. It makes everything staged before stale."""

CODE_LIST_DATASETS = tuple(Dataset(f"lookup/{name}") for name in (*queries.JOINED_CODE_LISTS, "i94cit_res"))
"""The code lists that the staging of a month reads."""

LedgerVersions = Mapping[tuple[str, str], str]
"""Data versions by table name and month; the month is empty for tables without months."""


def combine_versions(*versions: str) -> str:
    """Hash the versions of several inputs, and of this code, into one: 32 hexadecimal digits."""
    return hashlib.blake2b("\n".join((CODE_VERSION, *versions)).encode(), digest_size=16).hexdigest()


def compute_month_version(delivery: Delivery, raw: Store, lake: Lake) -> str:
    """Compute the version of a staged month: its delivery's content and the code lists."""
    lists = [lake.find_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    if missing := [str(dataset) for dataset, list_ in zip(CODE_LIST_DATASETS, lists, strict=True) if list_ is None]:
        raise PermanentError(f"{', '.join(missing)} is not in the lake at {lake.store.root}; run: i94 run.")
    return combine_versions(delivery.fingerprint(raw), *(list_.fingerprint for list_ in lists if list_))


def ledger_versions(ledger: Iterable[LedgerEntry]) -> LedgerVersions:
    """Return the data version of each table and month in the ledger."""
    return {(entry.table_name, entry.partition_key): entry.fingerprint for entry in ledger}


def compute_mart_version(mart: Table, month: str, versions: LedgerVersions) -> str:
    """Compute the version of a month of a mart from its SQL and its sources; empty if the month is not loaded."""
    if (immigration.name, month) not in versions:
        return ""
    names = rendering.upstream_tables(mart)
    upstream = [versions.get((name, month if name == immigration.name else ""), "") for name in names]
    return combine_versions(rendering.render_sql(mart), *upstream)


def compute_correlations_version(versions: LedgerVersions) -> str:
    """Compute the version of the correlations from the marts that they read; empty if there are none."""
    sources = {mart.name for mart in correlations.SOURCES.values()}
    lines = sorted(f"{name} {month} {version}" for (name, month), version in versions.items() if name in sources)
    return combine_versions(*lines) if lines else ""
