"""Run the code blocks of every page of the docs, and parse every command that a sentence names.

A page whose blocks can't be run here says so in a comment; their syntax is checked.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import typer
import yaml

from i94_platform.settings import PROJECT
from i94_platform_tests.support.command import start_command
from i94_platform_tests.support.documented_commands import (
    DOCS,
    Workspace,
    find_reason_not_run,
    list_pages,
    read_blocks,
)
from i94_platform_tests.support.processes import find_free_port, wait_for

ELSEWHERE = {
    "explanation/april-2016.md": "../notebooks/render.py",
    "how-to/forget-a-person.md": "integration/test_retention.py",
    "how-to/new-column.md": "test_extension.py",
    "how-to/new-mart.md": "test_extension.py",
    "how-to/new-source.md": "test_extension.py",
    "reference/questions.md": "serving/dashboard/test_documented_queries.py",
}
"""The pages whose blocks something else runs: another test, or the notebook from which a page is written."""

NOT_RUN = {
    "explanation/unproven.md": "AWS",
    "how-to/production.md": "AWS",
    "how-to/redshift.md": "AWS",
    "how-to/s3.md": "AWS",
    "how-to/spark.md": "AWS",
    "testing.md": "network",
}
PARSED = ["reference/cli.md"]
"""The pages of which the commands are parsed, because other pages run them."""

TO_RUN = [page for page in list_pages() if page not in {*ELSEWHERE, *NOT_RUN, *PARSED}]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Four months of the sample, loaded by the command line into `.i94` of a folder."""
    workspace = Workspace(tmp_path_factory.mktemp("docs"))
    workspace.run("i94 sample --out .i94/lake/raw --from 2016-01 --to 2016-04 --rows 500\ni94 run --quiet")
    return workspace


@pytest.fixture(scope="module")
def api(workspace: Workspace) -> Iterator[dict[str, str]]:
    """A server with a key."""
    (key,) = re.findall(r"i94_[0-9a-f]{8}_\S+", workspace.run("i94 keys add docs"))
    variables, port = {"I94_HOME": str(workspace.folder / ".i94"), "PYTHONUNBUFFERED": "1"}, find_free_port()
    with (
        (workspace.folder / "serve.log").open("w") as log,
        start_command(variables, "serve", "--port", str(port), output=log),
    ):
        wait_for(lambda: "/" in Path(log.name).read_text(), "the server")
        workspace.run(f"curl --retry 60 --retry-all-errors --retry-delay 1 http://127.0.0.1:{port}/readyz")
        yield {"KEY": key, "PORT": str(port)}


def test_every_page_with_blocks_has_a_test_that_runs_them_or_a_reason() -> None:
    assert {page: reason for page in list_pages() if (reason := find_reason_not_run(page))} == NOT_RUN
    assert {file for file in ELSEWHERE.values() if not (PROJECT / "i94_platform_tests" / file).is_file()} == set()
    known = {"sh", "sql", "python", "yaml", "nginx", "text"}
    assert {block.language for page in list_pages() for block in read_blocks(page)} <= known


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in TO_RUN if page != "tutorial.md" and read_blocks(page, "sh")])
def test_the_commands_of_a_page_run(workspace: Workspace, request: pytest.FixtureRequest, page: str) -> None:
    script = "".join(block.text for block in read_blocks(page, "sh"))
    variables: dict[str, str] = request.getfixturevalue("api") if "$KEY" in script else {}
    workspace.run(script.replace("127.0.0.1:8094", f"127.0.0.1:{variables.get('PORT', 8094)}"), **variables)


@pytest.mark.slow
def test_the_tutorial_leads_to_three_loaded_months(tmp_path: Path) -> None:
    tutorial = Workspace(tmp_path / "clone")
    output = tutorial.run("".join(block.text for block in read_blocks("tutorial.md", "sh")) + "i94 status --json\n")
    assert "exit code 1" in output
    assert output.count('"issue":null') + output.count('"issue": null') == 3, output


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in TO_RUN if read_blocks(page, "python", "sql")])
def test_the_statements_and_python_of_a_page_run(workspace: Workspace, page: str) -> None:
    for block in read_blocks(page, "python"):
        workspace.run(f"python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK\n", I94_HOME=".i94")
    for block in read_blocks(page, "sql"):
        workspace.run(f"i94 query {shlex.quote(block.text)}")


@pytest.mark.parametrize("page", sorted({*NOT_RUN, *ELSEWHERE}))
def test_blocks_that_are_not_run_here_are_valid_shell(page: str) -> None:
    for block in read_blocks(page, "sh"):
        result = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, "")


def test_a_run_configuration_fits_the_jobs() -> None:
    from i94_platform.definitions import defs

    configurations = [yaml.safe_load(block.text) for page in list_pages() for block in read_blocks(page, "yaml")]
    assert configurations
    for configuration in configurations:
        dg.validate_run_config(defs.resolve_job_def("month"), configuration)


def _named_commands(prefix: str) -> set[str]:
    """Find the commands that sentences and the generated page name, without what a pipe or a redirection does."""
    pages = [*DOCS.rglob("*.md"), PROJECT / "README.md"]
    spans = [span for page in pages for span in re.findall(rf"`({prefix} [^`\n]+)`", page.read_text("utf-8"))]
    lines = [line for page in PARSED for block in read_blocks(page, "sh") for line in block.text.splitlines()]
    return {re.split(r" [|>#&] | && ", line)[0] for line in [*spans, *lines] if line.startswith(f"{prefix} ")}


@pytest.mark.parametrize("command", sorted(_named_commands("i94")))
def test_a_command_that_a_sentence_names_exists_with_its_options(command: str) -> None:
    from i94_platform.cli.main import app

    group: Any = typer.main.get_command(app)
    words = shlex.split(command)[1:]
    while words and (commands := getattr(group, "commands", None)):
        if words[0].startswith("-") or words[0] == "…":
            return
        assert words[0] in commands, command
        group, words = commands[words[0]], words[1:]
    try:
        group.make_context(group.name, words)
    except Exception as error:  # a sentence may leave values out; Typer has a Click of its own
        if not re.search(r"MissingParameter|requires an argument", repr(error)):
            raise


def test_a_target_that_a_sentence_names_exists() -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    targets = {command.split()[1] for command in _named_commands("make") if command.split()[1].isidentifier()}
    assert {target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)} == set()
