"""The settings of a deployment, read from the environment and validated.

An address that is not set is local. An unknown scheme is an error that lists the valid ones. The only secret among the
settings is the webhook of the alerts; passwords have variables of their own.
"""

import logging
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from i94_platform.address_grammar import WAREHOUSE_GRAMMAR, is_s3, parse_spark_options, parse_store, require_match
from i94_platform.errors import PermanentError
from i94_platform.redshift_address import RedshiftAddress
from i94_platform.setting_types import (
    CodeUrl,
    Endpoint,
    EngineAddress,
    LocalFolder,
    MonthKey,
    Networks,
    OptionalMonthKey,
    Origin,
    Origins,
    SparkJars,
    SparkOptions,
    UiUrl,
    Umask,
    Webhook,
)
from i94_platform.umask import DEFAULT as DEFAULT_UMASK
from i94_platform.unknown_variables import find_unknown_variables

logger = logging.getLogger(__name__)

PROJECT = Path(__file__).resolve().parent.parent
"""The folder that holds the package: the checkout, or the site-packages of an installation."""


class Settings(BaseSettings):
    """The settings of one deployment; the field `home` is the variable `I94_HOME`, and so on."""

    model_config = SettingsConfigDict(env_prefix="I94_", env_ignore_empty=True, extra="forbid", frozen=True)

    home: LocalFolder = Field(
        default=".i94",
        validate_default=True,
        description="local state: Dagster instance, default lake and warehouse; default .i94 in the working directory",
    )
    umask: Umask = Field(
        default=DEFAULT_UMASK,
        description="permissions that files do not get, as for the shell's umask; 027 lets the group read",
    )
    lake: str = Field(
        default="",
        validate_default=True,
        description="staged data and manifests: a folder or s3://bucket/prefix; default <home>/lake",
    )
    raw: str = Field(
        default="", validate_default=True, description="where deliveries arrive, at any depth; default <lake>/raw"
    )
    engine: EngineAddress = Field(
        default="duckdb",
        description="what runs the staging SQL: duckdb, or Spark by local[N], local[*], sc://host:port, "
        "spark://host:port, yarn or emr-serverless://application?role=arn",
    )
    warehouse: str = Field(
        default="",
        validate_default=True,
        description="duckdb:///path or redshift://user@host:5439/database?iam_role=arn; default duckdb:///<home>/warehouse.duckdb",
    )
    s3_endpoint: Endpoint = Field(default="", description="URL of an S3-compatible store; default AWS itself")
    spark_jars: SparkJars = Field(
        default=".jars",
        validate_default=True,
        description="jars for Spark in this process to read and write buckets: a folder (default .jars in the working "
        "directory), or Maven coordinates",
    )
    spark_options: SparkOptions = Field(
        default="",
        description="configuration of Spark, quoted as for a shell: spark.executor.memory=8g spark.executor.cores=4; "
        "a server accepts what a session may set",
    )
    first_month: MonthKey = Field(default="2016-01", description="first month that can be loaded")
    last_month: OptionalMonthKey = Field(
        default="", description="last month that can be loaded; default the last completed month"
    )
    memory_limit: str = Field(
        default="2GB",
        pattern=r"^\d+(MB|GB)$",
        description="maximum memory of the embedded engine and warehouse, which spill beyond it",
    )
    fact_diststyle: Literal["key", "even", "auto"] = Field(
        default="key", description="distribution of the fact on Redshift: by its key, even or auto"
    )
    statement_timeout: float = Field(default=3600.0, gt=0, description="maximum seconds of a statement on Redshift")
    query_timeout: float = Field(default=600.0, gt=0, description="maximum seconds of a query of i94 query")
    redshift_reader: str = Field(
        default="",
        description="user on Redshift under whom i94 query runs; default the user of the warehouse",
    )
    lock_timeout: float = Field(default=600.0, gt=0, description="maximum seconds to wait for a lock")
    settle_seconds: float = Field(
        default=60.0, ge=0, description="seconds without a change after which a delivery counts as complete"
    )
    sensor_interval_seconds: int = Field(
        default=30,
        gt=0,
        description="minimum seconds between two ticks of a sensor; that of all months ticks half as often",
    )
    sensor_max_requests: int = Field(
        default=12,
        gt=0,
        description="maximum months that the sensor requests in a tick; the next tick requests the others",
    )
    retention_days: int = Field(
        default=90, gt=0, description="days after which ended runs are deleted that nothing needs any more"
    )
    delivery_day: int = Field(
        default=10, ge=1, le=28, description="day of the month by which last month must be delivered"
    )
    max_rejected_share: float = Field(
        default=0.05, ge=0, le=1, description="share of rejected rows above which a delivery is blocked"
    )
    max_row_loss: float = Field(
        default=0.2, ge=0, le=1, description="share of rows lost, against what is loaded, above which it is blocked"
    )
    max_unreadable_share: float = Field(
        default=0.5, ge=0, le=1, description="share of unreadable values of a column above which it is blocked"
    )
    staging_concurrency: int = Field(
        default=2,
        gt=0,
        description="maximum months that are staged at a time, over all runs; read when i94 dev or the daemon starts",
    )
    alert_webhook: Webhook = Field(
        default=SecretStr(""),
        description="URL that receives alerts; a secret: whoever knows it can write there",
    )
    ui_url: UiUrl = Field(
        default="http://127.0.0.1:3000",
        description="URL of the lineage UI, for links in alerts; the only host beside loopback that it answers to",
    )

    freeze_definitions: bool = Field(
        default=False,
        description="keep the definitions out of garbage collections, for code servers; i94 dev and the image set it",
    )
    code_url: CodeUrl = Field(
        default="",
        description="URL of this version's files, for links to code, such as https://host/group/project/tree/v1",
    )

    disclosure: Literal["rounded", "exact"] = Field(
        default="rounded", description="figures of the API and dashboard for callers without the scope read:exact"
    )
    serve_rate: float = Field(default=50.0, gt=0, description="maximum requests per second of one caller of the API")
    serve_timeout: float = Field(default=10.0, gt=0, description="maximum seconds of a query of the API")
    serve_url: Origin = Field(
        default="",
        description="URL by which a proxy leads people to API and dashboard, such as https://i94.example.gov",
    )
    serve_trusted_proxies: Networks = Field(
        default="",
        description="addresses or networks of the proxies, separated by commas, whose X-Forwarded-For names the client",
    )
    serve_cors_origins: Origins = Field(
        default="",
        description="origins of pages of others that may read the API with a key, separated by commas; or *",
    )
    serve_memory: str = Field(default="1GB", pattern=r"^\d+(MB|GB)$", description="maximum memory of the API's data")

    @classmethod
    def from_env(cls, **values: Any) -> Self:
        """Read and validate the environment; warn once of variables that nothing reads.

        Args:
            values: By field, what counts instead of a variable.

        Raises:
            PermanentError: a value is unknown; the message names the variable and lists the valid values.
        """
        for message in find_unknown_variables(os.environ, cls.model_fields):
            _warn_once(message)
        try:
            return cls(**values)
        except ValidationError as error:
            message = "; ".join(
                # an error of several settings names them itself
                (f"I94_{'_'.join(map(str, e['loc'])).upper()}: " if e["loc"] else "")
                + _describe_invalid_value(e["type"], e["msg"])
                for e in error.errors(include_url=False, include_input=False)
            )
            raise PermanentError(f"The settings in the environment are not valid. {message}") from None

    # info.data lacks an address that is not valid; then its error is reported, not one that follows from it
    @field_validator("lake")
    @classmethod
    def _parse_lake(cls, value: str, info: ValidationInfo) -> str:
        return parse_store(value or f"{info.data.get('home')}/lake")

    @field_validator("raw")
    @classmethod
    def _parse_raw(cls, value: str, info: ValidationInfo) -> str:
        return parse_store(value or f"{info.data.get('lake')}/raw")

    @field_validator("warehouse")
    @classmethod
    def _parse_warehouse(cls, value: str, info: ValidationInfo) -> str:
        value = require_match(value or f"duckdb:///{info.data.get('home')}/warehouse.duckdb", WAREHOUSE_GRAMMAR)
        if value.startswith("redshift://"):
            RedshiftAddress.parse(value)
            lake = info.data.get("lake")
            if lake and not is_s3(lake):
                raise ValueError(
                    f"Redshift loads from S3 only, and the lake is the folder {lake}; set I94_LAKE to s3://bucket/prefix"
                )
        return value

    @model_validator(mode="after")
    def _require_valid_combination(self) -> Self:
        if messages := [message for is_invalid, message in INVALID_COMBINATIONS if is_invalid(self)]:
            raise ValueError("; ".join(messages))
        return self

    @property
    def serves_https(self) -> bool:
        """Whether people reach API and dashboard by TLS."""
        return self.serve_url.startswith("https://")

    @property
    def uses_s3(self) -> bool:
        """Whether the lake or the deliveries are in a bucket."""
        return is_s3(self.lake) or is_s3(self.raw)

    @property
    def spark_options_by_name(self) -> dict[str, str]:
        """The configuration of Spark that a person sets, by name."""
        return parse_spark_options(self.spark_options)

    @property
    def redshift_address(self) -> RedshiftAddress | None:
        """The address of the warehouse; None if it is not on Redshift."""
        return RedshiftAddress.parse(self.warehouse) if self.warehouse.startswith("redshift://") else None

    @property
    def warehouse_path(self) -> Path:
        """The absolute path of the DuckDB file of the embedded warehouse."""
        return Path(self.warehouse.removeprefix("duckdb:///")).expanduser().resolve()

    @property
    def release_path(self) -> Path:
        """The DuckDB file that holds the newest release, if the warehouse is the embedded one."""
        return Path(self.home) / "i94.duckdb"

    @property
    def dagster_home(self) -> Path:
        """The folder of the persistent Dagster instance."""
        return Path(self.home) / "dagster"

    @property
    def scratch(self) -> Path:
        """The folder for what engines spill and for converted deliveries."""
        return Path(self.home) / "scratch"


def _describe_invalid_value(type_: str, message: str) -> str:
    """Say what is wrong with a value; the only pattern among the settings is that of a size."""
    is_size = type_ == "string_pattern_mismatch"
    return "this is no size; valid are: 512MB, 2GB" if is_size else message.removeprefix("Value error, ")


@cache
def _warn_once(message: str) -> None:
    logger.warning("%s", message)


def _is_on_other_machines(settings: Settings) -> bool:
    return settings.engine == "yarn" or settings.engine.startswith("emr-serverless://")


def _can_log_in_as_reader(address: RedshiftAddress | None) -> bool:
    endpoint = address and address.auth == "iam" and address.endpoint
    return not (endpoint and endpoint.serverless)


INVALID_COMBINATIONS: tuple[tuple[Callable[[Settings], bool], str], ...] = (
    (
        lambda s: _is_on_other_machines(s) and not is_s3(s.lake),
        "I94_LAKE: the machines of I94_ENGINE don't see a folder of this one; set I94_LAKE to s3://bucket/prefix",
    ),
    (
        lambda s: _is_on_other_machines(s) and is_s3(s.lake) and not is_s3(s.raw),
        "I94_RAW: the machines of I94_ENGINE don't see a folder of this one; set I94_RAW to s3://bucket/prefix",
    ),
    (
        lambda s: s.redshift_address is None and s.warehouse_path == s.release_path,
        "I94_WAREHOUSE: i94.duckdb in I94_HOME is the file of the release; choose another name",
    ),
    (
        lambda s: bool(s.redshift_reader and s.redshift_address) and not _can_log_in_as_reader(s.redshift_address),
        "I94_REDSHIFT_READER: with auth=iam a workgroup logs in your identity at AWS, no other user; unset it, or take "
        "auth=iam out of I94_WAREHOUSE",
    ),
    (
        lambda s: bool(s.last_month) and s.last_month < s.first_month,
        "I94_LAST_MONTH: it is before I94_FIRST_MONTH; set a later month, or unset it",
    ),
    (
        lambda s: s.engine.startswith("emr-serverless://") and bool(s.s3_endpoint),
        "I94_S3_ENDPOINT: EMR Serverless reads and writes AWS's own S3; unset it, or choose another I94_ENGINE",
    ),
)
"""Combinations of valid settings that do not work, with their messages; all others work."""
