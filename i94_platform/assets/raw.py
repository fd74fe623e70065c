"""What lands: observed, never written.

Here: one observable asset per reference file, and the monthly one. A version is computed from content, so that the
same file delivered again is no news. Not here: reading what is inside.
"""

from collections.abc import Sequence

import dagster as dg

from i94_platform.assets.common import key, told
from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.render import dagster_schema
from i94_platform.lake.raw import REFERENCE_FILES, landed
from i94_platform.lake.store import Store
from i94_platform.partitions import Month

DESCRIPTIONS = {
    "i94_labels": "The label file of the I-94 records, a SAS program that holds the five code lists.",
    "us_cities_demographics": "People of US cities of 65,000 and more, by race; semicolon-separated.",
    "airport_codes": "Airports of the world, with coordinates as one text.",
    "land_temperatures": "Monthly land temperatures by city since the 18th century.",
}


def _reference(name: str) -> dg.SourceAsset:
    @dg.observable_source_asset(
        key=key("raw", name), group_name="raw", description=f"{DESCRIPTIONS[name]} File: {REFERENCE_FILES[name]}."
    )
    def observed(context: dg.OpExecutionContext, raw: dg.ResourceParam[Store]) -> dg.DataVersion:
        with told():
            found = landed(raw.list())
            _report(context, found.unknown)
            return dg.DataVersion(found.reference(name, raw.root).fingerprint(raw))

    return observed


def _immigration(partitions: dg.PartitionsDefinition[str]) -> dg.SourceAsset:
    @dg.observable_source_asset(
        key=key("raw", "immigration"),
        group_name="raw",
        partitions_def=partitions,
        metadata={"dagster/column_schema": dagster_schema(delivered_immigration)},
        description="A month of I-94 records, such as i94_apr16_sub.sas7bdat, .parquet (file or folder) or .csv.",
    )
    def observed(context: dg.OpExecutionContext, raw: dg.ResourceParam[Store]) -> dg.DataVersionsByPartition:
        with told():
            found = landed(raw.list())
            _report(context, found.unknown)
            asked = (
                [Month.parse(k) for k in context.partition_keys] if context.has_partition_key else list(found.months)
            )
            return dg.DataVersionsByPartition(
                {month.key: found.month(month, raw.root).fingerprint(raw) for month in asked}
            )

    return observed


def _report(context: dg.OpExecutionContext, unknown: Sequence[str]) -> None:
    if unknown:
        context.log.warning(f"Not a delivery by name, left alone: {', '.join(unknown[:20])}")


def raw_assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.SourceAsset]:
    """Every raw asset."""
    return [*(_reference(name) for name in REFERENCE_FILES), _immigration(partitions)]
