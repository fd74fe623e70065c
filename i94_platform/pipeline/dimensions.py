"""Build the rows of the code lists and dimensions of the warehouse from the lake.

Each public function is or returns a `BuildRows`: a function that returns the rows, and the data versions of its inputs.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table

from i94_platform.contracts import country, i94addr, i94cit_res, state, us_cities_demographics, world_temperature
from i94_platform.contracts.rendering.arrow import arrow_schema, to_arrow
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.pipeline.loading import BuildRows
from i94_platform.transforms.temperatures import queries as temperatures

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

CALENDAR_DAYS = (dt.date(2000, 1, 1), dt.date(2099, 12, 31))
"""The first and the last day. A delivery's name has two digits for the year; dates outside are errors in the data."""


def code_list_builder(contract: Table) -> BuildRows:
    """Return a function that reads the rows of a code list from the lookup layer."""

    def build(lake: Lake, engine: Engine) -> tuple[pa.Table, list[str]]:
        rows, version = _read_rows(lake, "lookup", contract)
        return rows, [version]

    return build


def build_state_rows(lake: Lake, engine: Engine) -> tuple[pa.Table, list[str]]:
    """Build one row per state code, with the totals of the state's cities."""
    from i94_platform.transforms.state import build_state

    codes, codes_version = _read_frame(lake, "lookup", i94addr)
    cities, cities_version = _read_frame(lake, "staged", us_cities_demographics)
    return to_arrow(build_state(codes, cities), state), [codes_version, cities_version]


def build_country_rows(lake: Lake, engine: Engine) -> tuple[pa.Table, list[str]]:
    """Build one row per listed country code; the warehouse adds the unlisted codes that arrivals carry.

    Before the first temperatures are loaded no country has a climate.
    """
    from i94_platform.transforms.country import build_country

    codes, version = _read_frame(lake, "lookup", i94cit_res)
    dataset = Dataset("staged/world_temperature")
    with lake.write_lock(dataset), engine.session():  # another run would sweep the files while they are read
        temperature = lake.find_manifest(dataset)
        if temperature is None:
            engine.register_table("world_temperature", arrow_schema(world_temperature).empty_table())
        else:
            temperature = lake.require_manifest(dataset)
            lake.require_unaltered(temperature)
            engine.register_files("world_temperature", temperature.urls)
        climate = engine.fetch(temperatures.render_climate()).to_pandas()
    rows = to_arrow(build_country(codes, climate), country)
    return rows, [version, temperature.fingerprint if temperature else ""]


def build_calendar_rows(lake: Lake, engine: Engine) -> tuple[pa.Table, list[str]]:
    """Build one row per day of `CALENDAR_DAYS`; it reads nothing."""
    from i94_platform.transforms.calendar import build_calendar

    return build_calendar(*CALENDAR_DAYS), []


def _read_rows(lake: Lake, layer: str, contract: Table) -> tuple[pa.Table, str]:
    """Read a small committed dataset; return its rows and its data version."""
    manifest = lake.require_manifest(Dataset(f"{layer}/{contract.name}"))
    return lake.read_table(manifest, contract), manifest.fingerprint


def _read_frame(lake: Lake, layer: str, contract: Table) -> tuple[pd.DataFrame, str]:
    """Read what `_read_rows` reads as a frame with nullable types."""
    import pandas as pd

    rows, version = _read_rows(lake, layer, contract)
    return pd.DataFrame(rows.to_pandas(types_mapper=_nullable_type)), version


def _nullable_type(type_: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    return {pa.int32(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.string(): pd.StringDtype()}.get(type_)
