"""The names of the jobs; `defs.jobs` says what each of them selects."""

REFERENCE_JOB = "reference"
MONTH_JOB = "month"
MARTS_JOB = "marts"
CORRELATIONS_JOB = "correlations"
PUBLISH_JOB = "publish"
