"""The progress of long steps: who listens to the logger gets a message every two seconds, a run's log some of them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

logger = logging.getLogger(__name__)
"""Gets each message at the level INFO. The command line shows them."""

INTERVAL_SECONDS = 2.0
LOG_INTERVAL_SECONDS = 10.0

ShareReader = Callable[[], float | None]
"""Reads how much of a phase is done, from 0 to 1; None if that is unknown."""


class Progress:
    """How far the current phase of a step is."""

    def __init__(self, step: str) -> None:
        self._step = step
        self.start("preparing")

    def start(self, phase: str, total_rows: int = 0, read_share: ShareReader = lambda: None) -> None:
        """Start a phase; its rows are counted by `advance`, or follow from the share of the total that is done."""
        self._phase, self._total, self._read_share = phase, total_rows, read_share
        self._rows, self._started = 0, time.monotonic()

    def advance(self, rows: int) -> None:
        """Count more rows as done."""
        self._rows += rows

    def describe(self) -> str:
        """Describe the step, its phase, the rows that are done, and the rows per second."""
        seconds = time.monotonic() - self._started
        share = self._read_share()
        rows = self._rows if share is None else int(share * self._total)
        if not rows:
            of_total = f" {self._total:,} rows" if self._total else ""
            return f"{self._step}: {self._phase}{of_total}, {seconds:.0f} s"
        of_total = f" of {self._total:,}" if self._total else ""
        return f"{self._step}: {self._phase} {rows:,}{of_total} rows, {rows / seconds:,.0f} rows/s"


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def report_progress(step: str, log: Callable[[str], None] = lambda message: None) -> Iterator[Progress]:
    """Report the progress of a step while the context lasts.

    Args:
        log: receives a message at most every ten seconds, for the log of the run. It is called in another thread.
    """
    progress, ended = Progress(step), threading.Event()
    watcher = threading.Thread(target=_report, args=(progress, ended, log), daemon=True)
    token = _current.set(progress)
    watcher.start()
    try:
        yield progress
    finally:
        ended.set()
        watcher.join()
        _current.reset(token)


def advance_progress(rows: int) -> None:
    """Count rows as done in the step that this thread reports, if it reports any."""
    if progress := _current.get():
        progress.advance(rows)


def _report(progress: Progress, ended: threading.Event, log: Callable[[str], None]) -> None:
    logged_at = 0.0
    while not ended.wait(INTERVAL_SECONDS):
        message = progress.describe()
        logger.info("%s", message)
        if time.monotonic() - logged_at >= LOG_INTERVAL_SECONDS:
            logged_at = time.monotonic()
            log(message)
