"""The identity of a process, by which a later process knows it again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class ProcessIdentity:
    """A process of this machine. An id alone is no identity: after a restart another process may have it.

    Only Linux tells when a process began. Elsewhere the start and the boot are empty, and the id has to do.
    """

    pid: int
    start: str = ""
    """Clock ticks from the boot to the start of the process."""
    boot: str = ""
    """The id of the machine's boot."""

    @classmethod
    def of_this_process(cls) -> Self:
        """Return the identity of this process."""
        return cls(os.getpid(), _read_start(os.getpid()), _read_boot_id())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse the text of an identity, which may be an id alone."""
        pid, *others = text.split("/")
        return cls(int(pid), *others)

    def __str__(self) -> str:
        return f"{self.pid}/{self.start}/{self.boot}"

    def is_alive(self) -> bool:
        """Whether the process still runs on this machine."""
        if self.boot and self.boot != _read_boot_id():
            return False
        return is_running(self.pid) and (not self.start or self.start == _read_start(self.pid))


def is_running(pid: int, since: float = 0.0) -> bool:
    """Whether a process with this id runs; with a time (seconds of Unix time), only if it began before that time.

    A process that has ended runs no more, even if its parent never takes the exit code, as happens in containers.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it runs, for another user
    status = _read_status(pid)
    return not status or (status[0] not in ("Z", "X") and (not since or _start_time(status) <= since))


def _start_time(status: list[str]) -> float:
    """Compute when a process began, in seconds of Unix time; the kernel's clock makes it right to a second."""
    booted = next(line.split()[1] for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime"))
    return int(booted) + int(status[_START]) / os.sysconf("SC_CLK_TCK") - 1


_START = 19
"""The place of the start among the fields that `_read_status` returns."""


def _read_start(pid: int) -> str:
    status = _read_status(pid)
    return status[_START] if status else ""


def _read_status(pid: int) -> list[str]:
    """Read the fields of `/proc/<pid>/stat` from the state on; none on a system without them.

    The command's name stands before the state in brackets, and may hold any character.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _read_boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
