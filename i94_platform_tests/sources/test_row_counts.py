"""Test how a delivered file's rows are counted: by footer, by header, or by reading a file that is not too long."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.sources import row_counts
from i94_platform_tests.sources.delivered_files import CSV, PARQUET, SAS, write_delivery
from i94_platform_tests.support.arrivals import delivered_table


def count_file(raw: Path, name: str) -> int | None:
    """The rows of one landed file."""
    store = LocalStore(raw)
    return row_counts.count_rows(next(file for file in store.list() if file.path == name), store)


def test_rows_are_counted_by_footer_header_or_record(raw: Path) -> None:
    write_delivery(raw / PARQUET, delivered_table([{}, {}]))
    write_delivery(raw / SAS, delivered_table([{}, {}, {}]))
    (raw / CSV).write_text('cicid,occup\n1,"a, b"\n\n2,\n')
    (raw / "labels.SAS").write_text("one line\n")
    rows = {name: count_file(raw, name) for name in (PARQUET, SAS, CSV, "labels.SAS")}
    assert rows == {PARQUET: 2, SAS: 3, CSV: 2, "labels.SAS": 1}


@pytest.mark.parametrize("name", ["000000_0", "april.pq", "part.0"])
def test_a_part_of_any_name_is_counted_by_its_footer(raw: Path, name: str) -> None:
    write_delivery(raw / PARQUET, delivered_table([{}, {}]))
    (raw / PARQUET).rename(raw / name)
    assert count_file(raw, name) == 2


def test_a_long_text_is_not_read_only_to_be_count_file(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (raw / CSV).write_text("cicid\n1\n")
    monkeypatch.setattr(row_counts, "MAX_COUNTED_BYTES", 5)
    assert count_file(raw, CSV) is None


@pytest.mark.parametrize(("name", "format_"), [(PARQUET, "Parquet"), (SAS, "SAS")])
def test_a_file_that_can_not_be_counted_is_named(raw: Path, name: str, format_: str) -> None:
    (raw / name).write_text("not what its name says")
    with pytest.raises(PermanentError, match=rf"^{name} can't be read as {format_}, "):
        count_file(raw, name)
