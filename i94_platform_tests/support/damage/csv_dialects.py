"""The dialects of a month's CSV file, which say the same in other ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from i94_platform_tests.support.damage.drafts import TextDraft, use_encoding
from i94_platform_tests.support.damage.model import Reading, Rows, Unreadable
from i94_platform_tests.support.damage.oracle import NUMBERS

MISSING = ("NA", "NULL", "None", ".", "   ", "NaN", "\\N", "n/a", "#N/A", "--")


@dataclass
class CsvDraft(TextDraft):
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
    last: list[Callable[[bytes], bytes]] = field(default_factory=list)
    reading: Reading = Reading.READABLE
    compression: str = ""

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
        return self.damage_bytes("".join(lines).encode(self.encoding))


DamageDraft = Callable[[CsvDraft], None]


def use_separator(draft: CsvDraft) -> None:
    draft.delimiter = draft.random.choice((";", "\t", "|"))
    if draft.random.random() < 0.3:
        draft.number = "comma"


def write_separator_line(draft: CsvDraft) -> None:
    draft.has_separator_line = True


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
