"""The umask of every process of the platform, which keeps what it writes to its own user."""

from __future__ import annotations

import os
import re

VARIABLE = "I94_UMASK"
DEFAULT = "077"
GRAMMAR = r"0?[0-7]{3}"


def read_umask() -> int:
    """Return the umask of the environment; the default where it has no valid one, which `Settings` reports."""
    value = os.environ.get(VARIABLE, "")
    return int(value if re.fullmatch(GRAMMAR, value) else DEFAULT, 8)


def apply_umask() -> None:
    """Set the umask of this process and of those that it starts. Call it where a process starts."""
    os.umask(read_umask())
