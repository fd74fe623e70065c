"""The resources: raw store, lake, engine and warehouse, each built from its address.

No resource opens a connection or a file before it is used. `build` chooses among them by the settings.
"""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from types import new_class
from typing import TYPE_CHECKING, Any, TypeVar, cast

import dagster as dg
from pydantic import Field

from i94_platform.address_grammar import is_in_process, is_s3
from i94_platform.defs.execution import require_month
from i94_platform.engine.base import Engine
from i94_platform.engine.connect import open_session
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.engine.emr import Application, EmrSession
from i94_platform.engine.spark import CONFIG, SparkEngine, driver_config, s3_config
from i94_platform.engine.spark_version import SPARK_NOT_INSTALLED
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.s3 import SCHEME, S3Store
from i94_platform.lake.s3_client import aws_region, create_s3_client
from i94_platform.lake.store import Store
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform.warehouse.redshift.warehouse import RedshiftWarehouse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")
ResourceT = TypeVar("ResourceT", bound=dg.ConfigurableResource[Any])


class NoIOManager(dg.IOManager):
    """Passes nothing between steps: they write to the lake and the warehouse, and read from there.

    Dagster's own manager without files keeps values in memory. A run whose process was lost could then not continue
    where it stopped.
    """

    def handle_output(self, context: dg.OutputContext, obj: None) -> None:
        """Check that the step returns no value."""
        assert obj is None, f"{context.step_key} returns a value, which no other step can read"

    def load_input(self, context: dg.InputContext) -> Any:
        """Raise NotImplementedError: a step must read its inputs from the lake or the warehouse."""
        raise NotImplementedError("steps read the lake and the warehouse; declare deps instead of an argument")


@dg.io_manager
def no_io_manager(context: dg.InitResourceContext) -> NoIOManager:
    """Build the manager that every step needs, so that a run without its month ends before the first step."""
    if context.run is not None:
        require_month(context.run)
    return NoIOManager()


class BuildableResource(dg.ConfigurableResource[T]):
    """A resource that can be built without a run or a Dagster instance, which takes a tenth of a second to open."""

    def build(self) -> T:
        """Build the object that steps and the command line use."""
        raise NotImplementedError

    def create_resource(self, context: dg.InitResourceContext) -> T:
        """Build the object for a run."""
        return self.build()


def configure(
    resource: type[ResourceT], dependencies: Mapping[str, dg.ConfigurableResource[Any]] | None = None, **values: Any
) -> ResourceT:
    """Build a resource whose fields have these values as defaults.

    In the launchpad, run config then names only the fields that it overrides. A resource that gets its values as
    arguments would need all of them again.
    """
    annotations = {name: resource.model_fields[name].annotation for name in values}
    namespace = {"__module__": resource.__module__, "__doc__": resource.__doc__, "__annotations__": annotations}
    with_defaults = new_class(resource.__name__, (resource,), exec_body=lambda body: body.update(namespace | values))
    return cast("ResourceT", with_defaults(**(dependencies or {})))


def share(resource: BuildableResource[T], shared: T) -> BuildableResource[T]:
    """Return the resource so that every run in this process uses one object, such as one connection to a warehouse."""
    namespace = {"__module__": type(resource).__module__, "build": lambda self: shared}
    return cast(
        "BuildableResource[T]",
        new_class(type(resource).__name__, (type(resource),), exec_body=lambda body: body.update(namespace))(),
    )


class StoreResource(BuildableResource[Store]):
    """The raw store: a local folder, or a prefix of a bucket."""

    root: str
    scratch: str
    s3_endpoint: str = ""
    lock_timeout: float = 600.0

    def build(self) -> Store:
        """Build the store."""
        return _build_store(self.root, self.scratch, self.s3_endpoint, self.lock_timeout)


class LakeResource(BuildableResource[Lake]):
    """The lake: a local folder, or a prefix of a bucket."""

    root: str
    scratch: str
    s3_endpoint: str = ""
    lock_timeout: float = 600.0

    def build(self) -> Lake:
        """Build the lake."""
        return Lake(_build_store(self.root, self.scratch, self.s3_endpoint, self.lock_timeout))


def _build_store(root: str, scratch: str, s3_endpoint: str, lock_timeout: float) -> Store:
    if is_s3(root):
        return S3Store(root, partial(create_s3_client, s3_endpoint), Path(scratch), lock_timeout)
    return LocalStore(root, lock_timeout)


def _unrooted_store(s3_endpoint: str, scratch: str) -> Store:
    """Build a store without a root, for full addresses: of local files, and of objects in any bucket."""
    return S3Store(SCHEME, partial(create_s3_client, s3_endpoint), Path(scratch))


class DuckDBEngineResource(BuildableResource[Engine]):
    """The embedded engine, DuckDB."""

    scratch: str
    memory_limit: str = "2GB"
    s3_endpoint: str = ""

    def build(self) -> Engine:
        """Build an engine with its own database in memory."""
        store = _unrooted_store(self.s3_endpoint, self.scratch)
        return DuckDBEngine(Path(self.scratch), self.memory_limit, store)


class SparkEngineResource(BuildableResource[Engine]):
    """Spark: in this process, as the driver of a cluster, over Spark Connect, or on EMR Serverless."""

    address: str
    on_s3: bool = False
    s3_endpoint: str = ""
    jars: str = ""
    options: dict[str, str] = Field(default_factory=dict)

    def build(self) -> Engine:
        """Build an engine over the one session of this process, which starts with the first query."""
        if self.address.startswith("emr-serverless://"):
            return SparkEngine(self.address, emr_session(self.address, _to_items(self.options)).open)
        if not is_in_process(self.address):
            return SparkEngine(self.address, lambda: remote_session(self.address, _to_items(self.options)))
        return SparkEngine(self.address, lambda: spark_session(_to_items(self._options())))

    def _options(self) -> dict[str, str]:
        """Build the configuration of a driver in this process: the queries' needs count more than what people set."""
        config = driver_config(self.address)
        buckets = s3_config(self.jars, self.s3_endpoint, aws_region()) if self.on_s3 else {}
        return config | {"spark.master": self.address} | buckets | self.options | CONFIG


def _to_items(options: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """Return options as items, which can be the key of a cache."""
    return tuple(sorted(options.items()))


@cache
def spark_session(options: tuple[tuple[str, str], ...]) -> SparkSession:
    """Return the session of this process with these options, which all months share.

    Raises:
        PermanentError: the spark extra is not installed.
    """
    try:
        from dagster_pyspark import LazyPySparkResource
    except ModuleNotFoundError as error:
        raise PermanentError(SPARK_NOT_INSTALLED) from error
    session = LazyPySparkResource(spark_config=dict(options)).spark_session
    return session  # type: ignore[no-any-return]


@cache
def remote_session(address: str, options: tuple[tuple[str, str], ...]) -> SparkSession:
    """Return the session of this process on a server, which all months share."""
    return open_session(address, dict(options) | CONFIG)


@cache
def emr_session(address: str, options: tuple[tuple[str, str], ...]) -> EmrSession:
    """Return the session of this process at this address with these options; it ends with the process."""
    session = EmrSession(Application.parse(address, aws_region()), CONFIG, dict(options))
    atexit.register(session.close)
    return session


class DuckDBWarehouseResource(BuildableResource[Warehouse]):
    """The embedded warehouse: one DuckDB file."""

    path: str
    scratch: str
    memory_limit: str = "2GB"
    lock_timeout: float = 600.0
    s3_endpoint: str = ""
    release_path: str = ""
    query_timeout: float = 600.0
    query_folders: list[str] = Field(default_factory=list)

    def build(self) -> Warehouse:
        """Build the warehouse."""
        return DuckDBWarehouse(
            Path(self.path),
            Path(self.scratch),
            self.memory_limit,
            self.lock_timeout,
            _unrooted_store(self.s3_endpoint, self.scratch),
            Path(self.release_path) if self.release_path else None,
            query_timeout=self.query_timeout,
            query_folders=self.query_folders,
        )


class RedshiftWarehouseResource(BuildableResource[Warehouse]):
    """Amazon Redshift. The password is no field, because Dagster shows fields; it is read when a connection opens."""

    address: str
    scratch: str
    s3_endpoint: str = ""
    fact_diststyle: str = "key"
    lock_timeout: float = 600.0
    statement_timeout: float = 3600.0
    reader: str = ""
    query_timeout: float = 600.0

    def build(self) -> Warehouse:
        """Build the warehouse."""
        return RedshiftWarehouse(
            RedshiftAddress.parse(self.address),
            _unrooted_store(self.s3_endpoint, self.scratch),
            fact_diststyle=self.fact_diststyle,
            lock_timeout=self.lock_timeout,
            statement_timeout=self.statement_timeout,
            reader=self.reader,
            query_timeout=self.query_timeout,
        )
