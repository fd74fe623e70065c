"""The staged layer: cleaned and typed datasets in the lake."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from i94_platform import contracts
from i94_platform.contracts import reference
from i94_platform.defs.assets.raw import observe_month
from i94_platform.defs.attributes import code_references
from i94_platform.defs.execution import (
    STAGING_POOL,
    raise_dagster_failures,
    record_result,
    run_folder,
    tag_acceptance,
)
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import dataset_result, escape_markdown, render_markdown_table
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.data_versions import CODE_LIST_DATASETS
from i94_platform.pipeline.gate import Gate
from i94_platform.pipeline.immigration import StagedMonth, stage_month
from i94_platform.pipeline.reference import stage_reference
from i94_platform.pipeline.temperatures import stage_temperatures
from i94_platform.sources.registry import SOURCES
from i94_platform.sources.source import Source

_MONTH_DEPS = [to_key("raw/immigration"), *(to_key(dataset.name) for dataset in CODE_LIST_DATASETS)]
_REJECTION_DEPS = [to_key("raw/immigration"), to_key("lookup/i94visa")]
"""What decides whether a row is accepted: its values, and of the code lists only that of purposes."""
_MONTH_CODE = (
    "pipeline/immigration.py",
    "transforms/immigration/queries.py",
    "transforms/immigration/values.py",
    "transforms/immigration/typed.sql",
)
_PLAUSIBILITY_CODE = ("transforms/immigration/plausibility.py",)


@dg.multi_asset(
    name="staged_immigration",
    can_subset=True,
    partitions_def=monthly_partitions,
    pool=STAGING_POOL,
    specs=[
        dg.AssetSpec(
            to_key("staged/immigration"),
            deps=_MONTH_DEPS,
            description=contracts.immigration.comment,
            kinds={"parquet"},
            metadata=code_references(
                *_MONTH_CODE,
                "transforms/immigration/accepted.sql",
                "transforms/immigration/duplicate_keys.sql",
                "transforms/immigration/duplicate_rows.sql",
                *_PLAUSIBILITY_CODE,
            ),
        ),
        dg.AssetSpec(
            to_key("staged/immigration_quarantine"),
            deps=_REJECTION_DEPS,
            description=contracts.immigration_quarantine.comment,
            kinds={"parquet"},
            metadata=code_references(
                *_MONTH_CODE,
                "transforms/immigration/rejected.sql",
                "transforms/immigration/rejection_reasons.sql",
                "transforms/immigration/rejected_sample.sql",
            ),
        ),
        dg.AssetSpec(
            to_key("staged/immigration_unreadable"),
            deps=_REJECTION_DEPS,
            description=contracts.immigration_unreadable.comment,
            kinds={"parquet"},
            metadata=code_references(
                *_MONTH_CODE,
                "pipeline/unreadable.py",
                "transforms/immigration/unreadable.sql",
                "transforms/immigration/delivered_values.sql",
            ),
        ),
    ],
)
def immigration(
    context: dg.AssetExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    engine: dg.ResourceParam[Engine],
    gate: dg.ResourceParam[Gate],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetObservation]:
    """Stage a month of arrivals: accepted rows, rejected rows with their reasons, and values that can't be read.

    They are committed together, whatever the run selects.
    """
    with raise_dagster_failures() as seconds:
        yield from observe_month(context, raw)
        month = Month.parse(context.partition_key)
        manifests = stage_month(month, raw, lake, engine, gate, run_folder(context), context.log.info)
        tag_acceptance(context, manifests.accepted)
    for result in build_month_results(manifests, lake, engine.name, seconds()):
        yield record_result(context, result)


def build_month_results(
    manifests: StagedMonth, lake: Lake, engine_name: str, seconds: float
) -> Iterator[dg.MaterializeResult[Any]]:
    """Build the results of the three datasets of a staged month; `seconds` is the time that they took."""
    reasons = [{"reasons": text, "rows": rows} for text, rows in manifests.quarantine.stats["reasons"].items()]
    yield dataset_result(
        to_key("staged/immigration_quarantine"),
        contracts.immigration_quarantine,
        manifests.quarantine,
        lake,
        seconds,
        {"reasons": dg.MetadataValue.md(render_markdown_table(reasons, 100))},
    )
    unreadable = _unreadable_figures(manifests.accepted.stats)
    yield dataset_result(
        to_key("staged/immigration_unreadable"),
        contracts.immigration_unreadable,
        manifests.unreadable,
        lake,
        seconds,
        {"unreadable": dg.MetadataValue.md(render_markdown_table(unreadable, 100))},
    )
    yield dataset_result(
        to_key("staged/immigration"),
        contracts.immigration,
        manifests.accepted,
        lake,
        seconds,
        _accepted_metadata(manifests.accepted.stats, engine_name),
    )


def _accepted_metadata(stats: Mapping[str, Any], engine_name: str) -> dict[str, Any]:
    """Return what the UI shows of the accepted rows beside the figures of every dataset."""
    remarks = "\n".join(f"- {escape_markdown(remark)}" for remark in stats["remarks"])
    return {
        "delivered_rows": stats["delivered_rows"],
        "deleted_rows": stats["deleted_rows"],
        "engine": engine_name,
        "quarantined_rows": stats["quarantined_rows"],
        "unreadable": stats["unreadable"],
        "extra_columns": ", ".join(stats["extra_columns"]) or "none",
        "superseded": ", ".join(stats["superseded"]) or "none",
        "remarks": dg.MetadataValue.md(remarks or "none"),
        "unlisted_countries": stats["unlisted_countries"],
    }


def _unreadable_figures(stats: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"column": name, "unreadable": count, "delivered_values": stats["delivered_values"][name]}
        for name, count in stats["unreadable"].items()
    ]


@dg.asset(
    key=to_key("staged/us_cities_demographics"),
    deps=[to_key("raw/us_cities_demographics")],
    description=reference.us_cities_demographics.comment,
    kinds={"parquet", "pandas"},
    metadata=code_references("pipeline/reference.py", "sources/demographics.py"),
)
def us_cities_demographics(
    context: dg.AssetExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    gate: dg.ResourceParam[Gate],
) -> dg.MaterializeResult[Any]:
    """People of US cities by race."""
    return _stage_reference(context, SOURCES["us_cities_demographics"], raw, lake, gate)


@dg.asset(
    key=to_key("staged/airport_codes"),
    deps=[to_key("raw/airport_codes")],
    description=reference.airport_codes.comment,
    kinds={"parquet", "pandas"},
    metadata=code_references("pipeline/reference.py", "sources/airports.py"),
)
def airport_codes(
    context: dg.AssetExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    gate: dg.ResourceParam[Gate],
) -> dg.MaterializeResult[Any]:
    """Airports of the world."""
    return _stage_reference(context, SOURCES["airport_codes"], raw, lake, gate)


@dg.asset(
    key=to_key("staged/world_temperature"),
    deps=[to_key("raw/land_temperatures")],
    description=reference.world_temperature.comment,
    kinds={"parquet"},
    metadata=code_references(
        "pipeline/temperatures.py",
        "transforms/temperatures/queries.py",
        "transforms/temperatures/typed.sql",
        "transforms/temperatures/validated.sql",
        "transforms/temperatures/accepted.sql",
        "transforms/temperatures/rejected.sql",
        "transforms/temperatures/contradicting_rows.sql",
        "transforms/temperatures/date_orders.sql",
        "transforms/temperatures/country_names.sql",
    ),
)
def world_temperature(
    context: dg.AssetExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    embedded_engine: dg.ResourceParam[Engine],
    gate: dg.ResourceParam[Gate],
) -> dg.MaterializeResult[Any]:
    """Stage the city temperatures with the ISO codes of their countries."""
    with raise_dagster_failures() as seconds:
        manifest = stage_temperatures(raw, lake, embedded_engine, gate, run_folder(context))
        tag_acceptance(context, manifest)
        stats = manifest.stats
        metadata = {
            **_row_metadata(manifest),
            "repeated_rows": stats["repeated_rows"],
            "date_order": stats["date_order"],
            "countries_without_iso3": ", ".join(stats["countries_without_iso3"]) or "none",
            "engine": embedded_engine.name,
        }
        return dataset_result(context.asset_key, reference.world_temperature, manifest, lake, seconds(), metadata)


def _stage_reference(
    context: dg.AssetExecutionContext, source: Source, raw: Store, lake: Lake, gate: Gate
) -> dg.MaterializeResult[Any]:
    with raise_dagster_failures() as seconds:
        manifest, notes = stage_reference(source, raw, lake, gate, run_folder(context))
        tag_acceptance(context, manifest)
        metadata = {**notes, **_row_metadata(manifest)}
        return dataset_result(context.asset_key, source.contracts[0], manifest, lake, seconds(), metadata)


def _row_metadata(manifest: Manifest) -> dict[str, Any]:
    """Return how many rows of a reference file were delivered and rejected, and why."""
    return {
        "delivered_rows": manifest.stats["delivered_rows"],
        "rejected_rows": manifest.stats["rejected_rows"],
        "rejected": dg.MetadataValue.md(render_markdown_table(manifest.stats["rejected"], 100)),
    }
