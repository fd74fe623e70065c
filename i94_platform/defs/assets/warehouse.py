"""The warehouse layer: code lists, reference tables, dimensions and the fact, each loaded by manifest.

Here: one asset a table. Tables made in pandas are committed to the lake first, so that every load is the same load.
Not here: the protocol of a load (`warehouse`), and the transforms.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Table

from i94_platform.contracts import (
    LOOKUPS,
    REFERENCES,
    calendar,
    country,
    i94addr,
    i94cit_res,
    immigration,
    state,
    us_cities_demographics,
)
from i94_platform.contracts.rendering.arrow import to_arrow
from i94_platform.defs.metadata import combine_versions, dataset_result, layer_key, raise_dagster_failures, write_id
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.transforms.temperatures import queries as temperatures
from i94_platform.warehouse.base import Warehouse

if TYPE_CHECKING:
    import pandas as pd

POOL = "warehouse"
"""Loads take turns: the embedded warehouse has one writer, and on Redshift loads of one table would wait anyway."""

CALENDAR = (dt.date(2000, 1, 1), dt.date(2099, 12, 31))
"""The years that a delivery's name can say; departures and admissions beyond are mistakes in the data."""

Make = Callable[[Lake, Engine], tuple["pd.DataFrame", list[str]]]
"""Makes a table's rows from the lake; also the data versions of what it read."""


def _loaded(
    contract: Table, deps: Iterable[dg.AssetKey], partitions: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetsDefinition:
    """An asset that loads what the staged asset of the same name has committed."""
    asset_key = layer_key("warehouse", contract.name)

    @dg.asset(
        key=asset_key,
        deps=[*deps, *_parents(contract)],
        description=contract.comment,
        partitions_def=partitions,
        pool=POOL,
    )
    def loaded(
        context: dg.AssetExecutionContext, lake: dg.ResourceParam[Lake], warehouse: dg.ResourceParam[Warehouse]
    ) -> dg.MaterializeResult[Any]:
        with raise_dagster_failures() as seconds:
            month = context.partition_key if context.has_partition_key else ""
            dataset = Dataset(f"staged/{contract.name}", month)
            with lake.write_lock(dataset):  # or another run would sweep the files while they are loaded
                manifest = lake.require_manifest(dataset)
                warehouse.replace(contract, manifest, context.run.run_id)
            return _table_result(asset_key, contract, manifest, lake, warehouse, seconds())

    return loaded


def _made(contract: Table, deps: Iterable[dg.AssetKey], make: Make) -> dg.AssetsDefinition:
    """An asset that makes a small table, commits it to the lake and loads it."""

    @dg.asset(
        key=layer_key("warehouse", contract.name),
        deps=[*deps, *_parents(contract)],
        description=contract.comment,
        pool=POOL,
    )
    def made(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        engine: dg.ResourceParam[Engine],
        warehouse: dg.ResourceParam[Warehouse],
    ) -> dg.MaterializeResult[Any]:
        return _make_and_load(context, contract, make, lake, engine, warehouse)

    return made


def _code_lists() -> dg.AssetsDefinition:
    """The five code lists in one step: they are small, and come from one file."""
    specs = [
        dg.AssetSpec(
            layer_key("warehouse", c.name), deps=[layer_key("lookup", c.name), *_parents(c)], description=c.comment
        )
        for c in LOOKUPS
    ]

    @dg.multi_asset(name="warehouse_code_lists", specs=specs, can_subset=True, pool=POOL)
    def code_lists(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        engine: dg.ResourceParam[Engine],
        warehouse: dg.ResourceParam[Warehouse],
    ) -> Iterator[dg.MaterializeResult[Any]]:
        for contract in sorted(LOOKUPS, key=lambda c: len(_parents(c))):  # ports refer to states
            if layer_key("warehouse", contract.name) in context.selected_asset_keys:
                yield _make_and_load(context, contract, _lookup(contract), lake, engine, warehouse)

    return code_lists


def _make_and_load(
    context: dg.AssetExecutionContext, contract: Table, make: Make, lake: Lake, engine: Engine, warehouse: Warehouse
) -> dg.MaterializeResult[Any]:
    dataset = Dataset(f"warehouse/{contract.name}")
    with raise_dagster_failures() as seconds, lake.write_lock(dataset):
        frame, versions = make(lake, engine)
        rows = to_arrow(frame, contract)
        manifest = lake.write_table(dataset, write_id(context), contract, rows, fingerprint=combine_versions(*versions))
        warehouse.replace(contract, manifest, context.run.run_id)
        return _table_result(layer_key("warehouse", contract.name), contract, manifest, lake, warehouse, seconds())


def _parents(contract: Table) -> list[dg.AssetKey]:
    """The tables that a contract refers to: a load refuses orphans, so they come first."""
    names = {foreign.target_fullname.split(".")[1] for foreign in contract.foreign_keys}
    return [layer_key("warehouse", name) for name in sorted(names - {contract.name})]


def _table_result(
    asset_key: dg.AssetKey, contract: Table, manifest: Manifest, lake: Lake, warehouse: Warehouse, seconds: float
) -> dg.MaterializeResult[Any]:
    more = {"dagster/table_name": contract.fullname, "warehouse": warehouse.address}
    return dataset_result(asset_key, contract, manifest, lake, seconds, more)


def _read(lake: Lake, layer: str, contract: Table) -> tuple["pd.DataFrame", str]:
    """A small committed dataset as a frame with nullable types, and its data version."""
    import pandas as pd

    manifest = lake.require_manifest(Dataset(f"{layer}/{contract.name}"))
    frame = lake.read_table(manifest, contract).to_pandas(types_mapper=_nullable)
    return pd.DataFrame(frame), manifest.fingerprint


def _nullable(type_: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    return {pa.int32(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype()}.get(type_)


def _lookup(contract: Table) -> Make:
    def make(lake: Lake, engine: Engine) -> tuple["pd.DataFrame", list[str]]:
        frame, version = _read(lake, "lookup", contract)
        return frame, [version]

    return make


def _make_state(lake: Lake, engine: Engine) -> tuple["pd.DataFrame", list[str]]:
    from i94_platform.transforms.state import build_state

    codes, codes_version = _read(lake, "lookup", i94addr)
    cities, cities_version = _read(lake, "staged", us_cities_demographics)
    return build_state(codes, cities), [codes_version, cities_version]


def _make_country(lake: Lake, engine: Engine) -> tuple["pd.DataFrame", list[str]]:
    """Every listed code, and every unlisted one that a committed month carries."""
    from i94_platform.transforms.country import build_country

    codes, version = _read(lake, "lookup", i94cit_res)
    unlisted = sorted(
        {int(code) for m in lake.read_manifests("staged/immigration") for code in m.stats["unlisted_countries"]}
    )
    cities = lake.require_manifest(Dataset("staged/world_temperature"))
    with engine.session():
        engine.register_files("world_temperature", cities.urls)
        climate = engine.fetch(temperatures.render_climate()).to_pandas()
    return build_country(codes, unlisted, climate), [version, cities.fingerprint, *map(str, unlisted)]


def _make_calendar(lake: Lake, engine: Engine) -> tuple["pd.DataFrame", list[str]]:
    from i94_platform.transforms.calendar import build_calendar

    return build_calendar(*CALENDAR), []


def warehouse_assets(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetsDefinition]:
    """The warehouse layer."""
    staged_immigration = layer_key("staged", "immigration")
    return [
        _code_lists(),
        *(_loaded(c, [layer_key("staged", c.name)]) for c in REFERENCES),
        _made(state, [layer_key("lookup", "i94addr"), layer_key("staged", "us_cities_demographics")], _make_state),
        _made(
            country,
            [layer_key("lookup", "i94cit_res"), layer_key("staged", "world_temperature"), staged_immigration],
            _make_country,
        ),
        _made(calendar, [], _make_calendar),
        _loaded(immigration, [staged_immigration], partitions),
    ]
