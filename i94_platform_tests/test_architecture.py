"""Pins how the package hangs together: imports point one way, heavy modules load late, and no import does I/O.

Read from the source text, so that an import inside a function counts too.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import i94_platform

PACKAGE = Path(i94_platform.__file__).parent
NAME = PACKAGE.name

LAYERS = (
    {"addresses", "settings", "partitions", "failures", "garbage", "contracts"},
    {"transforms"},
    {"lake", "engine", "warehouse"},
    {"assets", "checks", "marts"},
    {"automation"},
    {"build"},
    {"definitions"},
    {"cli", "console", "__main__"},
)
"""From the ground up: a part may import its own layer and those before it."""

BESIDE = {
    "sample": {"addresses", "settings", "partitions", "failures", "contracts"},
    "serving": {"addresses", "settings", "partitions", "failures", "contracts", "transforms", "lake", "warehouse"},
}
"""Parts beside the layers, and what they may import; only the top layer imports them."""

HEAVY = frozenset(
    [
        "altair",
        "boto3",
        "country_converter",
        "dagster_aws",
        "dagster_pyspark",
        "duckdb",
        "fastapi",
        "grpc",
        "pandas",
        "psycopg2",
        "pyarrow",
        "pyreadstat",
        "pyspark",
        "scipy",
        "sqlglot",
        "vl_convert",
    ]
)
WITHOUT_DAGSTER = ("transforms", "lake", "engine", "warehouse", "marts", "contracts", "sample", "serving")
RENDERS_FOR_DAGSTER = "contracts.rendering.dagster_schema"
"""The one module among them that may name Dagster, late: it renders a contract as Dagster's column schema."""
KNOWS_SPARK = ("engine.spark", "engine.emr", "assets.resources")


@dataclass(frozen=True)
class Import:
    """One import statement: what is imported, where, and whether it happens as soon as the module is imported."""

    module: str
    target: str
    line: int
    at_once: bool
    for_types_only: bool

    def __str__(self) -> str:
        return f"{NAME}/{self.module.replace('.', '/')}.py:{self.line} imports {self.target}"


def files() -> dict[str, Path]:
    """Every module of the package by its dotted name below it; a package by its own name."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(files()[module].read_text("utf-8"))


def imports(module: str) -> list[Import]:
    """Every import of a module, also those inside functions."""
    return list(_imports(module, tree(module), at_once=True, for_types_only=False))


def _imports(module: str, node: ast.AST, *, at_once: bool, for_types_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(module, child):
                yield Import(module, target, child.lineno, at_once and not for_types_only, for_types_only)
        else:
            now = at_once and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
            yield from _imports(module, child, at_once=now, for_types_only=for_types_only or types)


def _targets(module: str, statement: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    assert statement.level == 0, f"{module}:{statement.lineno} imports relatively; write the whole name"
    # `from i94_platform.contracts import codes` may name a module, so the whole name counts
    return [f"{statement.module}.{alias.name}" for alias in statement.names]


def part(name: str) -> str:
    """The part of the package that a module belongs to, or the part that an import names; empty for the root."""
    below = name.removeprefix(f"{NAME}.") if name.startswith(NAME) else name
    head = below.split(".")[0]
    return head if head in PARTS else ""


NEED_NO_BOUNDARY = ("__init__", "definitions", "lake.local")
"""The package itself, three lines, and a class whose interface says it all."""

PARTS = frozenset(name.split(".")[0] for name in files()) - {"__init__"}
MODULES = [name for name in files() if name != "__init__"]


def inside(module: str) -> list[Import]:
    """The imports of a module that stay within the package and leave its own part."""
    found = [i for i in imports(module) if i.target.split(".")[0] == NAME]
    return [i for i in found if part(i.target) not in ("", part(module))]


def allowed(of: str) -> set[str]:
    """The parts that a part may import."""
    if of in BESIDE:
        return BESIDE[of]
    level = next(n for n, layer in enumerate(LAYERS) if of in layer)
    return set().union(*LAYERS[: level + 1], BESIDE if level == len(LAYERS) - 1 else set())


def test_every_part_of_the_package_has_its_place_in_the_layers() -> None:
    known = set().union(*LAYERS, BESIDE)
    assert not PARTS - known, f"give {sorted(PARTS - known)} a layer here and in the design"


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module: str) -> None:
    wrong = [str(i) for i in inside(module) if part(i.target) not in allowed(part(module))]
    assert not wrong, "\n".join(wrong)


def test_parts_of_one_layer_do_not_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in PARTS}
    for module in MODULES:
        graph[part(module)] |= {part(i.target) for i in inside(module)}
    TopologicalSorter(graph).prepare()  # raises CycleError, which shows the circle


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) in WITHOUT_DAGSTER])
def test_what_moves_and_transforms_data_does_not_know_dagster(module: str) -> None:
    late = [i for i in imports(module) if i.target.split(".")[0].startswith("dagster")]
    wrong = [str(i) for i in late if i.at_once or module != RENDERS_FOR_DAGSTER]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) != "sample"])
def test_heavy_modules_are_imported_where_they_are_used(module: str) -> None:
    # the routes of the server, which only its process imports, are declared with FastAPI
    heavy = HEAVY - {"fastapi"} if part(module) == "serving" else HEAVY
    wrong = [str(i) for i in imports(module) if i.at_once and i.target.split(".")[0] in heavy]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in MODULES if m not in KNOWS_SPARK])
def test_only_the_spark_engine_and_its_resource_know_spark(module: str) -> None:
    wrong = [str(i) for i in imports(module) if i.target.split(".")[0] in ("pyspark", "dagster_pyspark")]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", list(files()))
def test_a_module_opens_by_saying_what_belongs_there(module: str) -> None:
    said = ast.get_docstring(tree(module))
    assert said, "there is no docstring"
    words = " ".join(said.lower().split())
    assert module in NEED_NO_BOUNDARY or "not here" in words, "it does not say what does not belong there"


@pytest.mark.parametrize("module", [m for m in MODULES if part(m) not in ("sample",)])
def test_a_public_name_is_explained(module: str) -> None:
    public = [
        node
        for node in tree(module).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    silent = [node.name for node in public if not ast.get_docstring(node)]
    assert not silent, f"without a docstring: {', '.join(silent)}"


def test_the_rules_see_an_import_wherever_it_is_written() -> None:
    source = "\n".join(
        [
            "import pandas as pd",
            "from typing import TYPE_CHECKING",
            "if TYPE_CHECKING:",
            "    import duckdb",
            "try:",
            "    import pyarrow.parquet",
            "except ImportError: pass",
            "class A:",
            "    import sqlglot",
            "    def f(self):",
            "        from i94_platform.lake import raw",
        ]
    )
    found = {
        i.target: (i.at_once, i.for_types_only)
        for i in _imports("x", ast.parse(source), at_once=True, for_types_only=False)
    }
    assert found == {
        "pandas": (True, False),
        "typing.TYPE_CHECKING": (True, False),
        "duckdb": (False, True),
        "pyarrow.parquet": (True, False),
        "sqlglot": (True, False),
        "i94_platform.sources.listing": (False, False),
    }


LOAD_SECONDS = 3.0
"""Of the processor's time, which other work on the machine does not lengthen."""

LOADS = f"""
import os, sys, time
written = []

def watch(event, arguments):
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and arguments[0] != os.devnull:
        written.append(arguments[0])
    elif event in ("os.mkdir", "os.rename", "os.symlink", "sqlite3.connect", "socket.connect"):
        written.append((event, *arguments))

sys.addaudithook(watch)
import i94_platform.definitions
assert i94_platform.definitions.defs.get_repository_def().get_all_jobs()
assert time.process_time() < {LOAD_SECONDS}, time.process_time()
heavy = sorted({{name.split(".")[0] for name in sys.modules}} & {set(HEAVY)!r})
assert not heavy, heavy
assert not written, written
open("seen", "w").close()
assert written == ["seen"], "the watch is blind"
"""


def test_the_code_location_loads_fast_from_an_empty_environment_without_heavy_modules_and_writes_nothing(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", LOADS],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["seen"]
