"""Damages of the rows of a month, whatever format they are delivered in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from random import Random
from typing import Any

from i94_platform_tests.support.damage.model import Rows, Unreadable
from i94_platform_tests.support.damage.oracle import NUMBERS, TEXTS

DamageRows = Callable[[Rows, Random], Rows]

ODD_NUMBERS = (0.5, -7.0, 200.0, 1e10, -(2.0**31) - 1, 2.0**63, 1e300, 45_427.0, -1.0)
ODD_TEXTS = ("NYCX", "Ä", "longer than any code may be", "99", "x", "D/S", "0", '5" x 7"', "a,b;c\td", "20160231")
UNREADABLE_TEXTS = (
    *("forty one", "2016-01-05", "1/5/2016", "12,345,678", "0x1F", "1e5x", "-1-", "5.65827E+10", "it's = 'x'"),
)


def _choose(rows: Rows, random: Random) -> list[int]:
    """Choose the positions of one row, of some, or of all."""
    count = min(len(rows), random.choice((1, 3, 5, 9, 15, len(rows) // 2, len(rows))))
    return sorted(random.sample(range(len(rows)), count))


def _set(rows: Rows, places: list[int], column: str, values: Callable[[], Any]) -> Rows:
    for place in places:
        rows[place] = rows[place] | {column: values()}
    return rows


def drop_tail(rows: Rows, random: Random) -> Rows:
    """Interrupt the copy."""
    return rows[: int(len(rows) * random.uniform(0.5, 1))]


def drop_some(rows: Rows, random: Random) -> Rows:
    """Lose rows anywhere."""
    lost = set(_choose(rows, random))
    return [row for place, row in enumerate(rows) if place not in lost]


def drop_all(rows: Rows, random: Random) -> Rows:
    """Deliver no row."""
    return []


def repeat_some(rows: Rows, random: Random) -> Rows:
    """Deliver rows twice, some with other values."""
    copies = [rows[place] | random.choice(({}, {"airline": "ZZ"})) for place in _choose(rows, random)]
    return [*rows, *copies]


def shuffle(rows: Rows, random: Random) -> Rows:
    """Deliver in another order, which changes no value."""
    random.shuffle(rows)
    return rows


def shift_column(rows: Rows, random: Random) -> Rows:
    """Move the values of one column by one row."""
    column = random.choice(NUMBERS + TEXTS)
    shifted = [row[column] for row in rows[1:] + rows[:1]]
    return [row | {column: value} for row, value in zip(rows, shifted, strict=True)]


def swap_columns(rows: Rows, random: Random) -> Rows:
    """Swap the values of two columns, in some rows or in all."""
    first, second = random.sample(random.choice((NUMBERS, TEXTS)), 2)
    for place in _choose(rows, random):
        rows[place] = rows[place] | {first: rows[place][second], second: rows[place][first]}
    return rows


def lose_values(rows: Rows, random: Random) -> Rows:
    """Leave out values of one column."""
    return _set(rows, _choose(rows, random), random.choice(NUMBERS + TEXTS), lambda: None)


def blank_keys(rows: Rows, random: Random) -> Rows:
    """Leave out the key."""
    return _set(rows, _choose(rows, random), random.choice(("cicid", "i94yr", "i94mon")), lambda: None)


def mix_months(rows: Rows, random: Random) -> Rows:
    """Put rows of another month or year among them."""
    places = _choose(rows, random)
    if random.random() < 0.5:
        return _set(rows, places, "i94yr", lambda: 2017.0)
    return _set(_set(rows, places, "i94mon", lambda: 2.0), places, "arrdate", lambda: 20_490.0)


def misdate(rows: Rows, random: Random) -> Rows:
    """Give arrivals a date outside the month."""
    return _set(
        rows, _choose(rows, random), "arrdate", lambda: random.choice((0.0, 20_453.0, 20_485.0, -3.0, 20_460.5))
    )


def unlist_codes(rows: Rows, random: Random) -> Rows:
    """Use codes that are in no list."""
    column, code = random.choice(
        (("i94visa", 7.0), ("i94mode", 7.0), ("i94port", "QQQ"), ("i94addr", "Q1"), ("i94cit", 998_877.0))
    )
    return _set(rows, _choose(rows, random), column, lambda: code)


def corrupt_numbers(rows: Rows, random: Random) -> Rows:
    """Put numbers that can't be true into a column."""
    return _set(rows, _choose(rows, random), random.choice(NUMBERS), lambda: random.choice(ODD_NUMBERS))


def corrupt_texts(rows: Rows, random: Random) -> Rows:
    """Put texts that can't be true into a column."""
    return _set(rows, _choose(rows, random), random.choice(TEXTS), lambda: random.choice(ODD_TEXTS))


def put_texts_in_numbers(rows: Rows, random: Random) -> Rows:
    """Put texts into the place of numbers."""
    column, places = random.choice(NUMBERS), _choose(rows, random)
    return _set(rows, places, column, lambda: Unreadable(random.choice(UNREADABLE_TEXTS)))


def mangle_texts(rows: Rows, random: Random) -> Rows:
    """Save texts of digits as numbers, as spreadsheets do: without their leading zeros, and some with a point."""
    column, ending = random.choice((("fltno", ""), ("dtaddto", ""), ("dtadfile", ".0"), ("dtaddto", ".0")))
    for place, row in enumerate(rows):
        if row[column] and row[column].isdecimal():
            rows[place] = row | {column: f"{int(row[column])}{ending}"}
    return rows


def write_iso_dates(rows: Rows, random: Random) -> Rows:
    """Write days as dates, in every row."""
    column = random.choice(("arrdate", "depdate"))
    for place, row in enumerate(rows):
        if isinstance(row[column], float):
            date = dt.date(1960, 1, 1) + dt.timedelta(row[column] % 100_000)
            rows[place] = row | {column: Unreadable(date.isoformat())}
    return rows


ROW_DAMAGES: dict[str, DamageRows] = {
    "tail dropped": drop_tail,
    "rows dropped": drop_some,
    "all rows dropped": drop_all,
    "rows repeated": repeat_some,
    "rows shuffled": shuffle,
    "column shifted": shift_column,
    "columns swapped": swap_columns,
    "values lost": lose_values,
    "keys blank": blank_keys,
    "other months mixed in": mix_months,
    "arrivals misdated": misdate,
    "codes unlisted": unlist_codes,
    "numbers corrupted": corrupt_numbers,
    "texts corrupted": corrupt_texts,
    "texts mangled": mangle_texts,
}
"""By name; each takes a list that it may change."""

CSV_ROW_DAMAGES = ROW_DAMAGES | {"texts in numbers": put_texts_in_numbers, "days as dates": write_iso_dates}
