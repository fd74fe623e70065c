"""Test that each check of `make lint` reports its faults. `make lint` itself shows that the project passes."""

from __future__ import annotations

import importlib
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from i94_platform.settings import PROJECT

ImportTool = Callable[[str], ModuleType]


@pytest.fixture
def import_tool(monkeypatch: pytest.MonkeyPatch) -> ImportTool:
    """Return a function that imports a script of tools/ by its name."""
    monkeypatch.syspath_prepend(PROJECT / "tools")
    return importlib.import_module


def test_a_link_to_a_missing_file_or_heading_is_reported_with_its_line(
    import_tool: ImportTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = import_tool("check_docs")
    monkeypatch.setattr(check, "ROOT", tmp_path)
    (tmp_path / "other.md").write_text("# A `title`, twice\n\n# A title, twice\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Page\n[a](other.md#a-title-twice) [b](other.md#a-title-twice-1) [c](#page) [d](https://example.org/x#y)\n"
        "```\n[in code](ignored.md)\n```\n`[in code](ignored.md)`\n"
        "[missing](missing.md)\n[no heading](other.md#title)\n![missing](missing.png)\n[no heading](#absent)\n"
    )
    problems = list(check.broken_links(page))
    assert [problem.split(": ")[:2] for problem in problems] == [
        ["page.md:7", "missing.md"],
        ["page.md:8", "other.md#title"],
        ["page.md:9", "missing.png"],
        ["page.md:10", "#absent"],
    ]


@pytest.mark.parametrize(
    ("code", "imports"),
    [
        ("import dagster._core.events", ["dagster._core.events"]),
        ("from dagster._core.events import JobFailureData", ["dagster._core.events.JobFailureData"]),
        ("def f():\n    from dagster import _core", ["dagster._core"]),
        ("from __future__ import annotations", []),
        ("from i94_platform.cli import _tables", []),
        ("import dagster as dg", []),
    ],
)
def test_a_private_import_of_a_dependency_is_reported(
    import_tool: ImportTool, tmp_path: Path, code: str, imports: list[str]
) -> None:
    module = tmp_path / "module.py"
    module.write_text(code)
    assert [name for _, name in import_tool("check_private_imports").private_imports(module)] == imports


@pytest.mark.parametrize(("lines", "problems"), [(40, []), (41, [2])])
def test_a_function_of_more_than_40_lines_is_reported(import_tool: ImportTool, lines: int, problems: list[int]) -> None:
    code = "\ndef f():\n" + "    pass\n" * (lines - 1)
    assert [line for line, _ in import_tool("check_functions").find_long_parts(code)] == problems


def test_a_module_of_more_than_350_lines_is_reported(import_tool: ImportTool) -> None:
    find_long_parts = import_tool("check_functions").find_long_parts
    assert not list(find_long_parts("x = 1\n" * 350))
    assert [line for line, _ in find_long_parts("x = 1\n" * 351)] == [1]


def test_a_public_method_without_a_docstring_is_reported_unless_it_overrides_one(
    import_tool: ImportTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "module_of_stores.py").write_text(
        "class Store:\n    'Files.'\n    def read(self):\n        'Read.'\n    def write(self): ...\n"
        "    def _close(self): ...\n"
        "class LocalStore(Store):\n    'Local files.'\n    def read(self): ...\ndef load(): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("module_of_stores")
    assert list(import_tool("check_functions").find_undocumented(module)) == ["Store.write", "load"]


def test_definitions_in_python_are_names_and_uses_are_not(import_tool: ImportTool, tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        "class Table:\n    title: str = ''\n\n"
        "def load(source, *, limit):\n    asset(tags=1).tags\n    _result = load\n    return _result\n"
    )
    names = {name for _, name in import_tool("check_names").names_in(module)}
    assert {"Table", "title", "load", "source", "limit", "_result"} <= names
    assert "tags" not in names


def test_identifiers_in_sql_and_javascript_are_names_and_comments_and_strings_are_not(
    import_tool: ImportTool, tmp_path: Path
) -> None:
    query, script = tmp_path / "query.sql", tmp_path / "script.js"
    query.write_text("-- comment\nSELECT 'text' AS title FROM ranked")
    script.write_text("// comment\nconst source = 'text'; /* block */")
    names_in = import_tool("check_names").names_in
    assert {"title", "ranked"} <= {name for _, name in names_in(query)}
    assert {"source"} <= {name for _, name in names_in(script)}
    assert not {"comment", "text", "block"} & {name for file in (query, script) for _, name in names_in(file)}


@pytest.mark.parametrize(
    ("line", "is_secret"),
    [
        ("key = 'AKIA" + "Q7" * 8 + "'", True),
        ("-----BEGIN RSA PRIVATE " + "KEY-----", True),
        ("url: https://me:" + "hunter2" + "@host/x", True),
        ("password = '" + "correct-horse" + "'", True),
        ("password = 'planted-password'", False),
        ("READER = 'I94_REDSHIFT_PASSWORD'", False),
        ("looks = 'AKIA" + "Q7" * 8 + "'  # pragma: allowlist secret", False),
    ],
)
def test_a_secret_is_reported_with_its_line(tmp_path: Path, line: str, is_secret: bool) -> None:
    file = tmp_path / "file.py"
    file.write_text(f"\n{line}\n")
    check = subprocess.run([PROJECT / "tools/check_secrets.sh", file], capture_output=True, text=True, check=False)
    assert (check.returncode, f"{file}:2" in check.stdout) == (int(is_secret), is_secret), check.stdout


@pytest.mark.slow
def test_the_bill_of_materials_is_the_same_each_time_and_has_a_hash_of_every_package(tmp_path: Path) -> None:
    """It holds what uv.lock installs with every extra but the tools of developers."""
    texts = set()
    for name in ("first.json", "second.json"):
        subprocess.run([PROJECT / "tools/sbom.sh", tmp_path / name], capture_output=True, check=True)
        texts.add((tmp_path / name).read_text())
    (text,) = texts
    document = json.loads(text)
    assert document["bomFormat"] == "CycloneDX"
    packages = {component["name"]: component for component in document["components"]}
    assert {"dagster", "duckdb", "fastapi", "pyspark", "boto3", "psycopg2-binary"} <= set(packages)
    assert not {"pytest", "ruff", "detect-secrets"} & set(packages)
    for name, component in packages.items():
        assert component["purl"].startswith(f"pkg:pypi/{name}@")
        assert all(file["hashes"] for file in component["externalReferences"]), name
