"""What a typed query takes beyond DuckDB's own limits, in a process of its own as `i94 query` is one."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from i94_platform.operations.query_limits import limit_process

PROGRAM = """
import duckdb
from i94_platform.operations import query_limits
from i94_platform.warehouse.duckdb_queries import run_query
query_limits.GRACE_SECONDS = 0.2
with query_limits.limit_process(0.8, 10**8):
    run_query(duckdb.connect(), {sql!r}, 0.8, "100MB")
"""


@pytest.mark.parametrize(
    ("sql", "code", "message"),
    [
        ("SELECT length(repeat('x', 2000000000))", 1, "more memory than 100MB"),
        ("SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))", 2, "did not stop"),
    ],
)
def test_one_call_of_a_function_takes_neither_all_memory_nor_all_time(sql: str, code: int, message: str) -> None:
    command = [sys.executable, "-c", PROGRAM.format(sql=sql)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == code
    assert message in ended.stderr


def test_the_limits_end_with_the_block() -> None:
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with limit_process(60.0, 10**11):
        assert resource.getrlimit(resource.RLIMIT_DATA)[0] == 3 * 10**11 + (1 << 30)
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
