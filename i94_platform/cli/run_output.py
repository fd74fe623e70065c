"""What the commands that load months print of their runs: for people on standard error, for scripts as JSON."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from i94_platform.cli.console import RUN_PREFIX, err, escape_control, format_count, out, print_table
from i94_platform.errors import PermanentError
from i94_platform.foreign_errors import describe_fault, translate_error
from i94_platform.progress import FIELDS, send_progress

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from i94_platform.defs.run_results import RunResult
    from i94_platform.operations.run_events import RunEvent, StepStart
    from i94_platform.staleness.plan import RunPlan


def build_output(*, verbose: bool, quiet: bool, as_json: bool) -> RunOutput:
    """Return the output that the options of a command ask for.

    Raises:
        PermanentError: they contradict each other.
    """
    if verbose and quiet:
        raise PermanentError("--verbose and --quiet contradict each other; leave one out.")
    if as_json:
        return JsonOutput(verbose)
    if quiet:
        return QuietOutput()
    return BarOutput(verbose) if err.is_terminal else LineOutput(verbose)


class RunOutput(logging.Handler):
    """What a command prints. This class prints errors and the final table only.

    It is also the handler of the log records that report progress and waits.
    """

    label: Callable[[str], str] = str
    """Makes the label of a run from its name."""

    def print_plan(self, plan: RunPlan) -> None:
        """Print what the plan ignores."""
        for note in plan.notes:
            err.print(escape(note), style="yellow")

    def print_result(self, message: str) -> None:
        """Print a message about the whole command on standard output."""
        out.print(message, highlight=False, markup=False)

    def print_message(self, message: str) -> None:
        """Print a message on standard error."""
        err.print(message, highlight=False, markup=False)

    def handle_event(self, event: RunEvent) -> None:
        """Print an event of a run."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message on progress or a wait."""

    def print_summary(self, results: Sequence[RunResult], problems: Sequence[str]) -> None:
        """Print how the runs ended, and the problems that are not about a single run."""
        if results:
            _print_table(results)
        _print_errors(results, problems)
        for result in results:
            for message in result.warnings:
                err.print(f"[yellow]Warning[/yellow]: {result.name} {escape(message)}", highlight=False)

    @contextmanager
    def show_progress(self) -> Iterator[None]:
        """Show progress and waits while the context lasts."""
        with send_progress(self):
            yield


class QuietOutput(RunOutput):
    """Prints only errors."""

    def print_plan(self, plan: RunPlan) -> None:
        """Print nothing."""

    def print_result(self, message: str) -> None:
        """Print nothing."""

    def print_message(self, message: str) -> None:
        """Print nothing."""

    def print_summary(self, results: Sequence[RunResult], problems: Sequence[str]) -> None:
        """Print what failed."""
        _print_errors(results, problems)

    @contextmanager
    def show_progress(self) -> Iterator[None]:
        """Hide warnings while the context lasts."""
        # not of the root logger: records of loggers below it pass its level
        levels = {handler: handler.level for handler in logging.getLogger().handlers}
        for handler in levels:
            handler.setLevel(logging.ERROR)
        try:
            with super().show_progress():
                yield
        finally:
            for handler, level in levels.items():
                handler.setLevel(level)


class LineOutput(RunOutput):
    """Prints a line a step, on anything but a terminal."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose
        self._labels: dict[str, str] = {}
        self._last_message = ""  # the log of a run repeats some messages on progress

    def handle_event(self, event: RunEvent) -> None:
        """Print the start of a step; with `verbose` also its end and its log lines."""
        from i94_platform.operations.run_events import LogLine, RunStart, StepEnd, StepStart

        if isinstance(event, RunStart):
            self._labels[event.run] = self.label(event.run)
        elif isinstance(event, StepEnd):
            if self._verbose:
                self.print_message(
                    f"{self._labels[event.run]}  {event.done}/{event.steps}  {event.step} {event.status} "
                    f"{event.seconds:.2f} s"
                )
        elif isinstance(event, StepStart):
            self.show_step(event)
        elif isinstance(event, LogLine) and self._verbose and event.message != self._last_message:
            self.print_message(f"{self._labels[event.run]}  {event.level}  {event.step}: {event.message}")

    def show_step(self, event: StepStart) -> None:
        """Print the start of a step."""
        self.print_message(f"{self._labels[event.run]}  {event.done}/{event.steps}  {event.step}")

    def emit(self, record: logging.LogRecord) -> None:
        """Print a message on progress or a wait."""
        self._last_message = record.getMessage()
        self.show_message(self._last_message)

    def show_message(self, message: str) -> None:
        """Print a message on progress or a wait."""
        self.print_message(message)


class BarOutput(LineOutput):
    """Shows a progress bar for each run, on a terminal."""

    _progress: Progress
    _message: TaskID

    @contextmanager
    def show_progress(self) -> Iterator[None]:
        """Show the bars while the context lasts."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        description = TextColumn("{task.description}")
        columns = (SpinnerColumn(), description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._tasks: dict[str, TaskID] = {}
        with Progress(*columns, console=err) as self._progress, super().show_progress():
            self._message = self._progress.add_task("", total=None, visible=False)
            yield

    def handle_event(self, event: RunEvent) -> None:
        """Move the bar of a run, also as a step ends."""
        from i94_platform.operations.run_events import StepEnd

        super().handle_event(event)
        if isinstance(event, StepEnd):
            self._progress.update(self._tasks[event.run], completed=event.done)

    def show_step(self, event: StepStart) -> None:
        """Name the step beside the bar of its run."""
        label = self._labels[event.run]
        if event.run not in self._tasks:
            self._tasks[event.run] = self._progress.add_task(label, total=event.steps)
        text = f"{label} {event.step.replace('__', '/')}".ljust(48)
        self._progress.update(self._tasks[event.run], completed=event.done, description=text)
        self._progress.update(self._message, visible=False)

    def show_message(self, message: str) -> None:
        """Show a message on progress or a wait below the bars."""
        self._progress.update(self._message, visible=True, description=escape(escape_control(message)), refresh=True)


class JsonOutput(RunOutput):
    """Prints one JSON object a line for each event on standard output."""

    def __init__(self, verbose: bool) -> None:
        super().__init__()
        self._verbose = verbose
        self._run: str | None = None

    @contextmanager
    def show_progress(self) -> Iterator[None]:
        """Print progress, waits and warnings too while the context lasts, and the error that ends it."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            with super().show_progress():
                yield
        except KeyboardInterrupt:
            self._print({"event": "error", "message": "The command was stopped."})
            raise
        except Exception as error:
            self._print({"event": "error", "message": str(translate_error(error) or describe_fault(error))})
            raise
        finally:
            root.removeHandler(self)

    def print_plan(self, plan: RunPlan) -> None:
        """Print what will run."""
        months, undelivered = [month.key for month in plan.months], [month.key for month, _ in plan.undelivered]
        document = {"reference": plan.reference, "months": months, "undelivered": undelivered}
        self._print({"event": "plan", **document, "notes": plan.notes})

    def print_result(self, message: str) -> None:
        """Print nothing: the events say it."""

    def print_message(self, message: str) -> None:
        """Print nothing: the events say it."""

    def handle_event(self, event: RunEvent) -> None:
        """Print an event; log lines only with `verbose`."""
        from i94_platform.operations.run_events import LogLine, RunEnd, RunStart

        if isinstance(event, RunStart):
            self._run = event.run
        if self._verbose or not isinstance(event, LogLine):
            self._print(event.to_document())
        if isinstance(event, RunEnd):
            self._run = None

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record on progress or a wait as it is, any other one, such as the wait for a lock, as a message."""
        fields = getattr(record, FIELDS, None)
        if fields is None and record.levelno >= logging.WARNING:
            fields = {"event": "message", "level": record.levelname}
        if fields is not None:
            self._print({**fields, "run": self._run, "message": RUN_PREFIX.sub("", record.getMessage())})

    def print_summary(self, results: Sequence[RunResult], problems: Sequence[str]) -> None:
        """Print the last line: whether all succeeded, and the sums over all runs."""
        failed = [result.name for result in results if not result.succeeded]
        sums = {
            name: sum(result.counts[name] or 0 for result in results) for name in ("staged", "quarantined", "loaded")
        }
        seconds = round(sum(result.seconds for result in results), 3)
        document = {"succeeded": not failed and not problems, "runs": len(results), "failed": failed, **sums}
        self._print({"event": "summary", **document, "seconds": seconds, "problems": list(problems)})

    def _print(self, document: dict[str, Any]) -> None:
        import json
        from datetime import UTC, datetime

        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        sys.stdout.write(json.dumps({"time": now, **document}) + "\n")
        sys.stdout.flush()


def _print_table(results: Sequence[RunResult]) -> None:
    table = Table("run", "result", "staged", "quarantined", "loaded", "seconds")
    for result in results:
        state = "[green]loaded[/green]" if result.succeeded else "[red]failed[/red]"
        table.add_row(result.name, state, *map(format_count, result.counts.values()), f"{result.seconds:.1f}")
    print_table(table)


def _print_errors(results: Sequence[RunResult], problems: Sequence[str]) -> None:
    """Print what failed, why, and what to do."""
    for result in results:
        for message in (*result.errors, *result.failed_checks):
            err.print(f"[red]{result.name}[/red] {escape(message)}", highlight=False)
        if not result.succeeded:
            retry = f"i94 run --month {result.month}" if result.month else "i94 run"
            err.print(f"{result.name}: what was loaded before is unchanged. After the fix: {retry}", highlight=False)
    for problem in problems:
        err.print(escape(problem), style="red", highlight=False)
