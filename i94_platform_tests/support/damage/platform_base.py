"""An undamaged base: a lake and a warehouse that hold the reference files and one month, for damage to meet.

The lake is at the same address for every case. Each case begins with a fresh copy of its content.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from i94_platform.contracts import (
    LOOKUPS,
    REFERENCES,
    calendar,
    country,
    delivered_immigration,
    i94addr,
    immigration,
    immigration_quarantine,
    immigration_unreadable,
    state,
)
from i94_platform.contracts.codes import ENCODERS
from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.local import LocalStore
from i94_platform.lake.manifest import Manifest
from i94_platform.partitions import Month
from i94_platform.pipeline.code_lists import stage_code_lists
from i94_platform.pipeline.dimensions import (
    build_calendar_rows,
    build_country_rows,
    build_state_rows,
    code_list_builder,
)
from i94_platform.pipeline.gate import Gate
from i94_platform.pipeline.immigration import stage_month
from i94_platform.pipeline.loading import load_built, load_staged
from i94_platform.pipeline.reference import stage_reference
from i94_platform.pipeline.temperatures import stage_temperatures
from i94_platform.sources.registry import REFERENCE_FILES, SOURCES
from i94_platform.warehouse.duckdb import DuckDBWarehouse
from i94_platform_tests.support.damage.model import DeliveredRow, Rows
from i94_platform_tests.support.damage.oracle import expect_month
from i94_platform_tests.support.staging import StagedMonth

MONTH = Month(2016, 1)
NAME = "i94_jan16_sub.parquet"
ROWS = 200
REFERENCE_LINES = {"us_cities_demographics": 250, "airport_codes": 300, "land_temperatures": 720}
MONTHLY = (immigration, immigration_quarantine, immigration_unreadable)


@dataclass
class PlatformBase:
    """The parts that a case stages with, and the content that it starts from."""

    folder: Path
    sample: Path

    def __post_init__(self) -> None:
        self.raw, self.live, self.template = (self.folder / name for name in ("raw", "lake", "template"))
        self.engine = DuckDBEngine(self.folder / "engine", "500MB")
        self.warehouse = DuckDBWarehouse(
            self.folder / "warehouse.duckdb", self.folder / "scratch", "500MB", lock_timeout=5.0
        )
        self.lake = Lake(LocalStore(self.live))
        self.files = {name: self._read_reference(name) for name in REFERENCE_FILES}
        self.rows = self._read_rows()
        self._load()

    @property
    def gate(self) -> Gate:
        """A gate that compares with the base."""
        return Gate(self.warehouse)

    def _read_reference(self, name: str) -> bytes:
        (path,) = self.sample.rglob(REFERENCE_FILES[name])
        content = path.read_bytes()
        lines = content.splitlines(keepends=True)
        return b"".join(lines[: REFERENCE_LINES[name] + 1]) if name in REFERENCE_LINES else content

    def _read_rows(self) -> Rows:
        """Read the rows of the sample month that have nothing to reject and nothing unreadable."""
        (path,) = self.sample.rglob(NAME)
        rows: Rows = pq.read_table(path, columns=column_names(delivered_immigration)).slice(0, 2 * ROWS).to_pylist()
        expected = expect_month([DeliveredRow("", n, row) for n, row in enumerate(rows)], MONTH)
        odd = {number for _, number in expected.rejected} | {number for _, number, _ in expected.unreadable}
        good = [row for number, row in enumerate(rows) if number not in odd][:ROWS]
        # letters that encodings differ in
        return [row | {"occup": "CAFÉ"} if number % 20 == 0 else row for number, row in enumerate(good)]

    def _load(self) -> None:
        contents = {REFERENCE_FILES[name]: content for name, content in self.files.items()}
        for name, content in contents.items():
            LocalStore(self.raw).put(name, content)
        pq.write_table(delivered_table(self.rows), self.raw / NAME)
        raw = LocalStore(self.raw)
        list(stage_code_lists(raw, self.lake, Gate(), "base"))
        for source in SOURCES.values():
            if source.read is not None:
                stage_reference(source, raw, self.lake, Gate(), "base")
        stage_temperatures(raw, self.lake, self.engine, Gate(), "base")
        stage_month(MONTH, raw, self.lake, self.engine, Gate(), "base", lambda _: None)
        self.warehouse.create_tables()
        # the states first, because ports refer to them
        lists = sorted(LOOKUPS, key=lambda contract: contract is not i94addr)
        builders = {contract: code_list_builder(contract) for contract in lists} | {
            calendar: build_calendar_rows,
            state: build_state_rows,
            country: build_country_rows,
        }
        for contract, build in builders.items():
            load_built(contract, build, self.lake, self.engine, self.warehouse, run_id="base", run_folder="base")
        for contract in REFERENCES:
            load_staged(contract, "", self.lake, self.warehouse, "base")
        load_staged(immigration, MONTH.key, self.lake, self.warehouse, "base")
        shutil.copytree(self.live, self.template)
        shutil.rmtree(self.raw)

    @contextmanager
    def deliver(self, files: dict[str, bytes]) -> Iterator[LocalStore]:
        """Deliver files into an empty store, with the lake as it was."""
        for folder in (self.live, self.raw):
            shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.template, self.live)
        self.raw.mkdir()
        raw = LocalStore(self.raw)
        for path, content in files.items():
            raw.put(path, content)
        yield raw

    def read_state(self) -> dict[str, bytes]:
        """Read each committed manifest, and the files that it names."""
        state = {}
        for path in sorted(self.live.rglob("manifest.json")):
            state[str(path)] = path.read_bytes()
            manifest = Manifest.from_json(state[str(path)], str(path))
            state |= {url: Path(url).read_bytes() for url in manifest.urls}
        return state

    def read_table(self, dataset: str) -> list[dict[str, Any]]:
        """Read the committed rows of a reference table or code list."""
        contract = next(c for c in (*LOOKUPS, *REFERENCES) if c.name == dataset.rpartition("/")[2])
        return self.lake.read_table(self.lake.require_manifest(Dataset(dataset)), contract).to_pylist()

    def read_labels(self, name: str) -> dict[str | int, str]:
        """Read the label of each code of a committed code list."""
        return {row["code"]: row["label"] for row in self.read_table(f"lookup/{name}")}

    def read_month(self) -> StagedMonth:
        """Read the committed month."""
        manifests = [self.lake.require_manifest(Dataset(f"staged/{c.name}", MONTH.key)) for c in MONTHLY]
        return StagedMonth(manifests[0], manifests[1], manifests[2])

    @cached_property
    def used_codes(self) -> dict[str, set[Any]]:
        """The codes that the arrivals of the base have, by list."""
        arrivals = self.warehouse.query("SELECT * FROM i94.immigration").to_pylist()
        used: dict[str, set[Any]] = {}
        for encoder in ENCODERS.values():
            used.setdefault(encoder.list_name, set()).update(row[encoder.column] for row in arrivals)
        return used

    def parse_reference(self, name: str) -> list[dict[str, str]]:
        """Parse the undamaged lines of a reference file, by column in lower case."""
        delimiter = ";" if name == "us_cities_demographics" else ","
        header, *lines = csv.reader(io.StringIO(self.files[name].decode(), newline=""), delimiter=delimiter)
        return [dict(zip(map(str.casefold, header), cells, strict=True)) for cells in lines]


def delivered_table(rows: Rows) -> pa.Table:
    """Make a table with the types of a delivery."""
    return pa.Table.from_pylist(rows, arrow_schema(delivered_immigration))
