"""Limits of the operating system for a command that runs what a person typed.

DuckDB neither counts the memory that one call of a function takes, such as `repeat('x', 2000000000)`, nor can it stop
such a call.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from i94_platform.processes import is_running

GRACE_SECONDS = 10.0
"""How long a query that is out of time may take to stop by itself."""

_OTHER_BYTES = 1 << 30
"""What the process may take beside the query, further to what it holds before."""


@contextmanager
def limit_process(seconds: float, memory_bytes: int, scratch: Path) -> Iterator[None]:
    """Bound the memory of this process in the block, and end the process with code 2 if the block does not end.

    Args:
        seconds: The time that the query may wait and run; the process ends `GRACE_SECONDS` later.
        memory_bytes: The memory limit of the query. Its session, its rows and what DuckDB does not count may each take
            as much.
        scratch: Where the query spills. What a process left there that was killed is removed first.
    """
    _remove_spilled(scratch, lambda pid: not is_running(pid))
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = _read_data_bytes() + 3 * memory_bytes + _OTHER_BYTES
    limits = [limit for limit in (soft, limit) if limit != resource.RLIM_INFINITY]
    timer = threading.Timer(min(seconds + GRACE_SECONDS, threading.TIMEOUT_MAX), _end_process, (scratch,))
    timer.daemon = True
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _read_data_bytes() -> int:
    """Read what the process holds already; 0 where the system has no /proc."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize()


def _end_process(scratch: Path) -> None:
    sys.stderr.write("Error: The query did not stop after I94_QUERY_TIMEOUT; call functions on shorter values.\n")
    sys.stderr.flush()
    _remove_spilled(scratch, lambda pid: pid == os.getpid())
    os._exit(2)


def _remove_spilled(scratch: Path, is_of: Callable[[int], bool]) -> None:
    """Remove the folders of typed queries, which hold rows of travellers, of some processes."""
    for folder in scratch.glob("query-[0-9]*-*"):
        if is_of(int(folder.name.split("-")[1])):
            shutil.rmtree(folder, ignore_errors=True)
