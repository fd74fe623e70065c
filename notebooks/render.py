"""`python -m notebooks.render` executes the exploration on the real April and renders it into the documentation.

The notebook keeps its outputs, because they are aggregates and small, and a reader of the repository sees them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbconvert import MarkdownExporter
from nbformat import NotebookNode

from i94_platform.settings import PROJECT

NOTEBOOK = Path(__file__).with_name("april_2016.ipynb")
PAGE = PROJECT / "docs" / "explanation" / "april-2016.md"
IMAGES = PROJECT / "docs" / "images" / "april_2016"
REAL_DATA = Path(os.environ.get("I94_REAL_DATA") or os.environ.get("I94_RAW") or PROJECT.parent / "shared" / "data")
MONTH = "2016-04"
MAX_BYTES = 1_000_000

_CHART_TITLE = re.compile(r'label\(\s*axes,\s*f?"([^":{]+)')


def load_month(raw: Path, home: Path) -> None:
    """Load the month into a home of its own, with its marts and a release."""
    command = [str(Path(sys.executable).with_name("i94")), "run", "--quiet", "--month", MONTH]
    subprocess.run(command, env=_make_environment(raw, home), check=True)


def execute_notebook(raw: Path, home: Path) -> NotebookNode:
    """Execute the notebook on the deliveries of a folder and the release of a home; an error in a cell is raised."""
    notebook: NotebookNode = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=600, record_timing=False)
    client.execute(env=_make_environment(raw, home), cwd=str(NOTEBOOK.parent))
    return notebook


def _make_environment(raw: Path, home: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("I94_", "DAGSTER_"))}
    return inherited | {"I94_RAW": str(raw.resolve()), "I94_HOME": str(home.resolve())}


def render_page(notebook: NotebookNode) -> tuple[str, dict[str, bytes]]:
    """Render an executed notebook as Markdown; return it with the bytes of each chart by file name."""
    folder = os.path.relpath(IMAGES, PAGE.parent)
    body, resources = MarkdownExporter().from_notebook_node(
        notebook, resources={"unique_key": "chart", "output_files_dir": folder}
    )
    for cell in notebook.cells:
        if title := _CHART_TITLE.search(cell.source):
            body = body.replace("![png]", f"![{title[1].strip()}]", 1)
    head, _, rest = body.partition("\n")
    note = "<!-- Written by `make notebook` from notebooks/april_2016.ipynb; change that. -->"
    body = f"{head}\n\n{note}\n{rest}".replace("](../docs/", "](../")
    lines = (line.rstrip() for line in body.splitlines())
    parts = re.split(r"(^```.*?^```$)", "\n".join(lines), flags=re.DOTALL | re.MULTILINE)
    parts[::2] = (re.sub(r"\n{3,}", "\n\n", text) for text in parts[::2])  # between the blocks of code
    return "".join(parts).strip() + "\n", {Path(name).name: content for name, content in resources["outputs"].items()}


def main() -> None:
    """Execute the notebook on the real April, and write the notebook, the page and its charts."""
    if not REAL_DATA.is_dir():
        sys.exit(f"The delivered files are not at {REAL_DATA}: set I94_REAL_DATA to their folder.")
    home = PROJECT / ".i94" / "notebook"
    load_month(REAL_DATA, home)
    notebook = execute_notebook(REAL_DATA, home)
    nbformat.write(notebook, NOTEBOOK)
    if NOTEBOOK.stat().st_size > MAX_BYTES:
        sys.exit(f"{NOTEBOOK} has more than {MAX_BYTES:,} bytes with its outputs: make the charts smaller.")
    page, charts = render_page(notebook)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    IMAGES.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page, encoding="utf-8")
    for old in IMAGES.glob("*.png"):
        old.unlink()
    for name, content in charts.items():
        (IMAGES / name).write_bytes(content)


if __name__ == "__main__":
    main()
