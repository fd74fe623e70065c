"""The Spark job that courses teach: dates by Python functions, one count for each table, append, and no checks.

`course_job.py MONTH ADDRESS FILE…` runs a month for each folder on standard input, and prints a line with its seconds.
The first includes the start of Spark. It reads no code list and rejects nothing, and a second run would add all rows
again.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

INTEGERS = ("cicid", "i94yr", "i94mon", "i94cit", "i94res", "i94mode", "i94bir", "i94visa", "count", "biryear")


def read_sas_date(days: float | None) -> dt.date | None:
    """Read a date that SAS counts in days since 1960."""
    return None if days is None else dt.date(1960, 1, 1) + dt.timedelta(days=int(days))


def read_text_date(text: str | None, form: str) -> dt.date | None:
    """Read a date; None if it is none."""
    try:
        return dt.datetime.strptime(text or "", form).date()
    except ValueError:
        return None


def make_tables(delivered: DataFrame) -> dict[str, DataFrame]:
    """Make the fact and its dimensions, each as a query of its own on the delivered rows."""
    from pyspark.sql import functions as f

    sas_date = f.udf(read_sas_date, "date")
    filed_date = f.udf(lambda text: read_text_date(text, "%Y%m%d"), "date")
    admitted_date = f.udf(lambda text: read_text_date(text, "%m%d%Y"), "date")
    columns = {name: f.col(name).cast("int") for name in INTEGERS}
    columns |= {"admnum": f.col("admnum").cast("bigint"), "dtadfile": filed_date("dtadfile")}
    columns |= {"arrdate": sas_date("arrdate"), "depdate": sas_date("depdate")}
    fact = delivered.withColumns({**columns, "admitted_until": admitted_date("dtaddto")})
    day = f.col("arrdate")
    return {
        "immigration": fact,
        "visitor": fact.select("cicid", "i94cit", "i94res", "i94bir", "biryear", "gender", "insnum").distinct(),
        "visa": fact.select("i94visa", "visatype", "visapost").distinct(),
        "flight": fact.select("airline", "fltno").distinct(),
        "calendar": fact.select(day, f.year(day).alias("year"), f.month(day).alias("month")).distinct(),
    }


def stage_and_load(spark: SparkSession, folder: Path, files: list[str]) -> float:
    """Write and count each table, and load the fact as the plain script does; return the seconds."""
    started = time.perf_counter()
    for name, table in make_tables(spark.read.parquet(*files)).items():
        table.write.mode("append").parquet(str(folder / name))
        print(name, table.count(), file=sys.stderr)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"CREATE TABLE immigration AS SELECT * FROM '{folder}/immigration/*.parquet'")
    return time.perf_counter() - started


def main(address: str, files: list[str]) -> None:
    """Run a month for each folder on standard input."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    spark = SparkSession.builder.master(address).config("spark.driver.memory", "2g").getOrCreate()
    for line in sys.stdin:
        folder = Path(line.strip())
        folder.mkdir(parents=True)
        print(stage_and_load(spark, folder, files), flush=True)


if __name__ == "__main__":
    main(sys.argv[2], sys.argv[3:])
