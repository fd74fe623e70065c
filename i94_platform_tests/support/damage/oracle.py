"""The rules of staged arrivals a second time, row by row in Python from the contract: no SQL takes part."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BigInteger, Date, String

from i94_platform.contracts import delivered_immigration, immigration
from i94_platform.contracts.codes import ENCODERS, read_reviewed_list
from i94_platform.contracts.model import text_limit
from i94_platform.partitions import Month
from i94_platform_tests.support.damage.model import DeliveredRow, Unreadable

NUMBERS = tuple(c.name for c in delivered_immigration.columns if not isinstance(c.type, String))
TEXTS = tuple(c.name for c in delivered_immigration.columns if isinstance(c.type, String))
LISTED_CODES = {e.column: set(read_reviewed_list(e.list_name)["code"]) for e in ENCODERS.values()}
"""The listed codes by column."""
UNKNOWN_CODES: Mapping[str, Any] = {"i94port": "XXX", "i94addr": "99", "i94mode": 9}
LOSS, REJECTED, UNREADABLE = 0.2, 0.05, 0.5
"""The bounds of the gate as the documentation has them."""


@dataclass
class ExpectedMonth:
    """What a delivered month becomes: rows by key, reasons by file and row, and unreadable cells."""

    accepted: dict[int, dict[str, Any]] = field(default_factory=dict)
    rejected: dict[tuple[str, int], str] = field(default_factory=dict)
    unreadable: dict[tuple[str, int, str], Any] = field(default_factory=dict)
    delivered: int = 0
    values: Counter[str] = field(default_factory=Counter)

    def list_blocking(self, loaded_rows: int) -> set[str]:
        """List the checks that must block it, where `loaded_rows` are loaded."""
        checks = {
            "rows_accepted": not self.accepted,
            "rejected_share_within_bound": not self.delivered or len(self.rejected) > REJECTED * self.delivered,
            "size_plausible": loaded_rows - len(self.accepted) > LOSS * loaded_rows,
            "unreadable_share_within_bound": self._has_useless_column(),
        }
        return {name for name, is_blocking in checks.items() if is_blocking}

    def _has_useless_column(self) -> bool:
        """Whether most values of a column are unreadable, or typed but can't be meant."""
        rows = self.accepted.values()
        until = [row for row in rows if row["dtaddto"] is not None]
        counts = [
            *((count, self.values[name]) for name, count in Counter(name for *_, name in self.unreadable).items()),
            *((sum(row[name] == code for row in rows), len(rows)) for name, code in UNKNOWN_CODES.items()),
            (sum((row["stay_days"] or 0) < 0 for row in rows), sum(row["depdate"] is not None for row in rows)),
            (sum(not row["admitted_until"] and not row["duration_of_status"] for row in until), len(until)),
            *(self._count_unlisted(name, LISTED_CODES[name]) for name in ("i94cit", "i94res")),
            *(self._count_unlisted(c.name, c.info["allowed"]) for c in immigration.columns if c.info["allowed"]),
        ]
        return any(count > UNREADABLE * values for count, values in counts)

    def _count_unlisted(self, name: str, listed: Collection[Any]) -> tuple[int, int]:
        values = [row[name] for row in self.accepted.values() if row[name] is not None]
        return sum(value not in listed for value in values), len(values)


def expect_month(rows: Sequence[DeliveredRow], month: Month) -> ExpectedMonth:
    """Derive what a month becomes."""
    expected = ExpectedMonth(delivered=len(rows))
    for row in sorted(rows, key=lambda row: (row.file, row.number)):
        place = (row.file, row.number)
        typed = {name: read_value(name, row.values[name]) for name in row.values}
        unreadable = {name for name, value in typed.items() if value is None and not is_missing(row.values[name])}
        if reasons := _list_reasons(row.values, typed, unreadable, month):
            expected.rejected[place] = "; ".join(reasons)
        elif typed["cicid"] in expected.accepted:
            expected.rejected[place] = "duplicate_key"
        else:
            expected.accepted[typed["cicid"]] = _complete(typed)
            expected.values.update(name for name in typed if not is_missing(row.values[name]))
            expected.unreadable |= {(*place, name): row.values[name] for name in unreadable}
    return expected


def is_missing(value: Any) -> bool:
    """Whether nothing was delivered."""
    if isinstance(value, str):
        return not value.rstrip(" ")
    return value is None or (isinstance(value, float) and math.isnan(value))


def read_value(name: str, value: Any) -> Any:
    """Read a delivered value as the contract's type; None where it is missing or unreadable."""
    column = immigration.columns[name]
    if isinstance(value, Unreadable) or is_missing(value):
        return None
    if isinstance(value, str):
        text, limit = value.rstrip(" "), text_limit(column)
        if name == "dtadfile":
            return _parse_date(text, "%Y%m%d")
        return text if limit is None or len(text.encode()) <= limit else None
    if not math.isfinite(value) or value != int(value):
        return None
    if isinstance(column.type, Date):
        return dt.date(1960, 1, 1) + dt.timedelta(int(value)) if 0 <= value <= 2_936_549 else None
    limit = 2 ** (63 if isinstance(column.type, BigInteger) else 31)
    low, high = column.info["low"], column.info["high"]
    if name in ("cicid", "i94yr", "i94mon"):  # a key outside its range is a key all the same
        low = high = None
    is_in_range = (low is None or value >= low) and (high is None or value <= high)
    return int(value) if -limit <= value < limit and is_in_range else None


def _parse_date(text: str, pattern: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(text, pattern).date() if re.fullmatch("[0-9]{8}", text) else None
    except ValueError:
        return None


def _list_reasons(values: Mapping[str, Any], typed: Mapping[str, Any], unreadable: set[str], month: Month) -> list[str]:
    keys = ("cicid", "i94yr", "i94mon")
    year, number, arrival = (typed[name] for name in ("i94yr", "i94mon", "arrdate"))
    is_this_month = (year, number) == (month.year, month.month)
    is_other_month = (year is not None and year != month.year) or (number is not None and number != month.month)
    is_within = arrival is not None and (arrival.year, arrival.month) == (month.year, month.month)
    return [
        *(["null_key"] if any(is_missing(values[name]) for name in keys) else []),
        *(f"unreadable:{name}" for name in keys if name in unreadable),
        *(["other_month"] if is_other_month else []),
        *(["arrival_outside_month"] if is_this_month and not is_within else []),
        *(["unlisted:i94visa"] if typed["i94visa"] not in LISTED_CODES["i94visa"] else []),
    ]


def _complete(typed: dict[str, Any]) -> dict[str, Any]:
    """Add the codes for unknown ones and the derived columns."""
    row = dict(typed)
    for name, unknown in UNKNOWN_CODES.items():
        if row[name] not in LISTED_CODES[name] and not (name == "i94mode" and row[name] is None):
            row[name] = unknown
    until = row["dtaddto"] or ""
    row["admitted_until"] = _parse_date(until.zfill(8) if len(until) == 7 else until, "%m%d%Y")
    row["duration_of_status"] = until == "D/S"
    row["stay_days"] = (row["depdate"] - row["arrdate"]).days if row["depdate"] else None
    return row
