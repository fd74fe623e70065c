"""Test the staging of reference files from the delivered bytes to manifest and rows.

Wrong here before: temperatures as D/M/YYYY became January 1 to 12, one odd airport stopped every month, and a label
file in UTF-8 gave `MÃ‰XICO`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from i94_platform.contracts import REFERENCES, i94cit_res
from i94_platform.engine.base import Engine
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.pipeline.code_lists import stage_code_lists
from i94_platform.pipeline.gate import Bounds, Gate
from i94_platform.pipeline.reference import stage_reference
from i94_platform.pipeline.temperatures import stage_temperatures
from i94_platform.sources.registry import REFERENCE_FILES, SOURCES
from i94_platform_tests.sources.label_files import SMALL

CONTRACTS = {contract.name: contract for contract in REFERENCES}
TODAY = dt.date(2016, 4, 30)
GATE = Gate(bounds=Bounds(rejected_share=1.0, unreadable_share=1.0))
"""A gate that lets every share of rejected and implausible rows pass: the files of these tests are small."""
HEADER = "dt,AverageTemperature,AverageTemperatureUncertainty,City,Country,Latitude,Longitude"
MONTHS = [dt.date(2012, month, 1) for month in range(1, 13)]


def write_temperatures(format_date: Callable[[dt.date], str], *others: str) -> str:
    """Twelve months of one city, with the dates in a format, and other dates."""
    dates = [*map(format_date, MONTHS), *others]
    return "\n".join([HEADER, *(f"{date},{i}.5,0.25,Århus,Denmark,57.05N,10.33E" for i, date in enumerate(dates)), ""])


class Staging:
    """A folder of deliveries and a lake beside it."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.raw, self.lake, self.engine = LocalStore(folder / "raw"), Lake(LocalStore(folder / "lake")), engine
        self.runs = count()

    def deliver(self, source: str, content: bytes) -> None:
        self.raw.put(REFERENCE_FILES[source], content)

    def stage_temperatures(self, text: str, encoding: str = "utf-8") -> Manifest:
        self.deliver("land_temperatures", text.encode(encoding))
        return stage_temperatures(self.raw, self.lake, self.engine, GATE, f"run{next(self.runs)}", TODAY)

    def stage(self, source: str, content: bytes) -> Manifest:
        self.deliver(source, content)
        return stage_reference(SOURCES[source], self.raw, self.lake, GATE, "run")[0]

    def read(self, manifest: Manifest) -> pa.Table:
        return self.lake.read_table(manifest, CONTRACTS[manifest.dataset.partition("/")[2]])


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The embedded engine."""
    return DuckDBEngine(tmp_path_factory.mktemp("duckdb"))


@pytest.fixture
def staging(tmp_path: Path, engine: Engine) -> Staging:
    """An empty lake, and an empty folder of deliveries."""
    return Staging(tmp_path, engine)


FORMATS: dict[str, Callable[[dt.date], str]] = {
    "YYYY-MM-DD": dt.date.isoformat,
    "M/D/YYYY": lambda day: f"{day.month}/{day.day}/{day.year}",
    "D/M/YYYY": lambda day: f"{day.day}/{day.month}/{day.year}",
    "DD/MM/YYYY": lambda day: day.strftime("%d/%m/%Y"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_whole_file_shows_the_order_of_day_and_month(staging: Staging, name: str) -> None:
    manifest = staging.stage_temperatures(write_temperatures(FORMATS[name]))
    rows = staging.read(manifest).sort_by("dt")
    assert rows["dt"].to_pylist() == MONTHS
    assert rows["average_temperature"].to_pylist() == [month + 0.5 for month in range(12)]
    assert manifest.stats["date_order"] == ("day first" if name.startswith("D") else "month first")
    assert (manifest.stats["delivered_rows"], manifest.stats["rejected_rows"]) == (12, 0)


def test_an_order_that_no_majority_shows_is_refused(staging: Staging) -> None:
    text = "\n".join([HEADER, *(f"{date},1,1,Lima,Peru,12.05S,77.05W" for date in ("2/1/2012", "1/2/2012")), ""])
    with pytest.raises(PermanentError, match=r"GlobalLandTemperaturesByCity\.csv, column 'dt': .*YYYY-MM-DD"):
        staging.stage_temperatures(text)


@pytest.mark.parametrize("stray", ["2100-01-01", "2012-02-30", "3/4/2012", "yesterday", "2012-01-01"])
def test_a_stray_date_is_rejected_and_counted(staging: Staging, stray: str) -> None:
    manifest = staging.stage_temperatures(write_temperatures(dt.date.isoformat, stray))
    (issue,) = manifest.stats["rejected"]
    assert issue["rows"] == manifest.stats["rejected_rows"] == 1
    assert issue["sample"].startswith("row 14: ")
    assert stray in issue["sample"]
    assert manifest.rows == manifest.stats["delivered_rows"] - 1 == 12


def test_a_record_that_is_repeated_counts_once_and_is_not_rejected(staging: Staging) -> None:
    manifest = staging.stage_temperatures(
        write_temperatures(dt.date.isoformat) + write_temperatures(FORMATS["M/D/YYYY"])[len(HEADER) + 1 :]
    )
    assert manifest.rows == 12
    assert (manifest.stats["rejected_rows"], manifest.stats["repeated_rows"]) == (0, 12)


@pytest.mark.parametrize(
    ("change", "encoding"),
    [
        (lambda text: text.replace(",", ";"), "utf-8"),
        (lambda text: "sep=\t\n" + text.replace(",", "\t"), "utf-8"),
        (lambda text: text.replace(HEADER, HEADER.upper()), "utf-8"),
        (str, "utf-16"),
        (str, "latin-1"),
        (str, "utf-8-sig"),
    ],
)
def test_temperatures_in_another_dialect_are_read_alike(
    staging: Staging, change: Callable[[str], str], encoding: str
) -> None:
    text = write_temperatures(dt.date.isoformat)
    expected = staging.read(staging.stage_temperatures(text)).sort_by("dt")
    assert staging.read(staging.stage_temperatures(change(text), encoding)).sort_by("dt").equals(expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{HEADER}\n", "has a header and no rows"),
        (write_temperatures(lambda _: "never"), "has no row that can be used"),
        ("dt,AverageTemperature,Country\n2012-01-01,1,Peru\n", "lacks the columns AverageTemperatureUncertainty"),
        ("version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (write_temperatures(dt.date.isoformat)[:-4], "does not end"),
    ],
)
def test_a_file_without_temperatures_is_refused_and_the_committed_ones_stay(
    staging: Staging, content: str, message: str
) -> None:
    before = staging.stage_temperatures(write_temperatures(dt.date.isoformat))
    with pytest.raises(PermanentError, match=message):
        staging.stage_temperatures(content)
    assert staging.lake.require_manifest(Dataset("staged/world_temperature")) == before


AIRPORTS = (
    "ident,type,name,elevation_ft,continent,iso_country,iso_region,municipality,gps_code,iata_code,local_code,coordinates\n"
    '00A,heliport,A,11,NA,US,US-PA,B,,,,"20.9, -156.4"\n'
)


def test_odd_airports_are_rejected_and_counted_in_the_manifest(staging: Staging) -> None:
    odd = AIRPORTS.splitlines()[1].replace("00A", "00B")
    rows = [odd.replace("11", "12.5"), odd.replace('"20.9, -156.4"', ""), odd, odd]
    manifest = staging.stage("airport_codes", (AIRPORTS + "\n".join([*rows, ""])).encode())
    assert staging.read(manifest)["ident"].to_pylist() == ["00A", "00B"]
    assert (manifest.stats["delivered_rows"], manifest.stats["rejected_rows"]) == (5, 3)
    problems: list[dict[str, Any]] = manifest.stats["rejected"]
    assert [problem["rows"] for problem in problems] == [1, 1, 1]
    assert {problem["sample"] for problem in problems} == {"row 3: '12.5'", "row 4: the value", "row 6: '00B'"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_the_label_file_is_decoded_by_its_bytes(staging: Staging, encoding: str) -> None:
    staging.deliver("i94_labels", SMALL.replace("MEXICO", "MÉXICO").encode(encoding))
    manifests = {
        contract.name: manifest for contract, manifest in stage_code_lists(staging.raw, staging.lake, GATE, "run")
    }
    assert "MÉXICO Air Sea" in staging.lake.read_table(manifests["i94cit_res"], i94cit_res)["label"].to_pylist()


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("variant", "rows"), [("temperatures-month-first.csv", 8_862), ("temperatures-by-country.csv", 0)]
)
def test_public_variants_of_the_temperatures(staging: Staging, variants: Path, variant: str, rows: int) -> None:
    file = variants / variant
    if rows:
        manifest = staging.stage_temperatures(file.read_text("utf-8"))
        assert (manifest.stats["delivered_rows"], manifest.stats["rejected"]) == (rows, [])
    else:
        with pytest.raises(PermanentError, match="lacks the columns City, Latitude, Longitude"):
            staging.stage_temperatures(file.read_text("utf-8"))
