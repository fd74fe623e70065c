"""Test `i94_platform.read`: the rows of a release by months and columns, its errors, the examples of the docs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars
import pytest

import i94_platform
from i94_platform.contracts import PUBLISHED, destination_by_origin, state
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.releases import Release
from i94_platform.settings import PROJECT, Settings
from i94_platform_tests.serving.synthetic_release import make_rows, publish_release

HEAVY = ("pyarrow", "pandas", "duckdb", "sqlalchemy", "dagster", "pydantic", "boto3")

POLARS_TYPES = {
    "string": polars.String,
    "int32": polars.Int32,
    "int64": polars.Int64,
    "double": polars.Float64,
}
"""By type of Arrow."""


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Release]:
    """The home of a deployment with a release of three months, and the release."""
    home = tmp_path_factory.mktemp("home")
    return home, publish_release(open_lake(Settings(home=str(home))), "r1")


def test_every_published_table_is_read_whole_in_the_types_of_its_contract(published: tuple[Path, Release]) -> None:
    home, release = published
    for contract in PUBLISHED:
        rows = i94_platform.read(contract.name, home=home)
        assert rows.to_pylist() == make_rows(contract).to_pylist()
        assert rows.schema.equals(arrow_schema(contract))
        assert rows.schema.metadata[b"release"] == release.version.encode()


def test_months_and_columns_narrow_what_is_read(published: tuple[Path, Release]) -> None:
    home, _ = published
    rows = make_rows(destination_by_origin).to_pylist()
    for months, numbers in (("2016-02", {2}), (["2016-03", "2016-01", "2016-01"], {1, 3})):
        read = i94_platform.read("destination_by_origin", months, columns=["visitors", "i94mon"], home=home)
        assert read.column_names == ["visitors", "i94mon"]
        expected = [{name: row[name] for name in read.column_names} for row in rows if row["i94mon"] in numbers]
        assert read.to_pylist() == expected
    assert i94_platform.read("destination_by_origin", [], home=home).num_rows == 0
    assert i94_platform.read("destination_by_origin", "2016-02", home=home).to_pandas()["i94mon"].unique() == [2]


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        ({"table": "immigration"}, ["immigration", "destination_by_origin", "country"]),
        ({"table": "ports", "months": "2016-04"}, ["ports", "2016-04", "2016-01, 2016-02, 2016-03"]),
        ({"table": "state", "months": ["2016-01"]}, ["state", "2016-01", "no months"]),
        ({"table": "state", "columns": ["code", "population"]}, ["state", "population", "neighbours"]),
    ],
    ids=["table", "month", "month of a table without months", "column"],
)
def test_an_unknown_name_is_rejected_with_those_that_exist(
    published: tuple[Path, Release], arguments: dict[str, str], facts: list[str]
) -> None:
    with pytest.raises(PermanentError) as error:
        i94_platform.read(**arguments, home=published[0])
    assert all(fact in str(error.value) for fact in facts)


def test_a_setting_that_is_not_valid_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I94_FIRST_MONTH", "April")
    with pytest.raises(PermanentError, match="I94_FIRST_MONTH"):
        i94_platform.read("state", home=tmp_path)


def test_without_a_release_and_with_an_altered_file_nothing_is_read(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="i94 run"):
        i94_platform.read("state", home=tmp_path)
    (url,) = publish_release(open_lake(Settings(home=str(tmp_path))), "r1").urls(state.name)
    Path(url).write_bytes(b"x" * Path(url).stat().st_size)
    with pytest.raises(PermanentError, match=r"state.*other content"):
        i94_platform.read("state", home=tmp_path)
    Path(url).unlink()
    with pytest.raises(PermanentError, match=r"state.*missing"):
        i94_platform.read("state", home=tmp_path)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, i94_platform; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_polars_has_the_rows_and_types_of_every_published_table(published: tuple[Path, Release]) -> None:
    for contract in PUBLISHED:
        rows = i94_platform.read(contract.name, home=published[0])
        frame = polars.from_arrow(rows)
        assert isinstance(frame, polars.DataFrame)
        assert frame.to_dicts() == rows.to_pylist()
        assert frame.dtypes == [POLARS_TYPES[str(field.type)] for field in rows.schema]


def test_the_examples_of_the_docs_run(published: tuple[Path, Release], monkeypatch: pytest.MonkeyPatch) -> None:
    page = (PROJECT / "docs" / "how-to" / "bi-tools.md").read_text("utf-8").partition("## Arrow, pandas and Polars")[2]
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    monkeypatch.setenv("I94_HOME", str(published[0]))
    names: dict[str, Any] = {}
    exec("".join(examples), names)  # noqa: S102 - it is our own page
    winter = names["winter"].to_pandas()
    assert {*winter["i94mon"]} == {1, 2}
    totals = winter.groupby("state")["visitors"].sum()
    assert names["largest"].tolist() == totals.nlargest(5).tolist()
    assert names["by_state"].sort("visitors", descending=True)["visitors"].to_list() == names["largest"].tolist()
    by_origin = dict(names["by_origin"].iter_rows())
    assert by_origin == winter.groupby("origin")["visitors"].sum().to_dict()
