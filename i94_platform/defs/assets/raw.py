"""The raw layer: one asset for each source of deliveries, observed and never written.

The data version is a hash of the content, so a file that is delivered again unchanged keeps its version.
"""

from collections.abc import Callable, Iterator
from typing import Any, cast

import dagster as dg

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.rendering.dagster_schema import dagster_schema
from i94_platform.defs.attributes import code_references
from i94_platform.defs.execution import raise_dagster_failures, refresh_input_version
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import join_names
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.sources.registry import REFERENCES, SOURCES
from i94_platform.sources.row_counts import count_rows
from i94_platform.sources.source import Source
from i94_platform.staleness.held_versions import DATA_VERSION_TAG

_Decorator = Callable[[Callable[..., Any]], dg.AssetsDefinition]
_observable = cast(Callable[..., _Decorator], dg.multi_observable_source_asset)
"""Dagster's decorator, with the type that it lacks."""


def _build_spec(source: Source, schema: dg.TableSchema) -> dg.AssetSpec:
    return dg.AssetSpec(
        to_key(f"raw/{source.name}"),
        description=f"{source.description} File: `{source.file_name}`.",
        kinds=set(source.formats),
        tags={"domain": source.domain},
        metadata={"dagster/column_schema": schema, **code_references(source.code_file)},
    )


def _reference_asset(source: Source) -> dg.AssetsDefinition:
    schema = dg.TableSchema([dg.TableColumn(name, "string", text) for name, text in source.columns.items()])

    @_observable(name=f"raw__{source.name}", specs=[_build_spec(source, schema)])
    def observe(context: dg.AssetExecutionContext, raw: dg.ResourceParam[Store]) -> Iterator[dg.ObserveResult]:
        with raise_dagster_failures():
            listing = list_deliveries(raw)
            _warn_ignored(context, listing)
            delivery = listing.require_reference(source.name, raw.root)
            yield dg.ObserveResult(
                asset_key=to_key(f"raw/{source.name}"),
                data_version=dg.DataVersion(delivery.fingerprint(raw)),
                metadata=_delivery_metadata(context, delivery, raw, "dagster/row_count"),
            )

    return observe


reference_files = [_reference_asset(source) for source in REFERENCES.values()]


@_observable(
    name="raw__immigration",
    partitions_def=monthly_partitions,
    specs=[_build_spec(SOURCES["immigration"], dagster_schema(delivered_immigration))],
)
def immigration(
    context: dg.AssetExecutionContext, raw: dg.ResourceParam[Store]
) -> Iterator[dg.ObserveResult | dg.AssetObservation | dg.AssetMaterialization]:
    """Observe the run's month, or every delivered month where the run has none."""
    with raise_dagster_failures():
        listing = list_deliveries(raw)
        _warn_ignored(context, listing)
        if context.has_partition_key:
            observation, arrival = _observe_delivery(context, context.partition_key, listing, raw)
            version = dg.DataVersion((observation.tags or {})[DATA_VERSION_TAG])
            yield dg.ObserveResult(to_key("raw/immigration"), data_version=version, metadata=observation.metadata)
            yield arrival
            return
        for month, delivery in listing.months.items():
            if not delivery.problem:  # its sentence is among the warnings
                yield from _observe_delivery(context, month.key, listing, raw)
        yield dg.ObserveResult(to_key("raw/immigration"), metadata={"months": len(listing.months)})


def observe_month(
    context: dg.AssetExecutionContext, raw: Store
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization]:
    """Observe the month of a run that has no step for it, such as a backfill of later assets."""
    if to_key("raw/immigration") not in context.job_def.asset_layer.selected_asset_keys:
        yield from _observe_delivery(context, context.partition_key, list_deliveries(raw), raw)
        refresh_input_version(context, to_key("raw/immigration"))


def _observe_delivery(
    context: dg.AssetExecutionContext, month: str, listing: DeliveryListing, raw: Store
) -> tuple[dg.AssetObservation, dg.AssetMaterialization]:
    """Return the observation of a delivered month, and the record of its arrival.

    The UI counts materializations of a partition, and no observations. The record comes second: what reads the month
    refers to the newest record, and would be stale if the observation came after it.
    """
    delivery = listing.require_month(Month.parse(month), raw.root)
    attributes: dict[str, Any] = {
        "partition": month,
        "tags": {DATA_VERSION_TAG: delivery.fingerprint(raw)},
        "metadata": _delivery_metadata(context, delivery, raw, "dagster/partition_row_count"),
    }
    key = to_key("raw/immigration")
    return dg.AssetObservation(key, **attributes), dg.AssetMaterialization(key, **attributes)


def _delivery_metadata(
    context: dg.AssetExecutionContext, delivery: Delivery, raw: Store, row_count: str
) -> dict[str, Any]:
    """Return files, bytes and, if counting is cheap, rows. An unreadable file is a warning; its staging will fail."""
    metadata: dict[str, Any] = {"files": len(delivery.files), "bytes": delivery.size}
    if delivery.superseded:
        metadata["superseded"] = list(delivery.superseded)
    try:
        rows = [count_rows(file, raw) for file in delivery.files]
    except PermanentError as error:
        context.log.warning(str(error))
        return metadata
    counts = [count for count in rows if count is not None]
    return {**metadata, row_count: sum(counts)} if len(counts) == len(rows) else metadata


def _warn_ignored(context: dg.AssetExecutionContext, listing: DeliveryListing) -> None:
    if listing.unknown:
        context.log.warning(f"Ignored, because the names are no deliveries: {join_names(listing.unknown, 20)}")
    for note in listing.notes:
        context.log.warning(note)
