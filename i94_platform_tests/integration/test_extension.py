"""The mart and the source that docs/contributing.md adds as examples work from delivery to query.

Both are added to a copy of the package, exactly as the page shows them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from i94_platform.settings import PROJECT

pytestmark = pytest.mark.slow

MONTH = "2016-01"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with the mart `visitors_by_port` and the source `gdp`."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(PROJECT / "i94_platform", copy / "i94_platform", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", copy)
    mart_contract, mart_sql, source_contract, source_module, staged_asset, loaded_asset = read_examples()
    (copy / "i94_platform/marts/visitors_by_port.sql").write_text(mart_sql)
    (copy / "i94_platform/sources/gdp.py").write_text(source_module)
    for layer, asset in (("staged", staged_asset), ("warehouse", loaded_asset)):
        path = copy / f"i94_platform/defs/assets/{layer}.py"
        path.write_text(f"{path.read_text()}\n\n{asset}")
    registry = copy / "i94_platform/sources/registry.py"
    edit(registry, "import airports, demographics,", "import airports, demographics, gdp,")
    edit(registry, "demographics, airports, temperatures)", "demographics, airports, temperatures, gdp)")
    contracts = copy / "i94_platform/contracts"
    edit(contracts / "marts.py", "MONTHLY_MARTS: tuple", f"{mart_contract}\nMONTHLY_MARTS: tuple")
    edit(contracts / "reference.py", "LOOKUPS: tuple", f"{source_contract}\nLOOKUPS: tuple")
    edit(contracts / "reference.py", "airport_codes, world_temperature)", "airport_codes, world_temperature, gdp)")
    return copy


def read_examples() -> list[str]:
    """Return the blocks of Python and SQL on the page, in order."""
    page = (PROJECT / "docs/contributing.md").read_text()
    return [textwrap.dedent(block) for block in re.findall(r"```(?:python|sql)\n(.*?)\n *```", page, re.DOTALL)]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))


def i94(copy: Path, *arguments: str) -> str:
    """Run a command of the copy and return what it prints."""
    environment = os.environ | {"I94_HOME": str(copy / "home"), "I94_RAW": str(copy / "raw")}
    command = [sys.executable, "-m", "i94_platform.cli.main", *arguments]
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_new_mart_and_a_new_source_are_loaded_and_published(copy: Path) -> None:
    i94(copy, "lineage", "--write")
    i94(copy, "sample", "--out", str(copy / "raw"), "--from", MONTH, "--to", MONTH, "--rows", "500")
    i94(copy, "run")
    query = (
        "SELECT (SELECT count(*) > 0 FROM i94.gdp) AS source, "
        "(SELECT sum(visitors) FROM mart.visitors_by_port) = (SELECT count(*) FROM i94.immigration) AS mart"
    )
    assert i94(copy, "query", query, "--format", "csv").split() == ["source,mart", "True,True"]
    assert list((copy / "home/lake/published").glob("run=*/visitors_by_port/*.parquet"))
