"""Codes that only arrivals carry become rows of `country` in the load that brings them, and stay while used."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from i94_platform.contracts import country, immigration
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.manifest import Manifest
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.support.warehouses import Staging

LISTED = {112: "GERMANY", 582: "MEXICO"}


def countries(staging: Staging, listed: Mapping[int, str]) -> Manifest:
    """The dataset of the dimension: the listed codes."""
    rows = [
        dict.fromkeys(country.columns.keys()) | {"code": code, "label": label, "status": "valid", "name": label.title()}
        for code, label in listed.items()
    ]
    return staging.commit(country, Dataset("warehouse/country"), rows)


Member = tuple[int, str, str, str]


def read_members(warehouse: Warehouse) -> list[Member]:
    rows = warehouse.query("SELECT code, label, name, status FROM i94.country ORDER BY code").to_pylist()
    return [(row["code"], row["label"], row["name"], row["status"]) for row in rows]


def inferred(code: int, hint: str = "") -> Member:
    return code, f"unlisted code {code}", f"code {code}{hint}", "unlisted"


GERMAN = inferred(148, " (likely Germany)")
DIMENSION = [(112, "GERMANY", "Germany", "valid"), (582, "MEXICO", "Mexico", "valid")]


def test_a_month_adds_the_codes_that_it_carries_once(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(country, countries(staging, LISTED), "run")
    april = staging.month("2016-04", [1, 2], i94cit=148, i94res=254)
    for run_id in ("first", "second"):
        warehouse.replace(immigration, april, run_id)
    warehouse.replace(immigration, staging.month("2016-05", [1], i94cit=148, i94res=112), "third")
    assert read_members(warehouse) == sorted([*DIMENSION, GERMAN, inferred(254, " (likely South Korea)")])


def test_a_code_that_nobody_reviewed_has_its_number_as_name(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(country, countries(staging, LISTED), "run")
    warehouse.replace(immigration, staging.month("2016-04", [1], i94cit=990), "run")
    assert inferred(990) in read_members(warehouse)


def test_a_month_with_listed_or_missing_codes_adds_none(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(country, countries(staging, LISTED), "run")
    warehouse.replace(immigration, staging.month("2016-04", [1], i94cit=582, i94res=None), "run")
    assert read_members(warehouse) == DIMENSION


def test_a_reload_of_the_dimension_keeps_the_codes_that_arrivals_carry(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(country, countries(staging, LISTED), "run")
    warehouse.replace(immigration, staging.month("2016-04", [1], i94cit=148, i94res=254), "run")
    warehouse.replace(immigration, staging.month("2016-04", [1], i94cit=148, i94res=112), "run")
    warehouse.replace(country, countries(staging, LISTED), "reload")
    assert read_members(warehouse) == sorted([*DIMENSION, GERMAN]), "254 is no longer carried"


def test_a_code_that_the_list_holds_by_now_is_no_inferred_member(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(country, countries(staging, LISTED), "run")
    warehouse.replace(immigration, staging.month("2016-04", [1], i94cit=148), "run")
    warehouse.replace(country, countries(staging, {**LISTED, 148: "GERMANY, FEDERAL REPUBLIC"}), "reload")
    assert (148, "GERMANY, FEDERAL REPUBLIC", "Germany, Federal Republic", "valid") in read_members(warehouse)
    assert len(read_members(warehouse)) == 3


def test_a_load_that_fails_adds_no_member(warehouse: Warehouse, staging: Staging) -> None:
    warehouse.replace(country, countries(staging, LISTED), "run")
    april = staging.month("2016-04", [1], i94cit=148, i94port="ZZZ")
    with pytest.raises(PermanentError, match="i94port of 1 rows"):
        warehouse.replace(immigration, april, "run")
    assert read_members(warehouse) == DIMENSION
