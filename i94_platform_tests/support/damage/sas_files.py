"""Damaged SAS files of a month."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from i94_platform_tests.support.damage.compression import compress, damage_compressed
from i94_platform_tests.support.damage.model import Case, DeliveredRow, Delivery, Reading, Rows
from i94_platform_tests.support.damage.oracle import NUMBERS, TEXTS
from i94_platform_tests.support.damage.row_damages import ROW_DAMAGES
from i94_platform_tests.support.sas import write_sas
from i94_platform_tests.support.sas_pages import SasImage, sizes_offset

NAME = "i94_jan16_sub.sas7bdat"
WIDTH = 60

SAS_DAMAGES = (
    "32 bits",
    "rows compressed",
    "rows marked as deleted",
    "rows moved",
    "wrong encoding declared",
    "no encoding declared",
    "other count stated",
    "column lost",
    "number as text",
    "upper case",
    "cut",
    "pages removed",
    "bytes appended",
    "page overwritten",
    "other content",
    "compressed",
    "compression broken",
)


def build_sas(case: Case, rows: Rows, folder: Path) -> Delivery:
    """Build the delivery of a case."""
    random, damages, reading = case.random, set(case.damages), Reading.READABLE
    for name in case.damages:
        if name in ROW_DAMAGES:
            rows = ROW_DAMAGES[name](rows, random)
    columns: dict[str, int | None] = dict.fromkeys(NUMBERS) | dict.fromkeys(TEXTS, WIDTH)
    path, written = folder / NAME, [dict(row) for row in rows]
    if "column lost" in damages:
        columns.pop(random.choice(NUMBERS + TEXTS))
        reading = Reading.UNUSABLE
    if "number as text" in damages:
        column = random.choice([name for name in columns if name in NUMBERS])
        columns[column] = 20
        written = [row | {column: str(row[column])} for row in written]
        reading = Reading.UNUSABLE
    if "upper case" in damages:
        columns = {name.upper(): width for name, width in columns.items()}
        written = [{name.upper(): value for name, value in row.items()} for row in written]
    write_sas(path, columns, written, len(written), is_64_bit="32 bits" not in damages)
    if "32 bits" not in damages and rows:
        options, rows, image_reading = _choose_image(case, rows)
        SasImage.read(path).write(path, **options)
        reading = max(reading, image_reading)
    file, content, file_reading = _damage_content(case, path.read_bytes())
    delivered = [DeliveredRow(file, number, row) for number, row in enumerate(rows, 1)]
    return Delivery({file: content}, delivered, max(reading, file_reading))


def _choose_image(case: Case, rows: Rows) -> tuple[dict[str, Any], Rows, Reading]:
    random, damages, reading = case.random, set(case.damages), Reading.READABLE
    options: dict[str, Any] = {"is_compressed": "rows compressed" in damages or "rows moved" in damages}
    places = sorted(random.sample(range(len(rows)), random.choice((0, 1, len(rows) // 8, len(rows) // 2))))
    if "rows moved" in damages:
        options["moved"] = places
    elif "rows marked as deleted" in damages:
        options["deleted"] = places
        rows = [row for place, row in enumerate(rows) if place not in set(places)]
    if "wrong encoding declared" in damages:
        # the texts are UTF-8; what is no ASCII is read as Latin-1
        options["encoding"], codec = random.choice(((29, "latin-1"), (62, "cp1252"), (28, "latin-1")))
        rows = [{name: _misread(value, codec) for name, value in row.items()} for row in rows]
    if "no encoding declared" in damages:
        options["encoding"] = 0
    if "other count stated" in damages:
        options["header_rows"] = len(rows) + random.choice((-1, 1, 1000))
        reading = Reading.UNUSABLE
    return options, rows, reading


def _misread(value: Any, codec: str) -> Any:
    """Return a text as it is in another encoding than its own."""
    return value.encode().decode(codec) if isinstance(value, str) else value


def _damage_content(case: Case, content: bytes) -> tuple[str, bytes, Reading]:
    random, damages, reading = case.random, set(case.damages), Reading.READABLE
    header, page = struct.unpack_from("<II", content, sizes_offset(content))
    if "cut" in damages:
        content, reading = content[: random.randrange(len(content))], Reading.UNUSABLE
    elif "pages removed" in damages:
        place = header + page * random.randrange((len(content) - header) // page)
        content, reading = content[:place] + content[place + page :], Reading.UNUSABLE
    elif "bytes appended" in damages:
        content, reading = content + bytes(random.choice((1, page))), Reading.UNCERTAIN
    elif "page overwritten" in damages:
        place = header + page * random.randrange((len(content) - header) // page)
        content = content[:place] + bytes(page) + content[place + page :]
        reading = Reading.UNUSABLE
    elif "other content" in damages:
        content = random.choice((b"", b"cicid,i94yr\n1,2016\n", bytes(70_000), b"<html></html>"))
        reading = Reading.UNUSABLE
    if "compressed" in damages:
        return *compress(NAME, content, random), reading
    if "compression broken" in damages:
        name, compressed, compression_reading = damage_compressed(NAME, content, random)
        return name, compressed, max(reading, compression_reading)
    return NAME, content, reading
