"""The values that a filter may name: those of the code lists, and those of the rows. Any other is a typo.

The rows are looked up as the caller sees them, so that a problem tells nobody of a row that is withheld.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import partial
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table, select

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.groups import NO_CODE
from i94_platform.contracts.model import MONTH_COLUMNS, is_monthly, key_columns
from i94_platform.serving.disclosure import DisclosureControl
from i94_platform.serving.filters import REPEATABLE, Filter
from i94_platform.serving.problems import Problem
from i94_platform.serving.queries import Query
from i94_platform.serving.snapshot import Snapshot

_TABLES = {contract.name: contract for contract in PUBLISHED}
_DIMENSIONS = {"i94cit": "country", "i94res": "country", "i94addr": "state"} | {
    name: name for name in ("i94port", "i94mode", "i94visa")
}
"""The dimension that has the codes of a column, by the column."""

_MAX_VALUES, _MAX_SUGGESTIONS, _LEAST_SIMILARITY = 100_000, 3, 0.6


def require_known_values(
    contract: Table, filters: tuple[Filter, ...], snapshot: Snapshot, disclosure: DisclosureControl, deadline: float
) -> None:
    """Refuse a filter on codes or names whose value no code list and no row has.

    Raises:
        Problem: there is no such value; the detail has the nearest ones.
    """
    for filter_ in filters:
        column = contract.columns.get(filter_.column)
        if column is None or filter_.operator not in REPEATABLE or not _has_names(contract, column):
            continue
        listed = snapshot.remember(("codes", column.name), partial(_fetch_codes, column, snapshot, deadline))
        if not _find_unknown(filter_, listed):
            continue
        occurring = snapshot.remember(
            ("occurring", contract.name, column.name, disclosure.name),
            partial(_fetch_occurring, contract, column, snapshot, disclosure, deadline),
        )
        unknown = _find_unknown(filter_, occurring | listed)
        if occurring and unknown:
            raise _create_problem(contract, filter_, str(unknown[0]), occurring | listed)


def _find_unknown(filter_: Filter, known: Mapping[Any, str]) -> list[Any]:
    """Find the values that are not known.

    A filter has a text with a comma as a whole and in parts, since a comma also separates values. If the whole is
    known, its parts need not be.
    """
    whole = [value for value in filter_.value if isinstance(value, str) and "," in value]
    parts = {part for value in whole if value in known for part in value.split(",")}
    return [value for value in filter_.value if value not in known and value not in parts and value not in whole]


def _has_names(contract: Table, column: Column[Any]) -> bool:
    """Whether a column holds codes or names, and no figure or text about a row."""
    if column.name in MONTH_COLUMNS or column.info["statistic"]:
        return False
    is_code = column.name in key_columns(contract) and isinstance(column.type, Integer | BigInteger)
    return isinstance(column.type, String) or is_code or column.name in _DIMENSIONS


def _fetch_codes(column: Column[Any], snapshot: Snapshot, deadline: float) -> dict[Any, str]:
    """Fetch the codes that a column may have, with their names; empty where no list has them."""
    if column.info["allowed"]:
        return dict.fromkeys(column.info["allowed"], "")
    dimension = _TABLES.get(_DIMENSIONS.get(column.name, ""))
    if dimension is None:
        return {}
    label = dimension.columns.get("name", dimension.c.label)
    rows = snapshot.fetch(select(dimension.c.code, label.label("name")), deadline).to_pylist()
    return {row["code"]: row["name"] or "" for row in rows} | ({} if column.name == "i94addr" else {NO_CODE: ""})


def _fetch_occurring(
    contract: Table, column: Column[Any], snapshot: Snapshot, disclosure: DisclosureControl, deadline: float
) -> dict[Any, str]:
    """Fetch the values that the caller sees in any row."""
    order = ((column.name, False),)
    query = Query(contract, (), order, _MAX_VALUES, columns=(column.name,), is_grouped=is_monthly(contract))
    values = snapshot.fetch(query.statement(disclosure), deadline)[column.name].to_pylist()
    return {value: "" for value in values if value is not None}


def _create_problem(contract: Table, filter_: Filter, value: str, names: Mapping[Any, str]) -> Problem:
    where = _DIMENSIONS.get(filter_.column)
    path = f"dimensions/{where}" if where else f"query/{contract.name}?group={filter_.column}"
    nearest = [f"{code} ({names[code]})" if names[code] else str(code) for code in _find_nearest(value, names)]
    suggestion = f" Nearest: {', '.join(nearest)}." if nearest else ""
    detail = f"{filter_.column} has no such value.{suggestion} /api/v1/{path} lists all."
    name = f"{filter_.column}__{filter_.operator}" if filter_.operator else filter_.column
    return Problem("invalid-parameter", detail, parameter=name)


def _find_nearest(value: str, names: Mapping[Any, str]) -> list[Any]:
    """Find the codes whose text or name is most like a value, whatever its case."""
    by_text: dict[str, Any] = {name.casefold(): code for code, name in names.items() if name}
    by_text |= {str(code).casefold(): code for code in names}
    text = value.casefold()
    if text in by_text:
        return [by_text[text]]
    similar = difflib.get_close_matches(text, by_text, _MAX_SUGGESTIONS, _LEAST_SIMILARITY)
    return list(dict.fromkeys(by_text[match] for match in similar))
