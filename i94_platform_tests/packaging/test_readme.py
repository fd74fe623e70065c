"""Run the commands of README.md, and compare what they print with what it says."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from i94_platform.sample import write_sample
from i94_platform.settings import PROJECT

README = (PROJECT / "README.md").read_text("utf-8")
PAGES = {"README.md": README, "CONTRIBUTING.md": (PROJECT / "CONTRIBUTING.md").read_text("utf-8")}
MAX_WORDS = 1200  # five minutes
QUERIES = re.findall(r"`\.venv/bin/(i94 query [^`]+)`", README)
BLOCKS = [block.splitlines() for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)]
LAST_RUN = re.compile(r"\d\d-\d\d \d\d:\d\d")


def test_the_readme_can_be_read_in_five_minutes() -> None:
    assert len(README.split()) <= MAX_WORDS


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_and_test_folder_of_a_page_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)(?=`| |\n)", PAGES[page])) - {"virtual"}
    assert named
    assert named <= targets
    paths = set(re.findall(r"i94_platform_tests/[\w/.]+\w", PAGES[page]))
    assert not [path for path in paths if not (PROJECT / path).exists()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like a fresh clone with its packages installed: everything is a link to the real checkout."""
    folder = tmp_path_factory.mktemp("clone") / "i94_platform"
    folder.mkdir()
    for path in PROJECT.iterdir():
        if path.name not in (".git", ".i94", "build", "dist"):
            (folder / path.name).symlink_to(path)
    return folder


def run_command(checkout: Path, command: str, **settings: str) -> str:
    """Run a command of the README in the checkout and return what it prints."""
    unset_prefixes = ("I94_", "DAGSTER_", "PYTHONPATH", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(unset_prefixes)}
    # the packages are there, whatever the times of the linked files say
    arguments = shlex.split(command.replace("make ", "make -o .venv/.base ", 1))
    program = shutil.which(arguments[0]) or str(checkout / arguments[0])
    result = subprocess.run(
        [program, *arguments[1:]],
        cwd=checkout,
        env=environment | {"PWD": str(checkout)} | settings,
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def demo(checkout: Path) -> dict[str, str]:
    """The demo's settings, after its command, with what the command printed."""
    command = BLOCKS[0][0].partition("#")[0].strip()
    assert command == "make demo"
    output = run_command(checkout, command)
    home = str(checkout / ".i94" / "demo")
    return {"output": output, "I94_HOME": home, "I94_RAW": f"{home}/raw", "I94_LAST_MONTH": "2016-03"}


@pytest.mark.slow
def test_the_demo_prints_what_the_readme_shows(demo: dict[str, str]) -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", README, re.DOTALL)
    expected = [LAST_RUN.sub("", line).split() for line in shown.splitlines()]
    printed = [LAST_RUN.sub("", line).split() for line in demo["output"].splitlines()]
    assert [line for line in expected if line not in printed] == []


@pytest.mark.slow
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_of_the_readme_has_rows(checkout: Path, demo: dict[str, str], query: str) -> None:
    settings = {name: value for name, value in demo.items() if name.isupper()}
    assert len(run_command(checkout, f".venv/bin/{query} --format csv", **settings).splitlines()) > 1


@pytest.mark.slow
def test_a_month_that_is_loaded_again_is_replaced(checkout: Path, demo: dict[str, str]) -> None:
    settings = {name: value for name, value in demo.items() if name.isupper()}
    assert "`.venv/bin/i94 run --month 2016-02`" in README
    query = '.venv/bin/i94 query "SELECT i94mon, count(*) FROM i94.immigration GROUP BY 1 ORDER BY 1" --format csv'
    before = run_command(checkout, query, **settings)
    run_command(checkout, ".venv/bin/i94 run --month 2016-02", **settings)
    assert run_command(checkout, query, **settings) == before


@pytest.mark.slow
def test_a_real_delivery_is_loaded_and_queried_as_the_readme_says(checkout: Path) -> None:
    (block,) = (lines for lines in BLOCKS if lines[0].startswith("I94_RAW=../shared/data "))
    write_sample(checkout.parent / "shared" / "data", first="2016-04", last="2016-04", rows=2000)
    setting, _, command = block[0].partition(" ")
    run_command(checkout, command, **dict([setting.split("=")]))
    assert len(run_command(checkout, f"{block[1]} --format csv").splitlines()) > 1
