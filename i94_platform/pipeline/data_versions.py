"""Data versions: hashes over the inputs and the code of a dataset, table or mart.

Equal inputs and equal code give an equal version. An asset is stale if the version that it would get now differs from
the one that it holds. A version has a part for each kind of input, so that two versions tell why they differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from sqlalchemy import Table

from i94_platform.contracts import STAGED_MONTH, immigration
from i94_platform.contracts.rendering.types import render_columns
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.marts import correlations, rendering
from i94_platform.sources.delivery import Delivery
from i94_platform.transforms.immigration import queries
from i94_platform.warehouse.ledger import LedgerEntry

CODE_VERSION = "3"
"""Raise it when a transform gives another result for the same input and no other columns. It makes everything staged
before stale."""

CODE_LIST_DATASETS = tuple(Dataset(f"lookup/{name}") for name in (*queries.JOINED_CODE_LISTS, "i94cit_res"))
"""The code lists that the staging of a month reads."""

LedgerVersions = Mapping[tuple[str, str], str]
"""Data versions by table name and month; the month is empty for tables without months."""


def hash_parts(*parts: str) -> str:
    """Hash each part to 16 hexadecimal digits, and join the hashes."""
    return "-".join(hashlib.blake2b(part.encode(), digest_size=8).hexdigest() for part in parts)


def split_version(version: str) -> list[str]:
    """Split a version into the hashes of its parts."""
    return version.split("-")


def combine_versions(contract: Table, *versions: str) -> str:
    """Compute the version of rows that are made from several inputs: one part for the inputs, one for the code."""
    return hash_parts("\n".join(versions), _code_version(contract))


def compute_month_version(delivery: Delivery, raw: Store, lake: Lake) -> str:
    """Compute the version of a staged month, with a part each for its delivery, the code lists and the code."""
    lists = [lake.find_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    if missing := [str(dataset) for dataset, list_ in zip(CODE_LIST_DATASETS, lists, strict=True) if list_ is None]:
        raise PermanentError(f"{', '.join(missing)} is not in the lake at {lake.store.root}; run: i94 run.")
    return combine_month_version(delivery.fingerprint(raw), [list_.fingerprint for list_ in lists if list_])


def combine_month_version(delivery: str, code_lists: Iterable[str]) -> str:
    """Compute the version of a staged month from the versions of its delivery and of the code lists."""
    return hash_parts(delivery, "\n".join(code_lists), _code_version(*STAGED_MONTH))


def _code_version(*contracts: Table) -> str:
    """Compute the version of the code behind tables; a new column makes stale what lacks it."""
    return "\n".join([CODE_VERSION, *(col for contract in contracts for col in render_columns(contract))])


def read_code_list_versions(lake: Lake) -> tuple[str, ...]:
    """Read the version of each code list that months are encoded with; empty if the lake lacks the list."""
    manifests = [lake.read_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    return tuple(manifest.fingerprint if manifest else "" for manifest in manifests)


def ledger_versions(ledger: Iterable[LedgerEntry]) -> LedgerVersions:
    """Return the data version of each table and month in the ledger."""
    return {(entry.table_name, entry.partition_key): entry.fingerprint for entry in ledger}


def compute_mart_version(mart: Table, month: str, versions: LedgerVersions) -> str:
    """Compute the version of a month of a mart, with a part each for the fact, the tables beside it and the SQL.

    It is empty if the month is not loaded.
    """
    fact = versions.get((immigration.name, month), "")
    tables = [versions.get((name, ""), "") for name in rendering.upstream_tables(mart) if name != immigration.name]
    return hash_parts(fact, "\n".join(tables), CODE_VERSION + rendering.render_sql(mart)) if fact else ""


def compute_correlations_version(versions: LedgerVersions) -> str:
    """Compute the version of the correlations, with a part each for their marts and their code; empty without marts."""
    sources = {mart.name for mart in correlations.SOURCES.values()}
    lines = sorted(f"{name} {month} {version}" for (name, month), version in versions.items() if name in sources)
    sql = [correlations.render_query(name, "redshift") for name in correlations.SOURCES]
    code = hash_modules(Path(correlations.__file__).parent)
    return hash_parts("\n".join(lines), "\n".join([CODE_VERSION, code, *sql])) if lines else ""


@cache
def hash_modules(folder: Path) -> str:
    """Hash the Python modules of a package."""
    modules = sorted(module.read_bytes() for module in folder.glob("*.py"))
    return hashlib.blake2b(b"\n".join(modules), digest_size=8).hexdigest()
