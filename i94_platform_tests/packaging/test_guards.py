"""Pins that the checks of `make lint` find what they are for; that the project passes them shows `make lint` itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from i94_platform.settings import PROJECT

Tool = Callable[[str], ModuleType]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Tool:
    """A script of tools/ as a module."""
    monkeypatch.syspath_prepend(PROJECT / "tools")
    return importlib.import_module


def test_a_link_to_no_file_and_to_no_heading_is_found(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = tool("check_docs")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# A `title`, twice\n\n# A title, twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](other.md#a-title-twice) [b](other.md#a-title-twice-1) [c](#here) [d](https://example.org/x#y)\n"
        "```\n[in code](nowhere.md)\n```\n`[in code](nowhere.md)`\n"
        "[gone](gone.md)\n[no heading](other.md#title)\n![gone](gone.png)\n[no heading](#there)\n"
    )
    problems = list(check.broken_links(page))
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["page.md:7", "gone.md"],
        ["page.md:8", "other.md#title"],
        ["page.md:9", "gone.png"],
        ["page.md:10", "#there"],
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import dagster._core.events", ["dagster._core.events"]),
        ("from dagster._core.events import JobFailureData", ["dagster._core.events.JobFailureData"]),
        ("def f():\n    from dagster import _core", ["dagster._core"]),
        ("from __future__ import annotations", []),
        ("from i94_platform.cli import _tables", []),
        ("import dagster as dg", []),
    ],
)
def test_a_private_import_of_a_dependency_is_found(tool: Tool, tmp_path: Path, line: str, found: list[str]) -> None:
    module = tmp_path / "module.py"
    module.write_text(line)
    assert [name for _, name in tool("check_private_imports").private_imports(module)] == found


def test_a_name_is_found_where_it_is_given_and_not_where_it_is_used(tool: Tool, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "class Shelf:\n    told: str = ''\n\n"
        "def told(front, *, pages):\n    asset(kinds=1).kinds\n    _kept = told\n    return _kept\n"
    )
    names = {name for _, name in tool("check_names").names_in(module)}
    assert {"Shelf", "told", "front", "pages", "_kept"} <= names
    assert "kinds" not in names


def test_identifiers_of_sql_and_javascript_are_names_and_their_strings_are_not(tool: Tool, tmp_path: Path) -> None:
    query, script = tmp_path / "query.sql", tmp_path / "script.js"
    query.write_text("-- told\nSELECT 'kept' AS surplus FROM ranked")
    script.write_text("// told\nconst front = 'kept'; /* pages */")
    names_in = tool("check_names").names_in
    assert {"surplus", "ranked"} <= {name for _, name in names_in(query)}
    assert {"front"} <= {name for _, name in names_in(script)}
    assert not {"told", "kept", "pages"} & {name for file in (query, script) for _, name in names_in(file)}
