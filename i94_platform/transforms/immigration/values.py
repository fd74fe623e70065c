"""How each delivered value becomes one of the contract's type, and which values can't be read.

The expressions read the relations `delivered` and `typed` (see `typed.sql`).
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Date

from i94_platform.contracts import delivered_immigration, immigration
from i94_platform.contracts.immigration import NUMBER_COLUMNS
from i94_platform.contracts.model import text_limit
from i94_platform.contracts.rendering.types import sql_type
from i94_platform.sql.expressions import render_date

SAS_EPOCH = "DATE '1960-01-01'"
REQUIRED_COLUMNS = ("cicid", "i94yr", "i94mon", "arrdate", "i94visa")
"""The columns that a row can't live without: its key, month, arrival date and purpose."""
OPTIONAL_COLUMNS = tuple(c.name for c in delivered_immigration.columns if c.name not in REQUIRED_COLUMNS)
"""The columns whose unreadable values become null."""

_LAST_SAS_DAY = 2_936_549  # 9999-12-31, the last date that every engine writes
_NO_DOUBLE = 2**63 - 1  # what Spark makes of 2^63, which is beyond BIGINT; no double has this value
_YYYYMMDD = "dtadfile"


def render_typed(name: str) -> str:
    """Render a delivered column as a value of the contract's type and range; null where it is none."""
    target = immigration.columns[name]
    source = f"delivered.`{name}`"
    if name not in NUMBER_COLUMNS:
        text = f"nullif(rtrim({source}), '')"
        if name == _YYYYMMDD:
            return render_date(text, year=1, month=5, day=7)
        return f"CASE WHEN octet_length({text}) <= {text_limit(target)} THEN {text} END"
    if isinstance(target.type, Date):
        days = f"try_cast({source} AS INT)"
        return f"CASE WHEN {source} BETWEEN 0 AND {_LAST_SAS_DAY} AND {days} = {source} THEN {SAS_EPOCH} + {days} END"
    number = f"try_cast({source} AS {sql_type(target)})"
    # compared, since engines differ in how they make a fraction whole
    whole = f"CASE WHEN {number} = {source}{_render_range(name)} THEN {number} END"
    return f"nullif({whole}, {_NO_DOUBLE})" if isinstance(target.type, BigInteger) else whole


def _render_range(name: str) -> str:
    """Render the test that a number is in the contract's range; a key has its own rules."""
    low, high = (immigration.columns[name].info[side] for side in ("low", "high"))
    if name in REQUIRED_COLUMNS:
        return ""
    bounds = ((">=", low), ("<=", high))
    return "".join(f" AND delivered.`{name}` {sign} {bound}" for sign, bound in bounds if bound is not None)


def render_is_text(name: str) -> str:
    """Render the test whether a text was delivered in this number's place; texts in `unreadable` hold no bare `=`."""
    return f"coalesce(concat('; ', typed.unreadable) LIKE '%; {name}=%', false)"


def render_has_value(name: str) -> str:
    """Render the test whether a value was delivered at all; NaN and blanks are missing."""
    delivered = f"typed.`delivered_{name}`"
    if name in NUMBER_COLUMNS:
        # not isnan(…): DuckDB answers it by the statistics of a Parquet file, which leave NaN out; it prints NaN's sign
        is_number = f"coalesce(lower(CAST({delivered} AS STRING)) NOT IN ('nan', '-nan'), false)"
        return f"({is_number} OR {render_is_text(name)})"
    return f"coalesce(rtrim({delivered}) <> '', false)"


def render_is_unreadable(name: str) -> str:
    """Render the test whether a value was delivered that can't be read."""
    return f"typed.`{name}` IS NULL AND {render_has_value(name)}"


def render_delivered_text(name: str) -> str:
    """Render a text as delivered; for one in a number's place all such texts of the row, and for a number null."""
    if name not in NUMBER_COLUMNS:
        return f"typed.`delivered_{name}`"
    return f"CASE WHEN {render_is_text(name)} THEN typed.unreadable END"


def render_delivered_number(name: str) -> str:
    """Render a value as the number that was delivered; null for a text."""
    return f"typed.`delivered_{name}`" if name in NUMBER_COLUMNS else "CAST(NULL AS DOUBLE)"
