"""`python -m bench.warm RAW MONTH ENGINE` is the warm process: it runs a month for each home on standard input.

Standard input has one home a line. For each, the process prints one line with the seconds and CPU seconds of the run.
After the first month the imports are done and Spark has its session.
"""

from __future__ import annotations

import os
import sys

from bench.processes import read_cpu_seconds
from i94_platform.defs.run_results import RunResult
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform.operations.job_runs import run_job
from i94_platform.operations.platform import Platform
from i94_platform.operations.process_tuning import collect_garbage_rarely
from i94_platform.partitions import Month
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import MONTH_JOB, REFERENCE_JOB


def run_month(home: str, raw: str, month: str, engine: str) -> tuple[float, float]:
    """Run the reference part and then the month in a home; return the seconds and CPU seconds of the month alone.

    Raises:
        RuntimeError: one of the two runs failed.
    """
    settings = Settings(home=home, raw=raw, engine=engine)
    definitions = Platform(settings).definitions
    result, cpu_before = RunResult("", ""), 0.0
    with persistent_instance(settings.dagster_home) as instance:
        for job, month_of_job in ((REFERENCE_JOB, None), (MONTH_JOB, Month.parse(month))):
            cpu_before = read_cpu_seconds(os.getpid())
            result = run_job(definitions.resolve_job_def(job), instance, month=month_of_job)
            if not result.succeeded:
                raise RuntimeError("; ".join((f"{job} failed", *result.errors, *result.failed_checks)))
    return result.seconds, read_cpu_seconds(os.getpid()) - cpu_before


if __name__ == "__main__":
    collect_garbage_rarely()  # the command does so too
    for line in sys.stdin:
        print(*run_month(line.strip(), *sys.argv[1:]), flush=True)
