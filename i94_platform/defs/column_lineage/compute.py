"""Compute the column lineage of each asset from the query that fills it, or from its declared sources.

This takes seconds, so `i94 lineage --write` stores the result in a file, and nothing else calls this module.
`sql.column_lineage` traces a single query.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import cache

from sqlalchemy import Double, Table

from i94_platform.contracts import (
    LOOKUPS,
    MONTHLY_MARTS,
    PUBLISHED,
    REFERENCES,
    WAREHOUSE,
    calendar,
    correlations,
    country,
    delivered_immigration,
    immigration,
    immigration_quarantine,
    immigration_unreadable,
    state,
    world_temperature,
)
from i94_platform.contracts.model import column_names
from i94_platform.defs.keys import source_key
from i94_platform.errors import PermanentError
from i94_platform.marts import correlations as correlation_queries
from i94_platform.marts import rendering as marts
from i94_platform.partitions import Month
from i94_platform.sources.registry import SOURCES
from i94_platform.sources.source import Source
from i94_platform.sql.column_lineage import Lineage, Origin, map_same_columns, trace_declared, trace_query
from i94_platform.transforms import country as countries
from i94_platform.transforms import state as states
from i94_platform.transforms.calendar import LINEAGE_REASON as CALENDAR
from i94_platform.transforms.immigration import queries as arrivals
from i94_platform.transforms.immigration.values import OPTIONAL_COLUMNS
from i94_platform.transforms.temperatures import queries as temperatures

_ANY_MONTH, _ANY_DAY = Month(2016, 4), dt.date(2016, 4, 30)
"""The lineage of a query does not depend on its month."""
_FILE_NAME = "name of the delivered file"
_ROW_NUMBER = "number of the row in the delivered file"


@cache
def compute_lineage() -> dict[str, Lineage]:
    """Compute the lineage of every asset but the raw ones, by `layer/name`."""
    return {**_trace_lookups(), **_trace_staged(), **_trace_warehouse(), **_trace_marts(), **_trace_published()}


def layer_relations(layer: str, contracts: Iterable[Table]) -> dict[str, Lineage]:
    """Return the tables of a layer as relations that a query reads, by name."""
    return {c.name: map_same_columns(f"{layer}/{c.name}", column_names(c)) for c in contracts}


def _trace_lookups() -> dict[str, Lineage]:
    return {f"lookup/{c.name}": dict.fromkeys(column_names(c), ("raw/i94_labels.line",)) for c in LOOKUPS}


def _trace_staged() -> dict[str, Lineage]:
    month, cities = _relations_of_arrivals(), _relations_of_temperatures()
    return {
        "staged/immigration": trace_query(arrivals.render_accepted(_ANY_MONTH).text, immigration, month),
        "staged/immigration_quarantine": trace_query(
            arrivals.render_rejected(_ANY_MONTH).text, immigration_quarantine, month, bound=_FILE_NAME
        ),
        "staged/immigration_unreadable": _trace_unreadable(),
        **{f"staged/{s.contracts[0].name}": _trace_headers(s) for s in SOURCES.values() if s.read},
        "staged/world_temperature": trace_query(temperatures.render_accepted().text, world_temperature, cities),
    }


def _relations_of_arrivals() -> dict[str, Lineage]:
    """Return the relations that the queries of the arrivals read."""
    delivered = map_same_columns("raw/immigration", column_names(delivered_immigration))
    numbers = tuple(f"raw/immigration.{c.name}" for c in delivered_immigration.columns if isinstance(c.type, Double))
    row: dict[str, Origin] = {"source_path": _FILE_NAME, "source_row": _ROW_NUMBER}
    return {
        "delivered": {**delivered, **row, "unreadable": numbers},
        "delivered_files": {"path": _FILE_NAME, "source_file": _FILE_NAME},
        "duplicate_rows": row,
        **layer_relations("lookup", (c for c in LOOKUPS if c.name in arrivals.JOINED_CODE_LISTS)),
    }


def _trace_unreadable() -> dict[str, Origin]:
    """Trace a value to every column that it may be of."""
    reasons = {"month": _FILE_NAME, "source_file": _FILE_NAME, "source_row": _ROW_NUMBER}
    columns = tuple(f"raw/immigration.{name}" for name in OPTIONAL_COLUMNS)
    return {name: reasons.get(name, columns) for name in column_names(immigration_unreadable)}


def _relations_of_temperatures() -> dict[str, Lineage]:
    """Return the relations that the query of the temperatures reads."""
    headers = SOURCES["land_temperatures"].headers
    delivered: dict[str, Origin] = map_same_columns("raw/land_temperatures", headers.values())
    rows = {"delivered": {**delivered, "source_row": _ROW_NUMBER}}
    validated = temperatures.render_validated("month first", _ANY_DAY).text
    return {
        "validated": trace_query(validated, None, rows, reasons={"problem": "the rules of the contract"}),
        "contradicting_rows": {"source_row": _ROW_NUMBER},
        "country_iso3": dict.fromkeys(("country", "iso3"), delivered[headers["country"]]),
    }


def _trace_headers(source: Source) -> dict[str, Origin]:
    """Trace each column of a reference table to the column of its file."""
    return {name: (f"raw/{source.name}.{header}",) for name, header in source.headers.items()}


def _trace_warehouse() -> dict[str, Lineage]:
    """Trace loads by column name, and dimensions by their declared sources."""
    lists, staged = layer_relations("lookup", LOOKUPS), layer_relations("staged", (*REFERENCES, immigration))
    climate = trace_query(temperatures.render_climate().text, None, staged)
    tables: dict[str, Lineage] = {
        **lists,
        **staged,
        state.name: trace_declared(states.SOURCES, state, {**lists, **staged}),
        country.name: trace_declared(countries.SOURCES, country, {**lists, **staged, "climate": climate}),
        calendar.name: dict.fromkeys(column_names(calendar), CALENDAR),
    }
    return {f"warehouse/{name}": columns for name, columns in tables.items()}


def _trace_marts() -> dict[str, Lineage]:
    star = layer_relations("warehouse", WAREHOUSE)
    monthly = {f"mart/{mart.name}": _trace_monthly_mart(mart, star) for mart in MONTHLY_MARTS}
    return {**monthly, f"mart/{correlations.name}": _trace_correlations()}


def _trace_monthly_mart(mart: Table, star: dict[str, Lineage]) -> dict[str, Origin]:
    from sqlglot.errors import SqlglotError

    query = marts.render_month_query(mart, "redshift")
    try:
        return trace_query(query, mart, star, "redshift", bound="the month of the partition")
    except (SqlglotError, KeyError, ValueError) as error:
        raise PermanentError(
            f"marts/{mart.name}.sql can't be traced ({error}): it must read tables of schema i94, and give exactly the "
            f"columns {', '.join(column_names(mart))} of its contract."
        ) from error


def _trace_published() -> dict[str, Lineage]:
    """Trace each published column to the same column of its table."""
    return {f"published/{c.name}": map_same_columns(source_key(c).to_user_string(), column_names(c)) for c in PUBLISHED}


def _trace_correlations() -> dict[str, Origin]:
    """Trace figures to every mart column that the queries read; names and explanations have reasons instead."""
    relations = layer_relations("mart", MONTHLY_MARTS)
    queries = [
        trace_query(correlation_queries.render_query(n, "redshift"), None, relations, "redshift")
        for n in correlation_queries.SOURCES
    ]
    sources = tuple(sorted({c for query in queries for origin in query.values() for c in origin}))
    texts = ("variant", "question", "x", "y", "method", "unit_of_observation", "caveat")
    reasons = {
        **dict.fromkeys(texts, "named in marts/correlations"),
        **dict.fromkeys(("period", "months", "first_month", "last_month"), "the months in the warehouse's ledger"),
    }
    return {name: reasons.get(name, sources) for name in column_names(correlations)}
