"""Processes that are measured from outside: their seconds, CPU seconds and memory, with all their children."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import psutil

SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Reading:
    """One measurement: seconds, CPU seconds of all processes, and the peak memory in MB if it was sampled."""

    seconds: float
    cpu_seconds: float
    peak_mb: float | None = None


def run_measured(command: list[str], settings: Mapping[str, str]) -> tuple[str, Reading]:
    """Run a command; return its output, and its measurement from process start to process end.

    Raises:
        RuntimeError: the command failed; the message has its output.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    samples: list[tuple[float, float]] = [(0.0, 0.0)]
    sampler = threading.Thread(target=_sample_until_end, args=(process.pid, samples))
    sampler.start()
    try:
        output, _ = process.communicate()
    finally:
        process.kill()  # this process may have been stopped; killing an ended child does nothing
        sampler.join()
    seconds = time.perf_counter() - started
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output}")
    cpu_seconds, memory_mb = (max(values) for values in zip(*samples, strict=True))
    return output, Reading(seconds, cpu_seconds, memory_mb)


def _sample_until_end(pid: int, samples: list[tuple[float, float]]) -> None:
    """Append CPU seconds and resident MB of a process tree, sample by sample, until the process ends."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            samples.append((read_cpu_seconds(pid), sum(_list_resident_bytes(root)) / 1e6))
            time.sleep(SAMPLE_SECONDS)


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process, of its children, and of those of them that have ended."""
    root = psutil.Process(pid)
    seconds = 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _list_resident_bytes(root: psutil.Process) -> Iterator[int]:
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            yield process.memory_info().rss
