"""What is timed, one reading at a time: the plain script, a month in a warm process, and the whole command.

Every reading starts from an empty home, so that nothing is loaded that the next one would have to delete. Not here:
how often and in which order (`__main__`), and what the readings amount to (`report`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

import psutil

BIN = Path(sys.executable).parent
SAMPLE_SECONDS = 0.1

TO_THE_FACT = ("raw", "lookup", "staged", "warehouse")
"""The layers that do what the plain script does, and what it needs; the marts and their release are beyond it."""


@dataclass(frozen=True)
class Reading:
    """One measurement: seconds, and the peak memory in MB where the whole process was watched."""

    seconds: float
    peak_mb: float | None = None


@dataclass(frozen=True)
class Workload:
    """The delivery that every subject takes: its folder, month and files, and an empty folder to work in."""

    raw: Path
    month: str
    files: tuple[Path, ...]
    work: Path

    def fresh_home(self) -> Path:
        """The home of the next reading, with nothing left of the one before."""
        home = self.work / "home"
        shutil.rmtree(home, ignore_errors=True)
        return home


Subject = Callable[[Workload], Reading]


def plain_script(load: Workload) -> Reading:
    """The baseline in its own process; its own seconds, so that starting Python does not count in its disfavour."""
    command = [sys.executable, str(Path(__file__).with_name("baseline.py")), str(load.fresh_home())]
    return Reading(float(_succeed([*command, *map(str, load.files)], {})[0]))


def whole_command(engine: str, layers: Sequence[str], load: Workload) -> Reading:
    """`i94 run` from process start to process end, with the peak memory of the process and all its children.

    `layers` are those that are made, and nothing below them; all for none.
    """
    home = load.fresh_home()
    settings = {"I94_HOME": str(home), "I94_RAW": str(load.raw), "I94_ENGINE": engine}
    selected = [argument for layer in layers for argument in ("--select", layer)]
    started = time.perf_counter()
    _, peak_mb = _succeed([str(BIN / "i94"), "run", "--month", load.month, *selected], settings)
    return Reading(time.perf_counter() - started, peak_mb)


def warm_month(engine: str) -> Subject:
    """A month's run in a process that has imported everything and, with Spark, has started its session.

    The first reading of a subject pays for that; take it and throw it away.
    """
    started: list[subprocess.Popen[str]] = []

    def read(load: Workload) -> Reading:
        if not started:
            started.append(_start_warm(engine, load))
        homes, answers = cast(IO[str], started[0].stdin), cast(IO[str], started[0].stdout)
        print(load.fresh_home(), file=homes, flush=True)
        if not (answer := answers.readline()):
            raise RuntimeError(f"The warm process for {engine} ended:\n{_log(engine, load).read_text()}")
        return Reading(float(answer))

    return read


def _start_warm(engine: str, load: Workload) -> subprocess.Popen[str]:
    """It ends by itself when this process does, as its input ends."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.warm", str(load.raw), load.month, engine]
    with _log(engine, load).open("w") as log:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)


def _log(engine: str, load: Workload) -> Path:
    return load.work / f"warm-{engine}.log"


def subjects(engines: list[str]) -> Mapping[str, Subject]:
    """The subjects by name, in the order of a round."""
    found: dict[str, Subject] = {"plain DuckDB script": plain_script}
    for engine in engines:
        found[f"month, warm, {engine}"] = warm_month(engine)
        found[f"command to the fact, {engine}"] = partial(whole_command, engine, TO_THE_FACT)
        found[f"whole command, {engine}"] = partial(whole_command, engine, ())
    return found


def _succeed(command: list[str], settings: Mapping[str, str]) -> tuple[str, float]:
    """Run a command to its end; what it printed, and the peak memory in MB of it and all its children."""
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peaks = [0.0]
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks))
    watcher.start()
    try:
        printed, _ = process.communicate()
    finally:
        process.kill()  # where this process was told to stop; nothing happens to one that has ended
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{printed}")
    return printed, max(peaks)


def _watch(pid: int, peaks: list[float]) -> None:
    """Sample the resident memory of a process tree until it ends."""
    try:
        top = psutil.Process(pid)
        while top.is_running() and top.status() != psutil.STATUS_ZOMBIE:
            peaks.append(sum(_resident(process) for process in [top, *top.children(recursive=True)]) / 1e6)
            time.sleep(SAMPLE_SECONDS)
    except psutil.NoSuchProcess:
        return


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
