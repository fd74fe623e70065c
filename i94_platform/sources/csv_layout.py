"""Where the columns of a delivered CSV file are: its separator, its header, and how its rows lie under the header."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from i94_platform.errors import PermanentError
from i94_platform.sources.column_names import match_columns, normalize_name

DELIMITERS = (",", ";", "\t", "|")

# a spreadsheet may have filled the line up with separators
_SEPARATOR_LINE = re.compile(r"\"?sep=(?P<delimiter>[,;\t|])\"?(?P=delimiter)*\Z", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True)
class CsvLayout:
    """How to read a file: the names of its header, and the places of the wanted columns in a row."""

    delimiter: str
    header_lines: int
    """Lines above the first row."""
    names: tuple[str, ...]
    """The names of the header as the file has them."""
    cells: int
    """Cells in each row."""
    places: dict[str, int]
    """The place of each wanted column in a row, by the contract's name."""
    blank_places: tuple[int, ...]
    """Cells beyond the header, which must be empty in every row."""

    @property
    def is_padded(self) -> bool:
        """Whether blanks stand around the names, and so around the values."""
        return any(name.strip() not in ("", name) for name in self.names)


IsPlausible = Callable[[dict[str, str]], bool]
"""Whether a row, by column, is what the contract expects: decides where a header has fewer cells than the rows."""


def detect_layout(path: str, lines: Sequence[str], columns: Sequence[str], is_plausible: IsPlausible) -> CsvLayout:
    """Find out the layout from the first lines of a file.

    Raises:
        PermanentError: there is no header, a column is missing, two have one name, or rows and header do not fit.
    """
    delimiter, header_lines = detect_delimiter(lines, columns)
    names = _read_header(path, lines, columns, delimiter, header_lines)
    places = {column: names.index(name) for column, name in match_columns(path, names, columns).items()}
    rows = [split_line(line, delimiter) for line in lines[header_lines:] if line]
    cells = Counter(map(len, rows)).most_common(1)[0][0] if rows else len(names)
    rows = [row for row in rows if len(row) == cells]
    named = _count_named(names)
    if cells < named:
        line = next(
            number
            for number, text in enumerate(lines, 1)
            if number > header_lines and text and len(split_line(text, delimiter)) == cells
        )
        raise PermanentError(
            f"{path} can't be read as CSV: line {line} has {cells} cells, expected the {named} of the header; "
            "ask for it to be delivered again."
        )
    offset = _detect_offset(path, names, places, rows, cells, is_plausible)
    return CsvLayout(
        delimiter,
        header_lines,
        tuple(names),
        cells,
        {column: place + offset for column, place in places.items()},
        tuple(range(len(names) + offset, cells)),
    )


def _read_header(
    path: str, lines: Sequence[str], columns: Sequence[str], delimiter: str, header_lines: int
) -> list[str]:
    """Read the names of the header, of which one at least is a column's."""
    if len(lines) < header_lines:
        raise PermanentError(f"{path} has no header: it holds no line; ask for it to be delivered again.")
    header = lines[header_lines - 1]
    if is_quote_open(header, delimiter):
        raise PermanentError(f"{path}, line {header_lines}: a quote opens and does not close; correct the header.")
    names = split_line(header, delimiter)
    if not {normalize_name(name) for name in names} & {normalize_name(column) for column in columns}:
        raise PermanentError(
            f"{path} has no header: its first line names none of the {len(columns)} columns, such as {columns[0]}; "
            "put a line with their names first."
        )
    return names


def list_names(lines: Sequence[str], columns: Sequence[str]) -> list[str]:
    """List the names of the header, if there is one."""
    delimiter, header_lines = detect_delimiter(lines, columns)
    return split_line(lines[header_lines - 1], delimiter) if len(lines) >= header_lines else []


def _count_named(names: Sequence[str]) -> int:
    """Count the cells of a header up to the last one with a name."""
    return max(place for place, name in enumerate(names) if name.strip()) + 1


def _detect_offset(
    path: str,
    names: Sequence[str],
    places: dict[str, int],
    rows: Sequence[Sequence[str]],
    cells: int,
    is_plausible: IsPlausible,
) -> int:
    """Find out by how many cells the rows begin before the header: by one if an index column has no name at all."""
    named = _count_named(names)
    offsets = [
        offset
        for offset in (0, 1)
        if named + offset <= cells and _has_offset(rows, len(names), places, offset, is_plausible)
    ]
    if cells in (named, len(names)):
        return 1 if offsets == [1] else 0
    if len(offsets) != 1:
        raise PermanentError(
            f"{path}: its rows have {cells} cells under a header of {len(names)} names, and which name belongs to "
            "which cell is not clear; name every column."
        )
    return offsets[0]


def _has_offset(
    rows: Sequence[Sequence[str]], names: int, places: dict[str, int], offset: int, is_plausible: IsPlausible
) -> bool:
    """Whether most rows make sense with this offset, and none has a value beyond the header."""
    if any(cell.strip() for row in rows for cell in row[names + offset :]):
        return False
    plausible = sum(is_plausible({c: row[place + offset].strip() for c, place in places.items()}) for row in rows)
    return 2 * plausible > len(rows)


def detect_delimiter(lines: Sequence[str], columns: Sequence[str], usual: str = ",") -> tuple[str, int]:
    """Return the separator, and the number of lines from the first to the header.

    It is the one under which the header names most of `columns`; `usual` if none names more.
    """
    if lines and (match := _SEPARATOR_LINE.match(lines[0])):
        return match["delimiter"], 2
    wanted = {normalize_name(column) for column in columns}
    header = lines[0] if lines else ""

    def count_names(delimiter: str) -> int:
        return len(wanted & set(map(normalize_name, split_line(header, delimiter))))

    return max((usual, *DELIMITERS), key=count_names), 1


def split_line(line: str, delimiter: str) -> list[str]:
    """Split a line into its cells, without their quotes; a line that can't be split is one cell."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [""])
    except csv.Error:  # such as a carriage return inside the line
        return [line]


def is_quote_open(line: str, delimiter: str) -> bool:
    """Whether a quoted cell of a line is not closed on it; a quote inside an unquoted cell is text."""
    if line.count('"') % 2 == 0 and delimiter + '"' not in line and not line.startswith('"'):
        return False
    place = 0
    while place < len(line):
        if line[place] == '"':
            closing = _QUOTED.match(line, place)
            if closing is None:
                return True
            place = closing.end()
        end = line.find(delimiter, place)
        if end < 0:
            return False
        place = end + 1
    return False
