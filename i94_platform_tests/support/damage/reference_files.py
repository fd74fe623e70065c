"""Damaged files of cities, airports and temperatures: tables of text with one row a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from i94_platform_tests.support.damage.drafts import TextDraft, insert_nul, use_encoding
from i94_platform_tests.support.damage.model import Case, Reading, ReferenceDelivery

ODD_CELLS = (
    *("2101-01-01", "1/1/2013", "2013-02-01", "2013-02-15", "90.5N", "18.48", "white"),
    *("NA", "12.5", "-1", "abc", "99999999999", "x" * 300, "1e400", "٣", "n/a", "31.1, 65.7, 3", "200, 300", ""),
)
TEMPERATURE_DATE, COORDINATES = "dt", "coordinates"


@dataclass
class TableDraft(TextDraft):
    """A file before its lines are joined.

    Attributes:
        lines: The cells of each line, after the number of the row that it was.
        touched: The delivered texts of cells that were changed, by row and column.
    """

    source: str
    header: list[str]
    lines: list[tuple[int, list[str]]]
    random: Random
    delimiter: str
    newline: str = "\n"
    encoding: str = "utf-8"
    quotes_all: bool = False
    reading: Reading = Reading.READABLE
    touched: dict[int, dict[str, str]] = field(default_factory=dict)
    last: list[Callable[[bytes], bytes]] = field(default_factory=list)

    def choose_lines(self) -> list[int]:
        """Choose one line, some lines or all."""
        lines = len(self.lines)
        count = self.random.choice((1, 3, lines // 30, lines // 5, lines))
        return sorted(self.random.sample(range(lines), min(lines, count)))

    def set_cell(self, line: int, place: int, text: str) -> None:
        """Change a cell, and remember it."""
        row, cells = self.lines[line]
        self.lines[line] = (row, [*cells[:place], text, *cells[place + 1 :]])
        self.touched.setdefault(row, {})[self.header[place].strip().casefold()] = text

    def render(self) -> bytes:
        """Render the file."""
        text = io.StringIO(newline="")
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            lineterminator=self.newline,
            quoting=csv.QUOTE_ALL if self.quotes_all else csv.QUOTE_MINIMAL,
        )
        writer.writerows([self.header, *(cells for _, cells in self.lines)])
        return self.damage_bytes(text.getvalue().encode(self.encoding, "replace"))


DamageTable = Callable[[TableDraft], None]


def drop_lines(draft: TableDraft) -> None:
    lost = set(draft.choose_lines())
    draft.lines = [line for place, line in enumerate(draft.lines) if place not in lost]
    if not draft.lines:
        draft.refuse()


def repeat_lines(draft: TableDraft) -> None:
    for place in draft.choose_lines():
        draft.lines.insert(draft.random.randrange(len(draft.lines) + 1), draft.lines[place])


def shuffle_lines(draft: TableDraft) -> None:
    draft.random.shuffle(draft.lines)


def blank_cells(draft: TableDraft) -> None:
    place = draft.random.randrange(len(draft.header))
    lines = draft.choose_lines()
    for line in lines:
        draft.set_cell(line, place, "")
    if len(lines) == len(draft.lines):
        draft.refuse(Reading.UNCERTAIN)


def corrupt_cells(draft: TableDraft) -> None:
    place = draft.random.randrange(len(draft.header))
    lines = draft.choose_lines()
    for line in lines:
        draft.set_cell(line, place, draft.random.choice(ODD_CELLS))
    if 2 * len(lines) > len(draft.lines):
        draft.refuse(Reading.UNCERTAIN)


def swap_cells(draft: TableDraft) -> None:
    first, second = draft.random.sample(range(len(draft.header)), 2)
    lines = draft.choose_lines()
    for line in lines:
        cells = draft.lines[line][1]
        left, right = cells[first], cells[second]
        draft.set_cell(line, first, right)
        draft.set_cell(line, second, left)
    if 2 * len(lines) > len(draft.lines):
        draft.refuse(Reading.UNCERTAIN)


def shift_column(draft: TableDraft) -> None:
    place = draft.random.randrange(len(draft.header))
    texts = [cells[place] for _, cells in draft.lines]
    for line, text in enumerate(texts[1:] + texts[:1]):
        draft.set_cell(line, place, text)
    draft.refuse(Reading.UNCERTAIN)


def swap_coordinates(draft: TableDraft) -> None:
    """Write latitude and longitude, or day and month, in the other order: in one line, in some, or in all."""
    lines = draft.choose_lines() if draft.random.random() < 0.5 else list(range(len(draft.lines)))
    column, mark = (COORDINATES, ", ") if draft.source == "airport_codes" else (TEMPERATURE_DATE, "-")
    names = [name.strip().casefold() for name in draft.header]
    if column not in names:
        return
    place = names.index(column)
    for line in lines:
        parts = draft.lines[line][1][place].split(mark)
        if len(parts) == 3:
            year, month, day = parts
            parts = [f"{day}/{month}/{year}"]
        text = mark.join(reversed(parts))
        if len(lines) == len(draft.lines):
            row, cells = draft.lines[line]
            draft.lines[line] = (row, [*cells[:place], text, *cells[place + 1 :]])
        else:
            draft.set_cell(line, place, text)
    if len(lines) < len(draft.lines):
        draft.refuse(Reading.UNCERTAIN)


def lose_cell(draft: TableDraft) -> None:
    if draft.lines:
        place = draft.random.randrange(len(draft.lines))
        row, cells = draft.lines[place]
        draft.lines[place] = (row, cells[1:])
        draft.refuse()


def add_cell(draft: TableDraft) -> None:
    if draft.lines:
        place = draft.random.randrange(len(draft.lines))
        row, cells = draft.lines[place]
        draft.lines[place] = (row, ["x", *cells])
        draft.refuse()


def use_separator(draft: TableDraft) -> None:
    draft.delimiter = draft.random.choice((",", ";", "\t", "|"))


def use_newline(draft: TableDraft) -> None:
    draft.newline = draft.random.choice(("\r\n", "\r"))


def quote_everything(draft: TableDraft) -> None:
    draft.quotes_all = True


def change_case(draft: TableDraft) -> None:
    change = draft.random.choice((str.upper, str.lower, lambda name: f" {name} "))
    draft.header = [change(name) for name in draft.header]


def move_columns(draft: TableDraft) -> None:
    order = list(range(len(draft.header)))
    draft.random.shuffle(order)
    draft.header = [draft.header[place] for place in order]
    draft.lines = [(row, [cells[place] for place in order]) for row, cells in draft.lines if len(cells) == len(order)]


def add_column(draft: TableDraft) -> None:
    draft.header = [*draft.header, "remark"]
    draft.lines = [(row, [*cells, "x"]) for row, cells in draft.lines]


def lose_column(draft: TableDraft) -> None:
    place = draft.random.randrange(len(draft.header))
    draft.header = draft.header[:place] + draft.header[place + 1 :]
    draft.lines = [(row, cells[:place] + cells[place + 1 :]) for row, cells in draft.lines]
    draft.refuse()


def rename_column(draft: TableDraft) -> None:
    draft.header[draft.random.randrange(len(draft.header))] = "renamed"
    draft.refuse()


def repeat_column(draft: TableDraft) -> None:
    draft.header = [*draft.header, draft.random.choice(draft.header)]
    draft.lines = [(row, [*cells, "x"]) for row, cells in draft.lines]
    draft.refuse()


def cut_inside_line(draft: TableDraft) -> None:
    def damage(content: bytes) -> bytes:
        newline = draft.newline.encode()
        place = draft.random.randrange(len(content) // 2, len(content) - len(newline))
        while content[place - len(newline) : place] == newline:
            place -= 1
        return content[:place]

    if draft.encoding != "utf-16":
        draft.last.append(damage)
        draft.refuse()


def replace_content(draft: TableDraft) -> None:
    html, parquet = b"<html><body>404</body></html>\n", b"PAR1" + bytes(9) + b"PAR1"
    other = draft.random.choice((b"", b"\n", html, parquet, bytes(50)))
    draft.last.append(lambda content: other)
    draft.refuse()


TABLE_DAMAGES: dict[str, DamageTable] = {
    "lines dropped": drop_lines,
    "lines repeated": repeat_lines,
    "lines shuffled": shuffle_lines,
    "cells blank": blank_cells,
    "cells corrupted": corrupt_cells,
    "cells swapped": swap_cells,
    "column shifted": shift_column,
    "order swapped": swap_coordinates,
    "cell lost": lose_cell,
    "cell added": add_cell,
    "other separator": use_separator,
    "other encoding": use_encoding,
    "other newline": use_newline,
    "quotes everywhere": quote_everything,
    "upper case": change_case,
    "columns moved": move_columns,
    "further column": add_column,
    "column lost": lose_column,
    "column renamed": rename_column,
    "column repeated": repeat_column,
    "cut inside a line": cut_inside_line,
    "NUL": insert_nul,
    "other content": replace_content,
}


def build_table(case: Case, content: bytes, delimiter: str) -> ReferenceDelivery:
    """Build the damaged file of a case from the undamaged one."""
    header, *lines = csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter)
    draft = TableDraft(case.family, header, list(enumerate(lines)), case.random, delimiter)
    for name in case.damages:
        TABLE_DAMAGES[name](draft)
    return ReferenceDelivery(draft.render(), [row for row, _ in draft.lines], draft.reading, draft.touched)
