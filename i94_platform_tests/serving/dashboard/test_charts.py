"""The specifications of the charts agree with the contracts and with what the summaries hold."""

from __future__ import annotations

import csv
from typing import Any

from i94_platform.contracts import MARTS, i94addr
from i94_platform.contracts.codes import FOLDER
from i94_platform.contracts.marts import GENDERS, METHODS, OTHER_GENDER
from i94_platform.serving.dashboard.charts import load_charts
from i94_platform.serving.dashboard.summaries import SUPPORTED_FILTERS

CHARTS = {chart.name: chart for chart in load_charts()}


def collect_domains(value: Any) -> list[list[Any]]:
    """Return the domain of every scale of a specification that has one."""
    if isinstance(value, list):
        return [domain for item in value for domain in collect_domains(item)]
    if not isinstance(value, dict):
        return []
    found = [value["domain"]] if isinstance(value.get("domain"), list) else []
    return found + collect_domains(list(value.values()))


def test_every_chart_reads_a_mart_whose_filters_are_known() -> None:
    assert {chart.mart for chart in CHARTS.values()} <= {mart.name for mart in MARTS}
    assert {chart.mart for chart in CHARTS.values()} == set(SUPPORTED_FILTERS)


def test_every_state_of_the_code_list_has_a_tile_of_its_own() -> None:
    with (FOLDER / f"{i94addr.name}.csv").open() as file:
        codes = [row["code"] for row in csv.DictReader(file)]
    tiles = CHARTS["states"].spec["data"]["values"]
    assert sorted(tile["i94addr"] for tile in tiles) == sorted(codes)
    assert len({(tile["x"], tile["y"]) for tile in tiles}) == len(codes)


def test_genders_and_methods_are_those_of_the_contracts() -> None:
    assert collect_domains(CHARTS["age"].spec) == [[*GENDERS.values(), OTHER_GENDER]]
    assert list(METHODS) in collect_domains(CHARTS["correlations"].spec)
