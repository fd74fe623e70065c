"""Delivered arrivals for tests: a good row of April 2016, dirty variants with their expected results, generated ones.

The expected results are written from the meaning of the contract, not from the SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.partitions import Month

APRIL = Month(2016, 4)
FIRST_DAY = 20_545
"""2016-04-01 in days since 1960-01-01."""

NAN, INFINITY = float("nan"), float("inf")
Row = Mapping[str, Any]

GOOD_ROW: dict[str, Any] = {
    "cicid": 1.0, "i94yr": 2016.0, "i94mon": 4.0, "i94cit": 148.0, "i94res": 112.0, "i94port": "NYC",
    "arrdate": FIRST_DAY + 4.0, "i94mode": 1.0, "i94addr": "NY", "depdate": FIRST_DAY + 11.0, "i94bir": 41.0,
    "i94visa": 2.0, "count": 1.0, "dtadfile": "20160405", "visapost": "BRN", "occup": None, "entdepa": "G",
    "entdepd": "O", "entdepu": None, "matflag": "M", "biryear": 1975.0, "dtaddto": "07032016", "gender": "F",
    "insnum": None, "airline": "LH", "admnum": 55_780_468_433.0, "fltno": "00400", "visatype": "WT",
}  # fmt: skip

REJECTED_ROWS: tuple[tuple[Row, str], ...] = (
    ({"cicid": None}, "null_key"),
    ({"i94yr": None}, "null_key"),
    ({"i94mon": None}, "null_key"),
    ({"i94yr": None, "i94mon": 5.0}, "null_key; other_month"),
    ({"i94yr": 2015.0}, "other_month"),
    ({"i94mon": 5.0}, "other_month"),
    ({"i94yr": 2015.0, "arrdate": None}, "other_month"),
    ({"arrdate": None}, "arrival_outside_month"),
    ({"arrdate": FIRST_DAY - 1.0}, "arrival_outside_month"),
    ({"arrdate": FIRST_DAY + 30.0}, "arrival_outside_month"),
    ({"arrdate": 0.0}, "arrival_outside_month"),
    ({"i94visa": None}, "unlisted:i94visa"),
    ({"i94visa": 7.0}, "unlisted:i94visa"),
    ({"i94visa": -0.0}, "unlisted:i94visa"),
    ({"i94visa": 3.5}, "unlisted:i94visa"),
    ({"i94visa": NAN}, "unlisted:i94visa"),
    # NaN is missing
    ({"cicid": NAN}, "null_key"),
    ({"cicid": -NAN}, "null_key"),
    ({"i94yr": NAN}, "null_key"),
    ({"arrdate": NAN}, "arrival_outside_month"),
    # numbers that the type can't hold: the engines disagree on each of them, if one lets them
    ({"cicid": 7.5}, "unreadable:cicid"),
    ({"cicid": -INFINITY}, "unreadable:cicid"),
    ({"i94yr": 2015.6}, "unreadable:i94yr"),
    ({"i94mon": 4.4}, "unreadable:i94mon"),
    ({"arrdate": FIRST_DAY + 29.6}, "arrival_outside_month"),
    ({"arrdate": -1.0}, "arrival_outside_month"),
    ({"arrdate": INFINITY}, "arrival_outside_month"),
    # a row carries every reason, and a value that may be null is none
    (
        {"cicid": None, "i94mon": 3.0, "i94visa": 9.0, "i94bir": NAN, "gender": "XX"},
        "null_key; other_month; unlisted:i94visa",
    ),
    ({"cicid": 1e300, "arrdate": None, "i94visa": None}, "unreadable:cicid; arrival_outside_month; unlisted:i94visa"),
)
"""What is wrong with a row, and the reasons in the quarantine."""

UNREADABLE_ROWS: tuple[tuple[Row, Mapping[str, str]], ...] = (
    # numbers that the type or the contract's range can't hold
    ({"i94cit": 2.0**31}, {"i94cit": "2147483648"}),
    ({"i94res": -(2.0**31) - 1}, {"i94res": "-2147483649"}),
    ({"i94mode": 0.5}, {"i94mode": "0.5"}),
    ({"depdate": 1e300}, {"depdate": "1e+300"}),
    ({"depdate": -INFINITY}, {"depdate": "-inf"}),
    ({"depdate": FIRST_DAY + 0.5}, {"depdate": "20545.5"}),
    ({"depdate": 2_936_550.0}, {"depdate": "2936550"}),
    ({"i94bir": 32.5}, {"i94bir": "32.5"}),
    ({"i94bir": INFINITY}, {"i94bir": "inf"}),
    ({"count": 2_147_483_647.5}, {"count": "2147483647.5"}),
    ({"biryear": -INFINITY}, {"biryear": "-inf"}),
    ({"admnum": 1e300}, {"admnum": "1e+300"}),
    ({"admnum": 2.0**63}, {"admnum": "9.223372036854776e+18"}),
    ({"admnum": 0.1}, {"admnum": "0.1"}),
    ({"i94bir": 126.0}, {"i94bir": "126"}),
    ({"i94bir": -6.0}, {"i94bir": "-6"}),
    ({"i94bir": 1975.0, "biryear": 41.0}, {"i94bir": "1975", "biryear": "41"}),
    ({"admnum": -1.0}, {"admnum": "-1"}),
    # eight digits that are a date, or nothing
    ({"dtadfile": "2016ABCD"}, {"dtadfile": "2016ABCD"}),
    ({"dtadfile": "20160431"}, {"dtadfile": "20160431"}),
    ({"dtadfile": "20161301"}, {"dtadfile": "20161301"}),
    ({"dtadfile": "00000101"}, {"dtadfile": "00000101"}),
    ({"dtadfile": "2016-4-1"}, {"dtadfile": "2016-4-1"}),
    ({"dtadfile": "2016041T"}, {"dtadfile": "2016041T"}),
    ({"dtadfile": "2016041\n"}, {"dtadfile": "2016041\n"}),
    ({"dtadfile": " 0160401"}, {"dtadfile": " 0160401"}),
    ({"dtadfile": "-0160401"}, {"dtadfile": "-0160401"}),
    ({"dtadfile": "201604"}, {"dtadfile": "201604"}),
    ({"dtadfile": "2016040100"}, {"dtadfile": "2016040100"}),
    ({"dtadfile": "٢٠١٦٠٤٠١"}, {"dtadfile": "٢٠١٦٠٤٠١"}),
    ({"dtadfile": "\u00a0"}, {"dtadfile": "\u00a0"}),
    # bytes count, not characters
    ({"i94port": "NYCX"}, {"i94port": "NYCX"}),
    ({"i94port": "ÄÖ"}, {"i94port": "ÄÖ"}),
    ({"i94addr": "N\u00a0"}, {"i94addr": "N\u00a0"}),
    ({"visapost": "BERLIN OH"}, {"visapost": "BERLIN OH"}),
    ({"occup": "ÄÄÄÄÄ"}, {"occup": "ÄÄÄÄÄ"}),
    ({"entdepa": "ABCDE"}, {"entdepa": "ABCDE"}),
    ({"entdepd": "ABCDE"}, {"entdepd": "ABCDE"}),
    ({"entdepu": "  ABC"}, {"entdepu": "  ABC"}),
    ({"matflag": "é"}, {"matflag": "é"}),
    ({"dtaddto": "12345678901234567"}, {"dtaddto": "12345678901234567"}),
    ({"gender": "FEMALE"}, {"gender": "FEMALE"}),
    ({"insnum": "日本語日本語"}, {"insnum": "日本語日本語"}),
    ({"airline": "LUFTHANSA"}, {"airline": "LUFTHANSA"}),
    ({"fltno": "12345678901234567"}, {"fltno": "12345678901234567"}),
    ({"visatype": "WT\u00a0\u00a0"}, {"visatype": "WT\u00a0\u00a0"}),
    ({"gender": "FEMALE   "}, {"gender": "FEMALE   "}),
    # every column of one row
    (
        {"i94cit": 1e300, "i94port": "LONG", "i94addr": "LONG", "i94mode": 1.5, "dtadfile": "yesterday"},
        {"i94cit": "1e+300", "i94port": "LONG", "i94addr": "LONG", "i94mode": "1.5", "dtadfile": "yesterday"},
    ),
)  # fmt: skip
"""What can't be read in a row that is staged, and its texts by column."""

ARRIVAL_DATE = "2016-04-05"
ACCEPTED_ROWS: tuple[tuple[Row, Row], ...] = (
    ({}, {}),
    ({"arrdate": FIRST_DAY + 0.0}, {"arrdate": "2016-04-01", "stay_days": 11}),
    ({"arrdate": FIRST_DAY + 29.0}, {"arrdate": "2016-04-30", "stay_days": -18}),
    ({"i94cit": None, "i94res": 999_999.0}, {"i94cit": None, "i94res": 999_999}),
    ({"i94cit": -0.0}, {"i94cit": 0}),
    ({"i94bir": -3.0}, {"i94bir": -3}),
    ({"i94cit": -(2.0**31), "i94res": 2.0**31 - 1}, {"i94cit": -(2**31), "i94res": 2**31 - 1}),
    ({"i94bir": -5.0, "biryear": 2100.0}, {"i94bir": -5, "biryear": 2100}),
    ({"i94bir": 125.0, "biryear": 1880.0}, {"i94bir": 125, "biryear": 1880}),
    # NaN is missing
    ({"i94bir": NAN, "depdate": NAN}, {"i94bir": None, "depdate": None, "stay_days": None}),
    ({"i94mode": -NAN, "admnum": NAN}, {"i94mode": None, "admnum": None}),
    ({"admnum": 99_915_565_930.0}, {"admnum": 99_915_565_930}),
    ({"admnum": -0.0}, {"admnum": 0}),
    ({"admnum": 2.0**63 - 1024}, {"admnum": 2**63 - 1024}),
    ({"depdate": None}, {"depdate": None, "stay_days": None}),
    ({"depdate": 0.0}, {"depdate": "1960-01-01", "stay_days": -20_549}),
    ({"depdate": 2_936_549.0}, {"depdate": "9999-12-31", "stay_days": 2_916_000}),
    ({"dtadfile": None}, {"dtadfile": None}),
    ({"dtadfile": ""}, {"dtadfile": None}),
    ({"dtadfile": "        "}, {"dtadfile": None}),
    ({"dtadfile": "20160405  "}, {}),
    ({"dtadfile": "20160229"}, {"dtadfile": "2016-02-29"}),
    ({"dtadfile": "00010101"}, {"dtadfile": "0001-01-01"}),
    # codes: unlisted ones and missing ones have a home, except a missing mode
    ({"i94port": "QQQ"}, {"i94port": "XXX"}),
    ({"i94port": "nyc"}, {"i94port": "XXX"}),
    ({"i94port": None, "i94addr": None, "i94mode": None}, {"i94port": "XXX", "i94addr": "99", "i94mode": None}),
    ({"i94port": "   ", "i94addr": ""}, {"i94port": "XXX", "i94addr": "99"}),
    ({"i94port": "NYC ", "i94addr": "NY "}, {}),
    ({"i94port": " NY"}, {"i94port": "XXX"}),
    ({"i94addr": ".C", "i94mode": 7.0}, {"i94addr": "99", "i94mode": 9}),
    # texts: trailing spaces go, other blanks stay, blank is missing
    ({"airline": "LH   ", "fltno": " 7 "}, {"airline": "LH", "fltno": " 7"}),
    ({"visapost": "", "occup": "  ", "insnum": "WALKIN"}, {"visapost": None, "occup": None, "insnum": "WALKIN"}),
    ({"insnum": "Ñandú \u00a0"}, {"insnum": "Ñandú \u00a0"}),
    ({"airline": "日本"}, {"airline": "日本"}),
    ({"insnum": "a\tb\n"}, {"insnum": "a\tb\n"}),
    ({"fltno": "'; DROP"}, {"fltno": "'; DROP"}),
    ({"gender": None, "matflag": None}, {"gender": None, "matflag": None}),
    # the end of the admission
    ({"dtaddto": "D/S"}, {"dtaddto": "D/S", "admitted_until": None, "duration_of_status": True}),
    ({"dtaddto": "d/s"}, {"dtaddto": "d/s", "admitted_until": None}),
    ({"dtaddto": "D/S  "}, {"dtaddto": "D/S", "admitted_until": None, "duration_of_status": True}),
    ({"dtaddto": None}, {"dtaddto": None, "admitted_until": None}),
    ({"dtaddto": "7202016"}, {"dtaddto": "7202016", "admitted_until": "2016-07-20"}),
    ({"dtaddto": "07202016 "}, {"dtaddto": "07202016", "admitted_until": "2016-07-20"}),
    ({"dtaddto": "12319999"}, {"dtaddto": "12319999", "admitted_until": "9999-12-31"}),
    *(
        ({"dtaddto": text}, {"dtaddto": text.rstrip(" "), "admitted_until": None})
        for text in (
            "06 02002", "10 02003", "/   183D", "183", "02302016", "13012016", "01010000", "00000000", "0401+016",
            "0401-016", "04 12016", "4/1/2016", "0401 016", "401201T", "2016-4-1", "720201", "072020160", "é202016",
        )
    ),
)  # fmt: skip
"""What is odd about a row, and how it differs from the good one once staged."""

STAGED_GOOD_ROW: dict[str, Any] = {
    **GOOD_ROW,
    **{name: int(value) for name, value in GOOD_ROW.items() if isinstance(value, float)},
    "arrdate": ARRIVAL_DATE, "depdate": "2016-04-12", "dtadfile": ARRIVAL_DATE,
    "admitted_until": "2016-07-03", "duration_of_status": False, "stay_days": 7,
}  # fmt: skip
"""The good row as the contract has it, dates as text."""


def delivered_table(rows: Iterable[Row], extra: Mapping[str, pa.Array[Any]] | None = None) -> pa.Table:
    """Build a delivered table: each row is the good row with changes, and numbered from 1 if it has no `cicid`."""
    complete = [{**GOOD_ROW, "cicid": float(number), **row} for number, row in enumerate(rows, 1)]
    table = pa.Table.from_pylist(complete, schema=arrow_schema(delivered_immigration))
    for name, values in (extra or {}).items():
        table = table.append_column(name, values)
    return table


_NUMBERS = st.sampled_from(
    [NAN, INFINITY, -INFINITY, None, 0.0, -0.0, 0.5, -1.0, 1.0, 1.5, 2.5, 3.0, 1e300, -1e300, 5e-324, 2.0**31 - 1,
     2.0**31, -(2.0**31), 2.0**53, 2.0**63, -(2.0**63), 2016.0, 2016.5, 2015.5, 4.0, 3.6, 5.0,
     FIRST_DAY - 0.5, FIRST_DAY - 1.0, FIRST_DAY + 29.5, FIRST_DAY + 30.0, 2_936_549.0, 2_936_550.0]
) | st.floats() | st.floats(-10, 10, width=16)  # fmt: skip
_TEXTS = st.sampled_from(
    ["", " ", "   ", None, "\u00a0", "\u3000", "\t", "\n", "\0", "D/S", "d/s", "99", "NY", "NY ", " NY", "XXX", "é",
     "日本",
     "20160401", "20160230", "2016-4-1", "12319999", "01010000", "4012016", "06 02002", "/   183D", "'", "%"]
) | (
    st.text(st.characters(codec="utf-8"), max_size=10) | st.text("0123456789 T-+/.", min_size=6, max_size=9)
)  # fmt: skip
_CELLS = [st.tuples(st.just(name), _NUMBERS if isinstance(GOOD_ROW[name], float) else _TEXTS) for name in GOOD_ROW]
_KEYS = st.tuples(st.just("cicid"), st.integers(1, 12).map(float))


@st.composite
def deliveries(draw: st.DrawFn, rows: int, most_changes: int) -> list[dict[str, Any]]:
    """Generate a delivery of `rows` rows; some have changed cells, and some share a key."""
    changes = st.tuples(st.integers(0, rows - 1), st.one_of(*_CELLS, *[_KEYS] * 8))
    delivery: list[dict[str, Any]] = [{} for _ in range(rows)]
    for row, (name, value) in draw(st.lists(changes, min_size=most_changes // 2, max_size=most_changes)):
        delivery[row][name] = value
    return delivery
