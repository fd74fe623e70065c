"""Progress is reported while a step works: on the logger often, in the log of the run seldom."""

from __future__ import annotations

import logging
import re
import time

import pytest

from i94_platform import progress
from i94_platform.progress import advance_progress, report_progress


@pytest.fixture(autouse=True)
def short_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    """Report fifty times a second."""
    monkeypatch.setattr(progress, "INTERVAL_SECONDS", 0.02)
    monkeypatch.setattr(progress.logger, "propagate", True)  # to the log that pytest captures


def test_rows_and_rate_are_reported_and_logged_less_often(caplog: pytest.LogCaptureFixture) -> None:
    log: list[str] = []
    with caplog.at_level(logging.INFO, progress.__name__), report_progress("2016-04", log.append):
        advance_progress(1_000)
        advance_progress(500)
        time.sleep(0.2)
    assert len(caplog.messages) >= 3
    assert re.fullmatch(r"2016-04: preparing 1,500 rows, [\d,]+ rows/s", caplog.messages[-1])
    assert log == caplog.messages[:1], "the next one is due after ten seconds"


def test_a_share_is_shown_in_rows_and_an_unknown_one_in_seconds(caplog: pytest.LogCaptureFixture) -> None:
    shares = iter([None, 0.5])
    with caplog.at_level(logging.INFO, progress.__name__), report_progress("2016-04") as current:
        current.start("staging", 3_000_000, lambda: next(shares, 0.5))
        time.sleep(0.1)
    assert caplog.messages[0] == "2016-04: staging 3,000,000 rows, 0 s"
    assert caplog.messages[1].startswith("2016-04: staging 1,500,000 of 3,000,000 rows, ")


def test_nothing_is_reported_of_a_short_step_nor_after_its_end(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, progress.__name__):
        with report_progress("2016-04"):
            pass
        advance_progress(1)
        time.sleep(0.05)
    assert caplog.messages == []


def test_the_error_of_a_step_ends_the_reports() -> None:
    with pytest.raises(ValueError, match="broken"), report_progress("2016-04"):
        raise ValueError("broken")
    advance_progress(1)
