"""The jobs: reference data, a month from delivery to fact, its marts, the correlations over all months, the release.

Here: what each job selects. A month is one job so that a failed blocking check stops everything below it; its marts
follow in a job of their own, so that a month is loaded no later for them. Not here: who launches them and when.
"""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

REFERENCE_JOB, MONTH_JOB, MARTS_JOB, CORRELATIONS_JOB = "reference", "month", "marts", "correlations"
PUBLISH_JOB = "publish"

MONTHLY = dg.AssetSelection.assets(
    ["raw", "immigration"],
    ["staged", "immigration"],
    ["staged", "immigration_quarantine"],
    ["warehouse", "country"],
    ["warehouse", "immigration"],
)
"""`warehouse/country` is in both jobs: it holds the unlisted codes that the months carry."""

EVERY_MONTH_LOADED = dg.AssetCheckKey(dg.AssetKey(["warehouse", "immigration"]), "every_month_loaded")
"""The check that is about all months, and so part of no month's run."""

_RAW_REFERENCES = dg.AssetSelection.assets(
    ["raw", "i94_labels"], ["raw", "us_cities_demographics"], ["raw", "airport_codes"], ["raw", "land_temperatures"]
)
_LOADED = dg.AssetSelection.key_prefixes("lookup", "staged", "warehouse")
REFERENCE = _RAW_REFERENCES | (_LOADED - (MONTHLY - dg.AssetSelection.assets(["warehouse", "country"])))

CORRELATIONS = dg.AssetSelection.assets(["mart", "correlations"])
MARTS = dg.AssetSelection.key_prefixes("mart") - CORRELATIONS

PUBLISHED = dg.AssetSelection.key_prefixes("published")


_JOBS = {
    REFERENCE_JOB: (REFERENCE, "Code lists, reference tables and dimensions, from file to warehouse."),
    MONTH_JOB: (
        MONTHLY - dg.AssetSelection.checks(EVERY_MONTH_LOADED),
        "One month of arrivals, from delivery to fact.",
    ),
    MARTS_JOB: (MARTS, "The seven marts of one loaded month."),
    CORRELATIONS_JOB: (CORRELATIONS, "The correlations over every month that has its marts."),
    PUBLISH_JOB: (PUBLISHED, "Marts and dimensions as one release, which dashboard and API show."),
}


def jobs() -> list[UnresolvedAssetJobDefinition]:
    """Every job, run in one process each: a session per step would cost more than the steps."""
    return [
        dg.define_asset_job(name, selection, description=told, executor_def=dg.in_process_executor)
        for name, (selection, told) in _JOBS.items()
    ]
