"""The subjects of the comparison: plain scripts, a month in a warm process, and the command `i94 run`.

A subject is a function that takes one reading. Every reading starts from an empty home, so that no reading has to
replace the data of the one before.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, cast

from bench.processes import Reading, read_cpu_seconds, run_measured

BIN = Path(sys.executable).parent

FACT_LAYERS = ("raw", "lookup", "staged", "warehouse")
"""The layers up to the fact: the work of the plain script and what the fact needs, without marts and release."""

LIMIT = "limit: DuckDB reads and writes"


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


def time_script(name: str, workload: Workload) -> Reading:
    """Run a script in its own process; it measures itself, so that the start of Python does not count."""
    command = [sys.executable, str(Path(__file__).with_name(name)), str(workload.clear_home())]
    output, reading = run_measured([*command, *map(str, workload.files)], {})
    seconds, cpu_seconds = map(float, output.split())
    return Reading(seconds, cpu_seconds, reading.peak_mb)


def time_command(engine: str, layers: Sequence[str], workload: Workload) -> Reading:
    """Time `i94 run` from process start to process end.

    Args:
        engine: the address of the engine, or `duckdb`.
        layers: the layers to materialize; empty for all.
        workload: the delivery.
    """
    home = workload.clear_home()
    settings = {"I94_HOME": str(home), "I94_RAW": str(workload.raw), "I94_ENGINE": engine}
    selection = [argument for layer in layers for argument in ("--select", layer)]
    return run_measured([str(BIN / "i94"), "run", "--month", workload.month, *selection], settings)[1]


def build_warm_month(name: str, engine: str, script: str = "") -> Subject:
    """Build the subject that times a month in a warm process: imports are done, and Spark has its session.

    Args:
        name: the name of the subject's log.
        engine: the address of the engine, or `duckdb`.
        script: a script of this folder that stages months; the platform unless given.
    """
    processes: list[subprocess.Popen[str]] = []

    def time_month(workload: Workload) -> Reading:
        log = workload.work / f"{name}.log"
        if not processes:
            processes.append(_start_warm_process(engine, script, workload, log))
        process = processes[0]
        stdin, stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
        home, cpu_before = workload.clear_home(), read_cpu_seconds(process.pid)
        print(home, file=stdin, flush=True)
        if not (line := stdout.readline()):
            raise RuntimeError(f"The warm process for {name} ended:\n{log.read_text()}")
        seconds, *cpu_seconds = map(float, line.split())
        return Reading(seconds, cpu_seconds[0] if cpu_seconds else read_cpu_seconds(process.pid) - cpu_before)

    return time_month


def _start_warm_process(engine: str, script: str, workload: Workload, log: Path) -> subprocess.Popen[str]:
    """Start a warm process. It ends with this process, because its standard input is closed then."""
    if script:
        command = [str(Path(__file__).with_name(script)), workload.month, engine, *map(str, workload.files)]
    else:
        command = ["-W", "ignore", "-m", "bench.warm", str(workload.raw), workload.month, engine]
    with log.open("a") as errors:
        return subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
        )


def build_subjects(spark: str) -> Mapping[str, Subject]:
    """Build the subjects by name, in the order of a round; `spark` is its address, empty for none."""
    return {
        LIMIT: partial(time_script, "baseline.py"),
        "pandas script": partial(time_script, "pandas_script.py"),
        "platform on DuckDB, month": build_warm_month("duckdb", "duckdb"),
        "platform on DuckDB, command to the fact": partial(time_command, "duckdb", FACT_LAYERS),
        "platform on DuckDB, whole command": partial(time_command, "duckdb", ()),
        **(_build_spark_subjects(spark) if spark else {}),
    }


def _build_spark_subjects(address: str) -> Mapping[str, Subject]:
    return {
        "course-style Spark job": build_warm_month("course", address, "course_job.py"),
        "hand-written PySpark script": build_warm_month("pyspark", address, "pyspark_script.py"),
        "platform on Spark, month": build_warm_month("spark", address),
    }
