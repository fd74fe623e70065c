"""The progress of long steps: a message every two seconds for the command line, every ten for the log of a run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass

logger = logging.getLogger(__name__)
"""Gets each message at the level INFO. The command line shows them; its handlers alone, because there are many."""
logger.propagate = False

FIELDS = "fields"
"""The attribute of a log record that holds what its message says as fields for JSON."""

INTERVAL_SECONDS = 2.0
LOG_INTERVAL_SECONDS = 10.0

ShareReader = Callable[[], float | None]
"""Reads how much of a phase is done, from 0 to 1; None if that is unknown."""


@dataclass(frozen=True)
class PhaseProgress:
    """How far a phase of a step is at one time."""

    subject: str
    """What the step is about: a month or a dataset."""
    phase: str
    rows: int
    """0 where they are unknown."""
    total_rows: int
    """0 where they are unknown."""
    rows_per_second: int
    seconds: float
    """Since the phase started."""

    def __str__(self) -> str:
        if not self.rows:
            of_total = f" {self.total_rows:,} rows" if self.total_rows else ""
            return f"{self.subject}: {self.phase}{of_total}, {self.seconds:.0f} s"
        of_total = f" of {self.total_rows:,}" if self.total_rows else ""
        return f"{self.subject}: {self.phase} {self.rows:,}{of_total} rows, {self.rows_per_second:,} rows/s"


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

    def measure(self) -> PhaseProgress:
        """Measure how far the phase is now."""
        seconds = time.monotonic() - self._started
        share = self._read_share()
        rows = self._rows if share is None else int(share * self._total)
        return PhaseProgress(
            self._step, self._phase, rows, self._total, round(rows / seconds) if rows and seconds else 0, seconds
        )


@contextmanager
def send_progress(handler: logging.Handler) -> Iterator[None]:
    """Send the messages of all steps to a handler while the context lasts."""
    level = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


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


def start_phase(phase: str, total_rows: int) -> None:
    """Start a phase in the step that this thread reports, if it reports any."""
    if progress := _current.get():
        progress.start(phase, total_rows)


def advance_progress(rows: int) -> None:
    """Count rows as done in the step that this thread reports, if it reports any."""
    if progress := _current.get():
        progress.advance(rows)


def _report(progress: Progress, ended: threading.Event, log: Callable[[str], None]) -> None:
    logged_at = 0.0
    while not ended.wait(INTERVAL_SECONDS):
        measured = progress.measure()
        logger.info("%s", measured, extra={FIELDS: {"event": "progress", **asdict(measured)}})
        if time.monotonic() - logged_at >= LOG_INTERVAL_SECONDS:
            logged_at = time.monotonic()
            log(str(measured))
