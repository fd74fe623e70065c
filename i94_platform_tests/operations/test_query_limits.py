"""What a typed query takes beyond DuckDB's own limits, in a process of its own as `i94 query` is one."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from i94_platform.operations.query_limits import limit_process

PROGRAM = """
import os, sys, duckdb
from pathlib import Path
from i94_platform.operations import query_limits
from i94_platform.warehouse.duckdb_queries import run_query
query_limits.GRACE_SECONDS = 0.2
scratch = Path(sys.argv[1])
(scratch / "query-999999999-killed").mkdir()
with query_limits.limit_process(0.8, 10**8, scratch):
    (scratch / f"query-{{os.getpid()}}-x").mkdir()
    run_query(duckdb.connect(), {sql!r}, [], 0.8, "100MB")
"""


@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        ("SELECT length(repeat('x', 2000000000))", 1, "more memory than 100MB"),
        ("SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))", 2, "did not stop"),
    ],
)
def test_one_call_of_a_function_takes_neither_all_memory_nor_all_time(
    tmp_path: Path, sql: str, code: int, message: str
) -> None:
    command = [sys.executable, "-c", PROGRAM.format(sql=sql), str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == code
    assert message in ended.stderr
    # a query that ends by itself removes its own folder
    assert len(list(tmp_path.iterdir())) == (1 if code == 1 else 0)


def test_the_limits_end_with_the_block(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limit_process(60.0, 10**11, tmp_path):
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] > 3 * 10**11 + (1 << 30)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
