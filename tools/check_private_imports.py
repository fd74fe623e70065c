"""Check that private modules and names of dependencies are imported by the one adapter module only.

A private name may change with any release of the dependency. The adapter says why each one is needed.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ADAPTER = ROOT / "i94_platform" / "defs" / "dagster_internals.py"
OWN_PACKAGES = {"i94_platform", "i94_platform_tests", "bench", "notebooks", "tools"}


def is_private(dotted_name: str) -> bool:
    """Whether a part of a dotted name starts with one underscore."""
    return any(part.startswith("_") and not part.startswith("__") for part in dotted_name.split("."))


def private_imports(module: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each private import from a dependency."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (
            (node.lineno, name) for name in names if is_private(name) and name.split(".")[0] not in OWN_PACKAGES
        )


def main(folders: list[str]) -> int:
    """Print the private imports of the folders' modules outside the adapter; the exit code."""
    modules = [module for folder in folders for module in sorted((ROOT / folder).rglob("*.py")) if module != ADAPTER]
    problems = [
        f"{module.relative_to(ROOT)}:{line}: {name} is private; import it in {ADAPTER.relative_to(ROOT)}"
        for module in modules
        for line, name in private_imports(module)
    ]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["i94_platform"]))
