"""Pins the imports of the package: they point one way, heavy modules load late, and no import does I/O.

The tests read the source text, so they see imports inside functions too.
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
    {
        *("redshift_address", "address_grammar", "unknown_variables", "setting_types", "settings", "listening"),
        *("partitions", "errors", "foreign_errors", "progress", "audit", "umask", "processes", "contracts"),
    },
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
"""From the bottom up: a part may import its own layer and the layers below it."""

BESIDE = {
    "release_reader": {"settings", "errors", "contracts", "lake"},
    "sample": {"settings", "partitions", "errors", "contracts", "sources"},
    "serving": {
        "settings",
        "address_grammar",
        "partitions",
        "errors",
        "audit",
        "foreign_errors",
        "listening",
        "contracts",
        "sql",
        "lake",
    },
}
"""Parts beside the layers, each with the parts that it may import. Only `cli` imports them."""

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
DAGSTER_PARTS = ("staleness", "defs", "operations", "definitions", "cli")
DAGSTER_RENDERER = "contracts.rendering.dagster_schema"
"""The one module of a lower layer that may import Dagster, inside a function: it renders Dagster's column schemas."""
SPARK_MODULES = ("engine.spark", "engine.spark_version", "engine.connect", "engine.emr", "defs.resources")


@dataclass(frozen=True)
class Import:
    """One import of a module."""

    module: str
    target: str
    line: int
    at_module_level: bool
    """Whether importing the module executes it."""
    is_for_types: bool
    """Whether it is below `if TYPE_CHECKING`."""

    def __str__(self) -> str:
        return f"{NAME}/{self.module.replace('.', '/')}.py:{self.line} imports {self.target}"


@cache
def module_files() -> dict[str, Path]:
    """Return the file of every module by its dotted name below the package."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }


@cache
def parse_module(module: str) -> ast.Module:
    return ast.parse(module_files()[module].read_text("utf-8"))


def find_imports(module: str) -> list[Import]:
    """Find every import of a module, also those inside functions."""
    return list(_imports(module, parse_module(module), at_module_level=True, is_for_types=False))


def _imports(module: str, node: ast.AST, *, at_module_level: bool, is_for_types: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            for target in _targets(module, child):
                yield Import(module, target, child.lineno, at_module_level and not is_for_types, is_for_types)
        else:
            now = at_module_level and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            types = isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")
            yield from _imports(module, child, at_module_level=now, is_for_types=is_for_types or types)


def _targets(module: str, statement: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(statement, ast.Import):
        return [alias.name for alias in statement.names]
    assert statement.level == 0, f"{module}:{statement.lineno} imports relatively; write the whole name"
    # `from i94_platform.contracts import codes` may name a module, so the whole name counts
    return [f"{statement.module}.{alias.name}" for alias in statement.names]


def part_of(name: str) -> str:
    """Return the part of the package that a module or an import belongs to; empty for the root."""
    below = name.removeprefix(f"{NAME}.") if name.startswith(NAME) else name
    head = below.split(".")[0]
    return head if head in PARTS else ""


PARTS = frozenset(name.split(".")[0] for name in module_files()) - {"__init__"}
MODULES = [name for name in module_files() if name != "__init__"]


def imports_of_other_parts(module: str) -> list[Import]:
    """Find the imports of a module from other parts of the package."""
    own = [i for i in find_imports(module) if i.target.split(".")[0] == NAME]
    return [i for i in own if part_of(i.target) not in ("", part_of(module))]


def allowed_parts(part: str) -> set[str]:
    """Return the parts that a part may import."""
    if part in BESIDE:
        return BESIDE[part]
    level = next(n for n, layer in enumerate(LAYERS) if part in layer)
    return set().union(*LAYERS[: level + 1], BESIDE if level == len(LAYERS) - 1 else set())


def test_every_part_of_the_package_has_a_layer() -> None:
    known = set().union(*LAYERS, BESIDE)
    assert not PARTS - known, f"give {sorted(PARTS - known)} a layer here and in docs/explanation/design.md"


def test_imports_point_one_way() -> None:
    violations = [
        str(i) for m in MODULES for i in imports_of_other_parts(m) if part_of(i.target) not in allowed_parts(part_of(m))
    ]
    assert not violations, "\n".join(violations)


def test_no_imports_form_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        targets = (i.target.removeprefix(f"{NAME}.") for i in find_imports(module) if not i.is_for_types)
        graph[module] = {
            name for target in targets for name in (target, target.rpartition(".")[0]) if name in module_files()
        }
        graph[module] -= {module, *(module.rsplit(".", n)[0] for n in range(1, module.count(".") + 1))}
    assert set(TopologicalSorter(graph).static_order()) == graph.keys()  # a CycleError shows the circle


def test_only_the_upper_layers_import_dagster() -> None:
    modules = [m for m in MODULES if part_of(m) not in DAGSTER_PARTS]
    dagster_imports = [i for m in modules for i in find_imports(m) if i.target.split(".")[0].startswith("dagster")]
    violations = [str(i) for i in dagster_imports if i.at_module_level or i.module != DAGSTER_RENDERER]
    assert not violations, "\n".join(violations)


def test_heavy_modules_are_imported_inside_functions() -> None:
    modules = [m for m in MODULES if part_of(m) != "sample"]
    heavy = [i for m in modules for i in find_imports(m) if i.at_module_level and i.target.split(".")[0] in HEAVY]
    # the command line imports the web API only to serve it
    violations = [str(i) for i in heavy if not (part_of(i.module) == "serving" and i.target.startswith("fastapi"))]
    assert not violations, "\n".join(violations)


def test_only_the_spark_engine_and_its_resource_import_spark() -> None:
    modules = [m for m in MODULES if m not in SPARK_MODULES]
    violations = [
        str(i) for m in modules for i in find_imports(m) if i.target.split(".")[0] in ("pyspark", "dagster_pyspark")
    ]
    assert not violations, "\n".join(violations)


def test_every_module_and_public_name_has_a_docstring() -> None:
    undocumented = [module for module in module_files() if not ast.get_docstring(parse_module(module))]
    for module in MODULES:
        public = [
            node
            for node in parse_module(module).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
        ]
        undocumented += [f"{module}.{node.name}" for node in public if not ast.get_docstring(node)]
    assert not undocumented, f"without a docstring: {', '.join(undocumented)}"


def test_imports_are_found_wherever_they_are_written() -> None:
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
    imports = {
        i.target: (i.at_module_level, i.is_for_types)
        for i in _imports("x", ast.parse(source), at_module_level=True, is_for_types=False)
    }
    assert imports == {
        "pandas": (True, False),
        "typing.TYPE_CHECKING": (True, False),
        "duckdb": (False, True),
        "pyarrow.parquet": (True, False),
        "sqlglot": (True, False),
        "i94_platform.sources.listing": (False, False),
    }


LOAD_SECONDS = 3.0
"""Seconds of processor time, which does not depend on other work of the machine."""

LOAD_PROGRAM = f"""
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
assert written == ["seen"], "the audit hook sees no file"
"""


def test_the_code_location_loads_fast_without_environment_heavy_modules_or_files(
    tmp_path: Path,
) -> None:
    process = subprocess.run(
        [sys.executable, "-B", "-c", LOAD_PROGRAM],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["seen"]


def test_commands_load_the_platform_before_they_import_dagster() -> None:
    """`load_platform` tunes the process for these imports."""
    assert [name for name in module_files() if name.startswith("cli.") for name in _list_early_imports(name)] == []


def _list_early_imports(module: str) -> Iterator[str]:
    for function in (node for node in ast.walk(parse_module(module)) if isinstance(node, ast.FunctionDef)):
        nodes = list(ast.walk(function))
        loads = [node.lineno for node in nodes if isinstance(node, ast.Name) and node.id == "load_platform"]
        imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
        heavy = [node.lineno for node in imports if str(node.module).startswith(f"{NAME}.operations")]
        if loads and heavy and min(heavy) < min(loads):
            yield f"{module}.{function.name}"


UNSAFE = frozenset(
    {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "read_pickle", "eval", "exec", "unsafe_load"}
)
"""What runs what a file says."""


def test_nothing_runs_what_a_file_says() -> None:
    used = {
        (path.name, name)
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _list_names(node)
    }
    assert {(file, name) for file, name in used if name in UNSAFE} == set()


def _list_names(node: ast.AST) -> list[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom():
            return [node.module or "", *(alias.name for alias in node.names)]
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return [name]
    return []
