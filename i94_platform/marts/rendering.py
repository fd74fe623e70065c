"""The marts' SQL: one `.sql` file each, in Redshift's SQL, rendered with what the contracts say.

Here: a mart's query for a dialect, the bands as SQL, and what a mart is made from. The month is bound, never formatted
in. Not here: the contracts and their bands (`contracts.marts`), what runs a query (`warehouse`), when (`assets`), and
the correlations over the marts (`marts.correlations`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Template

from sqlalchemy import String, Table

from i94_platform.contracts.marts import (
    AGE_BANDS,
    AIRLINE,
    CARRIERS,
    CLIMATE_BANDS,
    GENDERS,
    NO_COUNTRY,
    NOT_GIVEN,
    OTHER_GENDER,
    UNKNOWN,
)
from i94_platform.contracts.rendering.types import sql_type
from i94_platform.sql.dialects import transpile

_REDSHIFT_TYPES = {"DOUBLE": "DOUBLE PRECISION"}
"""The one type of the final casts that Redshift calls otherwise."""

_READ = re.compile(r"\b(?:FROM|JOIN) i94\.(\w+)")

_DELIVERED_AS: Mapping[str, tuple[str, ...]] = {
    "country": ("i94cit_res", "world_temperature"),
    "state": ("i94addr", "us_cities_demographics"),
}
"""What the dimensions are made from: their own versions change with every month that brings an unlisted code."""


@cache
def _template(name: str) -> Template:
    return Template(files("i94_platform.marts").joinpath(f"{name}.sql").read_text("utf-8"))


@cache
def render_month_query(mart: Table, dialect: str) -> str:
    """The query for a month of a mart, in the contract's columns and types; `:year` and `:month` are to be bound."""
    columns = ", ".join(
        f"answer.{c.name}"
        # a text that is too long is refused by the table, where a cast would cut it
        if isinstance(c.type, String)
        else f"CAST(answer.{c.name} AS {_REDSHIFT_TYPES.get(sql_type(c), sql_type(c))}) AS {c.name}"
        for c in mart.columns
    )
    return transpile(f"SELECT {columns} FROM (\n{render_sql(mart)}) AS answer", dialect, "redshift")


@cache
def render_sql(mart: Table) -> str:
    """The file of a mart with what the contracts put into it, in Redshift's SQL."""
    return _template(mart.name).substitute(_parts())


@cache
def render_query(name: str, dialect: str) -> str:
    """The query of a file that the contracts add nothing to."""
    return transpile(_template(name).substitute(), dialect, "redshift")


def source_tables(mart: Table) -> tuple[str, ...]:
    """The tables of the star schema that a mart's query names, in the order of their names."""
    return tuple(sorted(set(_READ.findall(_template(mart.name).template))))


def upstream_tables(mart: Table) -> tuple[str, ...]:
    """The loaded tables whose versions tell whether a month of a mart is up to date."""
    return tuple(source for name in source_tables(mart) for source in _DELIVERED_AS.get(name, (name,)))


def _parts() -> dict[str, str]:
    """What the contracts put into the files: constants of ours, none of which comes from data."""
    return {
        "no_country": str(NO_COUNTRY),
        "not_given": _text(NOT_GIVEN),
        "unknown": _text(UNKNOWN),
        "climate_band": _band("country.mean_temperature", CLIMATE_BANDS),
        "age_band": _band("i94bir", AGE_BANDS),
        "gender_label": _named("counted.gender", GENDERS, OTHER_GENDER),
        "carrier": _named("counted.airline", CARRIERS, AIRLINE),
    }


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _band(value: str, bands: Sequence[tuple[str, float | None, float | None]]) -> str:
    """The band that a value lies in; no value, or one that is in none, is unknown."""
    tests = []
    for name, low, high in bands:
        sides = [f"{value} >= {low:g}" if low is not None else "", f"{value} < {high:g}" if high is not None else ""]
        tests.append(f"WHEN {' AND '.join(filter(None, sides))} THEN {_text(name)}")
    return f"CASE {' '.join(tests)} ELSE {_text(UNKNOWN)} END"


def _named(value: str, names: Mapping[str, str], otherwise: str) -> str:
    cases = " ".join(f"WHEN {_text(code)} THEN {_text(name)}" for code, name in names.items())
    return f"CASE {value} {cases} ELSE {_text(otherwise)} END"
