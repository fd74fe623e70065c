"""Write the pages of docs/reference that are generated from code; with --check, name those that are outdated.

Each page has a function that renders it; `i94 dictionary` renders the data dictionary.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


def render_table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Render a table in Markdown."""
    lines = [header, ("---",) * len(header), *rows]
    return "".join(
        "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in line) + " |\n" for line in lines
    )


def render_settings() -> str:
    """Render every variable of the environment that configures a deployment."""
    from i94_platform.settings import Settings

    rows = [
        (
            f"`I94_{name.upper()}`",
            f"`{default}`" if (default := str(field.get_default())) not in ("", "**********") else "",
            str(field.description).replace("<", "&lt;"),
        )
        for name, field in Settings.model_fields.items()
    ]
    return f"{_SETTINGS}\n{render_table(('variable', 'default', 'what'), rows)}"


_SETTINGS = """\
The environment has all settings. They are read once and validated. `i94 doctor` checks them, the folders, the disk, the
memory, manifests and databases, and says what to do. A variable `I94_…` that is no setting is named with the
nearest one.

Passwords have variables of their own: `I94_REDSHIFT_PASSWORD`, and `I94_REDSHIFT_READER_PASSWORD` for the user of
`I94_REDSHIFT_READER`. The engine and the warehouse have the memory limit each, and work one after the other; Python and
Arrow add about half a gigabyte.
"""


def render_commands() -> str:
    """Render the help of every command."""
    import typer

    from i94_platform.cli.main import app

    root: Any = typer.main.get_command(app)
    return "\n".join(_render_command("i94", root.commands))


def _render_command(prefix: str, commands: dict[str, Any]) -> Iterator[str]:
    for name, command in commands.items():
        text, _, examples = (command.help or "").partition("Examples:")
        call = f"{prefix} {name}"
        yield f"## {call}\n\n{_strip_markup(text).strip()}\n"
        if calls := re.findall(r"\[bold\](.+?)\[/bold\](.*)", examples):
            yield "```sh\n" + "".join(f"{_strip_markup(c)}{_strip_markup(rest)}\n" for c, rest in calls) + "```\n"
        parameters = [p for p in command.params if p.name != "help" and not getattr(p, "hidden", False)]
        if parameters:
            yield render_table(("option", "default", "what"), map(_render_parameter, parameters))
        yield from _render_command(call, getattr(command, "commands", {}))


def _strip_markup(text: str) -> str:
    """Remove the marks of rich, such as `[bold]`, and the indent of a docstring."""
    return re.sub(r"\[/?(?:bold|dim|cyan|green)\]", "", re.sub(r"^ +", "", text, flags=re.MULTILINE)).replace(
        "\\[", "["
    )


def _render_parameter(parameter: Any) -> tuple[str, str, str]:
    is_argument = parameter.param_type_name == "argument"
    names = [parameter.name.upper()] if is_argument else [*parameter.opts, *parameter.secondary_opts]
    default = "required" if parameter.required else parameter.default
    shown = "" if default in (None, False, ()) or callable(default) else str(default)
    return " · ".join(f"`{n}`" for n in names), shown, _strip_markup(getattr(parameter, "help", "") or "")


def render_checks() -> str:
    """Render every check: what it demands, whether it blocks, and the assets that have it."""
    from i94_platform.definitions import defs

    graph = defs.get_repository_def().asset_graph
    assets = defaultdict(list)
    for key in sorted(graph.asset_check_keys, key=lambda key: key.asset_key):
        node = graph.get(key)
        text = "" if key.name == "contract" else re.sub(r"lookup/\S+\.csv", "lookup/*.csv", node.description or "")
        assets[key.name, node.blocking, text].append(f"`{key.asset_key.to_user_string()}`")
    rows = (
        (
            f"`{name}`",
            "blocks" if blocking else "warns",
            text or "The rows hold to the rules of the contract.",
            ", ".join(of),
        )
        for (name, blocking, text), of in sorted(assets.items())
    )
    return render_table(("check", "a failure", "what it demands", "of"), rows)


def render_lineage() -> str:
    """Render the columns from which each column of the graph is computed, or looked up by."""
    import json

    from i94_platform.defs.column_lineage.lineage_file import FILE

    lineage: dict[str, dict[str, list[str] | str]] = json.loads(FILE.read_text("utf-8"))
    return "\n".join(
        f"## {asset}\n\n" + render_table(("columns", "from"), _group_by_source(columns))
        for asset, columns in lineage.items()
        if not asset.startswith("published/")
    )


def _group_by_source(columns: dict[str, list[str] | str]) -> Iterator[tuple[str, str]]:
    """Yield columns of equal sources together; those that are copied by name, by their asset."""
    groups = defaultdict(list)
    for column, sources in columns.items():
        groups[_describe_sources(column, sources)].append(f"`{column}`")
    return ((", ".join(names), text) for text, names in groups.items())


def _describe_sources(column: str, sources: list[str] | str) -> str:
    """Describe the columns from which a column comes, or say why it has none."""
    if isinstance(sources, str):
        return sources
    if len(sources) == 1 and sources[0].endswith(f".{column}"):
        return f"`{sources[0].rpartition('.')[0]}`, by name"
    return ", ".join(f"`{source}`" for source in sources)


def render_api() -> str:
    """Render the operations, parameters and problems of the web API from its OpenAPI document."""
    from i94_platform.serving.api.openapi import create_document
    from i94_platform.serving.app import create_app
    from i94_platform.serving.problems import KINDS

    document = create_document(create_app())
    operations = (
        (f"`{method.upper()} {path}`", operation["summary"], ", ".join(f"`{s}`" for s in _scopes(operation)))
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    parameters = (
        (f"`{parameter['name']}`", parameter.get("description", ""))
        for parameter in document["components"]["parameters"].values()
    )
    problems = ((f"`/problems/{name}`", str(k.status), k.title, k.advice) for name, k in KINDS.items())
    return "\n".join(
        (
            f"{document['info']['description']}\n\n## Operations\n",
            render_table(("operation", "returns", "scope"), operations),
            "## Parameters\n",
            render_table(("parameter", "what"), parameters),
            "## Problems\n",
            render_table(("`type`", "status", "what", "what to do"), problems),
        )
    )


def _scopes(operation: dict[str, Any]) -> list[str]:
    return sorted({scope for way in operation.get("security", []) for scopes in way.values() for scope in scopes})


PAGES: dict[str, tuple[str, str, Callable[[], str]]] = {
    "settings": ("Settings", "i94_platform/settings.py", render_settings),
    "cli": ("Commands", "i94_platform/cli", render_commands),
    "check-list": ("List of checks", "the definitions", render_checks),
    "lineage": ("Column lineage", "the SQL of each table", render_lineage),
    "api": ("The web API", "the OpenAPI document", render_api),
}
"""The title of each page, what it is generated from, and its function."""


def render_page(name: str) -> str:
    """Render a page with its heading."""
    title, origin, render = PAGES[name]
    return f"# {title}\n\nGenerated from {origin} by `make docs`.\n\n{render()}"


def main(arguments: list[str]) -> int:
    """Write or check the pages; the exit code."""
    outdated = []
    for name in PAGES:
        file, text = FOLDER / f"{name}.md", render_page(name)
        if not file.exists() or file.read_text("utf-8") != text:
            outdated.append(f"{file.relative_to(FOLDER.parents[1])} is outdated; run: make docs\n")
            if "--check" not in arguments:
                file.write_text(text, "utf-8")
    sys.stdout.writelines(outdated if "--check" in arguments else [])
    return 1 if "--check" in arguments and outdated else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
