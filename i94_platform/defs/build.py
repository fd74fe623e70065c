"""The one place where assets, checks, resources, jobs, sensors and schedules meet.

Here: choosing resources from the settings' addresses. Not here: what is mapped onto every asset alike
(`assets.described`), and anything that a deployment could not have otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg

from i94_platform.defs import resources as r
from i94_platform.defs.alerts import WebhookNotifier, failed_runs_sensor
from i94_platform.defs.assets.lookup import lookup_assets
from i94_platform.defs.assets.mart import mart_assets
from i94_platform.defs.assets.published import published_assets
from i94_platform.defs.assets.raw import raw_assets
from i94_platform.defs.assets.staged import staged_assets
from i94_platform.defs.assets.warehouse import warehouse_assets
from i94_platform.defs.attributes import with_common_attributes
from i94_platform.defs.checks import all_checks
from i94_platform.defs.checks.completeness import completeness_check, completeness_sensor
from i94_platform.defs.jobs import jobs
from i94_platform.defs.metadata import build_monthly_partitions
from i94_platform.defs.schedules import schedules
from i94_platform.defs.sensors.delivery_sensors import sensors
from i94_platform.defs.sensors.mart_sensors import mart_sensors
from i94_platform.lake.datasets import Lake
from i94_platform.lake.store import Store
from i94_platform.settings import Settings, is_s3
from i94_platform.warehouse.base import Warehouse


def build_definitions(settings: Settings, overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Fresh definitions for a deployment; `overrides` replaces resources by name, for tests."""
    partitions = build_monthly_partitions(settings.first_month)
    alarm, every = WebhookNotifier(settings.alert_webhook), settings.sensor_interval_seconds
    checks = all_checks(partitions)
    assets: list[dg.AssetsDefinition | dg.SourceAsset] = [
        *raw_assets(partitions),
        *lookup_assets(),
        *staged_assets(partitions),
        *warehouse_assets(partitions),
        *mart_assets(partitions),
        *published_assets(key for made in checks for key in made.check_keys),
    ]
    return dg.Definitions(
        assets=[with_common_attributes(a, settings) for a in assets],
        asset_checks=[*checks, completeness_check(settings.first_month)],
        jobs=jobs(),
        sensors=[
            *sensors(settings.first_month, settings.settle_seconds, settings.sensor_max_requests, every=every),
            *mart_sensors(settings.first_month, settings.sensor_max_requests, every),
            failed_runs_sensor(alarm, settings.ui_url, every),
            completeness_sensor(settings.first_month, 2 * every),
        ],
        schedules=schedules(settings.first_month, settings.delivery_day, settings.settle_seconds, alarm),
        resources={"io_manager": r.NoIOManager(), **build_resources(settings), **(overrides or {})},
        executor=dg.in_process_executor,
    )


def build_resources(settings: Settings) -> dict[str, r.BuildableResource[Any]]:
    """The resources that the settings' addresses name."""
    lock: dict[str, Any] = {"lock_timeout": settings.lock_timeout}
    s3: dict[str, Any] = {"scratch": str(settings.scratch), "s3_endpoint": settings.s3_endpoint}
    duckdb: dict[str, Any] = {**s3, "memory_limit": settings.memory_limit}
    raw, lake = settings.raw, settings.lake
    engine = (
        r.DuckDBEngineResource(**duckdb)
        if settings.engine == "duckdb"
        else r.SparkEngineResource(
            address=settings.engine,
            on_s3=settings.uses_s3,
            s3_endpoint=settings.s3_endpoint,
            jars=settings.spark_jars,
        )
    )
    return {
        "raw": r.S3StoreResource(root=raw, **s3, **lock) if is_s3(raw) else r.LocalStoreResource(root=raw, **lock),
        "lake": r.S3LakeResource(root=lake, **s3, **lock) if is_s3(lake) else r.LocalLakeResource(root=lake, **lock),
        "engine": engine,
        "warehouse": r.RedshiftWarehouseResource(
            address=settings.warehouse,
            fact_diststyle=settings.fact_diststyle,
            statement_timeout=settings.statement_timeout,
            **s3,
            **lock,
        )
        if settings.redshift_address
        else r.DuckDBWarehouseResource(path=str(settings.warehouse_path), **duckdb, **lock),
    }


@dataclass(frozen=True)
class Platform:
    """A deployment outside any run, as the command line uses it; each part is built when it is first asked for."""

    settings: Settings
    overrides: Mapping[str, Any] | None = None

    @cached_property
    def definitions(self) -> dg.Definitions:
        """The graph."""
        return build_definitions(self.settings, self.overrides)

    @cached_property
    def _built(self) -> dict[str, Any]:
        return {name: part.build() for name, part in build_resources(self.settings).items()}

    @property
    def raw(self) -> Store:
        """Where deliveries land."""
        return self._built["raw"]  # type: ignore[no-any-return]

    @property
    def lake(self) -> Lake:
        """The lake."""
        return self._built["lake"]  # type: ignore[no-any-return]

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return self._built["warehouse"]  # type: ignore[no-any-return]
