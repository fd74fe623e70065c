"""What lands: observed, never written.

Here: one observable asset per reference file, and the monthly one. A version is computed from content, so that the
same file delivered again is no news; rows are told where counting them is cheap. Not here: reading what they say.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from sqlalchemy import Table

from i94_platform.contracts import airport_codes, delivered_immigration, us_cities_demographics, world_temperature
from i94_platform.contracts.rendering.dagster_schema import dagster_schema
from i94_platform.defs.metadata import layer_key, raise_dagster_failures
from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources import airports, demographics
from i94_platform.sources.deliveries import count_rows
from i94_platform.sources.listing import REFERENCE_FILES, Delivery, list_deliveries
from i94_platform.transforms.temperatures import queries as temperatures

DESCRIPTIONS = {
    "i94_labels": "The label file of the I-94 records, a SAS program that holds the five code lists.",
    "us_cities_demographics": "People of US cities of 65,000 and more, by race; semicolon-separated.",
    "airport_codes": "Airports of the world, with coordinates as one text.",
    "land_temperatures": "Monthly land temperatures by city since the 18th century.",
}


def _delivered(headers: Mapping[str, str], contract: Table) -> dg.TableSchema:
    """The columns of a text file: `headers` maps the contract's names to the file's."""
    told_of = {c.name: c.comment for c in contract.columns} | {"coordinates": "Latitude and longitude in one text."}
    return dg.TableSchema([dg.TableColumn(header, "string", told_of[name]) for name, header in headers.items()])


SCHEMAS = {
    "i94_labels": dg.TableSchema([dg.TableColumn("line", "string", "A line of the SAS program.")]),
    "us_cities_demographics": _delivered(demographics.HEADERS, us_cities_demographics),
    "airport_codes": _delivered(airports.HEADERS, airport_codes),
    "land_temperatures": _delivered(temperatures.HEADERS, world_temperature),
    "immigration": dagster_schema(delivered_immigration),
}


def _reference(name: str) -> dg.SourceAsset:
    @dg.observable_source_asset(
        key=layer_key("raw", name),
        group_name="raw",
        metadata={"dagster/column_schema": SCHEMAS[name]},
        description=f"{DESCRIPTIONS[name]} File: {REFERENCE_FILES[name]}.",
    )
    def observed(context: dg.OpExecutionContext, raw: dg.ResourceParam[Store]) -> dg.ObserveResult:
        with raise_dagster_failures():
            found = list_deliveries(raw.list())
            _report(context, found.unknown)
            delivery = found.require_reference(name, raw.root)
            return dg.ObserveResult(
                data_version=dg.DataVersion(delivery.fingerprint(raw)),
                metadata=_figures(context, delivery, raw, "dagster/row_count"),
            )

    return observed


def _figures(context: dg.OpExecutionContext, delivery: Delivery, raw: Store, count: str) -> dict[str, Any]:
    """Files, bytes and, where that is cheap, rows; a file that can't be read is for the staging to refuse."""
    figures = {"files": len(delivery.files), "bytes": delivery.size}
    try:
        rows = [count_rows(file, raw) for file in delivery.files]
    except PermanentError as failure:
        context.log.warning(str(failure))
        return figures
    known = [found for found in rows if found is not None]
    return {**figures, count: sum(known)} if len(known) == len(rows) else figures


def _immigration(partitions: dg.PartitionsDefinition[str]) -> dg.SourceAsset:
    @dg.observable_source_asset(
        key=layer_key("raw", "immigration"),
        group_name="raw",
        partitions_def=partitions,
        metadata={"dagster/column_schema": SCHEMAS["immigration"]},
        description="A month of I-94 records, such as i94_apr16_sub.sas7bdat, .parquet (file or folder) or .csv.",
    )
    def observed(context: dg.OpExecutionContext, raw: dg.ResourceParam[Store]) -> dg.DataVersionsByPartition:
        with raise_dagster_failures():
            found = list_deliveries(raw.list())
            _report(context, found.unknown)
            asked = (
                [Month.parse(k) for k in context.partition_keys] if context.has_partition_key else list(found.months)
            )
            for month in asked:
                context.log_event(_seen(context, month, found.require_month(month, raw.root), raw))
        return dg.DataVersionsByPartition({})  # which Dagster would log without our figures

    return observed


def _seen(context: dg.OpExecutionContext, month: Month, delivery: Delivery, raw: Store) -> dg.AssetObservation:
    return dg.AssetObservation(
        layer_key("raw", "immigration"),
        partition=month.key,
        tags={DATA_VERSION_TAG: delivery.fingerprint(raw)},
        metadata=_figures(context, delivery, raw, "dagster/partition_row_count"),
    )


def _report(context: dg.OpExecutionContext, unknown: Sequence[str]) -> None:
    if unknown:
        context.log.warning(f"Not a delivery by name, left alone: {', '.join(unknown[:20])}")


def raw_assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.SourceAsset]:
    """Every raw asset."""
    return [*(_reference(name) for name in REFERENCE_FILES), _immigration(partitions)]
