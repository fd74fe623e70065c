"""Check that no name of tools/banned_names.txt is given to anything: definitions in Python, SQL and JavaScript.

Only what the project itself names counts. A keyword argument or an attribute of a library may be called as it likes.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIST = Path(__file__).with_name("banned_names.txt")

LITERALS = {
    ".sql": re.compile(r"--[^\n]*|'(?:[^']|'')*'"),
    ".js": re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'", re.DOTALL),
}
"""Comments and strings, by the ending of a file."""

SETTING = re.compile(r"\b(?:I94|i94)_\w+")


@dataclass(frozen=True)
class BannedName:
    """A name, the one to use instead, and the parts of paths to which that is limited."""

    name: str
    replacement: str
    only_in: tuple[str, ...]

    def applies_to(self, path: str) -> bool:
        """Whether a file is concerned."""
        return not self.only_in or any(part in path for part in self.only_in)


def read_list() -> dict[str, BannedName]:
    """Read the list, by name."""
    banned = {}
    for line in LIST.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            text, _, only_in = line.partition("   in ")
            name, _, replacement = text.partition(" ")
            banned[name] = BannedName(name, replacement.strip(), tuple(only_in.split()))
    return banned


def names_in_python(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each definition, argument, assigned variable and attribute, and imported alias."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.arg(arg=name):
                yield node.lineno, name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield node.lineno, name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def names_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and each name of a file; line 0 for its own name and its folder's."""
    yield 0, path.stem.removeprefix("test_")
    yield 0, path.parent.name
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        yield from names_in_python(text)
    elif literal := LITERALS.get(path.suffix):
        code = literal.sub(lambda match: "\n" * match.group().count("\n"), text)
        yield from (
            (code.count("\n", 0, word.start()) + 1, word.group()) for word in re.finditer(r"[A-Za-z_]\w*", code)
        )
    yield from ((text.count("\n", 0, word.start()) + 1, word.group()) for word in SETTING.finditer(text))


def main() -> int:
    """Print each banned name that a file of the project gives; the exit code."""
    banned = read_list()
    command = ["git", "ls-files", "-z", "--", "*.py", "*.sql", "*.js", "*.sh", "*.yaml", "*.md", "*.example"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    problems = [
        f"{path}:{line}: {name} is banned; use: {entry.replacement}"
        for path in sorted(set(listed.split("\0")) - {""})
        if (ROOT / path).is_file() and path != "CHANGELOG.md"
        for line, name in sorted(set(names_in(ROOT / path)))
        if (entry := banned.get(name.strip("_"))) and entry.applies_to(path)
    ]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
