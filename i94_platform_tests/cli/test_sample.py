"""`i94 sample` writes deliveries."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from i94_platform_tests.cli.command_line import I94


def test_a_sample_is_written_and_counted(i94: I94, tmp_path: Path) -> None:
    output = i94("sample", "--out", str(tmp_path / "s"), "--from", "2016-05", "--to", "2016-05", "--rows", "200")
    assert output.exit_code == 0
    assert f"5 files in {tmp_path / 's'}" in output.out.replace("\n", " ")
    assert pq.ParquetFile(tmp_path / "s" / "i94_may16_sub.parquet").metadata.num_rows > 200
