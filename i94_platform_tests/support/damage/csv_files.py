"""Damaged CSV files of a month: columns, lines and bytes that are lost, added or moved."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from i94_platform.contracts import delivered_immigration
from i94_platform.contracts.model import column_names
from i94_platform_tests.support.damage.compression import compress, damage_compressed
from i94_platform_tests.support.damage.csv_dialects import DIALECTS, CsvDraft, DamageDraft
from i94_platform_tests.support.damage.drafts import insert_nul
from i94_platform_tests.support.damage.model import Case, DeliveredRow, Delivery, Reading, Rows
from i94_platform_tests.support.damage.row_damages import CSV_ROW_DAMAGES

NAME = "i94_jan16_sub.csv"


def leave_out_mark(draft: CsvDraft) -> None:
    draft.encoding = draft.random.choice(("utf-16-le", "utf-16-be"))
    draft.refuse()


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
        draft.refuse(Reading.UNCERTAIN)  # nothing shows where the rows begin


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
    draft.header = draft.cells.pop(0) if draft.cells else ["1"]
    draft.refuse()


def _choose_line(draft: CsvDraft) -> int | None:
    return draft.random.randrange(len(draft.cells)) if draft.cells else None


def lose_cell(draft: CsvDraft) -> None:
    if (line := _choose_line(draft)) is not None:
        draft.cells[line].pop(draft.random.randrange(len(draft.cells[line])))
        draft.refuse(Reading.UNUSABLE if len(draft.cells) > 2 else Reading.UNCERTAIN)


def add_cell(draft: CsvDraft) -> None:
    if (line := _choose_line(draft)) is not None:
        draft.cells[line].insert(draft.random.randrange(len(draft.cells[line])), "1")
        draft.refuse(Reading.UNUSABLE if len(draft.cells) > 2 else Reading.UNCERTAIN)


def insert_blank_lines(draft: CsvDraft) -> None:
    def damage(content: bytes) -> bytes:
        encoding = {"utf-16": "utf-16-le", "utf-8-sig": "utf-8"}.get(draft.encoding, draft.encoding)
        newline = draft.newline.encode(encoding)
        return content + newline * draft.random.choice((1, 2))

    draft.last.append(damage)


def _cut_inside(draft: CsvDraft, content: bytes) -> bytes:
    """Cut a file within a line, so that its last line lacks its end."""
    newline = draft.newline.encode()
    lines = content.split(newline)
    last = draft.random.choice([place for place, line in enumerate(lines) if len(line) > 10])
    # a cut in the last cell leaves as many cells as there should be
    is_last_read = draft.header[-1] in column_names(delivered_immigration)
    end = len(lines[last]) - (1 if is_last_read else 4)
    part = lines[last][: end if is_last_read and draft.random.random() < 0.5 else draft.random.randrange(1, end)]
    return b"".join(line + newline for line in lines[:last]) + part


def cut_inside_line(draft: CsvDraft) -> None:
    if "utf-16" not in draft.encoding:
        draft.last.append(partial(_cut_inside, draft))
        draft.refuse()


def cut_header(draft: CsvDraft) -> None:
    draft.last.append(lambda content: content[: draft.random.randrange(60)])
    draft.refuse()


def open_quotes(draft: CsvDraft) -> None:
    """Begin cells with a quote that nothing closes."""

    def damage(content: bytes) -> bytes:
        text = content.decode(draft.encoding)
        lines = text.split(draft.newline)
        for place in draft.random.sample(range(1, len(lines) - 1), min(2, max(0, len(lines) - 2))):
            cells = lines[place].split(draft.delimiter)
            cells[draft.random.randrange(len(cells))] = '"x'
            lines[place] = draft.delimiter.join(cells)
        return draft.newline.join(lines).encode(draft.encoding)

    if draft.cells:
        draft.last.append(damage)
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
    draft.last.append(lambda content: other)
    draft.refuse()


def compress_file(draft: CsvDraft) -> None:
    draft.compression = "good"


def break_compression(draft: CsvDraft) -> None:
    draft.compression = "bad"


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
