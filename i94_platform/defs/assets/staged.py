"""The staged layer: cleaned, typed datasets in the lake.

Here: the arrivals by month with their quarantine, run by the engine, and the three reference datasets. Not here: the
rules and the parsing (`transforms`), and the checks that decide whether a month goes on.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import (
    airport_codes,
    i94cit_res,
    immigration,
    immigration_quarantine,
    us_cities_demographics,
    warehouse_metadata,
    world_temperature,
)
from i94_platform.contracts.rendering.arrow import arrow_schema, to_arrow
from i94_platform.defs.metadata import combine_versions, dataset_result, layer_key, raise_dagster_failures, write_id
from i94_platform.defs.table_metadata import render_markdown_table
from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources import deliveries
from i94_platform.sources.listing import Delivery, list_deliveries
from i94_platform.sql.query import Query
from i94_platform.transforms.immigration import queries as arrivals
from i94_platform.transforms.temperatures import queries as temperatures

if TYPE_CHECKING:
    import pandas as pd

POOL = "staging"
"""Months that are staged at a time are limited, over all runs: `I94_STAGING_CONCURRENCY`."""

IMMIGRATION, QUARANTINE = layer_key("staged", "immigration"), layer_key("staged", "immigration_quarantine")

CODE_LIST_DATASETS = tuple(Dataset(f"lookup/{name}") for name in (*arrivals.JOINED_CODE_LISTS, "i94cit_res"))
"""The code lists that decide what becomes of a delivered row."""

_COUNTRY_CODES = Query(
    "SELECT code, CAST(sum(arrivals) AS BIGINT) AS arrivals FROM ("
    "SELECT i94cit AS code, count(*) AS arrivals FROM staged GROUP BY i94cit "
    "UNION ALL SELECT i94res AS code, count(*) AS arrivals FROM staged GROUP BY i94res) AS seen "
    "WHERE code IS NOT NULL GROUP BY code ORDER BY code",
    is_portable=True,
)
_REASONS = Query(
    "SELECT reasons, count(*) AS refused FROM refused GROUP BY reasons ORDER BY refused DESC, reasons", is_portable=True
)
_REFUSED = Query(
    "SELECT source_file, source_row, reasons, cicid FROM refused ORDER BY source_file, source_row LIMIT 10",
    is_portable=True,
)


def stage_month(
    month: Month, raw: Store, lake: Lake, engine: Engine, run_id: str, report: Callable[[str], None]
) -> tuple[Manifest, Manifest]:
    """Stage one month and commit its quarantine and its accepted rows, in that order.

    One pass writes the accepted rows. A second one leaves out the surplus rows of repeated keys, where there are any:
    months repeat none as a rule, and one written column is quick to read back. The refused rows are looked for only
    where the footers say that some are missing. Both manifests carry the run, the delivered rows and the data version.

    Raises:
        PermanentFailure: no delivery, an unreadable file, a missing or re-typed column.
    """
    accepted, refused = Dataset("staged/immigration", month.key), Dataset("staged/immigration_quarantine", month.key)
    with (
        lake.write_lock(accepted),
        lake.write_lock(refused),
        lake.scratch_folder(accepted) as scratch,
        engine.session(),
    ):
        delivery = list_deliveries(raw.list()).require_month(month, raw.root)
        version = compute_month_version(delivery, raw, lake)
        _name_code_lists(lake, engine)
        readable = deliveries.prepare_arrivals(delivery, raw, lake.store, scratch)
        report(f"Reading {readable.rows:,} rows from {len(delivery.files)} file(s), {delivery.size:,} bytes")
        if readable.extra_columns:
            report(f"Columns that no contract has, left out: {', '.join(readable.extra_columns)}")
        engine.register_delivery(readable.groups)
        run_id, entries = _write_accepted(month, lake, engine, accepted, run_id)
        missing = readable.rows - sum(entry.rows for entry in entries)
        stats: dict[str, Any] = {
            "delivered_rows": readable.rows,
            "delivered_files": [file.path for file in delivery.files],
            "extra_columns": list(readable.extra_columns),
        }
        quarantine = _quarantine(month, lake, engine, refused, run_id, version, missing, stats)
        stats |= {"quarantined_rows": quarantine.rows, "unlisted_countries": _unlisted_countries(lake, engine, entries)}
        manifest = lake.commit(accepted, run_id, entries, fingerprint=version, stats=stats)
    return manifest, quarantine


def compute_month_version(delivery: Delivery, raw: Store, lake: Lake) -> str:
    """The data version that staging a delivery now would give: its content, the code lists, and this code."""
    return combine_versions(
        delivery.fingerprint(raw), *(lake.require_manifest(dataset).fingerprint for dataset in CODE_LIST_DATASETS)
    )


def _write_accepted(
    month: Month, lake: Lake, engine: Engine, dataset: Dataset, run_id: str
) -> tuple[str, tuple[Entry, ...]]:
    """Write the accepted rows and name them `staged`; the run folder's name and its files."""
    engine.register_table("surplus", arrivals.empty_duplicate_rows())
    entries = _write(arrivals.render_accepted(month), lake, engine, dataset, run_id)
    if entries and engine.has_duplicates("staged", "cicid"):
        engine.materialize("repeated", arrivals.render_duplicate_keys())
        engine.materialize("surplus", arrivals.render_duplicate_rows(month))
        # a folder of its own: what repeats was found in the first one, which the commit sweeps
        run_id = f"{run_id}-distinct"
        entries = _write(arrivals.render_accepted(month, distinct=True), lake, engine, dataset, run_id)
    return run_id, entries


def _write(query: Query, lake: Lake, engine: Engine, dataset: Dataset, run_id: str) -> tuple[Entry, ...]:
    engine.write(query, lake.run_folder(dataset, run_id))
    entries = lake.collect_entries(dataset, run_id, immigration)
    engine.register_files("staged", [entry.url for entry in entries])
    return entries


def _name_code_lists(lake: Lake, engine: Engine) -> None:
    """Give the engine the code lists that the rules need."""
    for name in arrivals.JOINED_CODE_LISTS:
        rows = lake.read_table(
            lake.require_manifest(Dataset(f"lookup/{name}")), warehouse_metadata.tables[f"i94.{name}"]
        )
        engine.register_table(name, rows.select(["code"]))


def _quarantine(
    month: Month,
    lake: Lake,
    engine: Engine,
    dataset: Dataset,
    run_id: str,
    version: str,
    missing: int,
    stats: dict[str, Any],
) -> Manifest:
    if missing:
        engine.write(arrivals.render_rejected(month), lake.run_folder(dataset, run_id))
        entries = lake.collect_entries(dataset, run_id, immigration_quarantine)
        engine.register_files("refused", [entry.url for entry in entries])
        reasons = {row["reasons"]: row["refused"] for row in engine.fetch(_REASONS).to_pylist()}
        stats = {**stats, "reasons": reasons, "sample": [_finite(row) for row in engine.fetch(_REFUSED).to_pylist()]}
        return lake.commit(dataset, run_id, entries, fingerprint=version, stats=stats)
    return lake.write_table(
        dataset,
        run_id,
        immigration_quarantine,
        arrow_schema(immigration_quarantine).empty_table(),
        fingerprint=version,
        stats={**stats, "reasons": {}, "sample": []},
    )


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """A row without NaN and infinities, which JSON does not know."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _unlisted_countries(lake: Lake, engine: Engine, entries: Sequence[Entry]) -> dict[str, int]:
    """Country codes of the month that the code list lacks, each with the arrivals that carry it as either code."""
    if not entries:
        return {}
    listed = set(
        lake.read_table(lake.require_manifest(Dataset("lookup/i94cit_res")), i94cit_res).column("code").to_pylist()
    )
    return {str(r["code"]): r["arrivals"] for r in engine.fetch(_COUNTRY_CODES).to_pylist() if r["code"] not in listed}


def _immigration_assets(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="staged_immigration",
        partitions_def=partitions,
        pool=POOL,
        specs=[
            dg.AssetSpec(
                asset_key,
                deps=[
                    layer_key("raw", "immigration"),
                    *(dg.AssetKey(dataset.name.split("/")) for dataset in CODE_LIST_DATASETS),
                ],
                description=contract.comment,
            )
            for asset_key, contract in ((IMMIGRATION, immigration), (QUARANTINE, immigration_quarantine))
        ],
    )
    def staged_immigration(
        context: dg.AssetExecutionContext,
        raw: dg.ResourceParam[Store],
        lake: dg.ResourceParam[Lake],
        engine: dg.ResourceParam[Engine],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        with raise_dagster_failures() as seconds:
            month = Month.parse(context.partition_key)
            manifest, quarantine = stage_month(month, raw, lake, engine, write_id(context), context.log.info)
        delivered = {"delivered_rows": manifest.stats["delivered_rows"], "engine": engine.name}
        reasons = [{"reasons": k, "rows": v} for k, v in quarantine.stats["reasons"].items()]
        yield dataset_result(
            QUARANTINE,
            immigration_quarantine,
            quarantine,
            lake,
            seconds(),
            {"reasons": dg.MetadataValue.md(render_markdown_table(reasons, 100))},
        )
        yield dataset_result(
            IMMIGRATION,
            immigration,
            manifest,
            lake,
            seconds(),
            {
                **delivered,
                "quarantined_rows": quarantine.rows,
                "extra_columns": ", ".join(manifest.stats["extra_columns"]) or "none",
                "unlisted_countries": manifest.stats["unlisted_countries"],
            },
        )

    return staged_immigration


def _read_reference(
    name: str, source: str, contract: Table, read: Callable[[BinaryIO, str], "pd.DataFrame"]
) -> dg.AssetsDefinition:
    """An asset that reads one small file with pandas and commits it."""

    @dg.asset(key=layer_key("staged", name), deps=[layer_key("raw", source)], description=contract.comment)
    def staged(
        context: dg.AssetExecutionContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[Any]:
        with raise_dagster_failures() as seconds:
            delivery = list_deliveries(raw.list()).require_reference(source, raw.root)
            path, version = delivery.files[0].path, combine_versions(delivery.fingerprint(raw))
            dataset = Dataset(f"staged/{name}")
            with lake.write_lock(dataset), raw.open(path) as content:
                frame = read(content, path)
                rows = to_arrow(frame, contract)
                manifest = lake.write_table(dataset, write_id(context), contract, rows, fingerprint=version)
            notes = {str(k): v if isinstance(v, str) else ", ".join(v) or "none" for k, v in frame.attrs.items()}
            return dataset_result(layer_key("staged", name), contract, manifest, lake, seconds(), notes)

    return staged


def _temperature_asset() -> dg.AssetsDefinition:
    asset_key = layer_key("staged", "world_temperature")

    @dg.asset(key=asset_key, deps=[layer_key("raw", "land_temperatures")], description=world_temperature.comment)
    def staged_world_temperature(
        context: dg.AssetExecutionContext,
        raw: dg.ResourceParam[Store],
        lake: dg.ResourceParam[Lake],
        engine: dg.ResourceParam[Engine],
    ) -> dg.MaterializeResult[Any]:
        with raise_dagster_failures() as seconds:
            manifest = stage_temperatures(raw, lake, engine, write_id(context))
        unmatched = ", ".join(manifest.stats["countries_without_iso3"]) or "none"
        return dataset_result(
            asset_key,
            world_temperature,
            manifest,
            lake,
            seconds(),
            {
                "delivered_rows": manifest.stats["delivered_rows"],
                "repeated_rows": manifest.stats["repeated_rows"],
                "countries_without_iso3": unmatched,
                "engine": engine.name,
            },
        )

    return staged_world_temperature


def stage_temperatures(raw: Store, lake: Lake, engine: Engine, run_id: str) -> Manifest:
    """Stage the city temperatures.

    Raises:
        PermanentFailure: a column is missing, or a row has a date, place or number that can't be read.
    """
    import pyarrow as pa

    from i94_platform.transforms.country import match_names

    dataset = Dataset("staged/world_temperature")
    with lake.write_lock(dataset), lake.scratch_folder(dataset) as scratch, engine.session():
        delivery = list_deliveries(raw.list()).require_reference("land_temperatures", raw.root)
        readable = deliveries.prepare_text_file(
            delivery, raw, lake.store, scratch, tuple(temperatures.HEADERS.values())
        )
        engine.register_delivery(readable.groups)
        if problems := engine.fetch(temperatures.render_unreadable()).to_pylist():
            told_rows = "; ".join(f"row {row['source_row'] + 1}: {row['problem']}" for row in problems)
            raise PermanentError(f"{delivery.files[0].path} has values that can't be read, {told_rows}. Correct them.")
        iso3 = match_names([row["country"] for row in engine.fetch(temperatures.render_country_names()).to_pylist()])
        names = pa.table({"country": list(iso3), "iso3": pa.array(iso3.values(), pa.string())})
        engine.register_table("country_iso3", names)
        engine.write(temperatures.render_accepted(), lake.run_folder(dataset, run_id))
        entries = lake.collect_entries(dataset, run_id, world_temperature)
        stats = {
            "delivered_rows": readable.rows,
            "repeated_rows": readable.rows - sum(entry.rows for entry in entries),
            "countries_without_iso3": sorted(name for name, code in iso3.items() if code is None),
        }
        return lake.commit(
            dataset, run_id, entries, fingerprint=combine_versions(delivery.fingerprint(raw)), stats=stats
        )


def staged_assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The staged layer."""
    from i94_platform.sources.airports import read_airports
    from i94_platform.sources.demographics import read_demographics

    return [
        _immigration_assets(partitions),
        _read_reference("us_cities_demographics", "us_cities_demographics", us_cities_demographics, read_demographics),
        _read_reference("airport_codes", "airport_codes", airport_codes, read_airports),
        _temperature_asset(),
    ]
