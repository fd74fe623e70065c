"""A hand-written PySpark script that stages a month by the platform's rules, and loads it as the plain script does.

`pyspark_script.py MONTH ADDRESS FILE…` runs a month for each folder on standard input, and prints a line with its
seconds. The first includes the start of Spark. It imports nothing of the platform. It writes the accepted and the
rejected rows, looks for repeated keys, and counts values; it has no manifests, gate, retries or records.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

LOOKUP = Path(__file__).resolve().parent.parent / "lookup"
RANGES = {"i94bir": (-5, 125), "biryear": (1880, 2100), "admnum": (0, None)}
INTEGERS = ("cicid", "i94yr", "i94mon", "i94cit", "i94res", "i94mode", "i94bir", "i94visa", "count", "biryear")
TEXTS = {
    **{"i94port": 3, "i94addr": 2, "visapost": 8, "occup": 8, "entdepa": 4, "entdepd": 4, "entdepu": 4, "matflag": 1},
    **{"dtaddto": 16, "gender": 1, "insnum": 16, "airline": 8, "fltno": 16, "visatype": 4},
}
UNKNOWN: dict[str, str | int | None] = {"i94port": "XXX", "i94addr": "99", "i94mode": 9, "i94visa": None}
OPTIONS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
    "spark.driver.memory": "2g",
    "spark.driver.extraJavaOptions": "-XX:-DontCompileHugeMethods",
    "spark.sql.shuffle.partitions": "8",
}


def read_number(name: str, type_: str) -> Column:
    """Read a whole number in its range; null for any other value."""
    from pyspark.sql import functions as f

    source, number = f.col(name), f.col(name).try_cast(type_)
    low, high = RANGES.get(name, (None, None))
    is_valid = number == source
    is_valid = is_valid if low is None else is_valid & (source >= low)
    is_valid = is_valid if high is None else is_valid & (source <= high)
    return f.when(is_valid, number)


def read_date(text: Column, year: int, month: int, day: int) -> Column:
    """Read a date of eight digits; null for any other text."""
    from pyspark.sql import functions as f

    parts = (f.substring(text, start, size) for start, size in ((year, 4), (month, 2), (day, 2)))
    return f.when(text.rlike("^[0-9]{8}$"), f.concat_ws("-", *parts).try_cast("date"))


def type_rows(delivered: DataFrame) -> DataFrame:
    """Type every column, beside the delivered rows."""
    from pyspark.sql import functions as f

    texts = {name: f.nullif(f.rtrim(f.col(name)), f.lit("")) for name in (*TEXTS, "dtadfile")}
    columns = {name: read_number(name, "int") for name in INTEGERS} | {"admnum": read_number("admnum", "bigint")}
    columns |= {name: f.when(f.octet_length(texts[name]) <= limit, texts[name]) for name, limit in TEXTS.items()}
    columns |= {
        name: f.when(f.col(name).between(0, 2_936_549), f.expr(f"DATE '1960-01-01' + try_cast({name} AS INT)"))
        for name in ("arrdate", "depdate")
    }
    columns["dtadfile"] = read_date(texts["dtadfile"], 1, 5, 7)
    return delivered.select(f.struct("*").alias("delivered"), *(value.alias(name) for name, value in columns.items()))


def validate(typed: DataFrame, spark: SparkSession, month: str) -> DataFrame:
    """Join the code lists, encode, derive, and say of each row whether it is accepted."""
    from pyspark.sql import functions as f

    for name in UNKNOWN:
        codes = spark.read.option("header", True).csv(str(LOOKUP / f"{name}.csv"))
        listed = codes.select(codes["code"].cast(typed.schema[name].dataType).alias(f"listed_{name}"))
        typed = typed.join(f.broadcast(listed), typed[name] == f.col(f"listed_{name}"), "left")
    year, number = map(int, month.split("-"))
    first = f.lit(f"{month}-01").cast("date")
    is_accepted = (f.col("i94yr") == year) & (f.col("i94mon") == number) & f.col("cicid").isNotNull()
    is_accepted &= (f.col("arrdate") >= first) & (f.col("arrdate") < f.add_months(first, 1))
    is_accepted &= f.col("listed_i94visa").isNotNull()
    codes_of = {name: f.coalesce(f.col(f"listed_{name}"), f.lit(code)) for name, code in UNKNOWN.items()}
    codes_of["i94mode"] = f.when(f.col("i94mode").isNotNull(), codes_of["i94mode"])
    until = f.when(f.length("dtaddto") == 7, f.concat(f.lit("0"), "dtaddto")).otherwise(f.col("dtaddto"))
    return typed.withColumns(
        {
            **codes_of,
            "admitted_until": read_date(until, 5, 1, 3),
            "duration_of_status": f.coalesce(f.col("dtaddto") == "D/S", f.lit(False)),
            "stay_days": f.datediff("depdate", "arrdate"),
            "is_accepted": f.coalesce(is_accepted, f.lit(False)),
        }
    ).drop(*(f"listed_{name}" for name in UNKNOWN))


def stage_and_load(spark: SparkSession, folder: Path, month: str, files: list[str]) -> float:
    """Stage and load the files; return the seconds."""
    from pyspark.sql import functions as f

    started = time.perf_counter()
    staged, rejected = str(folder / "staged"), str(folder / "rejected")
    delivered = spark.read.parquet(*files)
    rows = validate(type_rows(delivered), spark, month)
    accepted = rows.where("is_accepted").drop("delivered", "is_accepted")
    accepted.coalesce(8).write.parquet(staged)
    written = spark.read.parquet(staged)
    figures = written.select(
        f.count("*"),
        f.count_distinct("cicid"),
        *(f.count(name) for name in written.columns),
        f.count(f.when(f.col("stay_days") < 0, 1)),
        *(f.count(f.when(f.col(name) == code, 1)) for name, code in UNKNOWN.items() if code is not None),
    ).first()
    written.groupBy("i94cit", "i94res").count().collect()
    if figures is None or figures[0] != figures[1]:
        raise SystemExit("a key repeats, which this script does not resolve")
    if figures[0] < delivered.count():
        rows.where("NOT is_accepted").select("delivered.*").write.parquet(rejected)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(f"CREATE TABLE immigration AS SELECT * FROM '{staged}/*.parquet'")
    return time.perf_counter() - started


def main(month: str, address: str, files: list[str]) -> None:
    """Run a month for each folder on standard input."""
    from pyspark.sql import SparkSession

    spark = SparkSession.builder.master(address).config(map=dict(OPTIONS)).getOrCreate()
    for line in sys.stdin:
        folder = Path(line.strip())
        folder.mkdir(parents=True)
        print(stage_and_load(spark, folder, month, files), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
