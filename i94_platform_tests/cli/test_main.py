"""Exit codes (2 for a wrong call or setting), the help, and messages that say what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from i94_platform_tests.cli.command_line import I94

COMMANDS = (
    *("run", "backfill", "status", "query", "sample", "ddl", "create-tables", "dictionary", "lineage", "doctor", "dev"),
    *("env", "serve"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(i94: I94, command: str) -> None:
    output = i94(command, "--help")
    assert output.exit_code == 0
    assert f"i94 {command} [OPTIONS]" in output.out


def test_the_help_names_every_command_and_setting(i94: I94) -> None:
    output = i94("--help")
    assert output.exit_code == 0
    assert all(f" {command} " in output.out for command in COMMANDS)
    assert all(name in output.out for name in ("I94_RAW", "I94_HOME", "I94_LAKE", "I94_ENGINE", "I94_WAREHOUSE"))


def test_the_short_option_prints_the_help_of_a_command_too(i94: I94) -> None:
    for command in ((), ("run",), ("keys", "add")):
        output = i94(*command, "-h")
        assert output.exit_code == 0
        assert "Usage: " in output.out


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("I94_ENGINE", "flink", "'flink' is not an address known here; valid are: duckdb, local[N] or local[*], sc://"),
        ("I94_WAREHOUSE", "oracle://x", "I94_WAREHOUSE: 'oracle://x' is not an address known here; valid are: duckdb:///path"),
        ("I94_LAKE", "ftp://x", "I94_LAKE: 'ftp://x' is not an address known here; valid are: a folder"),
        ("I94_FIRST_MONTH", "May", "I94_FIRST_MONTH: 'May' is not a month"),
    ],
)  # fmt: skip
def test_a_wrong_setting_exits_with_2_and_names_the_valid_values(
    i94: I94, tmp_path: Path, name: str, value: str, expected: str
) -> None:
    output = i94("run", **{"I94_HOME": str(tmp_path / "home"), name: value})
    assert output.exit_code == 2
    assert expected in output.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("run", "--month", "2016-13"), "'2016-13' is not a month; write it as YYYY-MM, such as 2016-04"),
        (("run", "--month", "2012-04"), "2012-04 is not a month that can be run; the range is 2016-01 to "),
        (("run", "--from", "2016-01"), "--from and --to go together"),
        (("run", "--from", "2016-03", "--to", "2016-01"), "--from 2016-03 is later than --to 2016-01"),
        (("backfill", "--from", "2016-03", "--to", "2016-01"), "--from 2016-03 is later than --to 2016-01"),
        (("backfill", "--from", "2012-01", "--to", "2016-01"), "2012-01 is not a month that can be run; the range is"),
        (("backfill", "--from", "2016-01"), "Missing option '--to'"),
        (("sample", "--out", "x", "--rows", "5"), "100 rows"),
        (("query", "SELECT 1"), "There is no warehouse at "),
        (("nonsense",), "No such command 'nonsense'"),
        (("query",), "Missing argument"),
        (("ddl", "--dialect", "oracle"), "'oracle' is not one of 'duckdb', 'redshift'"),
    ],
)
def test_a_wrong_call_exits_with_2_and_says_what_is_wrong(
    i94: I94, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    output = i94(*arguments, I94_HOME=str(tmp_path / "home"), I94_RAW=str(tmp_path))
    assert output.exit_code == 2
    assert expected in output.err
    assert "Traceback" not in output.err


def test_the_version_is_that_of_the_installed_distribution(i94: I94) -> None:
    assert i94("--version").out == f"i94 {version('i94-platform')}\n"


def test_a_shell_completes_commands_and_options() -> None:
    for words, expected in (("i94 ru", "run"), ("i94 run --mon", "--month"), ("i94 keys rev", "revoke")):
        environment = {"_I94_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        program = str(Path(sys.executable).with_name("i94"))
        completed = subprocess.run([program], env={**os.environ, **environment}, stdout=subprocess.PIPE, check=False)
        assert expected in completed.stdout.decode().split()


STEERING = "\x1b]0;title\x07\x1b[2J\x9b1A\u202e"
"""Sequences that change a terminal's title and screen, or the direction of its text."""


def test_no_name_or_value_steers_the_terminal(i94: I94, tmp_path: Path) -> None:
    environment = {"I94_HOME": str(tmp_path / "home"), "I94_RAW": str(tmp_path / f"raw{STEERING}")}
    outputs = [i94("create-tables", **environment), i94("status", **environment), i94("doctor", **environment)]
    values = f"SELECT '{STEERING}' AS \"name{STEERING}\""
    outputs.append(i94("query", values, **environment))
    outputs.append(i94("query", values.replace("SELECT", "SELEC"), **environment))
    outputs.append(i94("--debug", "run", **environment))
    outputs.append(i94("keys", "add", STEERING, **environment))
    folder = Path(environment["I94_RAW"])
    folder.mkdir()
    (folder / f"i94_apr16_sub{STEERING}.csv").write_text("a\n1\n")
    (folder / f"x{STEERING}").mkdir()
    (folder / f"x{STEERING}" / "i94_apr16_sub.csv").write_text("cicid\n1\n")
    outputs += [i94("status", **environment), i94("run", "-m", "2016-04", **environment)]
    for output in outputs:
        assert not set(STEERING) - set("]0;title[2JA1") & set(output.out + output.err), output
    assert "\\x1b]0;title\\x07\\x1b[2J" in outputs[3].out
    assert any("\\x1b" in output.err for output in outputs[-2:])
