"""The rules of staged arrivals, written a second time: row by row in Python, from the meaning of the contract."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from sqlalchemy import BigInteger, Date

from i94_platform.contracts import immigration
from i94_platform.contracts.codes import read_reviewed_list
from i94_platform.contracts.model import text_limit
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform_tests.support.arrivals import Row

DELIVERY = "i94_apr16_sub.parquet"
EPOCH = dt.date(1960, 1, 1)
KEYS = ("cicid", "i94yr", "i94mon")
LISTED: dict[str, set[Any]] = {
    name: set(read_reviewed_list(name)["code"]) for name in ("i94port", "i94addr", "i94mode", "i94visa")
}


Values = dict[tuple[str, int, str], Any]
"""Unreadable values by file, row and column."""


def expect_staged(files: Sequence[list[dict[str, Any]]]) -> tuple[pa.Table, dict[tuple[str, int], str], Values]:
    """The staged rows by key, the reasons of the rejected ones by file and row, and the unreadable values."""
    rows: dict[int, dict[str, Any]] = {}
    rejected: dict[tuple[str, int], str] = {}
    unreadable: Values = {}
    for part, delivery in enumerate(files):
        file = f"{DELIVERY}/{part}.parquet"
        for number, row in enumerate(delivery, 1):
            if reasons := find_reasons(row) or (["duplicate_key"] if int(row["cicid"]) in rows else []):
                rejected[file, number] = "; ".join(reasons)
                continue
            typed = {name: type_value(name, value) for name, value in row.items()}
            rows[int(row["cicid"])] = derive_row(typed)
            lost = [name for name, value in row.items() if typed[name] is None and not is_missing(value)]
            unreadable |= {(file, number, name): row[name] for name in lost}
    by_key = [row for _, row in sorted(rows.items())]
    return pa.Table.from_pylist(by_key, schema=arrow_schema(immigration)), rejected, unreadable


def is_missing(value: Any) -> bool:
    """Whether nothing was delivered."""
    return not value.rstrip(" ") if isinstance(value, str) else value is None or math.isnan(value)


def type_value(name: str, value: Any) -> Any:
    """A delivered value in the contract's type and range; None where it is none."""
    column = immigration.columns[name]
    if is_missing(value):
        return None
    if isinstance(value, str):
        text, limit = value.rstrip(" "), text_limit(column)
        if name == "dtadfile":
            return parse_date(text, "%Y%m%d")
        return text if limit is None or len(text.encode()) <= limit else None
    if not math.isfinite(value) or value != int(value):
        return None
    if isinstance(column.type, Date):
        last = (dt.date.max - EPOCH).days
        return EPOCH + dt.timedelta(days=int(value)) if 0 <= value <= last else None
    bits = 63 if isinstance(column.type, BigInteger) else 31
    low, high = (None, None) if name in KEYS else (column.info["low"], column.info["high"])
    is_valid = (low is None or low <= value) and (high is None or value <= high)
    return int(value) if is_valid and -(2**bits) <= int(value) < 2**bits else None


def parse_date(text: str, format_: str) -> dt.date | None:
    """Parse eight digits as a date; None for no date."""
    if len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return dt.datetime.strptime(text, format_).date()
    except ValueError:
        return None


def find_reasons(row: Row) -> list[str]:
    """The reasons to reject a delivered row, but `duplicate_key`."""
    values = {name: type_value(name, row[name]) for name in KEYS}
    reasons = ["null_key"] if any(is_missing(row[name]) for name in KEYS) else []
    reasons += [f"unreadable:{name}" for name in KEYS if values[name] is None and not is_missing(row[name])]
    others = [name for name, own in (("i94yr", 2016), ("i94mon", 4)) if values[name] not in (own, None)]
    reasons += ["other_month"] if others else []
    day = type_value("arrdate", row["arrdate"])
    is_april = day is not None and (day.year, day.month) == (2016, 4)
    if (row["i94yr"], row["i94mon"]) == (2016, 4) and not is_april:
        reasons.append("arrival_outside_month")
    return reasons + ([] if row["i94visa"] in LISTED["i94visa"] else ["unlisted:i94visa"])


def derive_row(values: dict[str, Any]) -> dict[str, Any]:
    """What the fact holds of a row's typed values."""
    until = values["dtaddto"] or ""
    mode, departed = values["i94mode"], values["depdate"]
    return values | {
        "i94port": values["i94port"] if values["i94port"] in LISTED["i94port"] else "XXX",
        "i94addr": values["i94addr"] if values["i94addr"] in LISTED["i94addr"] else "99",
        "i94mode": mode if mode is None or mode in LISTED["i94mode"] else 9,
        "admitted_until": parse_date(until if len(until) != 7 else f"0{until}", "%m%d%Y"),
        "duration_of_status": until == "D/S",
        "stay_days": None if departed is None else (departed - values["arrdate"]).days,
    }
