"""Pins every column's lineage: complete, up to date, leading to columns that exist, and what one reads in the SQL."""

from __future__ import annotations

import json
import re

import dagster as dg
import pytest

from i94_platform.contracts import immigration, immigration_quarantine
from i94_platform.contracts.model import column_names
from i94_platform.defs.build import build_definitions
from i94_platform.defs.column_lineage.lineage_file import FILE, load_column_sources, render_lineage_file
from i94_platform.defs.column_lineage.schema import column_lineage, column_schema
from i94_platform.errors import PermanentError
from i94_platform.settings import Settings

KEPT: dict[str, dict[str, list[str] | str]] = json.loads(FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    return build_definitions(Settings(home=str(tmp_path_factory.mktemp("home")))).get_repository_def()


def columns_of(graph: dg.RepositoryDefinition, asset: str) -> list[str]:
    """The columns that the graph says an asset has."""
    told = graph.asset_graph.get(dg.AssetKey(asset.split("/"))).metadata["dagster/column_schema"]
    return [column.name for column in told.columns]


def test_the_file_is_what_is_found_now() -> None:
    assert FILE.read_text("utf-8") == render_lineage_file(), "run: i94 lineage --write"


def test_no_column_is_without_a_source_or_a_reason(graph: dg.RepositoryDefinition) -> None:
    made = {key.to_user_string() for key in graph.asset_graph.materializable_asset_keys}
    assert set(KEPT) == made
    for asset in made:
        assert list(KEPT[asset]) == columns_of(graph, asset)
        assert not [f"{asset}.{name}" for name, origin in KEPT[asset].items() if not origin]


def test_every_source_is_a_column_of_an_asset_that_the_graph_knows_as_a_parent(graph: dg.RepositoryDefinition) -> None:
    for asset, columns in KEPT.items():
        parents = graph.asset_graph.get(dg.AssetKey(asset.split("/"))).parent_keys
        sources = {column for origin in columns.values() if isinstance(origin, list) for column in origin}
        for source in sources:
            parent, _, name = source.partition(".")
            assert dg.AssetKey(parent.split("/")) in parents, (
                f"{asset} comes from {source}, which it does not depend on"
            )
            assert name in columns_of(graph, parent), source


@pytest.mark.parametrize(
    ("column", "sources"),
    [
        ("staged/immigration.stay_days", ["raw/immigration.arrdate", "raw/immigration.depdate"]),
        ("staged/immigration.i94addr", ["lookup/i94addr.code", "raw/immigration.i94addr"]),
        ("staged/immigration.i94cit", ["raw/immigration.i94cit"]),
        ("staged/immigration.admitted_until", ["raw/immigration.dtaddto"]),
        ("staged/immigration_quarantine.month", "name of the delivered file"),
        ("staged/immigration_quarantine.i94addr", ["raw/immigration.i94addr"]),
        ("staged/world_temperature.iso3", ["raw/land_temperatures.Country"]),
        ("staged/airport_codes.latitude", ["raw/airport_codes.coordinates"]),
        ("staged/us_cities_demographics.race_count", ["raw/us_cities_demographics.Count"]),
        ("warehouse/immigration.stay_days", ["staged/immigration.stay_days"]),
        ("warehouse/country.region", ["lookup/i94cit_res.label"]),
    ],
)
def test_the_lineage_is_what_one_reads_in_the_transform(column: str, sources: list[str] | str) -> None:
    asset, _, name = column.partition(".")
    assert KEPT[asset][name] == sources


def test_the_reasons_of_a_refusal_come_from_every_column_with_a_rule() -> None:
    sources = KEPT["staged/immigration_quarantine"]["reasons"]
    delivered = {f"raw/immigration.{c}" for c in column_names(immigration_quarantine)} & set(
        f"raw/immigration.{c}" for c in column_names(immigration)
    )
    assert isinstance(sources, list)
    # each delivered column has a rule about what its type can hold
    assert set(sources) == delivered | {"lookup/i94visa.code"}


def test_a_fact_column_leads_back_to_the_delivered_one_in_two_steps() -> None:
    for name in column_names(immigration):
        (step,) = list(KEPT["warehouse/immigration"][name])
        asset, _, column = step.partition(".")
        assert asset == "staged/immigration"
        assert any(source.startswith("raw/immigration.") for source in KEPT[asset][column])


def test_dagster_is_told_the_same() -> None:
    told = column_lineage(dg.AssetKey(["staged", "immigration_quarantine"])).deps_by_column
    assert list(told) == column_names(immigration_quarantine)
    assert told["month"] == []
    assert told["cicid"] == [dg.TableColumnDep(dg.AssetKey(["raw", "immigration"]), "cicid")]


def test_the_schema_says_where_a_column_comes_from() -> None:
    key = dg.AssetKey(["staged", "immigration_quarantine"])
    said = {c.name: c.description or "" for c in column_schema(key, immigration_quarantine).columns}
    assert said["month"].endswith("delivery. From: name of the delivered file.")
    assert said["cicid"].endswith(" From: raw/immigration.cicid.")
    assert re.search(r" From: \d+ columns of lookup/i94visa, raw/immigration\.$", said["reasons"])


def test_an_asset_without_lineage_is_refused_with_the_command_that_adds_it() -> None:
    with pytest.raises(PermanentError, match=r"no lineage of mart/new\. .* i94 lineage --write"):
        load_column_sources("mart/new")
