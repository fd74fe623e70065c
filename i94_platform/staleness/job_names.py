"""The names of the jobs; `defs.jobs` defines the jobs."""

REFERENCE_JOB = "reference"
MONTH_JOB = "month"
MARTS_JOB = "marts"
CORRELATIONS_JOB = "correlations"
PUBLISH_JOB = "publish"
RETENTION_JOB = "run_retention"
