"""A wait for a lock that this process ends, since Redshift's `statement_timeout` may not."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

CUT_SECONDS = 30.0
"""How long a server may take to cancel a statement before its connection is cut."""


class LockTimeout(Exception):
    """Another session has held the lock for too long."""


@contextmanager
def limit_lock_wait(
    connection: Connection, cancel: Callable[[], None], seconds: float, warn_after: float, warning: str
) -> Iterator[None]:
    """End the statement of the block after so many seconds, and log a warning before.

    Args:
        connection: The connection that waits. Its own `cancel` holds up every thread of the process meanwhile.
        cancel: Cancels the statement from another connection.
        seconds: Seconds to wait.
        warn_after: Seconds after which the warning is logged.
        warning: The warning.

    Raises:
        LockTimeout: the time was up.
    """
    import psycopg2

    is_over, has_expired, mutex = threading.Event(), threading.Event(), threading.Lock()

    def expire() -> None:
        with mutex:  # or the cancellation could hit the statement after the block
            if not is_over.is_set():
                has_expired.set()
                cancel()

    with (
        _call_after(warn_after, logger.warning, warning),
        _call_after(seconds, expire),
        _call_after(seconds + CUT_SECONDS, _cut, connection),
    ):
        try:
            yield
        except psycopg2.Error:
            if has_expired.is_set():
                raise LockTimeout from None
            raise
    with mutex:
        is_over.set()
    if has_expired.is_set():
        raise LockTimeout


@contextmanager
def _call_after(seconds: float, function: Callable[..., None], *arguments: object) -> Iterator[None]:
    """Call a function in a thread of its own if the block takes longer than so many seconds."""
    timer = threading.Timer(seconds, function, arguments)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: Connection) -> None:
    """End a connection that another thread waits on."""
    with socket.socket(fileno=os.dup(connection.fileno())) as duplicate:
        duplicate.shutdown(socket.SHUT_RDWR)
