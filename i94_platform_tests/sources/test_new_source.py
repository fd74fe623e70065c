"""Test what a new source takes: a contract, a module that declares it, and two assets; the rest follows.

The change is the one that docs/contributing.md shows, made in a copy of the package.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from i94_platform.settings import PROJECT

PROGRAM = """
import io, json, sys
from i94_platform.contracts import REFERENCES, WAREHOUSE
from i94_platform.lake.store import StoredFile
from i94_platform.sample.reference import write_reference_files
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.registry import SOURCES
from pathlib import Path

out = Path(sys.argv[1])
gdp = SOURCES["gdp"]
listing = list_deliveries([StoredFile("a/GDP.csv", 1, "now")])
files = [path.name for path in write_reference_files(out, 94, lambda *_: None)]
rows = gdp.read(io.BytesIO(b"Year,Country,Value\\n2016,582,1.5\\n"), "gdp.csv").to_dict("records")
print(json.dumps({
    "delivered": list(listing.references),
    "rows": rows,
    "sampled": len(gdp.read(out / "gdp.csv", "gdp.csv")),
    "columns": gdp.columns,
    "code": gdp.code_file,
}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project's package with the source `gdp`."""
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(PROJECT / "i94_platform", copy / "i94_platform", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", copy)  # the mark of a checkout
    contract, module, staged_asset, warehouse_asset = read_example()
    (copy / "i94_platform/sources/gdp.py").write_text(module)
    contracts = copy / "i94_platform/contracts/reference.py"
    text = contracts.read_text().replace("airport_codes, world_temperature)", "airport_codes, world_temperature, gdp)")
    contracts.write_text(text.replace("LOOKUPS: tuple", f"{contract}\nLOOKUPS: tuple"))
    registry = copy / "i94_platform/sources/registry.py"
    registry.write_text(
        registry.read_text()
        .replace("demographics, immigration", "demographics, gdp, immigration")
        .replace("temperatures)\n\nSOURCES", "temperatures, gdp)\n\nSOURCES")
    )
    for layer, asset in (("staged", staged_asset), ("warehouse", warehouse_asset)):
        with (copy / f"i94_platform/defs/assets/{layer}.py").open("a") as file:
            file.write(f"\n\n{asset}\n")
    i94(copy, "lineage", "--write")
    return copy


def read_example() -> list[str]:
    """The contract, the module and the two assets of the page on contributing."""
    section = (PROJECT / "docs/contributing.md").read_text().split("## Add a source\n")[1].split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"```python\n(.*?)\n *```", section, re.DOTALL)]


def run(copy: Path, program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    environment = os.environ | {"PYTHONPATH": str(copy), "I94_HOME": str(copy / "home")}
    ended = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def i94(copy: Path, *arguments: str) -> str:
    """Run the command of the copy."""
    return run(copy, "from i94_platform.cli.main import main; main()", *arguments)


def test_a_source_needs_a_contract_and_a_module(copy: Path, tmp_path: Path) -> None:
    assert json.loads(run(copy, PROGRAM, str(tmp_path))) == {
        "delivered": ["gdp"],
        "rows": [{"country": 582, "year": 2016, "value": 1.5}],
        "sampled": pytest.approx(200, abs=20),
        "columns": {
            "Country": "Code of the country.",
            "Year": "Calendar year.",
            "Value": "Gross domestic product.",
        },
        "code": "sources/gdp.py",
    }


GRAPH = """
import json
from i94_platform.defs.column_lineage.compute import compute_lineage
from i94_platform.definitions import defs

specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
print(json.dumps({
    "assets": {n: [d.asset_key.to_user_string() for d in spec.deps] for n, spec in specs.items() if "gdp" in n},
    "checks": sorted(k.name for k in defs.resolve_asset_graph().asset_check_keys if k.asset_key.path[-1] == "gdp"),
    "lineage": compute_lineage()["staged/gdp"],
}))
"""


def test_the_graph_follows_the_declarations(copy: Path) -> None:
    graph = json.loads(run(copy, GRAPH))
    assert graph["assets"] == {
        "raw/gdp": [],
        "staged/gdp": ["raw/gdp"],
        "warehouse/gdp": ["staged/gdp", "warehouse/country"],
    }
    assert {"not_null", "key_unique", "foreign_keys", "ranges"} <= set(graph["checks"])
    assert graph["lineage"]["value"] == ["raw/gdp.Value"]


@pytest.mark.slow
def test_a_run_loads_the_file_of_the_sample(copy: Path) -> None:
    i94(copy, "sample", "--out", "home/lake/raw", "--from", "2016-01", "--to", "2016-01", "--rows", "1000")
    i94(copy, "run", "--month", "2016-01")
    rows = i94(
        copy, "query", "SELECT count(*) AS n, count(DISTINCT country) > 1 AS several FROM i94.gdp", "--format", "json"
    )
    assert json.loads(rows) == [{"n": pytest.approx(200, abs=20), "several": True}]
