"""One synthetic April and June for all tests of the sample, and a way to ask them questions in SQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from i94_platform.sample import write_sample

ROWS = 50_000

Ask = Callable[[str], Any]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a sample of April to June 2016."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, first="2016-04", last="2016-06", rows=ROWS)
    return folder


@pytest.fixture(scope="session")
def ask(sample: Path) -> Ask:
    """Ask for one value of `april`: its good rows, which come first in the file, with their place in it."""
    path = sample / "i94_apr16_sub.parquet"
    connection = duckdb.connect()
    connection.execute(
        f"""
        CREATE VIEW april AS
          SELECT *, file_row_number AS place FROM read_parquet('{path}', file_row_number = true)
          WHERE file_row_number < {ROWS}
        """
    )

    def value(expression: str) -> Any:
        row = connection.execute(expression).fetchone()
        assert row is not None
        return row[0]

    return value
