"""A runner of commands, in this process."""

from __future__ import annotations

import sys

import pytest

from i94_platform.cli import main as cli
from i94_platform_tests.cli.command_line import I94, CommandOutput


@pytest.fixture
def i94(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> I94:
    """Run a command as the shell does, in this process."""

    def run(*arguments: str, **environment: str) -> CommandOutput:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["i94", *arguments])
            patch.setattr("i94_platform.operations.process_tuning.exit_at_once", sys.exit)  # more tests are to run
            for name, value in {"COLUMNS": "200", **environment}.items():
                patch.setenv(name, value)
            try:
                cli.main()
                exit_code = 0
            except SystemExit as exited:
                exit_code = exited.code if isinstance(exited.code, int) else int(exited.code is not None)
        captured = capsys.readouterr()
        return CommandOutput(exit_code, captured.out, captured.err)

    return run
