"""The jobs: the reference tables, a month, its marts, the correlations over all months, the release.

All assets of a month are in one job, because a failed blocking check stops only what follows in the same run. The marts
have a job of their own, so that they do not delay the load of the next month.
"""

import dagster as dg

from i94_platform.contracts import MONTHLY_MARTS, STAGED_MONTH
from i94_platform.defs.checks.completeness import CHECK_KEY
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform.staleness import job_names

_RAW_REFERENCES = dg.AssetSelection.assets(*(f"raw/{source}" for source in REFERENCE_FILES))

MONTH = dg.AssetSelection.assets(
    "raw/immigration", *(f"staged/{contract.name}" for contract in STAGED_MONTH), "warehouse/immigration"
)
REFERENCE = _RAW_REFERENCES | (dg.AssetSelection.key_prefixes("lookup", "staged", "warehouse") - MONTH)
CORRELATIONS = dg.AssetSelection.assets("mart/correlations")
MARTS = dg.AssetSelection.key_prefixes("mart") - CORRELATIONS


reference = dg.define_asset_job(
    job_names.REFERENCE_JOB,
    REFERENCE,
    description="Code lists, reference tables and dimensions, from file to warehouse.",
)
month = dg.define_asset_job(
    job_names.MONTH_JOB,
    MONTH - dg.AssetSelection.checks(CHECK_KEY),
    description="One month of arrivals, from delivery to fact.",
)
marts = dg.define_asset_job(
    job_names.MARTS_JOB,
    MARTS,
    description=f"The {len(MONTHLY_MARTS)} marts of one loaded month.",
)
correlations = dg.define_asset_job(
    job_names.CORRELATIONS_JOB,
    CORRELATIONS,
    description="The correlations over every month that has its marts.",
)
publish = dg.define_asset_job(
    job_names.PUBLISH_JOB,
    dg.AssetSelection.key_prefixes("published"),
    description="Marts and dimensions as one release, which dashboard and API show.",
)

JOBS = [reference, month, marts, correlations, publish]
