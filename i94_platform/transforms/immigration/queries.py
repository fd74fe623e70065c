"""The queries that make the fact, its quarantine and its unreadable values from delivered arrivals, and their rules.

They read the relations `delivered` and `delivered_files` (see `engine.base`), the code lists of `JOINED_CODE_LISTS`,
`staged` (the accepted rows so far), `rejected` (the quarantine), and `duplicate_keys` and `duplicate_rows`, which the
queries of those names define.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from i94_platform.contracts import delivered_immigration, immigration, immigration_quarantine
from i94_platform.contracts.codes import ENCODERS, Encoder
from i94_platform.contracts.model import column_names
from i94_platform.partitions import Month
from i94_platform.sql.expressions import render_any, render_date, render_final_casts, render_literal
from i94_platform.sql.query import Query
from i94_platform.sql.templates import load_template
from i94_platform.transforms.immigration import values

if TYPE_CHECKING:
    import pyarrow as pa

JOINED_CODE_LISTS = ("i94port", "i94addr", "i94mode", "i94visa")
"""The code lists that the queries join, by the name of their relation."""


@dataclass(frozen=True)
class RejectionRule:
    """One reason to reject a row: its name in the quarantine, and a condition over `typed` and the code lists."""

    reason: str
    condition: str


_KEY_COLUMNS = ("cicid", "i94yr", "i94mon")
_THIS_MONTH = "typed.i94yr = :year AND typed.i94mon = :month"
_WITHIN_MONTH = "typed.arrdate >= :first_day AND typed.arrdate < :next_first_day"

REJECTION_RULES = (
    RejectionRule("null_key", " OR ".join(f"NOT {values.render_has_value(name)}" for name in _KEY_COLUMNS)),
    *(RejectionRule(f"unreadable:{name}", values.render_is_unreadable(name)) for name in _KEY_COLUMNS),
    RejectionRule("other_month", f"NOT ({_THIS_MONTH})"),
    RejectionRule("arrival_outside_month", f"{_THIS_MONTH} AND NOT coalesce({_WITHIN_MONTH}, false)"),
    RejectionRule("unlisted:i94visa", "i94visa.code IS NULL"),
)
"""Every reason to reject a row but `duplicate_key`."""

_IS_ACCEPTED = (
    f"coalesce(typed.cicid IS NOT NULL AND {_THIS_MONTH} AND {_WITHIN_MONTH} AND i94visa.code IS NOT NULL, false)"
)
"""True where a row breaks no rule: one cheap test for all of them."""


def _render_encoded(encoder: Encoder) -> str:
    """Render the code itself where its list holds it, else the list's code for unknown ones."""
    code = f"coalesce({encoder.list_name}.code, {render_literal(encoder.unknown)})"
    return code if encoder.fills_missing else f"CASE WHEN typed.`{encoder.column}` IS NOT NULL THEN {code} END"


_ENCODED = {column: _render_encoded(encoder) for column, encoder in ENCODERS.items() if encoder.policy == "replace"}
# a spreadsheet drops the leading zero of MMDDYYYY
_MMDDYYYY = "CASE WHEN length(typed.dtaddto) = 7 THEN concat('0', typed.dtaddto) ELSE typed.dtaddto END"
_DERIVED = {
    "admitted_until": render_date(_MMDDYYYY, year=5, month=1, day=3),
    "duration_of_status": "coalesce(typed.dtaddto = 'D/S', false)",
    "stay_days": "datediff(typed.depdate, typed.arrdate)",
}
_QUARANTINED = {
    "month": ":first_day",
    "reasons": "CASE WHEN is_rejected THEN broken_rules ELSE 'duplicate_key' END",
    **{name: f"validated.`delivered_{name}`" for name in column_names(delivered_immigration)},
}

_WITHOUT_DUPLICATES = """LEFT ANTI JOIN duplicate_rows
  ON duplicate_rows.source_path = typed.source_path AND duplicate_rows.source_row = typed.source_row"""


def _render(name: str, month: Month, *, distinct: bool = False, **parts: str) -> Query:
    names = column_names(delivered_immigration)
    text = load_template(__package__, name).substitute(
        typed_rows=load_template(__package__, "typed").substitute(
            as_delivered=",\n  ".join(f"delivered.`{n}` AS `delivered_{n}`" for n in names),
            typed=",\n  ".join(f"{values.render_typed(n)} AS `{n}`" for n in names),
        ),
        staged_columns=render_final_casts(immigration, _ENCODED | _DERIVED, "typed"),
        quarantine_columns=render_final_casts(immigration_quarantine, _QUARANTINED, "validated"),
        is_accepted=_IS_ACCEPTED,
        without_duplicates=_WITHOUT_DUPLICATES if distinct else "",
        reasons=",\n      ".join(f"CASE WHEN {r.condition} THEN '{r.reason}' END" for r in REJECTION_RULES),
        **parts,
    )
    days = {"first_day": month.first_day, "next_first_day": month.next_first_day}
    return Query(text, {"year": month.year, "month": month.month, **days})


def render_accepted(month: Month, *, distinct: bool = False) -> Query:
    """Render the rows that the month's fact holds, in the contract's columns, order and types.

    Only with `distinct` does the query leave out the rows of `duplicate_rows`: most months have none, and the join
    costs time.
    """
    return _render("accepted", month, distinct=distinct)


def render_rejected(month: Month) -> Query:
    """Render the rows that the fact does not hold, in the quarantine's columns."""
    return _render("rejected", month)


def build_empty_duplicate_rows() -> pa.Table:
    """Build the relation `duplicate_rows` of a month without duplicate keys."""
    import pyarrow as pa

    types = {"source_path": pa.string(), "source_row": pa.int64()}
    return pa.table({name: pa.array([], type_) for name, type_ in types.items()})


def render_duplicate_keys() -> Query:
    """Render the keys that several rows of `staged` share: column `cicid`."""
    return Query(load_template(__package__, "duplicate_keys").template, is_portable=True)


def render_duplicate_rows(month: Month) -> Query:
    """Render the rows of `duplicate_keys` to leave out: columns `source_path`, `source_row`."""
    return _render("duplicate_rows", month)


def render_unreadable(month: Month, columns: Sequence[str]) -> Query:
    """Render the values of accepted rows that can't be read, in these columns: one row a value.

    The result has `source_file`, `source_row`, `column_name`, and the value as `text` or as `number`, since engines
    differ in how they write a number. A text in a number's place is still `name='text'; …` with its neighbours.
    """
    text, number = (
        "\n    ".join(f"WHEN '{name}' THEN {render(name)}" for name in columns)
        for render in (_render_unreadable_text, _render_unreadable_number)
    )
    return _render(
        "unreadable",
        month,
        distinct=True,
        columns=", ".join(f"('{name}')" for name in columns),
        is_unreadable=render_any(values.render_is_unreadable(name) for name in columns),
        text=f"CASE column_name\n    {text}\n  END",
        number=f"CASE column_name\n    {number}\n  END",
    )


def _render_unreadable_text(name: str) -> str:
    return f"CASE WHEN {values.render_is_unreadable(name)} THEN {values.render_delivered_text(name)} END"


def _render_unreadable_number(name: str) -> str:
    return f"CASE WHEN {values.render_is_unreadable(name)} THEN {values.render_delivered_number(name)} END"


def render_text_lengths(columns: Sequence[str]) -> Query:
    """Render the length in bytes of the longest text in each of these columns as delivered: one row."""
    lengths = ", ".join(f"max(octet_length(`{name}`)) AS `{name}`" for name in columns)
    return Query(f"SELECT {lengths} FROM delivered")


def render_delivered_values(month: Month, columns: Sequence[str]) -> Query:
    """Render how many accepted rows have a value in each of these columns, readable or not: one row."""
    counts = (f"count(CASE WHEN {values.render_has_value(name)} THEN 1 END) AS `{name}`" for name in columns)
    return _render("delivered_values", month, distinct=True, counts=",\n  ".join(counts))


def render_rejection_reasons() -> Query:
    """Render how many rows of `rejected` have the same reasons: columns `reasons`, `rejected_rows`."""
    return Query(load_template(__package__, "rejection_reasons").template, is_portable=True)


def render_rejected_sample() -> Query:
    """Render ten rows of `rejected`: columns `source_file`, `source_row`, `reasons`, `cicid`."""
    return Query(load_template(__package__, "rejected_sample").template, is_portable=True)
