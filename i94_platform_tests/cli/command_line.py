"""The command line in this process: what a command printed, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CommandOutput:
    """What a command printed on both streams, and its exit code."""

    exit_code: int
    out: str
    err: str


I94 = Callable[..., CommandOutput]
"""Runs `i94` with arguments; keywords are environment variables."""
