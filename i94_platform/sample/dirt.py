"""The rows that end a delivery: odd ones that must be kept, and those that must be refused, each for one reason.

Here: what is wrong with a row, and how many rows have it. Not here: the rows before them (`immigration`), and the
rules themselves (`transforms.immigration`), which must come to the same numbers.

The last rows of a file are, in this order: one row per oddity, which counts among the good rows; the same number of
rows per way to spoil a row; and copies of the file's first rows, whole ones and then changed ones.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from i94_platform.partitions import Month
from i94_platform.sample.months import BASE, sas_day

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROWS_PER_SPOILED, _MOST_SPOILED = 25_000, 20
_NAN = float("nan")
_COPIES = 2  # whole and changed

Change = dict[str, Any]
"""Columns of a row and what they become."""


def expected_refusals(rows: int) -> dict[str, int]:
    """The rows that a month of a sample of `rows` holds per reason of the quarantine; each row has one reason.

    They come in addition to the good rows. Of a repeated key the first delivered row is good and the others are
    `duplicate_key`.
    """
    reasons = Counter(reason for reason, _ in _spoilings(BASE))
    return {reason: ways * _each(rows) for reason, ways in reasons.items()} | {"duplicate_key": duplicate_rows(rows)}


def spoiled_rows(rows: int) -> int:
    """The refused rows but the duplicates."""
    return len(_spoilings(BASE)) * _each(rows)


def duplicate_rows(rows: int) -> int:
    """The copies of earlier rows, half of them changed."""
    return _COPIES * _each(rows)


def odd_rows(month: Month) -> int:
    """The rows that are odd and good."""
    return len(_oddities(month))


def last_rows(drawn: pa.Table, originals: pa.Table, month: Month, rows: int) -> pa.Table:
    """Make `drawn` rows odd or spoiled, and add copies of the first `originals`; the schema stays."""
    import pandas as pd
    import pyarrow as pa

    frame = drawn.to_pandas()
    oddities = _oddities(month)
    for row, change in enumerate(oddities):
        _change(frame, slice(row, row), change)
    frame["biryear"] = month.year - frame["i94bir"]
    each = _each(rows)
    for way, (_, change) in enumerate(_spoilings(month)):
        start = len(oddities) + way * each
        _change(frame, slice(start, start + each - 1), change)
    copies = originals.slice(0, duplicate_rows(rows)).to_pandas()
    _change(copies, slice(each, None), {"i94addr": "99", "fltno": "COPY"})
    return pa.Table.from_pandas(pd.concat([frame, copies]), schema=drawn.schema, preserve_index=False)


def _each(rows: int) -> int:
    return min(_MOST_SPOILED, 1 + rows // _ROWS_PER_SPOILED)


def _change(frame: pd.DataFrame, rows: slice, change: Change) -> None:
    for column, value in change.items():
        frame.loc[rows, column] = value


def _spoilings(month: Month) -> tuple[tuple[str, Change], ...]:
    """The ways to spoil a row, each with the reason it is refused for."""
    return (
        ("null_key", {"cicid": _NAN}),
        ("other_month", {"i94yr": float(month.year - 1)}),
        ("other_month", {"i94mon": float(month.month % 12 + 1)}),
        ("arrival_outside_month", {"arrdate": float(sas_day(month.first_day) - 1)}),
        ("arrival_outside_month", {"arrdate": float(sas_day(month.next_first_day))}),
        ("arrival_outside_month", {"arrdate": _NAN}),
        ("uncastable:i94bir", {"i94bir": 32.5}),
        ("uncastable:admnum", {"admnum": 1e300}),
        ("uncastable:dtadfile", {"dtadfile": f"{month.year}ABCD"}),
        ("uncastable:gender", {"gender": "FEMALE"}),
        ("unlisted:i94visa", {"i94visa": 7.0}),
    )


def _oddities(month: Month) -> tuple[Change, ...]:
    """What real files hold in a few rows of three million, and the platform must take; one row each."""
    first = float(sas_day(month.first_day))
    unknown = ("i94mode", "i94addr", "depdate", "gender", "airline", "fltno", "dtadfile", "entdepa")
    return (
        {**dict.fromkeys(unknown), "i94port": "XXX"},
        {"dtaddto": "/   183D"},
        {"dtaddto": "183"},
        {"dtaddto": "06 02002"},
        {"dtaddto": "10 02003"},
        {"dtaddto": "12319999"},
        {"dtaddto": month.first_day.replace(year=month.year - 1).strftime("%m%d%Y")},
        {"dtadfile": "20130811"},
        {"depdate": first + 24_853},
        {"depdate": first - 5_388},
        {"i94bir": -3.0},
        {"i94bir": 114.0},
        {"admnum": 0.0},
        {"admnum": 27.0},
        {"airline": "*FF", "fltno": "FC 35"},
        {"airline": "*UU", "fltno": "U-NEA"},
        {"fltno": "X"},
        {"insnum": "WALKIN"},
        {"i94addr": ".C"},
        {"i94addr": "0"},
    )
