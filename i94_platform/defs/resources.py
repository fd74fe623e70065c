"""What the assets are given: the lake, the raw store, the engine and the warehouse, each built from its address.

Here: one configurable resource per kind, with typed fields. Nothing is opened before it is used. Not here: choosing
among them, which `build` does from the settings.
"""

from __future__ import annotations

import atexit
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import dagster as dg
from pydantic import Field

from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.engine.emr import Application, EmrSession
from i94_platform.engine.spark import CONFIG, DRIVER_CONFIG, LOCAL_CONFIG, SPARK_NOT_INSTALLED, SparkEngine, s3_config
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import SCHEME, S3Store
from i94_platform.lake.s3_client import aws_region, create_s3_client
from i94_platform.lake.store import Store
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.settings import is_in_process
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")


class NoIOManager(dg.IOManager):
    """No step hands anything to another: what it makes is in the lake or the warehouse.

    Dagster's own manager that writes nothing keeps values in memory, and a run whose process was lost could then not go
    on where it ended.
    """

    def handle_output(self, context: dg.OutputContext, obj: None) -> None:
        """See that there is nothing to keep."""
        assert obj is None, f"{context.step_key} hands on a value, which nobody keeps"

    def load_input(self, context: dg.InputContext) -> Any:
        """Refuse.

        Raises:
            NotImplementedError: always; depend by `deps`, and read the lake or the warehouse.
        """
        raise NotImplementedError("steps read the lake and the warehouse; depend by deps, not by an argument")


class BuildableResource(dg.ConfigurableResource[T]):
    """What can be made of its own fields: no run is needed, nor a Dagster instance, which takes a tenth of a second."""

    def build(self) -> T:
        """The part, for whoever uses it outside a run."""
        raise NotImplementedError

    def create_resource(self, context: dg.InitResourceContext) -> T:
        """The part, for a run."""
        return self.build()


class LocalStoreResource(BuildableResource[Store]):
    """A local folder: where deliveries land."""

    root: str
    lock_timeout: float = 600.0

    def build(self) -> Store:
        """The folder as a store."""
        return LocalStore(self.root, self.lock_timeout)


class LocalLakeResource(BuildableResource[Lake]):
    """A local folder as the lake."""

    root: str
    lock_timeout: float = 600.0

    def build(self) -> Lake:
        """The lake in that folder."""
        return Lake(LocalStore(self.root, self.lock_timeout))


class S3StoreResource(BuildableResource[Store]):
    """A prefix of a bucket: where deliveries land."""

    root: str
    scratch: str
    s3_endpoint: str = ""
    lock_timeout: float = 600.0

    def build(self) -> Store:
        """The prefix as a store."""
        return S3Store(self.root, partial(create_s3_client, self.s3_endpoint), Path(self.scratch), self.lock_timeout)


class S3LakeResource(BuildableResource[Lake]):
    """A prefix of a bucket as the lake."""

    root: str
    scratch: str
    s3_endpoint: str = ""
    lock_timeout: float = 600.0

    def build(self) -> Lake:
        """The lake below that prefix."""
        connect = partial(create_s3_client, self.s3_endpoint)
        return Lake(S3Store(self.root, connect, Path(self.scratch), self.lock_timeout))


def _unrooted_store(s3_endpoint: str, scratch: str) -> Store:
    """A store for full addresses only: local ones, and those of any bucket."""
    return S3Store(SCHEME, partial(create_s3_client, s3_endpoint), Path(scratch))


class DuckDBEngineResource(BuildableResource[Engine]):
    """The embedded engine."""

    scratch: str
    memory_limit: str = "2GB"
    s3_endpoint: str = ""

    def build(self) -> Engine:
        """An engine with its own database in memory."""
        store = _unrooted_store(self.s3_endpoint, self.scratch)
        return DuckDBEngine(Path(self.scratch), self.memory_limit, store)


class SparkEngineResource(BuildableResource[Engine]):
    """Spark: in this process or with it as the driver of a cluster, a Spark Connect server, or EMR Serverless."""

    address: str
    on_s3: bool = False
    s3_endpoint: str = ""
    jars: str = ""
    options: dict[str, str] = Field(default_factory=dict)

    def build(self) -> Engine:
        """An engine over the process's one session, which starts with the first query."""
        if self.address.startswith("emr-serverless://"):
            return SparkEngine(self.address, emr_session(self.address, _frozen(CONFIG | self.options)).open)
        return SparkEngine(self.address, lambda: spark_session(_frozen(self._options())))

    def _options(self) -> dict[str, str]:
        if not is_in_process(self.address):
            return CONFIG | {"spark.remote": self.address} | self.options
        needs = LOCAL_CONFIG if self.address.startswith("local[") else DRIVER_CONFIG
        buckets = s3_config(self.jars, self.s3_endpoint, aws_region()) if self.on_s3 else {}
        return CONFIG | needs | {"spark.master": self.address} | buckets | self.options


def _frozen(options: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(options.items()))


@cache
def spark_session(options: tuple[tuple[str, str], ...]) -> SparkSession:
    """The process's session with these options; several months in one process share it.

    Raises:
        PermanentFailure: the spark extra is not installed.
    """
    try:
        from dagster_pyspark import LazyPySparkResource
    except ModuleNotFoundError as error:
        raise PermanentError(SPARK_NOT_INSTALLED) from error
    session = LazyPySparkResource(spark_config=dict(options)).spark_session
    return session  # type: ignore[no-any-return]


@cache
def emr_session(address: str, options: tuple[tuple[str, str], ...]) -> EmrSession:
    """The process's session at this address with these options; it is ended with the process."""
    session = EmrSession(Application.parse(address, aws_region()), dict(options))
    atexit.register(session.close)
    return session


class DuckDBWarehouseResource(BuildableResource[Warehouse]):
    """The embedded warehouse: one DuckDB file."""

    path: str
    scratch: str
    memory_limit: str = "2GB"
    lock_timeout: float = 600.0
    s3_endpoint: str = ""

    def build(self) -> Warehouse:
        """The warehouse in that file."""
        store = _unrooted_store(self.s3_endpoint, self.scratch)
        return DuckDBWarehouse(Path(self.path), Path(self.scratch), self.memory_limit, self.lock_timeout, store)


class RedshiftWarehouseResource(BuildableResource[Warehouse]):
    """Amazon Redshift; the password is no field, since Dagster shows them: it is read when a connection is opened."""

    address: str
    scratch: str
    s3_endpoint: str = ""
    fact_diststyle: str = "key"
    lock_timeout: float = 600.0
    statement_timeout: float = 3600.0

    def build(self) -> Warehouse:
        """The warehouse in that database."""
        return RedshiftWarehouse(
            RedshiftAddress.parse(self.address),
            _unrooted_store(self.s3_endpoint, self.scratch),
            fact_diststyle=self.fact_diststyle,
            lock_timeout=self.lock_timeout,
            statement_timeout=self.statement_timeout,
        )
