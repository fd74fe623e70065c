"""What is made from the lake while a part of it is damaged: nothing good is replaced by something poorer."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.contracts import world_temperature
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.engine.duckdb import DuckDBEngine
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.manifest import DamagedManifestError
from i94_platform.pipeline.dimensions import build_country_rows
from i94_platform.pipeline.temperatures import require_valid_rows
from i94_platform_tests.support.deployment import Deployment


@pytest.fixture
def engine(tmp_path: Path) -> DuckDBEngine:
    return DuckDBEngine(tmp_path / "scratch")


def test_countries_lose_no_climate_where_the_manifest_of_the_temperatures_is_damaged(
    loaded_deployment: Deployment, tmp_path: Path, engine: DuckDBEngine
) -> None:
    deployment = loaded_deployment.copy(tmp_path / "copy")
    path = Dataset("staged/world_temperature").manifest_path
    deployment.lake.store.put(path, b"{")
    with pytest.raises(DamagedManifestError, match=path):
        build_country_rows(deployment.lake, engine)


def test_countries_are_not_made_from_altered_temperatures(
    loaded_deployment: Deployment, tmp_path: Path, engine: DuckDBEngine
) -> None:
    deployment = loaded_deployment.copy(tmp_path / "copy")
    url = deployment.manifest("staged/world_temperature").urls[0]
    content = Path(url).read_bytes()
    Path(url).write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(PermanentError, match=url):
        build_country_rows(deployment.lake, engine)


def write_temperatures(path: Path, *changes: dict[str, object]) -> str:
    """Write one row per change of a valid row."""
    row = dict.fromkeys(arrow_schema(world_temperature).names) | {
        "dt": dt.date(2013, 1, 1), "city": "Oslo", "country": "Norway", "latitude": 60.27, "longitude": 11.39,
    }  # fmt: skip
    pq.write_table(pa.Table.from_pylist([row | change for change in changes], arrow_schema(world_temperature)), path)
    return str(path)


def test_temperatures_that_break_their_contract_are_found_before_they_are_committed(
    tmp_path: Path, engine: DuckDBEngine
) -> None:
    require_valid_rows(engine, [write_temperatures(tmp_path / "valid.parquet", {}, {"city": "Bergen"})])
    with pytest.raises(PermanentError, match=r"city breaks its rule \(never null\) 1 times"):
        require_valid_rows(engine, [write_temperatures(tmp_path / "null.parquet", {}, {"city": None})])
    with pytest.raises(PermanentError, match=r"city.* breaks its rule \(each once\) 1 times"):
        require_valid_rows(engine, [write_temperatures(tmp_path / "twice.parquet", {}, {})])
    with pytest.raises(PermanentError, match=r"each once"):
        require_valid_rows(engine, [write_temperatures(tmp_path / f"{n}.parquet", {}) for n in (1, 2)])
