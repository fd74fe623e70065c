"""The arrivals' transform: the rules, and the rendering of the `immigration*.sql` files from the contracts.

Here: how a delivered column becomes a typed one, which rules refuse a row, and the queries made of them. The queries
read the relations `delivered` and `delivered_files` (see `engine`), the code lists `i94port`, `i94addr`, `i94mode`,
`i94visa`, `repeated` and `surplus`, which the queries of those names define, and `staged`, the rows accepted so far.
Not here: running them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Date, String

from i94_platform.contracts import delivered_immigration, immigration, immigration_quarantine
from i94_platform.contracts.codes import ENCODERS, Encoder
from i94_platform.contracts.model import text_limit
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
    """One reason to refuse a row: its name in the quarantine, and a condition over `typed` and the code lists."""

    reason: str
    condition: str


def _text(name: str) -> str:
    return f"nullif(rtrim(delivered.`{name}`), '')"


def _typed(name: str) -> str:
    """How a delivered column becomes a value of the contract's type; null where that would lose or change it."""
    target = immigration.columns[name]
    source = f"delivered.`{name}`"
    if name == _YYYYMMDD:
        return render_date(_text(name), year=1, month=5, day=7)
    if isinstance(target.type, String):
        return _text(name)
    if isinstance(target.type, Date):
        days = f"try_cast({source} AS INT)"
        return f"CASE WHEN {source} BETWEEN 0 AND {_LAST_SAS_DAY} AND {days} = {source} THEN {SAS_EPOCH} + {days} END"
    number = f"try_cast({source} AS {sql_type(target)})"
    # compared, since engines differ in how they make a fraction whole
    whole = f"CASE WHEN {number} = {source} THEN {number} END"
    return f"nullif({whole}, {_NO_DOUBLE})" if isinstance(target.type, BigInteger) else whole


def _uncastable(name: str) -> str:
    """True where a delivered value is not what its type can hold."""
    target, delivered, typed = immigration.columns[name], f"typed.`delivered_{name}`", f"typed.`{name}`"
    if isinstance(target.type, String):
        return f"octet_length({typed}) > {text_limit(target)}"
    if name == _YYYYMMDD:
        return f"rtrim({delivered}) <> '' AND {typed} IS NULL"
    return f"{delivered} IS NOT NULL AND {typed} IS NULL"


def _is_text(name: str) -> str:
    """True where a text was delivered in this number's place."""
    return f"coalesce(concat('; ', typed.unreadable) LIKE '%; {name}=''%', false)"


def _rules(*, texts: bool) -> tuple[RejectionRule, ...]:
    """The reasons to refuse a row that can be seen in the row itself, so all but `duplicate_key`.

    With `texts`, those that stand in the place of numbers count as delivered, and are told; a row that has none
    breaks the same rules without, which is much less to evaluate.
    """

    def missing(name: str) -> str:
        return f"typed.`delivered_{name}` IS NULL" + (f" AND NOT {_is_text(name)}" if texts else "")

    def uncastable(name: str) -> str:
        return f"({_uncastable(name)})" + (f" OR {_is_text(name)}" if texts and name in _NUMBERS else "")

    this_month = "typed.i94yr = :year AND typed.i94mon = :month"
    within = "typed.arrdate >= :first_day AND typed.arrdate < :next_first_day"
    return (
        RejectionRule("null_key", " OR ".join(f"({missing(name)})" for name in ("cicid", "i94yr", "i94mon"))),
        RejectionRule("other_month", f"NOT ({this_month})"),
        RejectionRule("arrival_outside_month", f"{this_month} AND (({missing('arrdate')}) OR NOT ({within}))"),
        RejectionRule(
            "unlisted:i94visa", f"i94visa.code IS NULL AND (({missing('i94visa')}) OR typed.i94visa IS NOT NULL)"
        ),
        *(RejectionRule(f"uncastable:{c.name}", uncastable(c.name)) for c in delivered_immigration.columns),
    )


_NUMBERS = frozenset(c.name for c in delivered_immigration.columns if not isinstance(c.type, String))

REJECTION_RULES = _rules(texts=True)
"""Every reason to refuse a row but `duplicate_key`."""

_REFUSED = render_any([*(rule.condition for rule in _rules(texts=False)), "typed.unreadable IS NOT NULL"])
"""True where a row breaks a rule; a text in a number's place always does."""


def _encoded(encoder: Encoder) -> str:
    """The code itself where its list holds it, else the list's code for unknown ones."""
    unknown = f"'{encoder.unknown}'" if isinstance(encoder.unknown, str) else str(encoder.unknown)
    listed = f"coalesce({encoder.list_name}.code, {unknown})"
    return listed if encoder.fills_missing else f"CASE WHEN typed.`{encoder.column}` IS NOT NULL THEN {listed} END"


_ENCODED = {column: _encoded(encoder) for column, encoder in ENCODERS.items() if encoder.policy == "replace"}
# a spreadsheet drops the leading zero of MMDDYYYY
_MMDDYYYY = "CASE WHEN length(typed.dtaddto) = 7 THEN concat('0', typed.dtaddto) ELSE typed.dtaddto END"
_DERIVED = {
    "admitted_until": render_date(_MMDDYYYY, year=5, month=1, day=3),
    "duration_of_status": "coalesce(typed.dtaddto = 'D/S', false)",
    "stay_days": "datediff(typed.depdate, typed.arrdate)",
}


_WITHOUT_SURPLUS = (
    "LEFT ANTI JOIN surplus ON surplus.source_path = typed.source_path AND surplus.source_row = typed.source_row"
)


def _render(name: str, month: Month | None = None, *, distinct: bool = False) -> Query:
    names = [c.name for c in delivered_immigration.columns]
    text = load_template(__package__, name).substitute(
        typed_rows=load_template(__package__, "typed").substitute(
            as_delivered=",\n  ".join(f"delivered.`{n}` AS `delivered_{n}`" for n in names),
            typed=",\n  ".join(f"{_typed(n)} AS `{n}`" for n in names),
        ),
        staged_columns=render_final_casts(immigration, _ENCODED | _DERIVED, "typed"),
        quarantine_columns=render_final_casts(immigration_quarantine, _quarantined(names), "judged"),
        refused=_REFUSED,
        without_surplus=_WITHOUT_SURPLUS if distinct else "",
        reasons=",\n      ".join(f"CASE WHEN {r.condition} THEN '{r.reason}' END" for r in REJECTION_RULES),
    )
    values = (
        {}
        if month is None
        else {
            "year": month.year,
            "month": month.month,
            "first_day": month.first_day,
            "next_first_day": month.next_first_day,
        }
    )
    return Query(text, values)


def _quarantined(names: list[str]) -> dict[str, str]:
    return {
        "month": ":first_day",
        "reasons": "CASE WHEN refused THEN rules_broken ELSE 'duplicate_key' END",
    } | {name: f"judged.`delivered_{name}`" for name in names}


def render_accepted(month: Month, *, distinct: bool = False) -> Query:
    """The rows that the month's fact holds, in the contract's columns, order and types.

    Only with `distinct` are the rows of `surplus` left out: most months have none, and need not look.
    """
    return _render("accepted", month, distinct=distinct)


def render_rejected(month: Month) -> Query:
    """The rows that it does not, in the quarantine's columns."""
    return _render("rejected", month)


def empty_duplicate_rows() -> pa.Table:
    """The relation `surplus` where no key repeats."""
    import pyarrow as pa

    types = {"source_path": pa.string(), "source_row": pa.int64()}
    return pa.table({name: pa.array([], type_) for name, type_ in types.items()})


def render_duplicate_keys() -> Query:
    """The keys that several rows of `staged` have: column `cicid`."""
    return _render("duplicate_keys")


def render_duplicate_rows(month: Month) -> Query:
    """The rows of `repeated` keys that are too many: columns `source_path`, `source_row`."""
    return _render("duplicate_rows", month)
