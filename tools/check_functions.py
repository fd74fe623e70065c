"""Check that functions and modules of the package are short, and that what is public has a docstring.

A method without a docstring of its own has that of the method which it overrides.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "i94_platform"
MAX_FUNCTION_LINES, MAX_MODULE_LINES = 40, 350


def find_long_parts(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and a description of each function, and of the module, that is too long."""
    if (lines := len(text.splitlines())) > MAX_MODULE_LINES:
        yield 1, f"the module has {lines} lines, at most {MAX_MODULE_LINES}; split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {lines} lines, at most {MAX_FUNCTION_LINES}; split it"


def find_undocumented(module: ModuleType) -> Iterator[str]:
    """Yield the public classes, functions and methods that a module defines and that have no docstring."""
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", "") != module.__name__:
            continue
        if (inspect.isfunction(value) or inspect.isclass(value)) and not inspect.getdoc(value):
            yield name
        for member in vars(value) if inspect.isclass(value) else ():
            method = getattr(value, member, None)
            is_public = inspect.isfunction(method) and method.__name__ == member and not member.startswith("_")
            if is_public and not inspect.getdoc(method):
                yield f"{name}.{member}"


def main() -> int:
    """Print what is too long and what lacks a docstring; the exit code."""
    problems = []
    for file in sorted((ROOT / PACKAGE).rglob("*.py")):
        path = file.relative_to(ROOT)
        problems += [f"{path}:{line}: {problem}" for line, problem in find_long_parts(file.read_text("utf-8"))]
        module = importlib.import_module(".".join(path.with_suffix("").parts).removesuffix(".__init__"))
        problems += [f"{path}: {name} has no docstring" for name in find_undocumented(module)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
