"""What a month costs when it has more rows, and when more months are loaded already."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bench.processes import Reading, run_measured
from bench.subjects import BIN, FACT_LAYERS, Workload, time_command, time_script
from bench.workloads import report_progress, write_multiple
from i94_platform.partitions import Month
from i94_platform.sample import write_sample

ROWS = (10_000, 100_000, 1_000_000, 3_000_000, 10_000_000, 30_000_000)
HISTORIES = (12, 60)
ROWS_OF_A_MONTH = 50_000
FIRST_MONTH = Month(2012, 1)


def measure_rows(april: Workload, work: Path, max_rows: int) -> dict[str, Any]:
    """Measure the limit and the command to the fact, once for each number of rows."""
    sizes = []
    for rows in (rows for rows in ROWS if rows <= max_rows):
        delivery = write_multiple(april, rows, work)
        limit = time_script("baseline.py", delivery)
        command = time_command("duckdb", FACT_LAYERS, delivery)
        report_progress(f"{rows:,} rows: limit", limit)
        report_progress(f"{rows:,} rows: command to the fact", command)
        sizes.append({"rows": rows, "limit": vars(limit), "command": vars(command)})
        shutil.rmtree(delivery.raw)
    return {"sizes": sizes}


def measure_months(work: Path) -> dict[str, Any]:
    """Measure the load of many months in one command, and then that of one more month by its own."""
    return {"rows": ROWS_OF_A_MONTH, "histories": [_measure_history(months, work) for months in HISTORIES]}


def _measure_history(months: int, work: Path) -> dict[str, Any]:
    all_months = [month.key for month in FIRST_MONTH.through(Month(2020, 12))][:months]
    raw, home = work / f"raw-{months}", work / f"home-{months}"
    write_sample(raw, first=all_months[0], last=all_months[-1], rows=ROWS_OF_A_MONTH)
    settings = {"I94_HOME": str(home), "I94_RAW": str(raw), "I94_FIRST_MONTH": all_months[0]}
    settings["I94_LAST_MONTH"] = all_months[-1]

    def run(*arguments: str) -> Reading:
        return run_measured([str(BIN / "i94"), "run", *arguments], settings)[1]

    before = run("--from", all_months[0], "--to", all_months[-2])
    one_more = run("--month", all_months[-1])
    report_progress(f"{months - 1} months", before)
    report_progress(f"month {months}", one_more)
    size_mb = sum(file.stat().st_size for file in home.rglob("*") if file.is_file()) / 1e6
    return {"months": months, "before": vars(before), "one_more": vars(one_more), "home_mb": size_mb}
