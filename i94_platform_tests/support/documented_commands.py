"""The code blocks of the docs, and a shell that runs them as a reader would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from i94_platform.settings import PROJECT

DOCS = PROJECT / "docs"
NOT_RUN = re.compile(r"<!-- blocks not run: (\S+) -->")
_BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

_I94 = """\
#!/usr/bin/env bash
# Ends a server once it answers; every other command is run as it is.
case "$1" in
    serve) path=healthz ;;
    dev) path=server_info ;;
    *) exec {python} -m i94_platform.cli.main "$@" ;;
esac
port=$({python} -c "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1])")
arguments=("$@")
for i in "${{!arguments[@]}}"; do
    [ "${{arguments[$i]}}" != --port ] || unset "arguments[$i]" "arguments[$((i + 1))]"
done
{python} -m i94_platform.cli.main "${{arguments[@]}}" --port "$port" &
server=$!
{curl} -sf -o /dev/null --retry 300 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/$path"
answered=$?
kill -TERM $server
wait $server
code=$?
[ $answered = 0 ] && {{ [ $code = 0 ] || [ $code = 143 ]; }}
"""
_MAKE = """\
#!/usr/bin/env bash
# The demo is made beside the page's home; of every other target only the commands are listed.
unset MAKEFLAGS MAKELEVEL
if [ "$*" = demo ]; then exec {make} -C {project} -o .venv/.base demo DEMO="$PWD/.i94/demo"; fi
exec {make} -n -C {project} "$@" >/dev/null
"""


@dataclass(frozen=True)
class Block:
    """A code block of a page."""

    language: str
    text: str


def list_pages() -> list[str]:
    """List the pages that have code blocks, by their path below docs/."""
    pages = (page.relative_to(DOCS).as_posix() for page in sorted(DOCS.rglob("*.md")))
    return [page for page in pages if read_blocks(page)]


def read_page(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def read_blocks(page: str, *languages: str) -> list[Block]:
    """Read the blocks of a page, of some languages or of all."""
    blocks = [Block(language, textwrap.dedent(text)) for language, text in _BLOCK.findall(read_page(page))]
    return [block for block in blocks if not languages or block.language in languages]


def find_reason_not_run(page: str) -> str | None:
    """Find why no block of a page can be run here."""
    reason = NOT_RUN.search(read_page(page))
    return reason[1] if reason else None


class Workspace:
    """A folder in which a reader of the docs works: its home is `.i94`, and `i94`, `make` and `curl` are found."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "programs"
        programs.mkdir(parents=True)
        names = {"python": sys.executable, "project": PROJECT, "make": _which("make"), "curl": _which("curl")}
        scripts = {
            "i94": _I94,
            "make": _MAKE,
            "curl": '#!/usr/bin/env bash\nexec {curl} --fail --silent --show-error --globoff "$@"\n',
        }
        for name, text in scripts.items():
            (programs / name).write_text(text.format(**names))
            (programs / name).chmod(0o755)
        (folder / ".venv").mkdir()
        (folder / ".venv" / "bin").symlink_to(programs)
        self.environment = {
            "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "COLUMNS": "200",
            "I94_LAST_MONTH": "2016-04",
        }

    def run(self, script: str, **variables: str) -> str:
        """Run lines of the shell, and return what they print; a command that fails fails the test."""
        process = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder,
            env={**os.environ, **self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1_800,  # which only a fault reaches
            check=False,
        )
        assert process.returncode == 0, f"{script}\n{process.stdout}"
        return process.stdout


def _which(program: str) -> str:
    import shutil

    path = shutil.which(program)
    assert path, f"{program} is not installed"
    return path
