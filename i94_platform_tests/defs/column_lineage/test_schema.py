"""Test the column lineage: it is complete and up to date, and its sources are columns of parent assets."""

from __future__ import annotations

import json
import re

import dagster as dg
import pytest

from i94_platform.contracts import immigration, immigration_quarantine
from i94_platform.contracts.immigration import NUMBER_COLUMNS
from i94_platform.contracts.model import column_names
from i94_platform.defs.build import build_definitions
from i94_platform.defs.column_lineage.lineage_file import FILE, load_column_sources
from i94_platform.defs.column_lineage.schema import column_lineage, column_schema
from i94_platform.errors import PermanentError
from i94_platform.settings import Settings
from i94_platform.transforms.immigration.values import OPTIONAL_COLUMNS

LINEAGE: dict[str, dict[str, list[str] | str]] = json.loads(FILE.read_text("utf-8"))


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    return build_definitions(Settings(home=str(tmp_path_factory.mktemp("home")))).get_repository_def()


def columns_of(graph: dg.RepositoryDefinition, asset: str) -> list[str]:
    """Return the columns of an asset in the graph."""
    schema = graph.asset_graph.get(dg.AssetKey(asset.split("/"))).metadata["dagster/column_schema"]
    return [column.name for column in schema.columns]


def test_every_column_has_sources_or_a_reason(graph: dg.RepositoryDefinition) -> None:
    assets = {key.to_user_string() for key in graph.asset_graph.materializable_asset_keys}
    assert set(LINEAGE) == assets
    for asset in assets:
        assert list(LINEAGE[asset]) == columns_of(graph, asset)
        assert not [f"{asset}.{name}" for name, origin in LINEAGE[asset].items() if not origin]


def test_every_source_is_a_column_of_a_parent_asset(graph: dg.RepositoryDefinition) -> None:
    for asset, columns in LINEAGE.items():
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
def test_the_lineage_of_selected_columns_matches_the_sql(column: str, sources: list[str] | str) -> None:
    asset, _, name = column.partition(".")
    assert LINEAGE[asset][name] == sources


def test_the_reasons_of_a_rejection_come_from_every_column_with_a_rule() -> None:
    sources = LINEAGE["staged/immigration_quarantine"]["reasons"]
    assert isinstance(sources, list)
    # a text in the place of any number stands in one column, which the rules read
    assert set(sources) == {f"raw/immigration.{name}" for name in NUMBER_COLUMNS} | {"lookup/i94visa.code"}


def test_an_unreadable_value_comes_from_the_columns_that_may_be_null() -> None:
    columns = [f"raw/immigration.{name}" for name in OPTIONAL_COLUMNS]
    assert LINEAGE["staged/immigration_unreadable"]["value"] == columns


def test_a_column_of_the_fact_leads_to_a_delivered_column_in_two_steps() -> None:
    for name in column_names(immigration):
        (step,) = list(LINEAGE["warehouse/immigration"][name])
        asset, _, column = step.partition(".")
        assert asset == "staged/immigration"
        assert any(source.startswith("raw/immigration.") for source in LINEAGE[asset][column])


def test_the_lineage_is_converted_to_dagster_metadata() -> None:
    deps = column_lineage(dg.AssetKey(["staged", "immigration_quarantine"])).deps_by_column
    assert list(deps) == column_names(immigration_quarantine)
    assert deps["month"] == []
    assert deps["cicid"] == [dg.TableColumnDep(dg.AssetKey(["raw", "immigration"]), "cicid")]


def test_the_description_of_a_column_ends_with_its_sources() -> None:
    key = dg.AssetKey(["staged", "immigration_quarantine"])
    descriptions = {c.name: c.description or "" for c in column_schema(key, immigration_quarantine).columns}
    assert descriptions["month"].endswith("delivery. From: name of the delivered file.")
    assert descriptions["cicid"].endswith(" From: raw/immigration.cicid.")
    assert re.search(r" From: \d+ columns of lookup/i94visa, raw/immigration\.$", descriptions["reasons"])


def test_an_asset_without_lineage_is_an_error_with_the_command_that_adds_it() -> None:
    with pytest.raises(PermanentError, match=r"no lineage of mart/new\. .* i94 lineage --write"):
        load_column_sources("mart/new")
