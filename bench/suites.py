"""How many faults and bad inputs the tests try, counted by collecting them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

TESTS = Path("i94_platform_tests")

SUITES: dict[str, tuple[str, ...]] = {
    "processes killed, disks full, limits reached, commands at the same time": (
        *("faults/test_killed.py", "faults/test_limits.py", "faults/test_together.py", "engine/test_full_disk.py"),
        "warehouse/test_concurrency.py",
    ),
    "loads interrupted, connections lost, retries": (
        *("warehouse/test_loading.py", "warehouse/redshift/test_retries.py", "defs/test_retries.py"),
    ),
    "files of the lake lost or altered": ("lake/test_integrity.py", "lake/test_s3_errors.py", "lake/test_s3_lease.py"),
    "deliveries damaged at random": ("faults/test_damaged_deliveries.py", "faults/test_damaged_commands.py"),
    "files of each source and format, good and bad": ("sources",),
    "values and rows of arrivals and reference data": ("transforms", "pipeline"),
    "settings, months, addresses and arguments": (
        *("test_settings.py", "test_partitions.py", "test_redshift_address.py", "cli/test_errors.py"),
    ),
    "requests to the web API": ("serving/api", "serving/auth", "serving/test_middleware.py", "serving/test_proxy.py"),
}
"""The files and folders of each suite."""


def count_tests() -> dict[str, Any]:
    """Count the collected tests of each suite, and those of them that are cases of a table."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", str(TESTS)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    tests = [line for line in output.splitlines() if "::" in line]
    suites = []
    for name, paths in SUITES.items():
        prefixes = tuple(str(TESTS / path) for path in paths)
        suites.append({"suite": name, **_count([test for test in tests if test.startswith(prefixes)])})
    return {"suites": suites, "all": _count(tests)}


def _count(tests: list[str]) -> dict[str, int]:
    return {"tests": len(tests), "cases": sum("[" in test for test in tests)}
