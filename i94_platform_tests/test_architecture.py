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

import i94_platform

PACKAGE = Path(i94_platform.__file__).parent
NAME = PACKAGE.name

LAYERS = (
    {"redshift_address", "settings", "partitions", "errors", "contracts"},
    {"sql"},
    {"transforms"},
    {"lake"},
    {"sources", "engine", "warehouse", "marts"},
    {"pipeline"},
    {"staleness"},
    {"defs"},
    {"operations"},
    {"definitions"},
    {"cli"},
)
"""From the bottom up: a part may import its own layer and those below it."""

BESIDE = {
    "sample": {"settings", "partitions", "errors", "contracts", "sources"},
    "serving": {"settings", "partitions", "errors", "contracts", "sql", "lake"},
}
"""Parts beside the layers, and what they may import; only `cli` imports them."""

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
KNOWS_DAGSTER = ("staleness", "defs", "operations", "definitions", "cli")
RENDERS_FOR_DAGSTER = "contracts.rendering.dagster_schema"
"""The one module below that may name Dagster, inside a function: it renders a contract as Dagster's column schema."""
KNOWS_SPARK = ("engine.spark", "engine.emr", "defs.resources")


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


PARTS = frozenset(name.split(".")[0] for name in files()) - {"__init__"}
MODULES = [name for name in files() if name != "__init__"]


def inside(module: str) -> list[Import]:
    """The imports of a module that stay within the package and leave its own part."""
    own = [i for i in imports(module) if i.target.split(".")[0] == NAME]
    return [i for i in own if part(i.target) not in ("", part(module))]


def allowed(of: str) -> set[str]:
    """The parts that a part may import."""
    if of in BESIDE:
        return BESIDE[of]
    level = next(n for n, layer in enumerate(LAYERS) if of in layer)
    return set().union(*LAYERS[: level + 1], BESIDE if level == len(LAYERS) - 1 else set())


def test_every_part_of_the_package_has_its_place_in_the_layers() -> None:
    known = set().union(*LAYERS, BESIDE)
    assert not PARTS - known, f"give {sorted(PARTS - known)} a layer here and in docs/architecture.md"


def test_imports_point_one_way() -> None:
    wrong = [str(i) for m in MODULES for i in inside(m) if part(i.target) not in allowed(part(m))]
    assert not wrong, "\n".join(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        targets = (i.target.removeprefix(f"{NAME}.") for i in imports(module) if not i.for_types_only)
        graph[module] = {name for target in targets for name in (target, target.rpartition(".")[0]) if name in files()}
        graph[module] -= {module, *(module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1))}
    TopologicalSorter(graph).prepare()  # raises CycleError, which shows the circle


def test_what_moves_and_transforms_data_does_not_know_dagster() -> None:
    modules = [m for m in MODULES if part(m) not in KNOWS_DAGSTER]
    late = [i for m in modules for i in imports(m) if i.target.split(".")[0].startswith("dagster")]
    wrong = [str(i) for i in late if i.at_once or i.module != RENDERS_FOR_DAGSTER]
    assert not wrong, "\n".join(wrong)


def test_heavy_modules_are_imported_where_they_are_used() -> None:
    modules = [m for m in MODULES if part(m) != "sample"]
    imported = [i for m in modules for i in imports(m) if i.at_once and i.target.split(".")[0] in HEAVY]
    # the command line imports the web API only to serve it
    wrong = [str(i) for i in imported if not (part(i.module) == "serving" and i.target.startswith("fastapi"))]
    assert not wrong, "\n".join(wrong)


def test_only_the_spark_engine_and_its_resource_know_spark() -> None:
    modules = [m for m in MODULES if m not in KNOWS_SPARK]
    wrong = [str(i) for m in modules for i in imports(m) if i.target.split(".")[0] in ("pyspark", "dagster_pyspark")]
    assert not wrong, "\n".join(wrong)


def test_every_module_and_public_name_has_a_docstring() -> None:
    silent = [module for module in files() if not ast.get_docstring(tree(module))]
    for module in MODULES:
        public = [
            node
            for node in tree(module).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        silent += [f"{module}.{node.name}" for node in public if not ast.get_docstring(node)]
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
            "        from i94_platform.sources import listing",
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
