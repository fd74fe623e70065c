"""A time limit for a query of DuckDB, which has none of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


@contextmanager
def interrupt_after(connection: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    """Interrupt what the connection runs in the block after some seconds.

    Raises:
        TimeoutError: the time was up before the block ended.
    """
    import duckdb

    if seconds <= 0:
        raise TimeoutError
    done, late = threading.Event(), threading.Event()

    def interrupt_when_late() -> None:
        wait = min(seconds, threading.TIMEOUT_MAX)
        while not done.wait(wait):
            late.set()
            connection.interrupt()
            wait = 0.1  # again, because an interrupt before the query starts has no effect

    watchdog = threading.Thread(target=interrupt_when_late)
    watchdog.start()
    try:
        yield
    except (duckdb.InterruptException, OSError):  # a stream of Arrow raises OSError
        if late.is_set():
            raise TimeoutError from None
        raise
    finally:
        done.set()
        watchdog.join()  # it must not interrupt a closed connection
