"""What a damaged reference file may become: its undamaged rows, without those that are lost or rejected."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from i94_platform.sources.registry import SOURCES
from i94_platform_tests.support.damage.model import ReferenceDelivery

Row = Mapping[str, Any]


def check_table(
    name: str,
    delivery: ReferenceDelivery,
    lines: Sequence[Mapping[str, str]],
    before: Iterable[Row],
    after: Iterable[Row],
) -> None:
    """Check that each row is one that was delivered, and that each untouched row is there.

    Args:
        name: The source.
        delivery: The damaged file.
        lines: The undamaged lines by column.
        before: The table made of them, in any order.
        after: The table made of the damaged file.
    """
    source = SOURCES[name]
    columns = {ours: theirs.casefold() for ours, theirs in source.headers.items()}
    by_key = {_key(name, row): row for row in before}
    expected = {number: by_key[_line_key(name, lines[number])] for number in set(delivery.rows)}
    keys = {_key(name, row): number for number, row in expected.items()}
    moved = [n for n in expected if set(delivery.touched.get(n, ())) & {columns[c] for c in _KEYS[name]}]
    present = set()
    for row in after:
        candidates = [keys[_key(name, row)]] if _key(name, row) in keys else []
        matching = [
            n for n in [*candidates, *moved] if _is_reading(row, expected[n], delivery.touched.get(n, {}), columns)
        ]
        assert matching, f"{dict(row)} was never delivered; expected {[dict(expected[n]) for n in candidates]}"
        present.add(matching[0])
    related = _list_related(name, delivery, lines)
    lost = [n for n in expected if n not in present and n not in delivery.touched and n not in related]
    assert not lost or moved, f"{len(lost)} good rows are lost, such as {dict(expected[lost[0]])}"


def count_explained(name: str, delivery: ReferenceDelivery, lines: Sequence[Mapping[str, str]]) -> int:
    """Count the delivered rows that may be rejected: changed ones, those that they contradict, and copies."""
    rows = set(delivery.rows)
    odd = rows & (set(delivery.touched) | _list_related(name, delivery, lines))
    return len(delivery.rows) - len(rows) + len(odd)


_KEYS = {
    "us_cities_demographics": ("city", "state_code", "race"),
    "airport_codes": ("ident",),
    "land_temperatures": ("dt", "city", "country", "latitude", "longitude"),
}
_DERIVED = {"iso3": "country"}


def _key(name: str, row: Row) -> tuple[Any, ...]:
    return tuple(row[column] for column in _KEYS[name])


def _line_key(name: str, line: Mapping[str, str]) -> tuple[Any, ...]:
    if name == "us_cities_demographics":
        return line["city"].strip(), line["state code"], line["race"]
    if name == "airport_codes":
        return (line["ident"],)
    degrees = [float(line[c][:-1]) * (-1 if line[c][-1] in "SW" else 1) for c in ("latitude", "longitude")]
    return dt.date.fromisoformat(line["dt"]), line["city"], line["country"], *degrees


def _is_reading(row: Row, expected: Row, touched: Mapping[str, str], columns: Mapping[str, str]) -> bool:
    """Whether a row has the expected values, and in touched columns nothing or what was delivered."""
    for name, value in row.items():
        column = columns[_DERIVED.get(name, name)]
        if value != expected[name] and not (column in touched and _is_delivered(name, value, touched[column])):
            return False
    return True


def _is_delivered(name: str, value: Any, text: str) -> bool:
    if value is None or name in _DERIVED:
        return True
    if isinstance(value, str):
        return value.casefold() == text.strip().casefold()
    if isinstance(value, dt.date):
        return {part.lstrip("0") for part in re.split("[/-]", text)} == {
            str(value.year),
            str(value.month),
            str(value.day),
        }
    parts = [part.strip(" NSEW") for part in text.split(",")]
    return any(_equals(part, value) for part in parts)


def _equals(text: str, value: float) -> bool:
    try:
        return abs(float(text)) == abs(value)
    except ValueError:
        return False


def _list_related(name: str, delivery: ReferenceDelivery, lines: Sequence[Mapping[str, str]]) -> set[int]:
    """List the rows that may be rejected since touched ones contradict them: of a city's state, of a month and city."""
    if name != "us_cities_demographics":
        return {number for number in delivery.touched if delivery.rows.count(number) > 1}
    states = {lines[number]["state code"] for number in delivery.touched} | {
        text.upper() for cells in delivery.touched.values() for text in cells.values()
    }
    return {number for number in set(delivery.rows) if lines[number]["state code"] in states}
