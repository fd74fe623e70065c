"""Stage a month of arrivals: accepted rows, rejected rows and unreadable values, each committed with its manifest."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from i94_platform.contracts import (
    STAGED_MONTH,
    immigration,
    immigration_quarantine,
    warehouse_metadata,
)
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.data_versions import compute_month_version
from i94_platform.pipeline.gate import Gate
from i94_platform.pipeline.unreadable import UnreadableValues, find_suspect_columns, write_unreadable
from i94_platform.pipeline.value_counts import ValueCounts, count_values
from i94_platform.progress import report_progress, start_phase
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.preparation import PreparedDelivery, name_damaged_files, prepare_arrivals
from i94_platform.sql.query import Query
from i94_platform.transforms.immigration import queries

KEYS_ARE_UNIQUE = "keys_are_unique"
"""The stat of the accepted rows by which nobody needs to look for repeated keys again."""


@dataclass(frozen=True)
class StagedMonth:
    """The three manifests of a staged month; all name the run, the delivered rows and the data version."""

    accepted: Manifest
    quarantine: Manifest
    unreadable: Manifest


def stage_month(
    month: Month, raw: Store, lake: Lake, engine: Engine, gate: Gate, run_id: str, report: Callable[[str], None]
) -> StagedMonth:
    """Stage one month and commit its quarantine, its unreadable values and its accepted rows, in that order.

    The month keeps its content if the gate blocks the rows.

    One pass writes the accepted rows. A second one follows only if a key repeats, and leaves the duplicate rows out.
    The rejected rows are written only if rows are missing among the accepted ones, unreadable values only of columns
    in which values are missing. Most months need one pass.

    Args:
        report: Receives one message per line of progress, for the log of the run.

    Raises:
        PermanentError: there is no delivery, a file can't be read, or a column is missing or has another type.
    """
    datasets = [Dataset(f"staged/{contract.name}", month.key) for contract in STAGED_MONTH]
    with _lock(lake, engine, datasets) as scratch, report_progress(month.key, report) as progress:
        delivery = list_deliveries(raw).require_month(month, raw.root)
        version = compute_month_version(delivery, raw, lake)
        _register_code_lists(lake, engine)
        prepared = prepare_arrivals(delivery, raw, lake.store, scratch)
        _report_delivery(delivery, prepared, report)
        progress.start("staging", prepared.rows, engine.read_share)
        with name_damaged_files(prepared, raw):
            files = _write_month(month, prepared, raw, lake, engine, datasets, run_id, scratch)
            values = count_values(lake, engine) if files.accepted else ValueCounts({}, {})
        _report_unreadable(files.unreadable, report)
        stats = _delivery_stats(delivery, prepared, raw) | files.unreadable.stats | values.stats
        return _commit_month(files, datasets, lake, gate, version, stats)


@contextmanager
def _lock(lake: Lake, engine: Engine, datasets: Sequence[Dataset]) -> Iterator[str]:
    """Be the only writer of the datasets, in a session of the engine; give a scratch folder."""
    with ExitStack() as contexts:
        for dataset in datasets:
            contexts.enter_context(lake.write_lock(dataset))
        scratch = contexts.enter_context(lake.scratch_folder(datasets[0]))
        contexts.enter_context(engine.session())
        yield scratch


@dataclass(frozen=True)
class _WrittenMonth:
    """The files of a month that is not committed yet."""

    run_id: str
    accepted: tuple[Entry, ...]
    rejected: tuple[Entry, ...]
    reject_stats: dict[str, Any]
    unreadable: UnreadableValues
    keys_are_unique: bool


def _write_month(
    month: Month,
    prepared: PreparedDelivery,
    raw: Store,
    lake: Lake,
    engine: Engine,
    datasets: Sequence[Dataset],
    run_id: str,
    scratch: str,
) -> _WrittenMonth:
    """Write the files of the three datasets."""
    accepted, rejected, unreadable = datasets
    engine.register_delivery(prepared.groups, prepared.rows)
    run_id, entries, keys_are_unique = _write_accepted(month, lake, engine, accepted, run_id)
    start_phase("checking", prepared.rows)
    has_rejects = prepared.rows > _count_rows(entries)
    rejects, reject_stats = _write_rejected(month, lake, engine, rejected, run_id, has_rejects=has_rejects)
    suspects = find_suspect_columns(prepared, raw, lake, engine, entries, rejects)
    values = write_unreadable(month, lake, engine, unreadable, run_id, scratch, suspects)
    return _WrittenMonth(run_id, entries, rejects, reject_stats, values, keys_are_unique)


def _commit_month(
    files: _WrittenMonth, datasets: Sequence[Dataset], lake: Lake, gate: Gate, version: str, stats: dict[str, Any]
) -> StagedMonth:
    """Commit the files of the three datasets; those that the gate blocks replace nothing."""
    accepted, rejected, unreadable = datasets
    rejected_rows = _count_rows(files.rejected)
    verdict = gate.judge(accepted, _count_rows(files.accepted), {**stats, "rejected_rows": rejected_rows})
    accepted_stats = {"quarantined_rows": rejected_rows, KEYS_ARE_UNIQUE: files.keys_are_unique, **verdict.stats}
    commit = partial(lake.commit, run_id=files.run_id, fingerprint=version, is_blocked=verdict.is_blocked)
    # the accepted rows last: who finds them finds the others too
    return StagedMonth(
        quarantine=commit(rejected, entries=files.rejected, stats=stats | files.reject_stats),
        unreadable=commit(unreadable, entries=files.unreadable.entries, stats=stats),
        accepted=commit(accepted, entries=files.accepted, stats=stats | accepted_stats),
    )


def _count_rows(entries: Sequence[Entry]) -> int:
    return sum(entry.rows for entry in entries)


def _report_delivery(delivery: Delivery, prepared: PreparedDelivery, report: Callable[[str], None]) -> None:
    report(f"Reading {prepared.rows:,} rows from {len(delivery.files)} file(s), {delivery.size:,} bytes")
    if prepared.extra_columns:
        report(f"Ignored columns that are in no contract: {', '.join(prepared.extra_columns)}")
    for remark in prepared.remarks:
        report(remark)


def _report_unreadable(values: UnreadableValues, report: Callable[[str], None]) -> None:
    for name, count in values.counts.items():
        report(f"{count:,} of {values.delivered_values[name]:,} values of {name} can't be read and are null")


def _delivery_stats(delivery: Delivery, prepared: PreparedDelivery, raw: Store) -> dict[str, Any]:
    return {
        "listing": delivery.listing_fingerprint(raw),
        "delivered_rows": sum(prepared.independent_rows.values()),
        "deleted_rows": prepared.deleted_rows,
        "delivered_files": [file.path for file in delivery.files],
        "superseded": list(delivery.superseded),
        "extra_columns": list(prepared.extra_columns),
        "remarks": list(prepared.remarks),
    }


def _register_code_lists(lake: Lake, engine: Engine) -> None:
    """Register the code lists that the queries read, each under its name."""
    for name in queries.JOINED_CODE_LISTS:
        manifest = lake.require_manifest(Dataset(f"lookup/{name}"))
        rows = lake.read_table(manifest, warehouse_metadata.tables[f"i94.{name}"])
        engine.register_table(name, rows.select(["code"]))


def _write_accepted(
    month: Month, lake: Lake, engine: Engine, dataset: Dataset, run_id: str
) -> tuple[str, tuple[Entry, ...], bool]:
    """Write the accepted rows and register them as `staged`.

    Returns:
        The run folder's name, its files, and whether no key repeats in them.
    """
    engine.register_table("duplicate_rows", queries.build_empty_duplicate_rows())
    entries = _write(queries.render_accepted(month), lake, engine, dataset, run_id)
    if not (entries and engine.has_duplicates("staged", "cicid")):
        return run_id, entries, True
    engine.materialize("duplicate_keys", queries.render_duplicate_keys())
    engine.materialize("duplicate_rows", queries.render_duplicate_rows(month))
    # a folder of its own: the duplicates are read from the first one, which the commit sweeps
    run_id = f"{run_id}-distinct"
    entries = _write(queries.render_accepted(month, distinct=True), lake, engine, dataset, run_id)
    return run_id, entries, not engine.has_duplicates("staged", "cicid")


def _write(query: Query, lake: Lake, engine: Engine, dataset: Dataset, run_id: str) -> tuple[Entry, ...]:
    engine.write(query, lake.run_folder(dataset, run_id))
    entries = lake.collect_entries(dataset, run_id, immigration)
    engine.register_files("staged", [entry.url for entry in entries])
    return entries


def _write_rejected(
    month: Month, lake: Lake, engine: Engine, dataset: Dataset, run_id: str, *, has_rejects: bool
) -> tuple[tuple[Entry, ...], dict[str, Any]]:
    """Write the rejected rows with their reasons; return the files and the figures of the reasons."""
    if not has_rejects:
        rows = arrow_schema(immigration_quarantine).empty_table()
        return lake.write_part(dataset, run_id, immigration_quarantine, rows), {"reasons": {}, "sample": []}
    engine.write(queries.render_rejected(month), lake.run_folder(dataset, run_id))
    entries = lake.collect_entries(dataset, run_id, immigration_quarantine)
    engine.register_files("rejected", [entry.url for entry in entries])
    counts = engine.fetch(queries.render_rejection_reasons()).to_pylist()
    reasons = {row["reasons"]: row["rejected_rows"] for row in counts}
    sample = [_without_nan(row) for row in engine.fetch(queries.render_rejected_sample()).to_pylist()]
    return entries, {"reasons": reasons, "sample": sample}


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    """Replace NaN and infinities by None, because JSON has neither."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}
