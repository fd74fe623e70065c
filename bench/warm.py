"""A process that stays warm: runs a month in each home that standard input names, and prints the run's seconds.

Run as `python -m bench.warm RAW MONTH ENGINE`; homes come on standard input, one a line, and each gets one line back.
Imports are done and Spark's session is there after the first month. Not here: the homes and the timing of anything
but the run itself.
"""

from __future__ import annotations

import sys

from i94_platform.defs.build import build_definitions
from i94_platform.defs.run_results import RunResult
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform.operations.job_runs import run_job
from i94_platform.operations.process_tuning import collect_garbage_rarely
from i94_platform.partitions import Month
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB


def run_month(home: str, raw: str, month: str, engine: str) -> float:
    """The reference part, untimed, then the month in that home; the seconds of its run.

    Raises:
        RuntimeError: one of the two failed.
    """
    settings = Settings(home=home, raw=raw, engine=engine)
    definitions = build_definitions(settings)
    result = RunResult("", "")
    with persistent_instance(settings.dagster_home) as instance:
        for job, month_of_job in ((REFERENCE_JOB, None), (MONTH_JOB, Month.parse(month))):
            result = run_job(definitions.resolve_job_def(job), instance, month=month_of_job)
            if not result.succeeded:
                raise RuntimeError("; ".join((f"{job} failed", *result.errors, *result.failed_checks)))
    return result.seconds


if __name__ == "__main__":
    collect_garbage_rarely()  # as the command does
    for line in sys.stdin:
        print(run_month(line.strip(), *sys.argv[1:]), flush=True)
