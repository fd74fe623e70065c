"""The jobs: reference data, one month from delivery to fact, and the release of what is published.

Here: what each job selects. A month is one job so that a failed blocking check stops everything below it. Not here:
who launches them and when.
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

REFERENCE_JOB, MONTH_JOB, PUBLISH_JOB = "reference", "month", "publish"

MONTHLY = dg.AssetSelection.assets(
    ["raw", "immigration"],
    ["staged", "immigration"],
    ["staged", "immigration_quarantine"],
    ["warehouse", "country"],
    ["warehouse", "immigration"],
)
"""`warehouse/country` is in both jobs: it holds the unlisted codes that the months carry."""

_RAW_REFERENCES = dg.AssetSelection.assets(
    ["raw", "i94_labels"], ["raw", "us_cities_demographics"], ["raw", "airport_codes"], ["raw", "land_temperatures"]
)
PUBLISHED = dg.AssetSelection.key_prefixes("published")
REFERENCE = _RAW_REFERENCES | (
    dg.AssetSelection.all() - (MONTHLY - dg.AssetSelection.assets(["warehouse", "country"])) - PUBLISHED
)


def jobs() -> list[UnresolvedAssetJobDefinition]:
    """All jobs, run in one process each: a session per step would cost more than the steps."""
    return [
        dg.define_asset_job(
            REFERENCE_JOB,
            REFERENCE,
            description="Code lists, reference tables and dimensions, from file to warehouse.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            MONTH_JOB,
            MONTHLY,
            description="One month of arrivals, from delivery to fact.",
            executor_def=dg.in_process_executor,
        ),
        dg.define_asset_job(
            PUBLISH_JOB,
            PUBLISHED,
            description="Marts and dimensions as one release, which dashboard and API show.",
            executor_def=dg.in_process_executor,
        ),
    ]
