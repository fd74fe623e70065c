"""The warehouse layer: code lists, reference tables, dimensions and the fact, each loaded from its dataset in the lake.

A load rejects rows without a parent row, so every table depends on the tables that its foreign keys refer to.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import Table

from i94_platform import contracts
from i94_platform.contracts import LOOKUPS, reference
from i94_platform.contracts.model import is_monthly
from i94_platform.defs.assets.raw import observe_month
from i94_platform.defs.assets.staged import build_month_results
from i94_platform.defs.attributes import code_references
from i94_platform.defs.checks.contract import require_contract
from i94_platform.defs.checks.gate import require_passed
from i94_platform.defs.execution import (
    WAREHOUSE_POOL,
    raise_dagster_failures,
    record_result,
    refresh_input_version,
    run_folder,
    tag_acceptance,
)
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import loaded_table_result
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.dimensions import (
    build_calendar_rows,
    build_country_rows,
    build_state_rows,
    code_list_builder,
)
from i94_platform.pipeline.gate import Gate
from i94_platform.pipeline.immigration import stage_month
from i94_platform.pipeline.loading import BuildRows, load_built, load_staged
from i94_platform.staleness.held_versions import LISTING_TAG
from i94_platform.warehouse.base import Warehouse


def _parent_keys(contract: Table) -> list[dg.AssetKey]:
    """Return the tables that the foreign keys of a contract refer to."""
    names = {foreign.target_fullname.split(".")[1] for foreign in contract.foreign_keys}
    return [to_key(f"warehouse/{name}") for name in sorted(names - {contract.name})]


def _deps(contract: Table, *upstream: str) -> list[dg.AssetKey]:
    """Return the inputs of a table: `upstream` assets, and the tables that its foreign keys refer to."""
    return [*map(to_key, upstream), *_parent_keys(contract)]


@dg.multi_asset(
    name="warehouse_code_lists",
    can_subset=True,
    pool=WAREHOUSE_POOL,
    specs=[
        dg.AssetSpec(
            to_key(f"warehouse/{contract.name}"),
            deps=_deps(contract, f"lookup/{contract.name}"),
            description=contract.comment,
            kinds={"table"},
            metadata=code_references("pipeline/loading.py", "pipeline/dimensions.py"),
        )
        for contract in LOOKUPS
    ],
)
def code_lists(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedded_engine: dg.ResourceParam[Engine],
    warehouse: dg.ResourceParam[Warehouse],
) -> Iterator[dg.MaterializeResult[Any]]:
    """Load the selected code lists in one step. Ports refer to states, so states come first."""
    for contract in sorted(LOOKUPS, key=lambda c: len(_parent_keys(c))):
        asset_key = to_key(f"warehouse/{contract.name}")
        if asset_key in context.selected_asset_keys:
            yield _load_built(
                context, asset_key, contract, code_list_builder(contract), lake, embedded_engine, warehouse
            )


@dg.asset(
    key=to_key("warehouse/us_cities_demographics"),
    deps=_deps(reference.us_cities_demographics, "staged/us_cities_demographics"),
    description=reference.us_cities_demographics.comment,
    kinds={"table"},
    metadata=code_references("pipeline/loading.py"),
    pool=WAREHOUSE_POOL,
)
def us_cities_demographics(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult[Any]:
    """People of US cities by race."""
    return _load_staged(context, reference.us_cities_demographics, lake, warehouse)


@dg.asset(
    key=to_key("warehouse/airport_codes"),
    deps=_deps(reference.airport_codes, "staged/airport_codes"),
    description=reference.airport_codes.comment,
    kinds={"table"},
    metadata=code_references("pipeline/loading.py"),
    pool=WAREHOUSE_POOL,
)
def airport_codes(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult[Any]:
    """Airports of the world."""
    return _load_staged(context, reference.airport_codes, lake, warehouse)


@dg.asset(
    key=to_key("warehouse/world_temperature"),
    deps=_deps(reference.world_temperature, "staged/world_temperature"),
    description=reference.world_temperature.comment,
    kinds={"table"},
    metadata=code_references("pipeline/loading.py"),
    pool=WAREHOUSE_POOL,
)
def world_temperature(
    context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
) -> dg.MaterializeResult[Any]:
    """City temperatures, one row per city and month."""
    return _load_staged(context, reference.world_temperature, lake, warehouse)


@dg.asset(
    key=to_key("warehouse/state"),
    deps=_deps(contracts.state, "lookup/i94addr", "staged/us_cities_demographics"),
    description=contracts.state.comment,
    kinds={"table"},
    metadata=code_references("pipeline/loading.py", "pipeline/dimensions.py", "transforms/state.py"),
    pool=WAREHOUSE_POOL,
)
def state(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedded_engine: dg.ResourceParam[Engine],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[Any]:
    """Load one row per state code, with the people of its cities."""
    return _load_built(context, context.asset_key, contracts.state, build_state_rows, lake, embedded_engine, warehouse)


@dg.asset(
    key=to_key("warehouse/country"),
    deps=_deps(contracts.country, "lookup/i94cit_res", "staged/world_temperature"),
    description=contracts.country.comment,
    kinds={"table"},
    metadata=code_references(
        "pipeline/loading.py",
        "pipeline/dimensions.py",
        "transforms/country.py",
        "transforms/temperatures/climate.sql",
        "transforms/temperatures/climate_years.sql",
    ),
    pool=WAREHOUSE_POOL,
)
def country(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedded_engine: dg.ResourceParam[Engine],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[Any]:
    """Load one row per listed country code; codes that only arrivals carry stay."""
    return _load_built(
        context, context.asset_key, contracts.country, build_country_rows, lake, embedded_engine, warehouse
    )


@dg.asset(
    key=to_key("warehouse/calendar"),
    deps=_deps(contracts.calendar),
    description=contracts.calendar.comment,
    kinds={"table"},
    metadata=code_references("pipeline/loading.py", "pipeline/dimensions.py", "transforms/calendar.py"),
    pool=WAREHOUSE_POOL,
)
def calendar(
    context: dg.AssetExecutionContext,
    lake: dg.ResourceParam[Lake],
    embedded_engine: dg.ResourceParam[Engine],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.MaterializeResult[Any]:
    """Load one row per day."""
    return _load_built(
        context, context.asset_key, contracts.calendar, build_calendar_rows, lake, embedded_engine, warehouse
    )


@dg.asset(
    key=to_key("warehouse/immigration"),
    deps=_deps(contracts.immigration, "staged/immigration"),
    description=contracts.immigration.comment,
    kinds={"table"},
    metadata=code_references("pipeline/loading.py"),
    partitions_def=monthly_partitions,
    pool=WAREHOUSE_POOL,
)
def immigration(
    context: dg.AssetExecutionContext,
    raw: dg.ResourceParam[Store],
    lake: dg.ResourceParam[Lake],
    engine: dg.ResourceParam[Engine],
    warehouse: dg.ResourceParam[Warehouse],
    gate: dg.ResourceParam[Gate],
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetObservation]:
    """Load the fact: replace one month of arrivals in one transaction.

    Blocking checks stop a load in their own run only. A run without the staging step, such as a run of a backfill of
    assets, stages a month that was never staged, and requires the rules of the checks itself.
    """
    month = Month.parse(context.partition_key)
    if to_key("staged/immigration") not in context.job_def.asset_layer.selected_asset_keys:
        staged = Dataset("staged/immigration", month.key)
        if lake.read_newest(staged) is None:
            with raise_dagster_failures():
                yield from observe_month(context, raw)
            for result in _stage_month(context, month, raw, lake, engine, gate):
                yield record_result(context, result)
            refresh_input_version(context, to_key("staged/immigration"))
        with raise_dagster_failures():
            require_contract(staged, contracts.immigration, lake, engine)
    yield _load_staged(context, contracts.immigration, lake, warehouse)


def _stage_month(
    context: dg.AssetExecutionContext, month: Month, raw: Store, lake: Lake, engine: Engine, gate: Gate
) -> list[dg.MaterializeResult[Any]]:
    """Stage a month within its load, and require that the gate lets it pass."""
    with raise_dagster_failures() as seconds:
        manifests = stage_month(month, raw, lake, engine, gate, run_folder(context), context.log.info)
        tag_acceptance(context, manifests.accepted)
        require_passed(manifests.accepted)
        return list(build_month_results(manifests, lake, engine.name, seconds()))


def _load_staged(
    context: dg.AssetExecutionContext, contract: Table, lake: Lake, warehouse: Warehouse
) -> dg.MaterializeResult[Any]:
    with raise_dagster_failures() as seconds:
        # a run of all assets has a month, also for the tables that are not monthly
        month = context.partition_key if is_monthly(contract) else ""
        manifest = load_staged(contract, month, lake, warehouse, context.run.run_id)
        result = loaded_table_result(context.asset_key, contract, manifest, lake, warehouse, seconds())
    listing = manifest.stats.get("listing", "")
    return result._replace(tags={LISTING_TAG: listing}) if listing else result


def _load_built(
    context: dg.AssetExecutionContext,
    asset_key: dg.AssetKey,
    contract: Table,
    build: BuildRows,
    lake: Lake,
    engine: Engine,
    warehouse: Warehouse,
) -> dg.MaterializeResult[Any]:
    with raise_dagster_failures() as seconds:
        manifest = load_built(
            contract, build, lake, engine, warehouse, run_id=context.run.run_id, run_folder=run_folder(context)
        )
        return loaded_table_result(asset_key, contract, manifest, lake, warehouse, seconds())
