"""Damaged CSV files of a month: dialects that say the same, and damages of lines and bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.model import column_names
from i94_platform_tests.support.damage.compression import compress, damage_compressed
from i94_platform_tests.support.damage.model import Case, DeliveredRow, Delivery, Reading, Rows, Unreadable
from i94_platform_tests.support.damage.oracle import NUMBERS
from i94_platform_tests.support.damage.row_damages import CSV_ROW_DAMAGES

NAME = "i94_jan16_sub.csv"
MISSING = ("NA", "NULL", "None", ".", "   ", "NaN", "\\N", "n/a", "#N/A")


@dataclass
class CsvDraft:
    """A CSV file before its lines are joined."""

    rows: Rows
    header: list[str]
    cells: list[list[str]]
    random: Random
    delimiter: str = ","
    newline: str = "\n"
    encoding: str = "utf-8"
    quotes_all: bool = False
    has_separator_line: bool = False
    number: str = "float"
    missing: str = ""
    last: list[tuple[str, Callable[[bytes, CsvDraft], bytes]]] = field(default_factory=list)
    reading: Reading = Reading.READ
    compression: str = ""

    def refuse(self, reading: Reading = Reading.REFUSED) -> None:
        """Say that the file is refused, if nothing before said so."""
        self.reading = max(self.reading, reading)

    def render_rows(self) -> None:
        """Render the values as cells, in the draft's spelling of numbers and missing values."""
        self.cells = [[self._render(name, row[name]) for name in row] for row in self.rows]

    def _render(self, name: str, value: Any) -> str:
        if value is None:
            return self.missing
        if isinstance(value, Unreadable):
            return value.text
        if isinstance(value, str):
            return value
        if value != int(value) or abs(value) > 1e15:
            return repr(value)
        spellings = {
            "int": f"{value:.0f}",
            "comma": f"{value:.0f},0" if self.delimiter != "," else f"{value:.1f}",
            "scientific": f"{value:.15E}",
            "padded": f"  {value:.0f} ",
        }
        return spellings.get(self.number, f"{value:.1f}")

    def render_line(self, cells: list[str]) -> str:
        """Join cells, with quotes where they need them."""
        return self.delimiter.join(map(self._quote, cells)) + self.newline

    def _quote(self, cell: str) -> str:
        if self.quotes_all or any(mark in cell for mark in (self.delimiter, '"', "\n", "\r")):
            return '"' + cell.replace('"', '""') + '"'
        return cell

    def render(self) -> bytes:
        """Render the file."""
        first = [f"sep={self.delimiter}{self.newline}"] if self.has_separator_line else []
        lines = [*first, self.render_line(self.header), *map(self.render_line, self.cells)]
        content = "".join(lines).encode(self.encoding)
        for _, damage in self.last:
            content = damage(content, self)
        return content


DamageDraft = Callable[[CsvDraft], None]


def use_separator(draft: CsvDraft) -> None:
    draft.delimiter = draft.random.choice((";", "\t", "|"))
    if draft.random.random() < 0.3:
        draft.number = "comma"


def write_separator_line(draft: CsvDraft) -> None:
    draft.has_separator_line = True


def use_encoding(draft: CsvDraft) -> None:
    draft.encoding = draft.random.choice(("utf-8-sig", "utf-16", "latin-1", "cp1252"))


def leave_out_mark(draft: CsvDraft) -> None:
    draft.encoding = draft.random.choice(("utf-16-le", "utf-16-be"))
    draft.refuse()


def use_newline(draft: CsvDraft) -> None:
    draft.newline = draft.random.choice(("\r\n", "\r"))


def quote_everything(draft: CsvDraft) -> None:
    draft.quotes_all = True


def spell_numbers(draft: CsvDraft) -> None:
    draft.number = draft.random.choice(("int", "scientific", "padded"))


def round_numbers(draft: CsvDraft) -> None:
    """Write admission numbers as a spreadsheet shows them."""
    share = draft.random.choice((0.02, 0.3, 1))
    for row in draft.rows:
        if isinstance(row["admnum"], float) and row["admnum"] > 1e9 and draft.random.random() < share:
            row["admnum"] = Unreadable(f"{row['admnum']:.5E}")


def spell_missing(draft: CsvDraft) -> None:
    """Spell missing values; they are known by the number columns that use the spelling."""
    has_missing_number = any(row[name] is None for row in draft.rows for name in NUMBERS)
    texts = {value for row in draft.rows for value in row.values() if isinstance(value, str)}
    if has_missing_number:
        draft.missing = draft.random.choice([text for text in MISSING if text not in texts])


def change_case(draft: CsvDraft) -> None:
    draft.header = [f" {name} " if draft.random.random() < 0.1 else name.upper() for name in draft.header]


def add_index(draft: CsvDraft) -> None:
    draft.header = [draft.random.choice(("", "Unnamed: 0")), *draft.header]
    draft.cells = [[str(number), *cells] for number, cells in enumerate(draft.cells)]


def end_with_comma(draft: CsvDraft) -> None:
    draft.cells = [[*cells, ""] for cells in draft.cells]
    if draft.random.random() < 0.5:
        draft.header = [*draft.header, ""]
    elif 2 * sum(map(_has_year_and_month, draft.rows)) <= len(draft.rows):
        draft.refuse(Reading.EITHER)  # nothing shows where the rows begin


def _has_year_and_month(row: dict[str, Any]) -> bool:
    bounds = (("i94yr", 2000, 2099), ("i94mon", 1, 12))
    return all(isinstance(row[name], float) and low <= row[name] <= high for name, low, high in bounds)


def add_columns(draft: CsvDraft) -> None:
    draft.header = [*draft.header, "validres", "delete_days"]
    draft.cells = [[*cells, "1", "x"] for cells in draft.cells]


def move_columns(draft: CsvDraft) -> None:
    order = list(range(len(draft.header)))
    draft.random.shuffle(order)
    draft.header = [draft.header[place] for place in order]
    draft.cells = [[cells[place] if place < len(cells) else "" for place in order] for cells in draft.cells]


def lose_column(draft: CsvDraft) -> None:
    place = draft.random.randrange(len(draft.header))
    draft.header = draft.header[:place] + draft.header[place + 1 :]
    if draft.random.random() < 0.5:
        draft.cells = [cells[:place] + cells[place + 1 :] for cells in draft.cells]
    draft.refuse()


def rename_column(draft: CsvDraft) -> None:
    draft.header[draft.header.index(draft.random.choice(draft.header))] = "renamed"
    draft.refuse()


def repeat_column(draft: CsvDraft) -> None:
    place = draft.random.randrange(len(draft.header))
    draft.header = [*draft.header, draft.header[place]]
    draft.cells = [[*cells, "1"] for cells in draft.cells]
    draft.refuse()


def lose_header(draft: CsvDraft) -> None:
    if draft.cells:
        draft.header = draft.cells.pop(0)
    else:
        draft.header = ["1"]
    draft.refuse()


def _choose_line(draft: CsvDraft) -> int | None:
    return draft.random.randrange(len(draft.cells)) if draft.cells else None


def lose_cell(draft: CsvDraft) -> None:
    if (line := _choose_line(draft)) is not None:
        draft.cells[line].pop(draft.random.randrange(len(draft.cells[line])))
        draft.refuse(Reading.REFUSED if len(draft.cells) > 2 else Reading.EITHER)


def add_cell(draft: CsvDraft) -> None:
    if (line := _choose_line(draft)) is not None:
        draft.cells[line].insert(draft.random.randrange(len(draft.cells[line])), "1")
        draft.refuse(Reading.REFUSED if len(draft.cells) > 2 else Reading.EITHER)


def insert_blank_lines(draft: CsvDraft) -> None:
    def damage(content: bytes, draft: CsvDraft) -> bytes:
        encoding = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(draft.encoding, draft.encoding)
        newline = draft.newline.encode(encoding)
        return content + newline * draft.random.choice((1, 2))

    draft.last.append(("blank lines", damage))


def _cut_inside(content: bytes, draft: CsvDraft) -> bytes:
    """Cut a file within a line, so that its last line lacks its end."""
    newline = draft.newline.encode()
    lines = content.split(newline)
    last = draft.random.choice([place for place, line in enumerate(lines) if len(line) > 10])
    part = lines[last][: draft.random.randrange(1, len(lines[last]) - 3)]
    return b"".join(line + newline for line in lines[:last]) + part


def cut_inside_line(draft: CsvDraft) -> None:
    if "utf-16" not in draft.encoding:
        draft.last.append(("cut", _cut_inside))
        draft.refuse()


def cut_header(draft: CsvDraft) -> None:
    draft.last.append(("cut", lambda content, draft: content[: draft.random.randrange(60)]))
    draft.refuse()


def open_quotes(draft: CsvDraft) -> None:
    """Begin cells with a quote that nothing closes."""

    def damage(content: bytes, draft: CsvDraft) -> bytes:
        text = content.decode(draft.encoding)
        lines = text.split(draft.newline)
        for place in draft.random.sample(range(1, len(lines) - 1), min(2, max(0, len(lines) - 2))):
            cells = lines[place].split(draft.delimiter)
            cells[draft.random.randrange(len(cells))] = '"x'
            lines[place] = draft.delimiter.join(cells)
        return draft.newline.join(lines).encode(draft.encoding)

    if draft.cells:
        draft.last.append(("quotes", damage))
        draft.refuse()


def insert_nul(draft: CsvDraft) -> None:
    def damage(content: bytes, draft: CsvDraft) -> bytes:
        place = draft.random.randrange(len(content))
        return content[:place] + b"\0" + content[place:]

    draft.last.append(("NUL", damage))
    draft.refuse()


def replace_content(draft: CsvDraft) -> None:
    other = draft.random.choice(
        (
            b"",
            b"\n\n",
            b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>\n",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
            b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(50),
            b"PAR1" + bytes(100) + b"PAR1",
            bytes(4096),
            b"\x1f\x8b\x08\x00" + bytes(64),
            b'{"cicid": 1, "i94yr": 2016}\n',
        )
    )
    draft.last.append(("replaced", lambda content, draft: other))
    draft.refuse()


def compress_file(draft: CsvDraft) -> None:
    draft.compression = "good"


def break_compression(draft: CsvDraft) -> None:
    draft.compression = "bad"


DIALECTS: dict[str, DamageDraft] = {
    "other separator": use_separator,
    "separator line": write_separator_line,
    "other encoding": use_encoding,
    "other newline": use_newline,
    "quotes everywhere": quote_everything,
    "other numbers": spell_numbers,
    "rounded numbers": round_numbers,
    "missing spelled": spell_missing,
}
"""Damages that happen before the cells are rendered."""

FILE_DAMAGES: dict[str, DamageDraft] = {
    "upper case": change_case,
    "index column": add_index,
    "comma at the end": end_with_comma,
    "further columns": add_columns,
    "columns moved": move_columns,
    "column lost": lose_column,
    "column renamed": rename_column,
    "column repeated": repeat_column,
    "no header": lose_header,
    "cell lost": lose_cell,
    "cell added": add_cell,
    "blank lines": insert_blank_lines,
    "UTF-16 without mark": leave_out_mark,
    "cut inside a line": cut_inside_line,
    "cut in the header": cut_header,
    "quotes open": open_quotes,
    "NUL": insert_nul,
    "other content": replace_content,
    "compressed": compress_file,
    "compression broken": break_compression,
}


def build_csv(case: Case, rows: Rows, folder: Path) -> Delivery:
    """Build the delivery of a case."""
    random = case.random
    for name in case.damages:
        if name in CSV_ROW_DAMAGES:
            rows = CSV_ROW_DAMAGES[name](rows, random)
    draft = CsvDraft(rows, [], [], random)
    for name in case.damages:
        if name in DIALECTS:
            DIALECTS[name](draft)
    draft.header = list(rows[0]) if rows else list(column_names(delivered_immigration))
    draft.render_rows()
    for name in case.damages:
        if name in FILE_DAMAGES:
            FILE_DAMAGES[name](draft)
    file, content = NAME, draft.render()
    if draft.compression == "good":
        file, content = compress(NAME, content, random)
    elif draft.compression == "bad":
        file, content, reading = damage_compressed(NAME, content, random)
        draft.refuse(reading)
    delivered = [DeliveredRow(file, number, row) for number, row in enumerate(draft.rows, 1)]
    return Delivery({file: content}, delivered, draft.reading)
