"""The platform that a command works on, from the settings in the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from i94_platform.cli.console import err
from i94_platform.settings import Settings

if TYPE_CHECKING:
    from i94_platform.operations.platform import Platform


def load_platform() -> Platform:
    """Load the platform, and tune the process for a command.

    Call it before anything of Dagster is imported: the imports allocate most of what a command allocates.
    """
    from i94_platform.operations.process_tuning import collect_garbage_rarely

    collect_garbage_rarely()
    with err.status("Starting …"):
        from i94_platform.operations.platform import Platform

        return Platform(Settings.from_env())
