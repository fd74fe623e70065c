"""Pins what a new source takes: a contract, and a module that declares it; listing, reading, sample and graph follow.

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
from typing import Any

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
    contract, module = read_example()
    (copy / "i94_platform/sources/gdp.py").write_text(module)
    contracts = copy / "i94_platform/contracts/reference.py"
    text = contracts.read_text().replace("airport_codes, world_temperature)", "airport_codes, world_temperature, gdp)")
    contracts.write_text(text.replace("LOOKUPS: tuple", f"{contract}\nLOOKUPS: tuple"))
    return copy


def read_example() -> list[str]:
    """The contract and the module of the page on contributing."""
    section = (PROJECT / "docs/contributing.md").read_text().split("## Add a source\n")[1].split("\n## ")[0]
    return [textwrap.dedent(block) for block in re.findall(r"```python\n(.*?)\n *```", section, re.DOTALL)]


def run(copy: Path, program: str, *arguments: str) -> Any:
    command = [sys.executable, "-c", program, *arguments]
    ended = subprocess.run(
        command, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_source_needs_a_contract_and_a_module(copy: Path, tmp_path: Path) -> None:
    assert run(copy, PROGRAM, str(tmp_path)) == {
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
