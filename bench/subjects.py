"""The subjects of the benchmark: the plain script, a month in a warm process, and the command `i94 run`.

A subject is a function that takes one reading. Every reading starts from an empty home, so that no reading has to
replace the data of the one before.
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

FACT_LAYERS = ("raw", "lookup", "staged", "warehouse")
"""The layers up to the fact: the work of the plain script and what the fact needs, without marts and release."""


@dataclass(frozen=True)
class Reading:
    """One measurement: seconds, and the peak memory in MB if it was sampled."""

    seconds: float
    peak_mb: float | None = None


@dataclass(frozen=True)
class Workload:
    """The delivery that every subject loads: its folder, month and files, and a working folder."""

    raw: Path
    month: str
    files: tuple[Path, ...]
    work: Path

    def clear_home(self) -> Path:
        """Delete the home of the last reading and return its path for the next one."""
        home = self.work / "home"
        shutil.rmtree(home, ignore_errors=True)
        return home


Subject = Callable[[Workload], Reading]


def time_plain_script(workload: Workload) -> Reading:
    """Run the baseline in its own process; it measures itself, so that the start of Python does not count."""
    command = [sys.executable, str(Path(__file__).with_name("baseline.py")), str(workload.clear_home())]
    output, _ = _run_process([*command, *map(str, workload.files)], {})
    return Reading(float(output))


def time_command(engine: str, layers: Sequence[str], workload: Workload) -> Reading:
    """Time `i94 run` from process start to process end, with the peak memory of the process and its children.

    Args:
        engine: the address of the engine, or `duckdb`.
        layers: the layers to materialize; empty for all.
        workload: the delivery.
    """
    home = workload.clear_home()
    settings = {"I94_HOME": str(home), "I94_RAW": str(workload.raw), "I94_ENGINE": engine}
    selection = [argument for layer in layers for argument in ("--select", layer)]
    started = time.perf_counter()
    _, peak_mb = _run_process([str(BIN / "i94"), "run", "--month", workload.month, *selection], settings)
    return Reading(time.perf_counter() - started, peak_mb)


def build_warm_month(engine: str, *, is_script: bool = False) -> Subject:
    """Build the subject that times a month in a warm process: imports are done, and Spark has its session.

    The first reading includes both; drop it. `is_script` times the hand-written PySpark script instead of the platform.
    """
    processes: list[subprocess.Popen[str]] = []
    start = _start_pyspark_script if is_script else _start_warm_process

    def time_month(workload: Workload) -> Reading:
        if not processes:
            processes.append(start(engine, workload))
        stdin, stdout = cast(IO[str], processes[0].stdin), cast(IO[str], processes[0].stdout)
        print(workload.clear_home(), file=stdin, flush=True)
        if not (seconds := stdout.readline()):
            raise RuntimeError(f"The warm process for {engine} ended:\n{_log_path(engine, workload).read_text()}")
        return Reading(float(seconds))

    return time_month


def _start_warm_process(engine: str, workload: Workload) -> subprocess.Popen[str]:
    """Start `bench.warm`. It ends with this process, because its standard input is closed then."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.warm", str(workload.raw), workload.month, engine]
    return _start_process(command, engine, workload)


def _start_pyspark_script(engine: str, workload: Workload) -> subprocess.Popen[str]:
    script = str(Path(__file__).with_name("pyspark_script.py"))
    return _start_process([sys.executable, script, workload.month, engine, *map(str, workload.files)], engine, workload)


def _start_process(command: list[str], engine: str, workload: Workload) -> subprocess.Popen[str]:
    with _log_path(engine, workload).open("a") as log:
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)


def _log_path(engine: str, workload: Workload) -> Path:
    return workload.work / f"warm-{engine}.log"


def build_subjects(engines: list[str]) -> Mapping[str, Subject]:
    """Build the subjects by name, in the order of a round."""
    subjects: dict[str, Subject] = {"plain DuckDB script": time_plain_script}
    for engine in engines:
        if engine.startswith("local["):
            subjects[f"PySpark script, warm, {engine}"] = build_warm_month(engine, is_script=True)
        subjects[f"month, warm, {engine}"] = build_warm_month(engine)
        subjects[f"command to the fact, {engine}"] = partial(time_command, engine, FACT_LAYERS)
        subjects[f"whole command, {engine}"] = partial(time_command, engine, ())
    return subjects


def _run_process(command: list[str], settings: Mapping[str, str]) -> tuple[str, float]:
    """Run a command; return its output and the peak memory in MB of its process and all children.

    Raises:
        RuntimeError: the command failed; the message has its output.
    """
    process = subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    memory_mb = [0.0]
    sampler = threading.Thread(target=_sample_memory, args=(process.pid, memory_mb))
    sampler.start()
    try:
        output, _ = process.communicate()
    finally:
        process.kill()  # this process may have been stopped; killing an ended child does nothing
        sampler.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{output}")
    return output, max(memory_mb)


def _sample_memory(pid: int, samples_mb: list[float]) -> None:
    """Append the resident memory of a process tree, sample by sample, until the process ends."""
    try:
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            samples_mb.append(sum(_resident_bytes(process) for process in [root, *root.children(recursive=True)]) / 1e6)
            time.sleep(SAMPLE_SECONDS)
    except psutil.NoSuchProcess:
        return


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
