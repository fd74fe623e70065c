"""The queries that make the fact and its quarantine from delivered arrivals, and the rules that reject a row.

They read the relations `delivered` and `delivered_files` (see `engine.base`), the code lists of `JOINED_CODE_LISTS`,
`staged` (the accepted rows so far), `rejected` (the quarantine), and `duplicate_keys` and `duplicate_rows`, which the
queries of those names define.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Date, String

from i94_platform.contracts import delivered_immigration, immigration, immigration_quarantine
from i94_platform.contracts.codes import ENCODERS, Encoder
from i94_platform.contracts.model import column_names, text_limit
from i94_platform.contracts.rendering.types import sql_type
from i94_platform.partitions import Month
from i94_platform.sql.expressions import render_any, render_date, render_final_casts
from i94_platform.sql.query import Query
from i94_platform.sql.templates import load_template

if TYPE_CHECKING:
    import pyarrow as pa

SAS_EPOCH = "DATE '1960-01-01'"
JOINED_CODE_LISTS = ("i94port", "i94addr", "i94mode", "i94visa")
"""The code lists that the queries join, by the name of their relation."""

_LAST_SAS_DAY = 2_936_549  # 9999-12-31, the last date that every engine writes
_NO_DOUBLE = 2**63 - 1  # what Spark makes of 2^63, which is beyond BIGINT; no double has this value
_YYYYMMDD = "dtadfile"


@dataclass(frozen=True)
class RejectionRule:
    """One reason to reject a row: its name in the quarantine, and a condition over `typed` and the code lists."""

    reason: str
    condition: str


def _render_text(name: str) -> str:
    return f"nullif(rtrim(delivered.`{name}`), '')"


def _render_typed(name: str) -> str:
    """Render a delivered column as a value of the contract's type; null where that would lose or change it."""
    target = immigration.columns[name]
    source = f"delivered.`{name}`"
    if name == _YYYYMMDD:
        return render_date(_render_text(name), year=1, month=5, day=7)
    if isinstance(target.type, String):
        return _render_text(name)
    if isinstance(target.type, Date):
        days = f"try_cast({source} AS INT)"
        return f"CASE WHEN {source} BETWEEN 0 AND {_LAST_SAS_DAY} AND {days} = {source} THEN {SAS_EPOCH} + {days} END"
    number = f"try_cast({source} AS {sql_type(target)})"
    # compared, since engines differ in how they make a fraction whole
    whole = f"CASE WHEN {number} = {source} THEN {number} END"
    return f"nullif({whole}, {_NO_DOUBLE})" if isinstance(target.type, BigInteger) else whole


def _render_is_uncastable(name: str) -> str:
    """Render the test whether a delivered value is not what its type can hold."""
    target, delivered, typed = immigration.columns[name], f"typed.`delivered_{name}`", f"typed.`{name}`"
    if isinstance(target.type, String):
        return f"octet_length({typed}) > {text_limit(target)}"
    if name == _YYYYMMDD:
        return f"rtrim({delivered}) <> '' AND {typed} IS NULL"
    return f"{delivered} IS NOT NULL AND {typed} IS NULL"


def _render_is_text(name: str) -> str:
    """Render the test whether a text was delivered in this number's place."""
    return f"coalesce(concat('; ', typed.unreadable) LIKE '%; {name}=''%', false)"


def _rejection_rules(*, with_texts: bool) -> tuple[RejectionRule, ...]:
    """The reasons to reject a row that the row itself shows: all but `duplicate_key`.

    With texts, a text in a number's place counts as delivered and is a reason. A row without such texts breaks the same
    rules either way; without texts they are much cheaper to evaluate.
    """

    def is_missing(name: str) -> str:
        return f"typed.`delivered_{name}` IS NULL" + (f" AND NOT {_render_is_text(name)}" if with_texts else "")

    def is_uncastable(name: str) -> str:
        is_text = f" OR {_render_is_text(name)}" if with_texts and name in _NUMBERS else ""
        return f"({_render_is_uncastable(name)}){is_text}"

    this_month = "typed.i94yr = :year AND typed.i94mon = :month"
    within = "typed.arrdate >= :first_day AND typed.arrdate < :next_first_day"
    return (
        RejectionRule("null_key", " OR ".join(f"({is_missing(name)})" for name in ("cicid", "i94yr", "i94mon"))),
        RejectionRule("other_month", f"NOT ({this_month})"),
        RejectionRule("arrival_outside_month", f"{this_month} AND (({is_missing('arrdate')}) OR NOT ({within}))"),
        RejectionRule(
            "unlisted:i94visa", f"i94visa.code IS NULL AND (({is_missing('i94visa')}) OR typed.i94visa IS NOT NULL)"
        ),
        *(RejectionRule(f"uncastable:{c.name}", is_uncastable(c.name)) for c in delivered_immigration.columns),
    )


_NUMBERS = frozenset(c.name for c in delivered_immigration.columns if not isinstance(c.type, String))

REJECTION_RULES = _rejection_rules(with_texts=True)
"""Every reason to reject a row but `duplicate_key`."""

_IS_REJECTED = render_any(
    [*(rule.condition for rule in _rejection_rules(with_texts=False)), "typed.unreadable IS NOT NULL"]
)
"""True where a row breaks a rule; a row with a text in a number's place always does."""


def _render_encoded(encoder: Encoder) -> str:
    """Render the code itself where its list holds it, else the list's code for unknown ones."""
    unknown = f"'{encoder.unknown}'" if isinstance(encoder.unknown, str) else str(encoder.unknown)
    code = f"coalesce({encoder.list_name}.code, {unknown})"
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


def _render(name: str, month: Month, *, distinct: bool = False) -> Query:
    names = column_names(delivered_immigration)
    text = load_template(__package__, name).substitute(
        typed_rows=load_template(__package__, "typed").substitute(
            as_delivered=",\n  ".join(f"delivered.`{n}` AS `delivered_{n}`" for n in names),
            typed=",\n  ".join(f"{_render_typed(n)} AS `{n}`" for n in names),
        ),
        staged_columns=render_final_casts(immigration, _ENCODED | _DERIVED, "typed"),
        quarantine_columns=render_final_casts(immigration_quarantine, _QUARANTINED, "validated"),
        is_rejected=_IS_REJECTED,
        without_duplicates=_WITHOUT_DUPLICATES if distinct else "",
        reasons=",\n      ".join(f"CASE WHEN {r.condition} THEN '{r.reason}' END" for r in REJECTION_RULES),
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


def empty_duplicate_rows() -> pa.Table:
    """The relation `duplicate_rows` of a month without duplicate keys."""
    import pyarrow as pa

    types = {"source_path": pa.string(), "source_row": pa.int64()}
    return pa.table({name: pa.array([], type_) for name, type_ in types.items()})


def render_duplicate_keys() -> Query:
    """Render the keys that several rows of `staged` share: column `cicid`."""
    return Query(load_template(__package__, "duplicate_keys").template, is_portable=True)


def render_duplicate_rows(month: Month) -> Query:
    """Render the rows of `duplicate_keys` to leave out: columns `source_path`, `source_row`."""
    return _render("duplicate_rows", month)


def render_country_codes() -> Query:
    """Render how many rows of `staged` carry each country code: columns `code`, `arrivals`."""
    return Query(load_template(__package__, "country_codes").template, is_portable=True)


def render_rejection_reasons() -> Query:
    """Render how many rows of `rejected` have the same reasons: columns `reasons`, `rejected_rows`."""
    return Query(load_template(__package__, "rejection_reasons").template, is_portable=True)


def render_rejected_sample() -> Query:
    """Render ten rows of `rejected`: columns `source_file`, `source_row`, `reasons`, `cicid`."""
    return Query(load_template(__package__, "rejected_sample").template, is_portable=True)
