"""Small delimited text files: read as text under the contract's names, then cast to the contract.

What a file means beyond its contract is in the module of its source. An engine reads what is larger.

The rules are the same for all these files. Names are matched without case, outer blanks and the difference between
blanks and underscores. A column that no contract has is ignored. A missing column and a broken structure are a
`PermanentError`. A row with a value that does not fit is rejected. Rows are counted as a text editor counts lines: the
header is row 1.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, cast

from sqlalchemy import Column, Double, Integer, Table

from i94_platform.contracts.missing_values import MISSING
from i94_platform.contracts.model import key_columns, text_limit
from i94_platform.errors import PermanentError
from i94_platform.sources.column_names import list_extra_columns, match_columns
from i94_platform.sources.csv_layout import detect_delimiter, split_line
from i94_platform.sources.row_issues import RowIssues
from i94_platform.sources.sniffing import HEAD_BYTES, check_bytes
from i94_platform.sources.spellings import null_empty
from i94_platform.sources.text_decoding import encode_utf8

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame, Series

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""The pattern of a number: no thousands separators, no Boolean words."""

_INTEGER_LOW, _INTEGER_HIGH = -(2**31), 2**31 - 1


def read_table(
    source: Path | BinaryIO, name: str, contract: Table, headers: Mapping[str, str], separator: str = ","
) -> DataFrame:
    """Read a file as rows of `contract`, with what `read_delimited`, `conform` and `drop_rejected` do and raise."""
    rejected = RowIssues()
    frame = conform(read_delimited(source, name, headers, separator), contract, headers, rejected)
    return drop_rejected(frame, rejected, name)


def read_delimited(source: Path | BinaryIO, name: str, headers: Mapping[str, str], separator: str = ",") -> DataFrame:
    """Read `source` as text: one pandas string column for each key of `headers`, indexed by the row in the file.

    `headers` maps the contract's names to the file's, which are matched in any order; two may share one. `name` is what
    messages call the file. The header decides the separator; `separator` is the usual one. Outer blanks are removed.
    Only an empty value is null: the text NA stays NA. `attrs` has the number of rows as `delivered_rows`, and the names
    of further columns as `extra_columns`.

    Raises:
        PermanentError: the file is no text table, has no rows, or is cut; a row has more or fewer cells than the
            header; a column is missing or stands twice.
    """
    import pandas as pd
    import pyarrow.compute as pc

    data = source.read_bytes() if isinstance(source, Path) else source.read()
    check_bytes(name, data[:HEAD_BYTES], data[-HEAD_BYTES:], "csv")
    table = _parse_table(encode_utf8(data, name), name, headers, separator)
    names = match_columns(name, table.header, list(headers.values()))
    columns = {ours: table.columns[table.header.index(names[theirs])] for ours, theirs in headers.items()}
    values = {ours: null_empty(pc.utf8_trim_whitespace(column)) for ours, column in columns.items()}
    frame = pd.DataFrame(values, index=pd.Index(table.lines), dtype="string[pyarrow]").dropna(how="all")
    if frame.empty:
        raise PermanentError(f"{name} has a header and no rows; deliver the whole file.")
    extra = list_extra_columns(map(str.strip, table.header), headers.values())
    frame.attrs = {"extra_columns": extra, "delivered_rows": len(frame)}
    return frame


@dataclass(frozen=True)
class _TextTable:
    """The cells of a file as text: its header, its columns, and the line of each row."""

    header: list[str]
    columns: Sequence[pa.ChunkedArray[Any]] | Sequence[pa.Array[Any]]
    lines: range | list[int]


def _parse_table(content: bytes, name: str, headers: Mapping[str, str], separator: str) -> _TextTable:
    """Parse a file: at once where every line is a row, else line by line, which finds out what is wrong."""
    import pyarrow as pa

    if not content.endswith((b"\n", b"\r")):
        raise PermanentError(
            f"{name} can't be read as CSV: its last line has no end, so it may be cut; deliver it whole."
        )
    head = [line[1].decode() for line in islice(re.finditer(rb"([^\r\n]*)(?:\r\n|\r|\n)", content), 2)]
    delimiter, header_line = detect_delimiter(head[:1], list(headers.values()), separator)
    width = len(split_line(head[header_line - 1], delimiter)) if len(head) >= header_line else 0
    if table := _parse_at_once(content, delimiter, header_line, width):
        return table
    (_, header), *records = _parse_records(content.decode(), name, delimiter, header_line)
    cells = zip(*(cells for _, cells in records), strict=True) if records else [()] * len(header)
    columns = [pa.array(column, pa.string()) for column in cells]
    return _TextTable(header, columns, [line for line, _ in records])


def _parse_at_once(content: bytes, delimiter: str, header_line: int, width: int) -> _TextTable | None:
    """Parse a file with as many rows as lines, of `width` cells; None for any other, and with a quote inside a cell."""
    import pyarrow as pa
    import pyarrow.csv as pc

    edge = re.escape(delimiter.encode()) + rb'"\r\n'
    is_odd = content.count(b'"') % 2 or not content.strip() or content.count(b"\r") != content.count(b"\r\n")
    # the quote stands first, since a search for one character is a tenth of the work
    if is_odd or re.search(rb'"(?<=[^%b]")[^%b]' % (edge, edge), content):
        return None
    names, source = [str(place) for place in range(width)], cast("IO[bytes]", pa.BufferReader(content))
    try:
        rows = pc.read_csv(
            source,
            pc.ReadOptions(column_names=names, skip_rows=header_line - 1, use_threads=False),
            pc.ParseOptions(delimiter=delimiter, ignore_empty_lines=False),
            pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except pa.ArrowInvalid:
        return None
    lines = content.count(b"\n")
    if rows.num_rows + header_line - 1 != lines:
        return None
    header = [str(column[0]) for column in rows.columns]
    return _TextTable(header, [column[1:] for column in rows.columns], range(header_line + 1, lines + 1))


def _parse_records(text: str, name: str, delimiter: str, header_line: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the line number and the cells of the header and of each row that is not blank."""
    stream, before = io.StringIO(text, newline=""), header_line - 1
    for _ in range(before):
        stream.readline()
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    width = line = 0
    try:
        for cells in reader:
            if "".join(cells).strip():
                width = width or len(cells)
                if reader.line_num != line + 1:
                    raise csv.Error("a quoted value does not end on its line")
                if len(cells) != width:
                    raise csv.Error(f"{len(cells)} cells found, {width} expected")
                yield before + line + 1, cells
            line = reader.line_num
    except csv.Error as error:
        raise PermanentError(
            f"{name} can't be read as CSV, line {before + line + 1}: {error}; correct it and deliver the file again."
        ) from error
    if not width:
        raise PermanentError(f"{name} is empty; deliver the whole file.")


def conform(frame: DataFrame, contract: Table, headers: Mapping[str, str], rejected: RowIssues) -> DataFrame:
    """Cast a text frame of `read_delimited` to `contract`: its columns in its order, its types, its rules.

    Integer becomes Int64, Double Float64, text stays pandas string. The result keeps index and `attrs`. A row with a
    value that can't be cast, is missing where required, too long, outside the closed domain or the range is added to
    `rejected`, and so is a row whose key an earlier row has. Their values are null.
    """
    import pandas as pd

    text = frame.copy(deep=False)
    text.attrs = {}  # pandas would copy them at each step
    columns = {c.name: _cast(text[c.name], c, f"column {headers[c.name]!r}", rejected) for c in contract.columns}
    result = pd.DataFrame(columns)
    key = key_columns(contract)
    names = " / ".join(repr(headers[column]) for column in key)
    candidates = rejected.drop_rows(result)
    duplicates = candidates[candidates.duplicated(subset=key)]
    values = pd.Series(
        [" / ".join(map(str, row)) for row in duplicates[key].to_numpy()], duplicates.index, dtype="string"
    )
    rejected.add(values.notna(), values, f"{names} stands before")
    result.attrs = dict(frame.attrs)
    return result


def drop_rejected(frame: DataFrame, rejected: RowIssues, name: str) -> DataFrame:
    """Drop the rejected rows, and describe them in `attrs`: `rejected_rows` and `rejected`. The index becomes plain.

    Raises:
        PermanentError: no row is left.
    """
    rows = rejected.drop_rows(frame).reset_index(drop=True)
    if rows.empty:
        raise PermanentError(f"{name} has no row that can be used: {rejected.describe()}. Correct the file.")
    rows.attrs = {**frame.attrs, "rejected_rows": len(rejected), "rejected": rejected.summarize()}
    return rows


def _cast(text: Series[str], column: Column[Any], where: str, rejected: RowIssues) -> Series[Any]:
    is_text = not isinstance(column.type, Integer | Double)
    if not is_text:
        text = text.mask(text.str.lower().isin(MISSING))
    if not column.nullable:
        rejected.add(text.isna(), text, f"{where} is empty, but every row needs a value")
    if is_text:
        _check_text(text, column, where, rejected)
        return text
    is_number = text.str.fullmatch(NUMBER).fillna(True)
    rejected.add(~is_number, text, f"{where} is not a number")
    numbers = text.where(is_number).astype("Float64")
    low, high = column.info["low"], column.info["high"]
    if isinstance(column.type, Integer):
        rejected.add(numbers % 1 != 0, text, f"{where} is not a whole number")
        low, high = (_INTEGER_LOW if low is None else low), (_INTEGER_HIGH if high is None else high)
    _check_range(numbers, text, low, high, where, rejected)
    if not isinstance(column.type, Integer):
        return numbers
    return numbers.where((numbers % 1 == 0) & numbers.between(_INTEGER_LOW, _INTEGER_HIGH)).astype("Int64")


def _check_text(text: Series[str], column: Column[Any], where: str, rejected: RowIssues) -> None:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    limit, allowed = text_limit(column), column.info["allowed"]
    if limit is not None:
        is_above: Any = pc.greater(pc.binary_length(pa.array(text)), pa.scalar(limit))
        is_long = pd.Series(pd.arrays.ArrowExtensionArray(is_above), text.index)
        rejected.add(is_long, text, f"{where} is longer than the {limit} bytes that the contract allows")
    if allowed:
        is_other = ~text.isin(allowed) & text.notna()
        rejected.add(is_other, text, f"{where} is none of {', '.join(map(str, allowed))}")


def _check_range(
    numbers: Series[float], text: Series[str], low: Any, high: Any, where: str, rejected: RowIssues
) -> None:
    if low is not None:
        rejected.add(numbers < low, text, f"{where} is below {low}")
    highest = sys.float_info.max if high is None else high  # 1e999 would be infinite
    rejected.add(numbers > highest, text, f"{where} is above {highest}")
