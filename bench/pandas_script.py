"""A plain pandas script that does what `baseline.py` does: read a month, cast it, write Parquet and load a table.

`pandas_script.py FOLDER FILE…` writes into FOLDER and prints its seconds and CPU seconds, without those of its imports.
It takes one file after another, so that a month of texts fits into memory. It checks, counts and records nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa  # noqa: F401 - pandas would import both while the time is taken
import pyarrow.parquet as pq  # noqa: F401

INTEGERS = ("cicid", "i94yr", "i94mon", "i94cit", "i94res", "i94mode", "i94bir", "i94visa", "count", "biryear")
EPOCH = pd.Timestamp("1960-01-01")
MAX_DAYS = 100_000
"""pandas' nanoseconds end in the year 2262."""


def cast_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Cast the numbers and dates of a file; the texts stay."""
    columns: dict[str, pd.Series] = {name: rows[name].round().astype("Int32") for name in INTEGERS}
    days = {name: rows[name].where(rows[name].between(0, MAX_DAYS)) for name in ("arrdate", "depdate")}
    columns |= {name: EPOCH + pd.to_timedelta(values, unit="D") for name, values in days.items()}
    columns["dtadfile"] = pd.to_datetime(rows["dtadfile"], format="%Y%m%d", errors="coerce")
    columns["admnum"] = rows["admnum"].astype("Int64")
    return rows.assign(**columns)


def stage_and_load(folder: Path, files: list[str]) -> None:
    """Stage and load the files."""
    parquet = folder / "parquet"
    parquet.mkdir(parents=True)
    for number, file in enumerate(files):
        cast_rows(pd.read_parquet(file, dtype_backend="numpy_nullable")).to_parquet(
            parquet / f"{number}.parquet", index=False
        )
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"CREATE TABLE immigration AS SELECT * FROM '{parquet}/*.parquet'")


if __name__ == "__main__":
    started, cpu_started = time.perf_counter(), time.process_time()
    stage_and_load(Path(sys.argv[1]), sys.argv[2:])
    print(time.perf_counter() - started, time.process_time() - cpu_started)
