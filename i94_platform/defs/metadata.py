"""What every asset does alike: keys, months, failures and metadata.

Here: small helpers over Dagster's own terms. Not here: any one asset.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.defs.column_lineage.schema import column_lineage, column_schema
from i94_platform.defs.table_metadata import to_table_metadata
from i94_platform.errors import PlatformError, TransientError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.manifest import Manifest

RETRIES = dg.RetryPolicy(max_retries=3, delay=15, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)
"""After about 15, 45 and 105 seconds, each 15 more or less: what failed together is not tried again together."""

PREVIEW_ROWS = 10

CODE_VERSION = "1"
"""Raise it when a transform's result changes for the same input: everything staged before is stale then."""


def layer_key(layer: str, name: str) -> dg.AssetKey:
    """The asset key of a dataset: layer and name, which is also its folder and its table."""
    return dg.AssetKey([layer, name])


def build_monthly_partitions(first_month: str) -> dg.MonthlyPartitionsDefinition:
    """The months that every monthly asset shares; the last one is the last completed month."""
    return dg.MonthlyPartitionsDefinition(start_date=first_month, fmt="%Y-%m")


@contextmanager
def raise_dagster_failures() -> Iterator[Callable[[], float]]:
    """Turn the platform's failures into Dagster's: a transient one is retried later and later, a permanent one never.

    Not the step's own policy, which would try a permanent failure, and a mistake in the code, as often. What it gives
    tells the seconds since it was entered.
    """
    started = time.perf_counter()
    try:
        yield lambda: time.perf_counter() - started
    except TransientError as failure:
        wait = RETRIES.calculate_delay(dg.OpExecutionContext.get().retry_number + 1)
        raise dg.RetryRequested(max_retries=RETRIES.max_retries, seconds_to_wait=wait) from failure
    except PlatformError as failure:
        raise dg.Failure(description=str(failure), allow_retries=False) from failure


def write_id(context: dg.AssetExecutionContext) -> str:
    """The name of this attempt's run folder, so that a retry never meets the files of the try before."""
    retry = context.retry_number
    return f"{context.run.run_id}-{retry}" if retry else context.run.run_id


def run_month(context: dg.AssetCheckExecutionContext) -> str:
    """The month that a check's run is about."""
    return context.run.tags["dagster/partition"]


def combine_versions(*fingerprints: str) -> str:
    """The data version of something made from several inputs by this code."""
    return hashlib.blake2b("\n".join((CODE_VERSION, *fingerprints)).encode(), digest_size=16).hexdigest()


def dataset_result(
    asset_key: dg.AssetKey,
    contract: Table,
    manifest: Manifest,
    lake: Lake,
    seconds: float,
    more: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult[Any]:
    """The record of a committed dataset: what `record` tells, its files and bytes, and its first rows."""
    told_of = {
        "bytes": manifest.size,
        "files": len(manifest.entries),
        "manifest": dg.MetadataValue.path(manifest.address),
        "dagster/uri": manifest.address,
        **(more or {}),
    }
    if (first := preview_rows(lake, manifest, contract)) is not None:
        told_of["preview"] = first  # last, since it is long
    return table_result(
        asset_key,
        contract,
        manifest.fingerprint,
        manifest.rows,
        seconds,
        partitioned=bool(manifest.partition),
        more=told_of,
    )


def table_result(
    asset_key: dg.AssetKey,
    contract: Table,
    version: str,
    rows: int,
    seconds: float,
    *,
    partitioned: bool,
    more: Mapping[str, Any],
) -> dg.MaterializeResult[Any]:
    """The record of any table: rows, seconds, data version, column schema and lineage, and the writer's own figures."""
    return dg.MaterializeResult(
        asset_key=asset_key,
        data_version=dg.DataVersion(version),
        metadata={
            "dagster/partition_row_count" if partitioned else "dagster/row_count": rows,
            "seconds": round(seconds, 3),
            "dagster/column_schema": column_schema(asset_key, contract),
            "dagster/column_lineage": column_lineage(asset_key),
            **more,
        },
    )


def preview_rows(lake: Lake, manifest: Manifest, contract: Table) -> dg.TableMetadataValue | None:
    """The first rows of a committed dataset without its personal columns; None where it is superseded by now."""
    columns = [c.name for c in contract.columns if not c.info["personal"]]
    rows = lake.read_first_rows(manifest, contract, columns, PREVIEW_ROWS)
    return None if rows is None else to_table_metadata(rows.to_pylist(), columns)
