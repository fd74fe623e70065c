"""`python -m bench.start`: seconds from the command `i94 dev` to a page that can be used.

Three times in turn: the first start of a home, and the next one of the same home, which finds its history. A page can
be used once the UI's server tells what is in the code location. Exit code 1 where the bound was missed. Not here: what
the page then shows (the tests of `browser`).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

from i94_platform_tests.support.dev import start_dev_server

SECONDS, ROUNDS = 15.0, 3


def main() -> int:
    """Start and print; 0 where the bound was met by the median of the first starts."""
    seconds: dict[str, list[float]] = {"first": [], "next": []}
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="bench-start-") as folder:
            home = {"I94_HOME": str(Path(folder, "home")), "I94_RAW": folder}
            for which, taken in seconds.items():
                with start_dev_server(home, Path(folder, "log")) as platform:
                    taken.append(platform.seconds)
                    platform.interrupt()
                print(f"{which} start: {platform.seconds:.1f} s, {platform.cpu_seconds:.1f} s of processor time")
    print(f"medians {median(seconds['first']):.1f} and {median(seconds['next']):.1f} s, bound {SECONDS:.0f} s")
    return 0 if median(seconds["first"]) <= SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
