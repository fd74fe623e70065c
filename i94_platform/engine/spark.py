"""The Spark engine. It uses only what Spark Connect offers, so its session may be in this process or on a server.

Whoever builds the engine opens the session. All steps of the process share it, and no step stops it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from i94_platform.address_grammar import is_in_process
from i94_platform.engine.base import DELIVERED, DELIVERED_FILES, Engine, FileGroup, build_file_table
from i94_platform.errors import PermanentError
from i94_platform.sql.query import Query
from i94_platform.umask import read_umask

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

MIN_FILES, ROWS_PER_FILE = 8, 250_000
"""A write has at most so many files, or files of so many rows if that is more: 5 to 100 MB each, which suit warehouses.

Spark splits what it reads by its cores, so that every core of a cluster writes.
"""

FEW_ROWS = 10_000
"""Up to so many rows are faster to read from memory than by tasks; more may be too many for the driver."""

CONFIG = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
}
"""What the queries rely on in every session. Nothing else is set where a cluster or a server has its own defaults."""

_LOCAL_CONFIG = {
    # nothing listens on the network
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "2g",
    # the checks of 28 columns become one huge method, which the JVM compiles only with this: half the time is saved
    "spark.driver.extraJavaOptions": "-XX:-DontCompileHugeMethods",
    "spark.ui.enabled": "false",
    # every join is with a small relation of known size, so adaptive planning only costs time
    "spark.sql.adaptive.enabled": "false",
    # on wide rows it costs time and saves none
    "spark.sql.constraintPropagation.enabled": "false",
    # each broadcast code list takes a memory page, which could have up to 64 MB
    "spark.buffer.pageSize": "2m",
    # a month's queries compile to about eighty classes, which the next month uses again
    "spark.sql.codegen.cache.maxEntries": "1000",
}
"""What a driver that is the whole of Spark needs as well, since nobody else configures it."""

_LEAST_PARTITIONS = 8


def driver_config(address: str) -> dict[str, str]:
    """Build the configuration of a driver in this process; on a cluster it leaves the cluster's defaults alone."""
    # Hadoop has a umask of its own, and sets the permissions of each file by it
    umask = {"spark.hadoop.fs.permissions.umask-mode": f"{read_umask():03o}"}
    config = CONFIG | umask | {"spark.ui.showConsoleProgress": "false"}
    if not address.startswith("local["):
        return config
    cores = address.removeprefix("local[").rstrip("]")
    partitions = max(_LEAST_PARTITIONS, os.cpu_count() or 1 if cores == "*" else int(cores))
    return config | _LOCAL_CONFIG | {"spark.sql.shuffle.partitions": str(partitions)}


def count_files(rows: int) -> int:
    """Count the files, at most, that a write of a delivery of so many rows has."""
    return max(MIN_FILES, rows // ROWS_PER_FILE)


_AWS_SDK = "software.amazon.awssdk"
_CLOUD = "org.apache.spark.internal.io.cloud"

_BUNDLED_JARS = ("org.apache.hadoop:hadoop-client-api", "org.apache.hadoop:hadoop-client-runtime")
"""Jars that come with PySpark; a second version of them must not be fetched."""

S3_CONFIG = {
    # driver and executors use AWS's own chain, so that no key is in the configuration or in what displays it
    "spark.hadoop.fs.s3a.aws.credentials.provider": f"{_AWS_SDK}.auth.credentials.DefaultCredentialsProvider",
    # files become visible when the job commits, so none of a failed or duplicate task attempt is ever listed
    "spark.hadoop.fs.s3a.committer.name": "magic",
    "spark.sql.sources.commitProtocolClass": f"{_CLOUD}.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": f"{_CLOUD}.BindingParquetOutputCommitter",
}
"""What the driver needs to read and write buckets: this process, or the Spark Connect server."""


def s3_config(jars: str, endpoint: str = "", region: str = "") -> dict[str, str]:
    """Build the configuration for buckets; `jars` is a folder, or Maven coordinates that Spark fetches.

    Raises:
        PermanentError: the folder holds no jars.
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
        return {"spark.jars.packages": jars, "spark.jars.excludes": ",".join(_BUNDLED_JARS)}
    if not (paths := list_jars(jars)):
        raise PermanentError(
            f"Spark reads and writes s3:// with jars that are not in {jars}; run: make jars, or set I94_SPARK_JARS to "
            "the folder that holds them."
        )
    return {"spark.jars": ",".join(paths)}


def list_jars(folder: str) -> list[str]:
    """List the jars of a folder; none if it does not exist."""
    return sorted(str(path) for path in Path(folder).glob("*.jar"))


class SparkEngine(Engine):
    """Runs the staging SQL in Spark, unchanged."""

    has_cheap_key_check = False  # it takes a shuffle of every key

    def __init__(self, address: str, session: Callable[[], SparkSession]) -> None:
        """`session` opens the session, or returns the open one."""
        self.name = address
        self._open_session = session
        self._views: list[str] = []
        self._cached: list[DataFrame] = []
        self._delivered_rows = 0
        self._tasks = (0, 0)
        """The tasks that are done, and all, of a query on a Connect server."""

    @property
    def _session(self) -> SparkSession:
        return self._open_session()

    def register_delivery(self, groups: Sequence[FileGroup], rows: int) -> None:
        self._delivered_rows = rows
        if not is_in_process(self.name):
            self._session.registerProgressHandler(self._record_tasks)
        frames = [self._read(group.files) for group in groups]
        relations = [_select_delivered(frame, group) for frame, group in zip(frames, groups, strict=True)]
        self._create_view(DELIVERED, reduce(lambda left, right: left.unionByName(right), relations))
        paths = {_to_address(url): _to_path(url) for frame in frames for url in frame.inputFiles()}
        self.register_table(DELIVERED_FILES, build_file_table(groups, paths))

    def register_files(self, name: str, urls: Sequence[str]) -> None:
        self._create_view(name, self._read(urls))

    def register_table(self, name: str, rows: pa.Table) -> None:
        frame = self._session.createDataFrame(rows) if rows.num_rows else self._create_empty_frame(rows.schema)
        self._create_view(name, frame)

    def _create_empty_frame(self, schema: pa.Schema) -> DataFrame:
        """Create a frame that the planner knows to be empty, so that joins with it cost nothing."""
        from pyspark.sql import functions as f
        from pyspark.sql.pandas.types import from_arrow_schema

        one_row = self._session.range(1)  # before the expressions, which need an open session
        columns = [f.lit(None).cast(field.dataType).alias(field.name) for field in from_arrow_schema(schema)]
        return one_row.select(*columns).limit(0)

    def materialize(self, name: str, query: Query) -> None:
        frame = self._run(query).cache()
        self._cached.append(frame)
        # the count evaluates it, so that joins know its size and broadcast it; few rows then need no tasks at all
        if frame.count() <= FEW_ROWS:
            self.register_table(name, frame.toArrow())
        else:
            self._create_view(name, frame)

    def write(self, query: Query, folder: str) -> None:
        # coalesce, not repartition: the partitions are even enough, and a shuffle of a whole month is slow
        frame = self._run(query).coalesce(count_files(self._delivered_rows))
        frame.write.option("compression", "snappy").parquet(_to_hadoop(folder))

    def fetch(self, query: Query) -> pa.Table:
        return self._run(query).toArrow()

    def has_duplicates(self, relation: str, column: str) -> bool:
        # a bit a value: the bitmaps of neighbouring values are shuffled, not the values
        bits = f"bitmap_count(bitmap_construct_agg(bitmap_bit_position(`{column}`)))"
        counts = f"SELECT count(*) - {bits} AS duplicates FROM `{relation}` WHERE `{column}` IS NOT NULL"
        sql = f"SELECT sum(duplicates) AS duplicates FROM ({counts} GROUP BY bitmap_bucket_number(`{column}`))"
        return bool(self.fetch_row(Query(sql))["duplicates"])

    def read_share(self) -> float | None:
        if is_in_process(self.name):
            tracker = self._session.sparkContext.statusTracker()
            stages = [stage for id_ in tracker.getActiveStageIds() if (stage := tracker.getStageInfo(id_))]
            done, total = (sum(stage.numCompletedTasks for stage in stages), sum(stage.numTasks for stage in stages))
        else:
            done, total = self._tasks
        return done / total if total else None

    def _record_tasks(self, stages: Iterable[Any] | None, done: bool, **_others: Any) -> None:
        """Record the progress of a query; Spark calls this by the names of its parameters."""
        counts = [(stage.num_completed_tasks, stage.num_tasks) for stage in stages or () if not done]
        self._tasks = (sum(completed for completed, _ in counts), sum(total for _, total in counts))

    def drop_views(self) -> None:
        if self._views and not is_in_process(self.name):
            with suppress(ValueError):  # no delivery was registered
                self._session.removeProgressHandler(self._record_tasks)
        for frame in self._cached:
            frame.unpersist()
        for name in self._views:
            self._session.catalog.dropTempView(name)
        self._cached, self._views = [], []

    def _read(self, urls: Iterable[str]) -> DataFrame:
        escaped = [re.sub(r"([][{}*?\\])", r"\\\1", _to_hadoop(url)) for url in urls]  # no wildcards
        return self._session.read.parquet(*escaped)

    def _run(self, query: Query) -> DataFrame:
        values: dict[str, Any] = dict(query.values)
        return self._session.sql(query.text, values)

    def _create_view(self, name: str, frame: DataFrame) -> None:
        frame.createOrReplaceTempView(name)
        self._views.append(name)


def _select_delivered(frame: DataFrame, group: FileGroup) -> DataFrame:
    from pyspark.sql import functions as f

    columns = [f.expr(expression).alias(name) for name, expression in group.columns.items()]
    row = (f.col("_metadata.row_index") + 1).alias("source_row")
    return frame.select(*columns, f.col("_metadata.file_path").alias("source_path"), row)


def _to_hadoop(address: str) -> str:
    """Convert an address to Hadoop's form: its file system for buckets is `s3a:`."""
    return re.sub(r"^s3://", "s3a://", address)


def _to_address(url: str) -> str:
    """Convert a URL of `inputFiles` (percent-encoded, `s3a:` or `file:`) to our full address."""
    return re.sub(r"^s3a://", "s3://", re.sub(r"^file:/+", "/", unquote(url)))


def _to_path(url: str) -> str:
    """Convert a URL of `inputFiles` to the form of `_metadata.file_path`, with one slash before a local path."""
    return re.sub(r"^file:/+", "file:/", url)
