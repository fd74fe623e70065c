"""Pins what a new source takes: a contract, and a module that declares it; listing, reading, sample and graph follow.

The change is made in a copy of the package.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from i94_platform.settings import PROJECT

MODULE = '''\
"""Gross domestic product: gdp.csv to the contract `gdp`."""

from functools import partial

from i94_platform.contracts.reference import gdp
from i94_platform.sources.delimited import read_table
from i94_platform.sources.source import Source

HEADERS = {"country": "Country", "year": "Year", "value": "Value"}

SOURCE = Source(
    name="gdp",
    description="Gross domestic product by country and year.",
    file_name="gdp.csv",
    formats=("csv",),
    contracts=(gdp,),
    headers=HEADERS,
    read=partial(read_table, contract=gdp, headers=HEADERS),
    module=__name__,
)
'''

CONTRACT = """\
gdp: Table = table(
    warehouse_metadata,
    "gdp",
    "Gross domestic product by country and year.",
    column("country", Integer(), "Code of the country.", source="gdp.csv", key=True, references="i94cit_res.code"),
    column("year", Integer(), "Calendar year.", source="gdp.csv", key=True, low=1900, high=2100),
    column("value", Double(), "Gross domestic product.", source="gdp.csv", unit="USD", low=0),
    domain="places",
    grain="one row per country and year",
)

"""

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
    (copy / "i94_platform/sources/gdp.py").write_text(MODULE)
    contracts = copy / "i94_platform/contracts/reference.py"
    text = contracts.read_text().replace("airport_codes, world_temperature)", "airport_codes, world_temperature, gdp)")
    contracts.write_text(text.replace("LOOKUPS: tuple", f"{CONTRACT}LOOKUPS: tuple"))
    return copy


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
