"""What `i94 run` prints on a terminal, in a pipe, for scripts and in silence, from events alone."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from i94_platform.cli import run_output
from i94_platform.cli.run_output import RunOutput, build_output
from i94_platform.defs.run_results import RunResult
from i94_platform.errors import PermanentError, TransientError
from i94_platform.operations.run_events import CheckFailure, LogLine, RunEnd, RunStart, StepEnd, StepStart
from i94_platform.progress import FIELDS, PhaseProgress
from i94_platform.progress import logger as progress_logger
from i94_platform_tests.cli.command_line import I94

STAGING = PhaseProgress("2016-04", "staging", 1_500_000, 3_000_000, 500_000, 3.0)
RESULT = RunResult("month", "2016-04", "f00", seconds=2.5, rows={"staged/immigration": 90, "warehouse/immigration": 90})


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """A terminal in place of standard error."""
    screen = io.StringIO()
    console = Console(file=screen, width=120, force_terminal=True, color_system=None)
    monkeypatch.setattr(run_output, "err", console)
    return screen


def play(output: RunOutput) -> None:
    """Send the events of a run in which one step reports progress, waits and logs, and a check warns."""
    with output.show_progress():
        output.handle_event(RunStart("2016-04", "month", "2016-04", "f00", 2))
        output.handle_event(StepStart("2016-04", "staged_immigration", 0, 2))
        progress_logger.info("%s", STAGING, extra={FIELDS: {"event": "progress", "rows": STAGING.rows}})
        output.handle_event(LogLine("2016-04", "staged_immigration", "INFO", str(STAGING)))
        output.handle_event(LogLine("2016-04", "staged_immigration", "INFO", "Reading [14] files"))
        progress_logger.info("2016-04 waits for pool warehouse", extra={FIELDS: {"event": "waiting"}})
        output.handle_event(StepEnd("2016-04", "staged_immigration", 1, 2, "success", 4.25))
        output.handle_event(CheckFailure("2016-04", "staged/immigration", "shares", "WARN", "7%, bound 5%"))
        output.handle_event(RunEnd("2016-04", RESULT))


def read_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_terminal_shows_rows_rate_and_what_a_run_waits_for(screen: io.StringIO) -> None:
    output = build_output(verbose=False, quiet=False, as_json=False)
    play(output)
    text = screen.getvalue()
    assert "2016-04: staging 1,500,000 of 3,000,000 rows, 500,000 rows/s" in text
    assert "2016-04 waits for pool warehouse" in text
    assert "Reading" not in text


def test_a_pipe_shows_rows_rate_and_what_a_run_waits_for(capsys: pytest.CaptureFixture[str]) -> None:
    play(build_output(verbose=False, quiet=False, as_json=False))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "2016-04  0/2  staged_immigration",
        "2016-04: staging 1,500,000 of 3,000,000 rows, 500,000 rows/s",
        "2016-04 waits for pool warehouse",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_verbose_adds_times_and_log_lines_once(
    terminal: bool, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    screen = request.getfixturevalue("screen") if terminal else None
    play(build_output(verbose=True, quiet=False, as_json=False))
    text = screen.getvalue() if screen else capsys.readouterr().err
    assert "2016-04  1/2  staged_immigration success 4.25 s" in text
    assert "2016-04  INFO  staged_immigration: Reading [14] files" in text
    assert "INFO  staged_immigration: 2016-04: staging" not in text, "the progress said so"


def test_quiet_prints_errors_only(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    output = build_output(verbose=False, quiet=True, as_json=False)
    play(output)
    with output.show_progress():
        logging.getLogger("i94_platform.lake").warning("Waiting for a lock")
    output.print_summary([RESULT], ["I94_RAW is empty"])
    captured = capsys.readouterr()
    assert (captured.out, caplog.messages) == ("", [])
    assert captured.err.splitlines()[-1] == "I94_RAW is empty"
    assert "0/2" not in captured.err


def test_json_has_a_line_for_each_event_and_log_lines_if_verbose(capsys: pytest.CaptureFixture[str]) -> None:
    play(build_output(verbose=False, quiet=False, as_json=True))
    captured = capsys.readouterr()
    events = read_lines(captured.out)
    assert captured.err == ""
    assert [event["event"] for event in events] == [
        *("run_start", "step_start", "progress", "waiting", "step_end", "check_failure", "run_end")
    ]
    assert {event["run"] for event in events} == {"2016-04"}
    assert all("time" in event for event in events)
    assert events[2]["rows"] == STAGING.rows
    assert (events[5]["severity"], events[5]["message"]) == ("WARN", "7%, bound 5%")
    assert {"staged": 90, "quarantined": None, "loaded": 90, "seconds": 2.5}.items() <= events[6].items()
    play(build_output(verbose=True, quiet=False, as_json=True))
    assert "Reading [14] files" in [event.get("message") for event in read_lines(capsys.readouterr().out)]


def test_json_names_a_wait_for_a_lock_and_the_error_that_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    def wait_and_fail() -> None:
        with build_output(verbose=False, quiet=False, as_json=True).show_progress():
            logging.getLogger("i94_platform.lake").warning("Waiting for a lock")
            raise TransientError("the lock is held")

    with pytest.raises(TransientError):
        wait_and_fail()
    waiting, error = read_lines(capsys.readouterr().out)
    assert (waiting["event"], waiting["level"], waiting["message"]) == ("message", "WARNING", "Waiting for a lock")
    assert (error["event"], error["message"]) == ("error", "the lock is held")


def test_verbose_and_quiet_contradict_each_other() -> None:
    with pytest.raises(PermanentError, match="--quiet"):
        build_output(verbose=True, quiet=True, as_json=False)


def test_the_environment_for_dagster_is_absolute_and_holds_no_secret(
    i94: I94, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {
        "I94_HOME": "my home",
        "I94_RAW": "raw",
        "I94_WAREHOUSE": "duckdb:///x.duckdb",
        "I94_FIRST_MONTH": "2016-02",
        "I94_ALERT_WEBHOOK": "https://host/secret",
        "I94_REDSHIFT_PASSWORD": "pa55word",
    }
    output = i94("env", **settings)
    lines = output.out.splitlines()
    assert {
        f"export DAGSTER_HOME='{tmp_path}/my home/dagster'",
        f"export I94_RAW={tmp_path}/raw",
        f"export I94_WAREHOUSE=duckdb:///{tmp_path}/x.duckdb",
        "export I94_FIRST_MONTH=2016-02",
    } <= set(lines)
    assert "secret'" not in output.out
    assert "pa55word" not in output.out
    assert [line.split()[1] for line in lines if line.startswith("#")] == ["I94_ALERT_WEBHOOK", "I94_REDSHIFT_PASSWORD"]
    assert (tmp_path / "my home" / "dagster" / "dagster.yaml").exists()
    assert json.loads(i94("env", "--json", **settings).out)["I94_HOME"] == f"{tmp_path}/my home"


def test_a_password_in_an_address_is_refused_and_not_repeated(i94: I94, tmp_path: Path) -> None:
    address = "redshift://user:pa55word@host:5439/db?iam_role=default"
    output = i94("env", I94_HOME=str(tmp_path / "home"), I94_WAREHOUSE=address)
    assert (output.exit_code, output.out) == (2, "")
    assert "I94_REDSHIFT_PASSWORD" in output.err
    assert "pa55word" not in output.err
