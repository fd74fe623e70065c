"""The Spark engine: a session in this process, or a Spark Connect server. Only what Spark Connect offers is used.

Here: Spark's terms, and what a session is configured with. The session is made by whoever builds the engine and is
shared by every step of the process; it is never stopped between steps. Not here: the SQL itself, how a session is
opened (`assets.resources`, `emr`), and a server on this machine (`connect`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from i94_platform.engine.base import DELIVERED, DELIVERED_FILES, Engine, FileGroup, build_file_table
from i94_platform.errors import PermanentError
from i94_platform.sql.query import Query

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

MAX_FILES = 8
"""Files that a write makes at most: a month then lies in files of 5 to 100 MB, as warehouses like them."""

FEW_ROWS = 10_000
"""Rows that are quicker read from memory than by tasks; more may be too many for the driver."""

SPARK_NOT_INSTALLED = "I94_ENGINE names Spark, which is not installed; run: pip install 'i94-platform[spark]'."

CONFIG = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.shuffle.partitions": "8",
    # every join here is with a small relation of known size, and planning anew after each would take its time again
    "spark.sql.adaptive.enabled": "false",
    # from wide rows nothing can be concluded that would save anything
    "spark.sql.constraintPropagation.enabled": "false",
}
"""What the queries rely on, sizes that fit a month, and what the planner does in vain."""

# one judgement over 28 columns is a method beyond the size that the JVM compiles unasked: half the time is saved
_JAVA_OPTIONS = "-XX:-DontCompileHugeMethods"

DRIVER_CONFIG = {
    "spark.driver.memory": "2g",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.extraJavaOptions": _JAVA_OPTIONS,
    "spark.executor.extraJavaOptions": _JAVA_OPTIONS,
    # each code list is held in a page of memory of its own: of this size, not of up to 64 MB
    "spark.buffer.pageSize": "2m",
    # a month's queries are compiled to some eighty classes, and the next month's to the same: all of them stay
    "spark.sql.codegen.cache.maxEntries": "1000",
}
"""What a session in this process needs beside that."""

LOCAL_CONFIG = DRIVER_CONFIG | {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
"""The same where there are no other machines: nothing listens to the network."""

_AWS_SDK = "software.amazon.awssdk"
_CLOUD = "org.apache.spark.internal.io.cloud"

_SHIPPED = ("org.apache.hadoop:hadoop-client-api", "org.apache.hadoop:hadoop-client-runtime")
"""What comes with PySpark, and must not come a second time in another version."""

S3_CONFIG = {
    # AWS's own chain, asked by the driver and by each executor: no key is in the configuration, nor in what shows it
    "spark.hadoop.fs.s3a.aws.credentials.provider": f"{_AWS_SDK}.auth.credentials.DefaultCredentialsProvider",
    # an attempt's files become objects when the job commits, so none of a failed or doubled attempt is ever listed
    "spark.hadoop.fs.s3a.committer.name": "magic",
    "spark.sql.sources.commitProtocolClass": f"{_CLOUD}.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": f"{_CLOUD}.BindingParquetOutputCommitter",
}
"""What whatever runs the queries needs to read and write buckets: this process, or the Spark Connect server."""


def s3_config(jars: str, endpoint: str = "", region: str = "") -> dict[str, str]:
    """The configuration for buckets: `jars` is a folder, or Maven coordinates that Spark fetches by itself.

    Raises:
        PermanentFailure: the folder holds no jars.
    """
    config = {**S3_CONFIG, **_jars_config(jars)}
    if endpoint:
        config["spark.hadoop.fs.s3a.endpoint"] = endpoint
        config["spark.hadoop.fs.s3a.path.style.access"] = "true"
    if region:
        config["spark.hadoop.fs.s3a.endpoint.region"] = region
    return config


def _jars_config(jars: str) -> dict[str, str]:
    if ":" in jars:
        return {"spark.jars.packages": jars, "spark.jars.excludes": ",".join(_SHIPPED)}
    if not (found := list_jars(jars)):
        raise PermanentError(
            f"Spark reads and writes s3:// with jars that are not in {jars}; run: make jars, or set I94_SPARK_JARS to "
            "the folder that holds them."
        )
    return {"spark.jars": ",".join(found)}


def list_jars(folder: str) -> list[str]:
    """The jars of a folder, which may not be there."""
    return sorted(str(path) for path in Path(folder).glob("*.jar"))


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

    def register_delivery(self, groups: Sequence[FileGroup]) -> None:
        files = [self._read(group.files) for group in groups]
        relations = [_delivered(frame, group) for frame, group in zip(files, groups, strict=True)]
        self._name(DELIVERED, reduce(lambda left, right: left.unionByName(right), relations))
        spelled = {_address(url): _spelled(url) for frame in files for url in frame.inputFiles()}
        self.register_table(DELIVERED_FILES, build_file_table(groups, spelled))

    def register_files(self, name: str, urls: Sequence[str]) -> None:
        self._name(name, self._read(urls))

    def register_table(self, name: str, rows: pa.Table) -> None:
        self._name(name, self._session.createDataFrame(rows) if rows.num_rows else self._nothing(rows.schema))

    def _nothing(self, schema: pa.Schema) -> DataFrame:
        """A relation without rows, which the planner sees to be empty: joins with it then cost nothing."""
        from pyspark.sql import functions as f
        from pyspark.sql.pandas.types import from_arrow_schema

        one_row = self._session.range(1)  # expressions are made of a session, so it comes first
        return one_row.select(
            *(f.lit(None).cast(field.dataType).alias(field.name) for field in from_arrow_schema(schema))
        ).limit(0)

    def materialize(self, name: str, query: Query) -> None:
        relation = self._run(query).cache()
        self._cached.append(relation)
        # evaluated once: its size is then known, and joins broadcast it; what is very small needs no tasks either
        if relation.count() <= FEW_ROWS:
            self.register_table(name, relation.toArrow())
        else:
            self._name(name, relation)

    def write(self, query: Query, folder: str) -> None:
        # coalesce, not repartition: no shuffle of a whole month to even out what is already even
        self._run(query).coalesce(MAX_FILES).write.option("compression", "snappy").parquet(_for_hadoop(folder))

    def fetch(self, query: Query) -> pa.Table:
        return self._run(query).toArrow()

    def drop_views(self) -> None:
        for relation in self._cached:
            relation.unpersist()
        for name in self._named:
            self._session.catalog.dropTempView(name)
        self._cached, self._named = [], []

    def _read(self, urls: Iterable[str]) -> DataFrame:
        literal = [re.sub(r"([][{}*?\\])", r"\\\1", _for_hadoop(url)) for url in urls]  # no wildcards
        return self._session.read.parquet(*literal)

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


def _for_hadoop(address: str) -> str:
    """An address as Hadoop takes it: its file system for `s3:` is one that is gone, for buckets it has `s3a:`."""
    return re.sub(r"^s3://", "s3a://", address)


def _address(spelled: str) -> str:
    """The full address of a file that Spark spells as a URL: percent-encoded, `s3a:`, local ones behind `file:`."""
    return re.sub(r"^s3a://", "s3://", re.sub(r"^file:/+", "/", unquote(spelled)))


def _spelled(input_file: str) -> str:
    """An address of `inputFiles` as `_metadata.file_path` has it: with one slash where a local path begins."""
    return re.sub(r"^file:/+", "file:/", input_file)
