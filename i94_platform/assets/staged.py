"""The staged layer: cleaned, typed datasets in the lake.

Here: the arrivals by month with their quarantine, run by the engine, and the three reference datasets. Not here: the
rules and the parsing (`transforms`), and the checks that decide whether a month goes on.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import dagster as dg
from sqlalchemy import Table

from i94_platform.assets.common import combined, key, result, told, write_id
from i94_platform.assets.tabular import as_arrow, markdown
from i94_platform.contracts import (
    airport_codes,
    i94cit_res,
    immigration,
    immigration_quarantine,
    us_cities_demographics,
    warehouse_metadata,
    world_temperature,
)
from i94_platform.contracts.render import arrow_schema
from i94_platform.engine import deliveries
from i94_platform.engine.base import Engine
from i94_platform.failures import PermanentFailure
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.raw import Delivery, landed
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.transforms import immigration as arrivals
from i94_platform.transforms import temperatures
from i94_platform.transforms.sql import Query

if TYPE_CHECKING:
    import pandas as pd

POOL = "staging"
"""Months that are staged at a time are limited, over all runs: `I94_STAGED_AT_ONCE`."""

IMMIGRATION, QUARANTINE = key("staged", "immigration"), key("staged", "immigration_quarantine")

ENCODED_WITH = tuple(Dataset(f"lookup/{name}") for name in (*arrivals.CODE_LISTS, "i94cit_res"))
"""The code lists that decide what becomes of a delivered row."""

_COUNTRY_CODES = Query(
    "SELECT code, CAST(sum(arrivals) AS BIGINT) AS arrivals FROM ("
    "SELECT i94cit AS code, count(*) AS arrivals FROM staged GROUP BY i94cit "
    "UNION ALL SELECT i94res AS code, count(*) AS arrivals FROM staged GROUP BY i94res) AS seen "
    "WHERE code IS NOT NULL GROUP BY code ORDER BY code",
    is_plain=True,
)
_REASONS = Query(
    "SELECT reasons, count(*) AS refused FROM refused GROUP BY reasons ORDER BY refused DESC, reasons", is_plain=True
)
_REFUSED = Query(
    "SELECT source_file, source_row, reasons, cicid FROM refused ORDER BY source_file, source_row LIMIT 10",
    is_plain=True,
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
    with lake.writing(accepted), lake.writing(refused), lake.scratch(accepted) as scratch, engine.step():
        delivery = landed(raw.list()).month(month, raw.root)
        version = month_version(delivery, raw, lake)
        _name_code_lists(lake, engine)
        readable = deliveries.prepare(delivery, raw, lake.store, scratch)
        report(f"Reading {readable.rows:,} rows from {len(delivery.files)} file(s), {delivery.size:,} bytes")
        if readable.extra_columns:
            report(f"Columns that no contract has, left out: {', '.join(readable.extra_columns)}")
        engine.view_delivered(readable.groups)
        run_id, entries = _write_accepted(month, lake, engine, accepted, run_id)
        missing = readable.rows - sum(entry.rows for entry in entries)
        facts: dict[str, Any] = {
            "delivered_rows": readable.rows,
            "delivered_files": [file.path for file in delivery.files],
            "extra_columns": list(readable.extra_columns),
        }
        quarantine = _quarantine(month, lake, engine, refused, run_id, version, missing, facts)
        facts |= {"quarantined_rows": quarantine.rows, "unlisted_countries": _unlisted_countries(lake, engine, entries)}
        manifest = lake.commit(accepted, run_id, entries, fingerprint=version, facts=facts)
    return manifest, quarantine


def month_version(delivery: Delivery, raw: Store, lake: Lake) -> str:
    """The data version that staging a delivery now would give: its content, the code lists, and this code."""
    return combined(delivery.fingerprint(raw), *(lake.committed(dataset).fingerprint for dataset in ENCODED_WITH))


def _write_accepted(
    month: Month, lake: Lake, engine: Engine, dataset: Dataset, run_id: str
) -> tuple[str, tuple[Entry, ...]]:
    """Write the accepted rows and name them `staged`; the run folder's name and its files."""
    engine.view_rows("surplus", arrivals.no_surplus())
    entries = _write(arrivals.accepted(month), lake, engine, dataset, run_id)
    if entries and engine.repeats("staged", "cicid"):
        engine.define("repeated", arrivals.repeated())
        engine.define("surplus", arrivals.surplus(month))
        # a folder of its own: what repeats was found in the first one, which the commit sweeps
        run_id = f"{run_id}-distinct"
        entries = _write(arrivals.accepted(month, distinct=True), lake, engine, dataset, run_id)
    return run_id, entries


def _write(query: Query, lake: Lake, engine: Engine, dataset: Dataset, run_id: str) -> tuple[Entry, ...]:
    engine.write(query, lake.run_folder(dataset, run_id))
    entries = lake.written(dataset, run_id, immigration)
    engine.view_files("staged", [entry.url for entry in entries])
    return entries


def _name_code_lists(lake: Lake, engine: Engine) -> None:
    """Give the engine the code lists that the rules need."""
    for name in arrivals.CODE_LISTS:
        rows = lake.read_table(lake.committed(Dataset(f"lookup/{name}")), warehouse_metadata.tables[f"i94.{name}"])
        engine.view_rows(name, rows.select(["code"]))


def _quarantine(
    month: Month,
    lake: Lake,
    engine: Engine,
    dataset: Dataset,
    run_id: str,
    version: str,
    missing: int,
    facts: dict[str, Any],
) -> Manifest:
    if missing:
        engine.write(arrivals.refused(month), lake.run_folder(dataset, run_id))
        entries = lake.written(dataset, run_id, immigration_quarantine)
        engine.view_files("refused", [entry.url for entry in entries])
        reasons = {row["reasons"]: row["refused"] for row in engine.table(_REASONS).to_pylist()}
        facts = {**facts, "reasons": reasons, "sample": [_finite(row) for row in engine.table(_REFUSED).to_pylist()]}
        return lake.commit(dataset, run_id, entries, fingerprint=version, facts=facts)
    return lake.write_table(
        dataset,
        run_id,
        immigration_quarantine,
        arrow_schema(immigration_quarantine).empty_table(),
        fingerprint=version,
        facts={**facts, "reasons": {}, "sample": []},
    )


def _finite(row: dict[str, Any]) -> dict[str, Any]:
    """A row without NaN and infinities, which JSON does not know."""
    return {name: None if isinstance(v, float) and not math.isfinite(v) else v for name, v in row.items()}


def _unlisted_countries(lake: Lake, engine: Engine, entries: Sequence[Entry]) -> dict[str, int]:
    """Country codes of the month that the code list lacks, each with the arrivals that carry it as either code."""
    if not entries:
        return {}
    listed = set(lake.read_table(lake.committed(Dataset("lookup/i94cit_res")), i94cit_res).column("code").to_pylist())
    return {str(r["code"]): r["arrivals"] for r in engine.table(_COUNTRY_CODES).to_pylist() if r["code"] not in listed}


def _immigration_assets(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name="staged_immigration",
        partitions_def=partitions,
        pool=POOL,
        specs=[
            dg.AssetSpec(
                asset_key,
                deps=[
                    key("raw", "immigration"),
                    *(dg.AssetKey(dataset.name.split("/")) for dataset in ENCODED_WITH),
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
        with told() as seconds:
            month = Month.parse(context.partition_key)
            manifest, quarantine = stage_month(month, raw, lake, engine, write_id(context), context.log.info)
        delivered = {"delivered_rows": manifest.facts["delivered_rows"], "engine": engine.name}
        reasons = [{"reasons": k, "rows": v} for k, v in quarantine.facts["reasons"].items()]
        yield result(
            QUARANTINE,
            immigration_quarantine,
            quarantine,
            lake,
            seconds(),
            {"reasons": dg.MetadataValue.md(markdown(reasons, 100))},
        )
        yield result(
            IMMIGRATION,
            immigration,
            manifest,
            lake,
            seconds(),
            {
                **delivered,
                "quarantined_rows": quarantine.rows,
                "extra_columns": ", ".join(manifest.facts["extra_columns"]) or "none",
                "unlisted_countries": manifest.facts["unlisted_countries"],
            },
        )

    return staged_immigration


def _read_reference(
    name: str, source: str, contract: Table, read: Callable[[BinaryIO, str], "pd.DataFrame"]
) -> dg.AssetsDefinition:
    """An asset that reads one small file with pandas and commits it."""

    @dg.asset(key=key("staged", name), deps=[key("raw", source)], description=contract.comment)
    def staged(
        context: dg.AssetExecutionContext, raw: dg.ResourceParam[Store], lake: dg.ResourceParam[Lake]
    ) -> dg.MaterializeResult[Any]:
        with told() as seconds:
            delivery = landed(raw.list()).reference(source, raw.root)
            path, version = delivery.files[0].path, combined(delivery.fingerprint(raw))
            dataset = Dataset(f"staged/{name}")
            with lake.writing(dataset), raw.open(path) as content:
                frame = read(content, path)
                rows = as_arrow(frame, contract)
                manifest = lake.write_table(dataset, write_id(context), contract, rows, fingerprint=version)
            notes = {str(k): v if isinstance(v, str) else ", ".join(v) or "none" for k, v in frame.attrs.items()}
            return result(key("staged", name), contract, manifest, lake, seconds(), notes)

    return staged


def _temperature_asset() -> dg.AssetsDefinition:
    asset_key = key("staged", "world_temperature")

    @dg.asset(key=asset_key, deps=[key("raw", "land_temperatures")], description=world_temperature.comment)
    def staged_world_temperature(
        context: dg.AssetExecutionContext,
        raw: dg.ResourceParam[Store],
        lake: dg.ResourceParam[Lake],
        engine: dg.ResourceParam[Engine],
    ) -> dg.MaterializeResult[Any]:
        with told() as seconds:
            manifest = stage_temperatures(raw, lake, engine, write_id(context))
        unmatched = ", ".join(manifest.facts["countries_without_iso3"]) or "none"
        return result(
            asset_key,
            world_temperature,
            manifest,
            lake,
            seconds(),
            {
                "delivered_rows": manifest.facts["delivered_rows"],
                "repeated_rows": manifest.facts["repeated_rows"],
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

    from i94_platform.transforms.countries import name_iso3

    dataset = Dataset("staged/world_temperature")
    with lake.writing(dataset), lake.scratch(dataset) as scratch, engine.step():
        delivery = landed(raw.list()).reference("land_temperatures", raw.root)
        readable = deliveries.prepare_text(delivery, raw, lake.store, scratch, tuple(temperatures.HEADERS.values()))
        engine.view_delivered(readable.groups)
        if problems := engine.table(temperatures.unreadable()).to_pylist():
            told_rows = "; ".join(f"row {row['source_row'] + 1}: {row['problem']}" for row in problems)
            raise PermanentFailure(
                f"{delivery.files[0].path} has values that can't be read, {told_rows}. Correct them."
            )
        iso3 = name_iso3([row["country"] for row in engine.table(temperatures.countries()).to_pylist()])
        names = pa.table({"country": list(iso3), "iso3": pa.array(iso3.values(), pa.string())})
        engine.view_rows("country_iso3", names)
        engine.write(temperatures.typed(), lake.run_folder(dataset, run_id))
        entries = lake.written(dataset, run_id, world_temperature)
        facts = {
            "delivered_rows": readable.rows,
            "repeated_rows": readable.rows - sum(entry.rows for entry in entries),
            "countries_without_iso3": sorted(name for name, code in iso3.items() if code is None),
        }
        return lake.commit(dataset, run_id, entries, fingerprint=combined(delivery.fingerprint(raw)), facts=facts)


def staged_assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The staged layer."""
    from i94_platform.transforms.airports import read_airports
    from i94_platform.transforms.demographics import read_demographics

    return [
        _immigration_assets(partitions),
        _read_reference("us_cities_demographics", "us_cities_demographics", us_cities_demographics, read_demographics),
        _read_reference("airport_codes", "airport_codes", airport_codes, read_airports),
        _temperature_asset(),
    ]
