"""The last rows of a delivery: edge cases and unreadable values, which are accepted, and rows to reject for one reason.

They come in this order: one row per edge case; the same number of rows per unreadable value and per defect; copies of
the file's first rows, unchanged ones before changed ones. `transforms.immigration` must come to the same numbers.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from i94_platform.partitions import Month
from i94_platform.sample.months import BASE_MONTH, sas_day

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ROWS_PER_REJECT, _MAX_REJECTS = 25_000, 20
_NAN = float("nan")

Change = dict[str, Any]
"""Columns of a row and their new values."""


_UNREADABLE_VALUES: tuple[tuple[str, Any], ...] = (
    ("i94bir", 32.5),
    ("admnum", 1e300),
    ("dtadfile", "2016ABCD"),
    ("gender", "FEMALE"),
)
"""Columns, and a value of each that can't be read."""


def expected_rejects(rows: int) -> dict[str, int]:
    """Return the rejected rows per reason in a month of a sample of `rows`; each row has one reason.

    They come in addition to the valid rows. Of the rows with a duplicate key the first one is valid and the others
    are rejected as `duplicate_key`.
    """
    reasons = Counter(reason for reason, _ in _defects(BASE_MONTH))
    counts = {reason: defects * _rows_per_defect(rows) for reason, defects in reasons.items()}
    return counts | {"duplicate_key": duplicate_row_count(rows)}


def expected_unreadable(rows: int) -> dict[str, int]:
    """Return the unreadable values per column in a month of a sample of `rows`; their rows are valid."""
    return {name: _rows_per_defect(rows) for name, _ in sorted(_UNREADABLE_VALUES)}


def unreadable_row_count(rows: int) -> int:
    """Return the number of valid rows with an unreadable value."""
    return len(_UNREADABLE_VALUES) * _rows_per_defect(rows)


def defective_row_count(rows: int) -> int:
    """Return the number of rejected rows without the duplicates."""
    return len(_defects(BASE_MONTH)) * _rows_per_defect(rows)


def duplicate_row_count(rows: int) -> int:
    """Return the number of copies of earlier rows; half of them are changed."""
    return 2 * _rows_per_defect(rows)


def edge_case_count(month: Month) -> int:
    """Return the number of rows that are edge cases."""
    return len(_edge_cases(month))


def build_last_rows(drawn: pa.Table, originals: pa.Table, month: Month, rows: int) -> pa.Table:
    """Turn `drawn` into edge cases and defects, and add copies of the first `originals`; the schema stays the same."""
    import pandas as pd
    import pyarrow as pa

    frame = drawn.to_pandas()
    edge_cases = _edge_cases(month)
    for row, change in enumerate(edge_cases):
        _apply(change, frame, slice(row, row))
    frame["biryear"] = month.year - frame["i94bir"]
    count = _rows_per_defect(rows)
    changes = [{name: value} for name, value in _UNREADABLE_VALUES] + [change for _, change in _defects(month)]
    for number, change in enumerate(changes):
        start = len(edge_cases) + number * count
        _apply(change, frame, slice(start, start + count - 1))
    copies = originals.slice(0, duplicate_row_count(rows)).to_pandas()
    _apply({"i94addr": "99", "fltno": "COPY"}, copies, slice(count, None))
    return pa.Table.from_pandas(pd.concat([frame, copies]), schema=drawn.schema, preserve_index=False)


def _rows_per_defect(rows: int) -> int:
    return min(_MAX_REJECTS, 1 + rows // _ROWS_PER_REJECT)


def _apply(change: Change, frame: pd.DataFrame, rows: slice) -> None:
    for column, value in change.items():
        frame.loc[rows, column] = value


def _defects(month: Month) -> tuple[tuple[str, Change], ...]:
    """Return the defects: the reason of the reject, and the change to a valid row."""
    return (
        ("null_key", {"cicid": _NAN}),
        ("other_month", {"i94yr": float(month.year - 1)}),
        ("other_month", {"i94mon": float(month.month % 12 + 1)}),
        ("arrival_outside_month", {"arrdate": float(sas_day(month.first_day) - 1)}),
        ("arrival_outside_month", {"arrdate": float(sas_day(month.next_first_day))}),
        ("arrival_outside_month", {"arrdate": _NAN}),
        ("unlisted:i94visa", {"i94visa": 7.0}),
    )


def _edge_cases(month: Month) -> tuple[Change, ...]:
    """Return the changes that make the edge cases: what real files hold in a few rows of three million."""
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
