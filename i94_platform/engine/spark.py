"""The Spark engine: a local session, or a Spark Connect server. Only what Spark Connect offers is used.

Here: Spark's terms. The session is made by whoever builds the engine and is shared by every step of the process; it is
never stopped between steps. Not here: the SQL itself, and how a session is configured (`assets.resources`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from i94_platform.engine.base import DELIVERED, DELIVERED_FILES, Engine, FileGroup, delivered_files
from i94_platform.transforms.sql import Query

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

MAX_FILES = 8
"""Files that a write makes at most: a month then lies in files of 5 to 100 MB, as warehouses like them."""

CONFIG = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.shuffle.partitions": "8",
}
"""What the queries rely on, and sizes that fit a month."""

LOCAL_CONFIG = {
    "spark.driver.memory": "2g",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    # one judgement over 28 columns is a method beyond the size that the JVM compiles unasked: half the time is saved
    "spark.driver.extraJavaOptions": "-XX:-DontCompileHugeMethods",
}
"""What a session in this process needs beside that."""


class SparkEngine(Engine):
    """Runs the staging SQL in Spark, as it is written."""

    def __init__(self, address: str, session: Callable[[], SparkSession]) -> None:
        self.name = address
        self._open_session = session
        self._named: list[str] = []
        self._cached: list[DataFrame] = []

    @property
    def _session(self) -> SparkSession:
        return self._open_session()

    def view_delivered(self, groups: Sequence[FileGroup]) -> None:
        files = [self._read(group.files) for group in groups]
        relations = [_delivered(frame, group) for frame, group in zip(files, groups, strict=True)]
        self._name(DELIVERED, reduce(lambda left, right: left.unionByName(right), relations))
        spelled = {_address(url): _spelled(url) for frame in files for url in frame.inputFiles()}
        self.view_rows(DELIVERED_FILES, delivered_files(groups, spelled))

    def view_files(self, name: str, urls: Sequence[str]) -> None:
        self._name(name, self._read(urls))

    def view_rows(self, name: str, rows: pa.Table) -> None:
        from pyspark.sql.pandas.types import from_arrow_schema

        # Connect takes the columns of an empty table from its rows
        relation = self._session.createDataFrame(rows if rows.num_rows else [], from_arrow_schema(rows.schema))
        self._name(name, relation)

    def define(self, name: str, query: Query) -> None:
        relation = self._run(query).cache()
        relation.count()  # small and evaluated once: its size is then known, and joins broadcast it
        self._cached.append(relation)
        self._name(name, relation)

    def write(self, query: Query, folder: str) -> None:
        # coalesce, not repartition: no shuffle of a whole month to even out what is already even
        self._run(query).coalesce(MAX_FILES).write.option("compression", "snappy").parquet(folder)

    def table(self, query: Query) -> pa.Table:
        return self._run(query).toArrow()

    def forget(self) -> None:
        for relation in self._cached:
            relation.unpersist()
        for name in self._named:
            self._session.catalog.dropTempView(name)
        self._cached, self._named = [], []

    def _read(self, urls: Iterable[str]) -> DataFrame:
        return self._session.read.parquet(*[re.sub(r"([][{}*?\\])", r"\\\1", url) for url in urls])  # no wildcards

    def _run(self, query: Query) -> DataFrame:
        values: dict[str, Any] = dict(query.values)
        return self._session.sql(query.text, values)

    def _name(self, name: str, relation: DataFrame) -> None:
        relation.createOrReplaceTempView(name)
        self._named.append(name)


def _delivered(files: DataFrame, group: FileGroup) -> DataFrame:
    from pyspark.sql import functions as f

    columns = [f.expr(expression).alias(name) for name, expression in group.columns.items()]
    row = (f.col("_metadata.row_index") + 1).alias("source_row")
    return files.select(*columns, f.col("_metadata.file_path").alias("source_path"), row)


def _address(spelled: str) -> str:
    """The full address of a file that Spark spells as a URL: percent-encoded, local ones behind `file:`."""
    return re.sub(r"^file:/+", "/", unquote(spelled))


def _spelled(input_file: str) -> str:
    """An address of `inputFiles` as `_metadata.file_path` has it: with one slash where a local path begins."""
    return re.sub(r"^file:/+", "file:/", input_file)
