"""Small delimited text files: read as text under the contract's names, then cast to the contract.

What a file means beyond its contract is in the module of its source. An engine reads what is larger.

Drift is the same for all these files. A column that no contract has is ignored and named in
`frame.attrs["extra_columns"]`. A missing column, and a value that does not fit, is a `PermanentError`. Rows are counted
as a spreadsheet counts them: the header is row 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import Column, Double, Integer, Table

from i94_platform.contracts.model import key_columns, text_limit
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""The pattern of a number: no NaN, no thousands separators, no Boolean words."""

_FIRST_ROW = 2
_INTEGER_LOW, _INTEGER_HIGH = -(2**31), 2**31 - 1


def read_table(
    source: Path | BinaryIO, name: str, contract: Table, headers: Mapping[str, str], separator: str = ","
) -> DataFrame:
    """Read a file as rows of `contract`, with what `read_delimited` and `conform` do and raise."""
    return conform(read_delimited(source, name, headers, separator), contract, headers, name)


def read_delimited(source: Path | BinaryIO, name: str, headers: Mapping[str, str], separator: str = ",") -> DataFrame:
    """Read `source` as text: one pandas string column for each key of `headers`, indexed by the row in the file.

    `headers` maps the contract's names to the file's, which are matched in any order; two may share one. `name` is what
    messages call the file. Outer blanks are removed. Only an empty value is null: the text NA stays NA. The names of
    further columns are in `attrs["extra_columns"]`.

    Raises:
        PermanentError: an unreadable file, a row with too many values, a missing column.
    """
    text = _read_text(source, name, separator)
    missing = [header for header in dict.fromkeys(headers.values()) if header not in text.columns]
    if missing:
        raise PermanentError(
            f"{name} has no column {', '.join(map(repr, missing))}; its columns are "
            f"{', '.join(map(repr, text.columns))}: deliver the file with the missing ones, under these names."
        )
    frame = text[list(headers.values())].set_axis(list(headers), axis="columns").dropna(how="all")
    frame.attrs["extra_columns"] = [header for header in text.columns if header not in set(headers.values())]
    return frame


def _read_text(source: Path | BinaryIO, name: str, separator: str) -> DataFrame:
    import pandas as pd

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # values that pandas would cut off
            text = pd.read_csv(
                source,
                sep=separator,
                dtype="string[pyarrow]",
                keep_default_na=False,
                na_values=[""],
                encoding="utf-8-sig",
                index_col=False,
                skip_blank_lines=False,  # else the rows that messages name would be counted wrongly
            )
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError) as error:
        raise PermanentError(
            f"{name} can't be read as UTF-8 text separated by {separator!r} ({str(error).strip()}): deliver it again."
        ) from error
    text.columns = text.columns.str.strip()
    text.index = pd.RangeIndex(_FIRST_ROW, _FIRST_ROW + len(text))
    cells: DataFrame = text.apply(lambda column: column.str.strip()).replace("", pd.NA)
    return cells


def conform(frame: DataFrame, contract: Table, headers: Mapping[str, str], name: str) -> DataFrame:
    """Cast a text frame of `read_delimited` to `contract`: its columns in its order, its types, its rules.

    Integer becomes Int64, Double Float64, text stays pandas string. The result has a plain index and keeps `attrs`.

    Raises:
        PermanentError: a value can't be cast, is missing where required, too long, outside the closed domain or the
            range, or duplicates a key. The message names file, column (as the file calls it) and row.
    """
    import pandas as pd

    where = {column.name: f"{name}, column {headers[column.name]!r}" for column in contract.columns}
    result = pd.DataFrame({c.name: _cast(frame[c.name], c, where[c.name]) for c in contract.columns})
    _check_key(result, contract, headers, name)
    result = result.reset_index(drop=True)
    result.attrs = dict(frame.attrs)
    return result


def _cast(text: Series[str], column: Column[Any], where: str) -> Series[Any]:
    if not column.nullable:
        raise_for_rows(text.isna(), text, where, "is empty, but every row needs one")
    if not isinstance(column.type, Integer | Double):
        return _check_text(text, column, where)
    raise_for_rows(~text.str.fullmatch(NUMBER).fillna(True), text, where, "is not a number")
    numbers = text.astype("Float64")
    if isinstance(column.type, Integer):
        raise_for_rows((numbers % 1 != 0).fillna(False), text, where, "is not a whole number")
        _check_range(numbers, text, _INTEGER_LOW, _INTEGER_HIGH, where)
    _check_range(numbers, text, column.info["low"], column.info["high"], where)
    return numbers.astype("Int64") if isinstance(column.type, Integer) else numbers


def _check_text(text: Series[str], column: Column[Any], where: str) -> Series[Any]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    limit, allowed = text_limit(column), column.info["allowed"]
    if limit is not None:
        size = pd.Series(pc.binary_length(pa.array(text)).to_pandas(), dtype="Float64").set_axis(text.index)
        raise_for_rows(
            (size > limit).fillna(False), text, where, f"is longer than the {limit} bytes that the contract allows"
        )
    if allowed:
        raise_for_rows(~text.isin(allowed) & text.notna(), text, where, f"is none of {', '.join(map(str, allowed))}")
    return text


def _check_range(numbers: Series[float], text: Series[str], low: Any, high: Any, where: str) -> None:
    if low is not None:
        raise_for_rows((numbers < low).fillna(False), text, where, f"is below {low}")
    if high is not None:
        raise_for_rows((numbers > high).fillna(False), text, where, f"is above {high}")


def _check_key(frame: DataFrame, contract: Table, headers: Mapping[str, str], name: str) -> None:
    key = key_columns(contract)
    duplicates = frame.duplicated(subset=key, keep=False)
    if not duplicates.any():
        return
    keys = frame.loc[duplicates, key]
    values = keys.iloc[0]
    rows = keys.index[keys.eq(values).all(axis="columns")]
    raise PermanentError(
        f"{name} gives {' / '.join(map(repr, values))} (columns {', '.join(repr(headers[k]) for k in key)}) "
        f"more than once, in rows {', '.join(map(str, rows))}: keep one of them and deliver the file again."
    )


def raise_for_rows(bad: Series[bool], text: Series[str], where: str, problem: str) -> None:
    """Raise PermanentError for the first row of `bad`, quoting its `text`; `where` names file and column."""
    if bad.any():
        row = bad.index[bad][0]
        value = "the value" if text.isna().loc[row] else repr(text.loc[row])
        more = f" (and {int(bad.sum()) - 1} further rows)" if bad.sum() > 1 else ""
        raise PermanentError(f"{where}, row {row}: {value} {problem}{more}; correct it and deliver the file again.")
