"""What happens in the runs of a command, as events for people and for scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from i94_platform.defs.run_results import RunResult


@dataclass(frozen=True)
class RunEvent:
    """One event of a run."""

    run: str
    """The name of the run in messages, such as `2016-04` or `2016-04 marts`."""

    def to_document(self) -> dict[str, Any]:
        """Return the fields for JSON. The type of the event is the name of its class, such as `step_start`."""
        return {"event": re.sub(r"\B[A-Z]", r"_\g<0>", type(self).__name__).lower(), **asdict(self)}


@dataclass(frozen=True)
class RunStart(RunEvent):
    """A run starts."""

    job: str
    month: str
    """Empty for a job without months."""
    run_id: str
    steps: int


@dataclass(frozen=True)
class StepStart(RunEvent):
    """A step starts."""

    step: str
    done: int
    """How many steps of the run have ended."""
    steps: int


@dataclass(frozen=True)
class StepEnd(StepStart):
    """A step ends, or is skipped because one before it failed."""

    status: str
    """`success`, `failure` or `skipped`."""
    seconds: float


@dataclass(frozen=True)
class CheckFailure(RunEvent):
    """A check does not pass."""

    asset: str
    check: str
    severity: str
    """`ERROR`, which fails the run, or `WARN`."""
    message: str


@dataclass(frozen=True)
class LogLine(RunEvent):
    """A step writes to the log of its run."""

    step: str
    level: str
    message: str


@dataclass(frozen=True)
class RunEnd(RunEvent):
    """A run ends."""

    result: RunResult

    def to_document(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        result = self.result
        return {
            "event": "run_end",
            "run": self.run,
            "run_id": result.run_id,
            "succeeded": result.succeeded,
            **result.counts,
            "seconds": round(result.seconds, 3),
            "errors": result.errors,
            "failed_checks": result.failed_checks,
            "warnings": result.warnings,
        }


EventCallback = Callable[[RunEvent], None]
"""Receives each event as it happens; a log line may come from another thread."""
