"""How delivered texts spell numbers and missing values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from i94_platform.contracts.missing_values import MISSING
from i94_platform.sql.expressions import render_literal

if TYPE_CHECKING:
    import pyarrow as pa

_DIGITS = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_NUMBER = rf"^[+-]?(?:{_DIGITS})$"
_SCIENTIFIC = rf"^[+-]?(?:{_DIGITS})[eE][+-]?[0-9]{{1,3}}$"
_EXACT_DIGITS = 7
_WHOLE_WITH_COMMA = r"^([+-]?[0-9]+),0{1,2}$"


class ReadNumbers(NamedTuple):
    """The numbers of a column of texts: null where the text is missing or no number."""

    numbers: pa.Array[Any]
    is_unreadable: pa.Array[Any] | None
    """Where a text is no number, if that is anywhere."""
    spellings: frozenset[str]
    """The spellings of missing values that the column uses."""


def null_empty(texts: Any) -> pa.Array[Any]:
    """Replace empty texts by null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    present: pa.Array[Any] = pc.if_else(pc.equal(texts, pa.scalar("")), pa.scalar(None, pa.string()), texts)
    return present


def trim_texts(texts: Any) -> pa.Array[Any]:
    """Remove outer blanks; what is empty then is null."""
    import pyarrow.compute as pc

    return null_empty(pc.ascii_trim_whitespace(texts))


def read_numbers(texts: Any, *, has_decimal_comma: bool) -> ReadNumbers:
    """Read texts as numbers.

    Scientific notation counts only if it is exact: `5.65827E+10` is rounded, so it is no number. A decimal
    comma is read in `41,0` only, and only where the comma does not separate columns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = trim_texts(texts)
    if not pc.any(pc.match_substring_regex(texts, "[^0-9.-]")).as_py():
        try:
            return ReadNumbers(pc.cast(texts, pa.float64()), None, frozenset())
        except pa.ArrowInvalid:
            pass  # such as 1.2.3
    return _read_odd_numbers(texts, has_decimal_comma=has_decimal_comma)


def _read_odd_numbers(texts: Any, *, has_decimal_comma: bool) -> ReadNumbers:
    import pyarrow as pa
    import pyarrow.compute as pc

    is_missing = pc.is_in(pc.utf8_lower(texts), pa.array(sorted(MISSING)))
    spellings = frozenset(pc.unique(texts.filter(is_missing)).to_pylist())
    null = pa.scalar(None, pa.string())
    texts = pc.if_else(is_missing, null, texts)
    candidates = pc.replace_substring_regex(texts, _WHOLE_WITH_COMMA, r"\1") if has_decimal_comma else texts
    is_number = pc.or_(
        pc.match_substring_regex(candidates, _NUMBER),
        pc.and_(pc.match_substring_regex(candidates, _SCIENTIFIC), _is_exact(candidates)),
    )
    numbers: Any = pc.cast(pc.if_else(is_number, pc.ascii_ltrim(candidates, "+"), null), pa.float64())
    is_unreadable = pc.fill_null(pc.invert(is_number), False)
    return ReadNumbers(numbers, is_unreadable if pc.any(is_unreadable).as_py() else None, spellings)


def _is_exact(texts: Any) -> Any:
    """Whether scientific notation is exact and not rounded, as spreadsheets round to six digits.

    It is if as many digits follow the point as the exponent moves it. Writers that leave trailing zeros out write fewer
    in some rows, so where most rows are exact, seven digits are enough.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    pattern = r"^[+-]?(?P<whole>[0-9]*)\.?(?P<fraction>[0-9]*)[eE](?P<exponent>[+-]?[0-9]{1,3})$"
    parts: Any = pc.extract_regex(texts, pattern)
    exponent = pc.cast(pc.ascii_ltrim(pc.struct_field(parts, "exponent"), "+"), pa.int64())
    digits: Any = pc.utf8_length(pc.struct_field(parts, "fraction"))
    has_every_digit: Any = pc.greater_equal(digits, exponent)
    if 2 * (pc.sum(has_every_digit).as_py() or 0) > len(texts) - has_every_digit.null_count:
        digits = pc.add(digits, pc.utf8_length(pc.struct_field(parts, "whole")))
        has_every_digit = pc.or_(has_every_digit, pc.greater_equal(digits, pa.scalar(_EXACT_DIGITS)))
    return pc.fill_null(has_every_digit, False)


def render_text_or_null(column: str, spellings: frozenset[str]) -> str:
    """Render the SQL that reads a text column of a file that spells missing values so, for every engine."""
    literals = ", ".join(map(render_literal, sorted(spellings)))
    return f"CASE WHEN trim({column}) IN ({literals}) THEN NULL ELSE CAST({column} AS STRING) END"
