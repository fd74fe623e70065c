"""Assemble the definitions: assets, checks, jobs, sensors, schedules and resources.

Deployments differ only in their resources, which follow from the settings.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg

from i94_platform.address_grammar import is_s3
from i94_platform.defs.alerts import WebhookNotifier
from i94_platform.defs.assets import lookup, mart, published, raw, staged, warehouse
from i94_platform.defs.attributes import with_common_attributes
from i94_platform.defs.automation import marts_and_release
from i94_platform.defs.checks.catalog import CHECKS
from i94_platform.defs.checks.completeness import completeness_of_months, every_month_loaded
from i94_platform.defs.gate_resource import GateResource
from i94_platform.defs.jobs import JOBS
from i94_platform.defs.resources import (
    BuildableResource,
    DuckDBEngineResource,
    DuckDBWarehouseResource,
    LakeResource,
    RedshiftWarehouseResource,
    SparkEngineResource,
    StoreResource,
    configure,
    no_io_manager,
)
from i94_platform.defs.run_retention import retention_job, run_retention
from i94_platform.defs.schedules import SCHEDULES
from i94_platform.defs.sensors.delivery_sensors import delivered_months, delivered_references
from i94_platform.defs.sensors.failed_runs import failed_runs
from i94_platform.defs.sensors.lost_runs import lost_runs
from i94_platform.defs.validation import require_assets, require_listed_contracts
from i94_platform.settings import Settings
from i94_platform.sources.listing_cache import ListingCache

LAYERS = (raw, lookup, staged, warehouse, mart, published)
"""The modules of the assets, in the order of the graph."""


def build_definitions(settings: Settings, overrides: Mapping[str, Any] | None = None) -> dg.Definitions:
    """Build the definitions of a deployment; `overrides` replaces resources by name."""
    assets = [asset for asset in dg.load_assets_from_modules(LAYERS) if isinstance(asset, dg.AssetsDefinition)]
    checks = [*CHECKS, every_month_loaded]
    resources = {**build_resources(settings), **(overrides or {})}
    require_listed_contracts()
    require_assets(assets, checks)
    return dg.Definitions(
        assets=[with_common_attributes(asset, settings) for asset in assets],
        asset_checks=checks,
        jobs=[*JOBS, retention_job],
        sensors=[
            delivered_months,
            delivered_references,
            marts_and_release,
            failed_runs,
            lost_runs,
            completeness_of_months,
        ],
        schedules=[*SCHEDULES, run_retention],
        resources={
            "io_manager": no_io_manager,
            "settings": settings,
            "notifier": WebhookNotifier(settings.alert_webhook),
            "clock": time.time,
            "listings": ListingCache(settings.sensor_interval_seconds / 2),
            "gate": configure(
                GateResource,
                {"warehouse": resources["warehouse"]},
                home=settings.home,
                max_rejected_share=settings.max_rejected_share,
                max_row_loss=settings.max_row_loss,
                max_unreadable_share=settings.max_unreadable_share,
            ),
            **resources,
        },
        executor=dg.in_process_executor,
    )


def build_resources(settings: Settings) -> dict[str, BuildableResource[Any]]:
    """Build the resources that the settings name."""
    lock: dict[str, Any] = {"lock_timeout": settings.lock_timeout}
    s3: dict[str, Any] = {"scratch": str(settings.scratch), "s3_endpoint": settings.s3_endpoint}
    duckdb: dict[str, Any] = {**s3, "memory_limit": settings.memory_limit}
    return {
        "raw": configure(StoreResource, root=settings.raw, **s3, **lock),
        "lake": configure(LakeResource, root=settings.lake, **s3, **lock),
        "embedded_engine": (embedded := configure(DuckDBEngineResource, **duckdb)),
        "engine": embedded if settings.engine == "duckdb" else _configure_spark(settings),
        "warehouse": _configure_redshift(settings, **s3, **lock)
        if settings.redshift_address
        else _configure_embedded_warehouse(settings, **duckdb, **lock),
    }


def _configure_spark(settings: Settings) -> BuildableResource[Any]:
    return configure(
        SparkEngineResource,
        address=settings.engine,
        on_s3=settings.uses_s3,
        s3_endpoint=settings.s3_endpoint,
        jars=settings.spark_jars,
        options=settings.spark_options_by_name,
    )


def _configure_redshift(settings: Settings, **common: Any) -> BuildableResource[Any]:
    return configure(
        RedshiftWarehouseResource,
        address=settings.warehouse,
        fact_diststyle=settings.fact_diststyle,
        statement_timeout=settings.statement_timeout,
        reader=settings.redshift_reader,
        query_timeout=settings.query_timeout,
        **common,
    )


def _configure_embedded_warehouse(settings: Settings, **common: Any) -> BuildableResource[Any]:
    return configure(
        DuckDBWarehouseResource,
        path=str(settings.warehouse_path),
        release_path=str(settings.release_path),
        query_timeout=settings.query_timeout,
        query_folders=[] if is_s3(settings.lake) else [f"{settings.lake}/staged"],
        **common,
    )
