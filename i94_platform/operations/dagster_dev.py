"""The process that runs `dagster dev` for `i94 dev`: it ends, with all its children, when that command is gone.

Its standard input is a pipe from that command. It gets to its end however the command ends, also by SIGKILL.
"""

from __future__ import annotations

import logging
import os
import runpy
import signal
import sys
import threading

from i94_platform.defs.dagster_internals import replace_webserver


def main() -> None:
    """Run Dagster's command line with the arguments of this process."""
    threading.Thread(target=_interrupt_at_end_of_input, daemon=True).start()
    replace_webserver("i94_platform.operations.webserver")
    logging.getLogger("dagster").addFilter(_is_of_interest)
    sys.argv[0] = "dagster"
    runpy.run_module("dagster", run_name="__main__", alter_sys=True)


def _is_of_interest(record: logging.LogRecord) -> bool:
    """Whether a record may concern the user: that the checkout's own `dagster.yaml` is not read here does not."""
    return "will not be used to configure Dagster" not in record.getMessage()


def _interrupt_at_end_of_input() -> None:
    """Wait for the end of standard input, then interrupt the whole process group, as Ctrl-C does."""
    while os.read(0, 1024):
        pass
    os.killpg(os.getpgrp(), signal.SIGINT)


if __name__ == "__main__":
    main()
