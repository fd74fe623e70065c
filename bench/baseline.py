"""The baseline: a plain DuckDB script that reads a delivered month, casts it, writes Parquet and loads a table.

`baseline.py FOLDER FILE…` writes into FOLDER and prints its seconds and CPU seconds, without those of its imports. It
checks, counts and records nothing, and it imports nothing of the platform. It uses DuckDB's defaults, except where an
option makes DuckDB faster. The types are those of the fact. TRY_CAST is needed because a synthetic month holds values
that do not fit.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import duckdb

INTEGERS = ("cicid", "i94yr", "i94mon", "i94cit", "i94res", "i94mode", "i94bir", "i94visa", "count", "biryear")
SAS_DATES = ("arrdate", "depdate")
TEXTS = (
    *("i94port", "i94addr", "visapost", "occup", "entdepa", "entdepd", "entdepu", "matflag", "dtaddto", "gender"),
    *("insnum", "airline", "fltno", "visatype"),
)
COLUMNS = (
    *(f'TRY_CAST("{name}" AS INTEGER) AS "{name}"' for name in INTEGERS),
    *(f"DATE '1960-01-01' + TRY_CAST({name} AS INTEGER) AS {name}" for name in SAS_DATES),
    "TRY_CAST(concat_ws('-', dtadfile[1:4], dtadfile[5:6], dtadfile[7:8]) AS DATE) AS dtadfile",
    "TRY_CAST(admnum AS BIGINT) AS admnum",
    *TEXTS,
)


def stage_and_load(folder: Path, files: list[str]) -> None:
    """Stage and load the files."""
    parquet, columns = folder / "parquet", ", ".join(COLUMNS)
    parquet.mkdir(parents=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(
            f"COPY (SELECT {columns} FROM read_parquet({files})) TO '{parquet}' "
            "(FORMAT parquet, COMPRESSION snappy, PER_THREAD_OUTPUT)"
        )
        connection.execute(f"CREATE TABLE immigration AS SELECT * FROM '{parquet}/*.parquet'")


if __name__ == "__main__":
    started, cpu_started = time.perf_counter(), time.process_time()
    stage_and_load(Path(sys.argv[1]), sys.argv[2:])
    print(time.perf_counter() - started, time.process_time() - cpu_started)
