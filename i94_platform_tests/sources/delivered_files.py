"""A delivered April in each format, written for tests."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform_tests.support.arrivals import GOOD_ROW
from i94_platform_tests.support.sas import load_readstat, write_sas

PARQUET, CSV, SAS = (f"i94_apr16_sub.{format_}" for format_ in ("parquet", "csv", "sas7bdat"))
WIDTHS = {name: None if isinstance(value, float) else 20 for name, value in GOOD_ROW.items()}


def write_delivery(path: Path, table: pa.Table) -> None:
    """Write a table in the format that the path ends with."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".csv":
        table.to_pandas().to_csv(path, index=False)
    else:
        write_sas_delivery(path, table)


def write_sas_delivery(path: Path, table: pa.Table, **widths: int | None) -> None:
    """Write a table as a SAS file, or skip the test where that can't be done; `widths` says which columns are text."""
    if load_readstat() is None:
        pytest.skip("this build of pyreadstat keeps ReadStat's writing functions to itself")
    columns = {name: width for name, width in (WIDTHS | widths).items() if name in table.column_names}
    write_sas(path, columns, table.to_pylist(), table.num_rows)
