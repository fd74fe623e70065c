"""Test that the embedded engine answers a disk that takes no bytes with an error, and never ends the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import resource, sys
from pathlib import Path
import duckdb
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.sql.query import Query

folder, errors = sys.argv[1], 0
engine = DuckDBEngine(Path(folder) / "scratch")
query = Query("SELECT id, id % 97 AS remainder FROM numbers")
engine.materialize("numbers", Query("SELECT explode(sequence(1, 300000)) AS id"))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
for attempt in range(100):
    try:
        engine.write(query, f"{folder}/{attempt}")
    except duckdb.IOException:
        errors += 1
sys.stdout.write(str(errors))
"""


def test_writes_that_the_disk_refuses_are_errors(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path), "3"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (result.returncode, result.stdout) == (0, "100"), result.stderr[-2000:]
