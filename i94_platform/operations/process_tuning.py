"""What makes processes of the platform faster by changing Python's or Dagster's defaults, each with its measurement.

Nothing here happens on import. Commands of `i94` call it, and code servers where `I94_FREEZE_DEFINITIONS` is set.
Figures are processor seconds on two cores with Python 3.11, medians of four to six runs with and without.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from typing import NoReturn

GC_THRESHOLDS = (1_000_000, 50)
"""A command allocates objects by the hundred thousand and leaves few cycles; Python's default is (700, 10, 10)."""


def collect_garbage_rarely() -> None:
    """Raise the thresholds of Python's garbage collector. `i94 run` of a month takes 8.0 s instead of 8.9 s."""
    gc.set_threshold(*GC_THRESHOLDS)


def exit_at_once(code: int) -> NoReturn:
    """End the process without Python's teardown of its objects.

    `i94 status` takes 2.9 s instead of 3.6 s, `i94 run` of a month 8.0 s instead of 9.3 s. A `gc.freeze` would save as
    much, but DuckDB then reports every object as leaked.
    """
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def freeze_definitions() -> None:
    """Keep what is loaded now out of every later garbage collection.

    A run that a code server launches takes 5.4 s instead of 6.4 s: each ends with a collection of all objects. What
    frozen objects refer to is never freed, which DuckDB reports object by object when the process has ended.
    """
    gc.freeze()
    atexit.register(_close_stderr)


def _close_stderr() -> None:
    """Let nothing more be printed: Python is about to tear down its objects."""
    sys.stderr.flush()
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
