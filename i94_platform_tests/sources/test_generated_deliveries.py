"""Test generated deliveries: the same rows in drawn dialects are read alike, and drawn damage is refused or visible."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from i94_platform.engine.base import Engine
from i94_platform.errors import PermanentError
from i94_platform_tests.sources.delivered_rows import COLUMNS, read_delivered, render_csv
from i94_platform_tests.support.arrivals import GOOD_ROW, delivered_table
from i94_platform_tests.support.damage.compression import zip_files

DRAWS = [pytest.param(range(60)), pytest.param(range(60, 1_000), marks=pytest.mark.slow)]
MISSING = {"occup": None, "gender": None, "depdate": None, "i94bir": None}
ROWS: list[dict[str, Any]] = [{**GOOD_ROW, **(MISSING if n % 3 else {}), "cicid": float(n)} for n in range(1, 21)]


def write_dialect(draw: random.Random) -> bytes:
    """Write `ROWS` as CSV in a drawn dialect."""
    separator = draw.choice(",;\t|")
    columns = draw.sample(COLUMNS, len(COLUMNS)) if draw.random() < 0.5 else list(COLUMNS)
    index, has_trailing_cell = draw.choice((None, "Unnamed: 0", "", "no name")), draw.random() < 0.3
    render_name = draw.choice((str, str.upper, str.title, " {}".format))
    missing = draw.choice(("", " ", "NA", "NULL", ".", "nan", "None", "N/A"))
    comma = "," if separator == "," else ";"
    render_number: Callable[[float], str] = draw.choice(
        (repr, "{:.0f}".format, "{:.10E}".format, repr if comma == "," else lambda n: f"{n:.0f},0")
    )
    target = io.StringIO()
    newline = draw.choice(("\n", "\r\n", "\r"))
    if draw.random() < 0.2:
        target.write(f"sep={separator}{newline}")
    writer = csv.writer(
        target,
        delimiter=separator,
        lineterminator=newline,
        quoting=csv.QUOTE_ALL if draw.random() < 0.5 else csv.QUOTE_MINIMAL,
    )
    has_name = index not in (None, "no name")
    trailing = [""] if has_trailing_cell else []
    writer.writerow([*([index] if has_name else []), *map(render_name, columns), *trailing])
    for number, row in enumerate(ROWS):
        cells = [
            missing if row[c] is None else row[c] if isinstance(row[c], str) else render_number(row[c]) for c in columns
        ]
        writer.writerow([*([] if index is None else [number]), *cells, *trailing])
    return target.getvalue().encode(draw.choice(("utf-8", "utf-8-sig", "utf-16", "latin-1")))


@pytest.mark.parametrize("draws", DRAWS)
def test_the_same_rows_are_read_alike_in_every_dialect(duckdb: Engine, raw: Path, tmp_path: Path, draws: range) -> None:
    for seed in draws:
        content = write_dialect(random.Random(seed))
        (raw / "a.csv").write_bytes(content)
        delivered = read_delivered(duckdb, raw, tmp_path / "lake")
        values = [{name: row[name] for name in COLUMNS} for row in delivered.rows]
        blank_as_missing = [
            {n: None if isinstance(v, str) and not v.strip() else v for n, v in r.items()} for r in values
        ]
        assert blank_as_missing == ROWS, (seed, content[:300])
        assert set(delivered.values("unreadable")) == {None}, seed


def damage(content: bytes, draw: random.Random) -> bytes:
    """Damage bytes at one to three drawn places."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 2, 3))):
        place, length = draw.randrange(len(data) or 1), draw.randrange(200)
        match draw.choice(("cut", "flip", "remove", "repeat", "insert")):
            case "cut":
                del data[place:]
            case "flip" if data:
                data[place] ^= 1 << draw.randrange(8)
            case "remove":
                del data[place : place + length]
            case "repeat":
                data[place:place] = data[place : place + length]
            case _:
                data[place:place] = draw.choice((b'"', b",", b";", b"\t", b"\n", b"\r", b"\0", b"\xe9"))
    return bytes(data)


@pytest.mark.parametrize("draws", DRAWS)
def test_drawn_damage_is_refused_in_our_words_or_changes_no_more_than_its_place(
    duckdb: Engine, raw: Path, tmp_path: Path, draws: range
) -> None:
    table = delivered_table(ROWS)
    pq.write_table(table.rename_columns([f" {name}" for name in table.column_names]), tmp_path / "parquet")
    text = render_csv(ROWS).encode()
    contents = {
        "a.csv": text,
        "b.csv": render_csv(ROWS, ";", "\r\n").encode("utf-16"),
        "c.csv.gz": gzip.compress(text, mtime=0),
        "d.csv.zip": zip_files({"a.csv": text}),
        "e.parquet": (tmp_path / "parquet").read_bytes(),
    }
    by_key = {row["cicid"]: row for row in ROWS}
    for seed in draws:
        draw = random.Random(seed)
        name = draw.choice(sorted(contents))
        (raw / name).write_bytes(damage(contents[name], draw))
        refusal, rows = "", []
        try:
            rows = read_delivered(duckdb, raw, tmp_path / "lake").rows
        except PermanentError as error:
            refusal = str(error)
        assert not refusal or refusal.startswith(name), seed
        for row in rows:
            expected = by_key.get(row["cicid"], row)
            assert sum(row[column] != expected[column] for column in COLUMNS) <= 3, (seed, name)
        (raw / name).unlink()
