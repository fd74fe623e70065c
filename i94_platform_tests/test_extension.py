"""Test that the example mart, source and column of docs/how-to work from delivery to query.

The tests add them to a copy of the package, exactly as the page says, and edit nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from difflib import ndiff
from pathlib import Path
from typing import Any

import pytest

from i94_platform.settings import PROJECT

PAGES = PROJECT / "docs" / "how-to"
PACKAGE = Path("i94_platform")
MONTH = "2016-01"

GRAPH_SCRIPT = """
import json
from i94_platform.contracts import ALL
from i94_platform.contracts.rendering.dictionary import render_dictionary
from i94_platform.defs.column_lineage.lineage_file import load_column_sources
from i94_platform.definitions import defs
from i94_platform.serving.api.openapi import create_document
from i94_platform.serving.app import create_app
from i94_platform.sources.listing import DeliveryListing

repository = defs.get_repository_def()
graph = repository.asset_graph
added = {k.to_user_string(): k for k in graph.get_all_asset_keys() if k.path[-1] in ("gdp", "visitors_by_port")}
jobs = {job.name: job.asset_layer.selected_asset_keys for job in repository.get_all_jobs() if "__" not in job.name}
print(json.dumps({
    "upstream": {
        name: sorted(parent.to_user_string() for parent in graph.get(key).parent_keys) for name, key in added.items()
    },
    "checks": {name: sorted(check.name for check in graph.get(key).check_keys) for name, key in added.items()},
    "jobs": {job: sorted(name for name, key in added.items() if key in keys) for job, keys in jobs.items()},
    "awaited by the sensor": "gdp.csv" in DeliveryListing().missing_references,
    "lineage": [load_column_sources("staged/gdp")["value"], load_column_sources("mart/visitors_by_port")["port"],
        load_column_sources("staged/immigration")["arrival_day"]],
    "dictionary": [name for name in ("i94.gdp", "mart.visitors_by_port") if name in render_dictionary(ALL)],
    "endpoints": [path for path in create_document(create_app())["paths"] if "visitors_by_port" in path],
}))
"""


@pytest.fixture(scope="module")
def package_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Add the mart `visitors_by_port`, the source `gdp`, the column `arrival_day` to a copy of the package."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(PROJECT / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", folder)  # commands recognize a checkout by this file
    for path, text in (MART_EDITS | SOURCE_EDITS | COLUMN_EDITS).items():
        (folder / PACKAGE / path).write_text(text, "utf-8")
    run_i94(folder, "lineage", "--write")
    return folder


def _extract_examples(page: str) -> list[str]:
    """Return the blocks of Python and SQL of a page, in order."""
    blocks = re.findall(r"```(?:python|sql)\n(.*?)\n *```", (PAGES / page).read_text("utf-8"), re.DOTALL)
    return [f"{textwrap.dedent(block)}\n" for block in blocks]


def _replace_in_module(path: str, *replacements: tuple[str, str]) -> str:
    """Return the text of a module after replacements. Each must match exactly one place."""
    text = (PROJECT / PACKAGE / path).read_text("utf-8")
    for old, new in replacements:
        assert text.count(old) == 1, (path, old)
        text = text.replace(old, new)
    return text


def _edit_for_mart() -> dict[str, str]:
    """Return the files that the example mart changes, by path, with their new text."""
    contract, sql = _extract_examples("new-mart.md")
    return {
        "contracts/marts.py": _replace_in_module(
            "contracts/marts.py", ("MONTHLY_MARTS: tuple", f"{contract}\nMONTHLY_MARTS: tuple")
        ),
        "marts/visitors_by_port.sql": sql,
    }


def _edit_for_source() -> dict[str, str]:
    """Return the files that the example source changes, by path, with their new text."""
    contract, source_module, staged_asset, warehouse_asset = _extract_examples("new-source.md")
    return {
        "contracts/reference.py": _replace_in_module(
            "contracts/reference.py",
            ("LOOKUPS: tuple", f"{contract}\nLOOKUPS: tuple"),
            ("airport_codes, world_temperature)", "airport_codes, world_temperature, gdp)"),
        ),
        "sources/gdp.py": source_module,
        "sources/registry.py": _replace_in_module(
            "sources/registry.py",
            ("import airports, demographics, immigration", "import airports, demographics, gdp, immigration"),
            ("airports, temperatures)", "airports, temperatures, gdp)"),
        ),
        "defs/assets/staged.py": f"{_replace_in_module('defs/assets/staged.py')}\n\n{staged_asset}",
        "defs/assets/warehouse.py": f"{_replace_in_module('defs/assets/warehouse.py')}\n\n{warehouse_asset}",
    }


def _edit_for_column() -> dict[str, str]:
    """Return the files that the example column changes, by path, with their new text."""
    declaration, expression = (
        textwrap.indent(block.rstrip() + ",\n", "    ") for block in _extract_examples("new-column.md")
    )
    contract, queries = "contracts/immigration.py", "transforms/immigration/queries.py"
    end = '    domain="arrivals",\n    grain="one row per arrival record (i94yr, i94mon, cicid)",\n    distribution='
    return {
        contract: _replace_in_module(contract, (end, declaration + end)),
        queries: _replace_in_module(queries, ("}\n_QUARANTINED", f"{expression}}}\n_QUARANTINED")),
    }


MART_EDITS, SOURCE_EDITS, COLUMN_EDITS = _edit_for_mart(), _edit_for_source(), _edit_for_column()


def run_i94(folder: Path, *arguments: str, package: Path | None = None) -> str:
    """Run a command of the copy in a folder, or of another package, and return its output."""
    return run_python(folder, "-m", "i94_platform.cli.main", *arguments, package=package)


def run_python(folder: Path, *arguments: str, package: Path | None = None) -> str:
    """Run Python with the copy of the package in a folder, or with another one, and return its output."""
    environment = os.environ | {
        "PYTHONPATH": str(package or folder), "I94_HOME": str(folder / "home"), "I94_RAW": str(folder / "raw")
    }  # fmt: skip
    command = [sys.executable, *arguments]
    result = subprocess.run(
        command, cwd=package or folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.mark.parametrize(
    ("example", "edits"), [("mart", MART_EDITS), ("source", SOURCE_EDITS), ("column", COLUMN_EDITS)]
)
def test_the_page_states_how_many_files_and_lines_an_example_changes(example: str, edits: dict[str, str]) -> None:
    added_lines = 0
    for path, text in edits.items():
        original = PROJECT / PACKAGE / path
        old_lines = original.read_text("utf-8").splitlines() if original.exists() else []
        diff = ndiff(old_lines, text.splitlines())
        added_lines += sum(line.startswith("+ ") and bool(line[2:].strip()) for line in diff)
    counts = re.search(r"these are (\d+) files .*? and (\d+) lines", (PAGES / f"new-{example}.md").read_text("utf-8"))
    assert counts
    assert tuple(map(int, counts.groups())) == (len(edits), added_lines)


def test_the_graph_holds_the_assets_checks_and_endpoints_of_the_examples(package_copy: Path) -> None:
    graph: dict[str, Any] = json.loads(run_python(package_copy, "-c", GRAPH_SCRIPT))
    assert graph["upstream"] == {
        "raw/gdp": [],
        "staged/gdp": ["raw/gdp"],
        "warehouse/gdp": ["staged/gdp", "warehouse/country"],
        "mart/visitors_by_port": ["warehouse/i94port", "warehouse/immigration"],
        "published/visitors_by_port": ["mart/visitors_by_port"],
    }
    assert graph["checks"]["staged/gdp"] == ["contract", "gate"]
    assert graph["checks"]["warehouse/gdp"] == ["contract", "staged_equals_loaded"]
    assert graph["checks"]["mart/visitors_by_port"] == ["contract", "visitors_equal_arrivals"]
    assert graph["jobs"] == {
        "reference": ["raw/gdp", "staged/gdp", "warehouse/gdp"],
        "month": [],
        "marts": ["mart/visitors_by_port"],
        "correlations": [],
        "publish": ["published/visitors_by_port"],
        "run_retention": [],
    }
    assert graph["awaited by the sensor"]
    assert graph["lineage"] == [
        ["raw/gdp.Value"],
        ["warehouse/i94port.code", "warehouse/i94port.label", "warehouse/immigration.i94port"],
        ["raw/immigration.arrdate"],
    ]
    assert graph["dictionary"] == ["i94.gdp", "mart.visitors_by_port"]
    assert graph["endpoints"] == ["/api/v1/marts/visitors_by_port"]


@pytest.mark.slow
def test_the_examples_are_filled_also_in_a_warehouse_that_is_older(package_copy: Path) -> None:
    raw = str(package_copy / "raw")
    run_i94(package_copy, "sample", "--out", raw, "--from", MONTH, "--to", MONTH, "--rows", "500")
    run_i94(package_copy, "run", "--month", MONTH, package=PROJECT)
    run_i94(package_copy, "run")
    query = (
        "SELECT (SELECT count(*) FROM i94.gdp) AS rows, (SELECT count(DISTINCT country) > 1 FROM i94.gdp) AS several, "
        "(SELECT sum(visitors) FROM mart.visitors_by_port) = (SELECT count(*) FROM i94.immigration) AS complete, "
        "(SELECT bool_and(arrival_day = day(arrdate)) FROM i94.immigration) AS right_days, "
        "(SELECT count(arrival_day) = count(*) FROM i94.immigration) AS all_days"
    )
    (row,) = json.loads(run_i94(package_copy, "query", query, "--format", "json"))
    rows = pytest.approx(200, abs=20)
    assert row == {"rows": rows, "several": True, "complete": True, "right_days": True, "all_days": True}
    assert list((package_copy / "home/lake/published").glob("run=*/visitors_by_port/*/*.parquet"))
