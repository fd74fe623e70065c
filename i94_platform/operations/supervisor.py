"""Run a command with all its children, and end all of them together."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_with_children(command: Sequence[str], server: AbstractContextManager[None]) -> int:
    """Run a command in a process group of its own while a server runs, and return the command's exit code.

    Ctrl-C, SIGTERM and SIGHUP interrupt the whole group, a second one of them kills it. What is left of the group when
    the command has ended is killed. The command's standard input is a pipe that nothing is written to: it ends with
    this process.
    """
    processes: list[subprocess.Popen[bytes]] = []
    signals: list[int] = []

    def stop(number: int, _frame: object) -> None:
        signals.append(number)
        if not processes:
            raise SystemExit(128 + number)
        _signal_group(processes[0], signal.SIGINT if len(signals) == 1 else signal.SIGKILL)

    for number in _SIGNALS:
        # "nohup" has SIGHUP ignored, and shells ignore SIGINT for a job in the background: scripts stop it all the same
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, stop)
    with server, subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        processes.append(process)
        try:
            return process.wait()
        finally:
            _signal_group(process, signal.SIGKILL)


def _signal_group(leader: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):  # all have ended
        os.killpg(leader.pid, number)
