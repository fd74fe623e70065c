"""The SQL of the monthly marts: one `.sql` file each, in Redshift's SQL, with constants of the contracts put in.

To add a mart, add its `.sql` file here and its contract to `contracts.marts`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import String, Table

from i94_platform.contracts import world_temperature
from i94_platform.contracts.codes import read_airline_names
from i94_platform.contracts.disclosure import MIN_BASE
from i94_platform.contracts.groups import (
    AGE_BANDS,
    AIRLINE,
    CARRIERS,
    CLIMATE_BANDS,
    GENDERS,
    LONGEST_STAY,
    NO_CODE,
    NOT_GIVEN,
    OTHER_GENDER,
    UNKNOWN,
)
from i94_platform.contracts.rendering.types import sql_type
from i94_platform.sql.dialects import transpile
from i94_platform.sql.templates import load_template
from i94_platform.transforms.temperatures.queries import render_climate_years

_REDSHIFT_TYPES = {"DOUBLE": "DOUBLE PRECISION"}
"""The one type of the final casts that has another name in Redshift."""

_SOURCE_TABLE = re.compile(r"\b(?:FROM|JOIN) i94\.(\w+)")

DIMENSION_SOURCES: Mapping[str, tuple[str, ...]] = {
    "country": ("i94cit_res", "world_temperature"),
    "state": ("i94addr", "us_cities_demographics"),
}
"""The tables that dimensions are built from, in order. Their own versions change with the unlisted codes of a month."""


@cache
def render_month_query(mart: Table, dialect: str) -> str:
    """Render the query for a month of a mart, in the contract's columns and types; bind `:year` and `:month`."""
    columns = ", ".join(
        f"result.{c.name}"
        # the table rejects a text that is too long; a cast would cut it
        if isinstance(c.type, String)
        else f"CAST(result.{c.name} AS {_REDSHIFT_TYPES.get(sql_type(c), sql_type(c))}) AS {c.name}"
        for c in mart.columns
    )
    return transpile(f"SELECT {columns} FROM (\n{render_sql(mart)}) AS result", dialect, "redshift")


@cache
def render_sql(mart: Table) -> str:
    """Render the file of a mart, in Redshift's SQL."""
    return load_template(__package__, mart.name).substitute(_constants())


def source_tables(mart: Table) -> tuple[str, ...]:
    """The names of the tables of the star schema that a mart's query reads, in order."""
    return tuple(sorted(set(_SOURCE_TABLE.findall(load_template(__package__, mart.name).template))))


def upstream_tables(mart: Table) -> tuple[str, ...]:
    """The names of the tables that decide by their versions whether a month of a mart is up to date."""
    return tuple(source for name in source_tables(mart) for source in DIMENSION_SOURCES.get(name, (name,)))


def _constants() -> dict[str, str]:
    """The placeholders of the files; no value comes from data."""
    return {
        "no_code": str(NO_CODE),
        "known_stay": f"stay_days BETWEEN 0 AND {LONGEST_STAY}",
        "min_base": str(MIN_BASE),
        "not_given": _literal(NOT_GIVEN),
        "unknown": _literal(UNKNOWN),
        "climate_years": render_climate_years(world_temperature.fullname),
        "climate_band": _render_band("country.mean_temperature", CLIMATE_BANDS),
        "state_climate_band": _render_band("climate.mean_temperature", CLIMATE_BANDS),
        "age_band": _render_band("i94bir", AGE_BANDS),
        "gender_label": _render_label("counted.gender", GENDERS, _literal(OTHER_GENDER)),
        "carrier": _render_label("counted.airline", CARRIERS, _literal(AIRLINE)),
        "airline_name": _render_label(
            "counted.airline", {**read_airline_names(), **CARRIERS}, "'code ' || counted.airline"
        ),
    }


def _literal(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _render_band(value: str, bands: Sequence[tuple[str, float | None, float | None]]) -> str:
    """The name of the band that a value lies in; `unknown` without a value and outside all bands."""
    cases = []
    for name, low, high in bands:
        sides = [f"{value} >= {low:g}" if low is not None else "", f"{value} < {high:g}" if high is not None else ""]
        cases.append(f"WHEN {' AND '.join(filter(None, sides))} THEN {_literal(name)}")
    return f"CASE {' '.join(cases)} ELSE {_literal(UNKNOWN)} END"


def _render_label(value: str, names: Mapping[str, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN {_literal(code)} THEN {_literal(name)}" for code, name in names.items())
    return f"CASE {value} {cases} ELSE {otherwise} END"
