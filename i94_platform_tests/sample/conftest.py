"""One sample for all tests of this folder, and a function that queries its April in SQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from i94_platform.sample import expected_unreadable, write_sample

ROWS = 50_000

Query = Callable[[str], Any]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a sample of April to June 2016 and return its folder."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, first="2016-04", last="2016-06", rows=ROWS)
    return folder


@pytest.fixture(scope="session")
def query_april(sample: Path) -> Query:
    """Return a function that queries one value from `april`: the rows that can be read whole, which come first."""
    path = sample / "i94_apr16_sub.parquet"
    connection = duckdb.connect()
    connection.execute(
        f"""
        CREATE VIEW april AS
          SELECT *, file_row_number AS position FROM read_parquet('{path}', file_row_number = true)
          WHERE file_row_number < {ROWS - sum(expected_unreadable(ROWS).values())}
        """
    )

    def query(sql: str) -> Any:
        row = connection.execute(sql).fetchone()
        assert row is not None
        return row[0]

    return query
