"""The specifications of the charts, and what the scripts know of the contracts, agree with these."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

from i94_platform.contracts import country, i94addr, state
from i94_platform.contracts.codes import FOLDER
from i94_platform.contracts.groups import GENDERS
from i94_platform.contracts.marts import arrivals_cube
from i94_platform.contracts.model import MONTH_COLUMNS, key_columns
from i94_platform.marts.correlations import variables
from i94_platform.serving.dashboard.charts import load_charts
from i94_platform.serving.dashboard.page import render_page

STATIC = Path(render_page.__code__.co_filename).parent / "static"
SCRIPTS = {path.relative_to(STATIC).as_posix(): path.read_text() for path in STATIC.rglob("*.js")}


def find_values(value: Any, key: str) -> list[Any]:
    """Return all values of a key, however deep it is."""
    if isinstance(value, list):
        return [match for item in value for match in find_values(item, key)]
    if not isinstance(value, dict):
        return []
    return ([value[key]] if key in value else []) + [
        match for item in value.values() for match in find_values(item, key)
    ]


def test_every_chart_is_shown_and_every_shown_chart_exists() -> None:
    shown = {name for script in SCRIPTS.values() for name in re.findall(r'chart: "(\w+)"', script)}
    assert shown == set(load_charts())


def test_every_color_that_a_chart_names_is_one_that_the_page_gives() -> None:
    colors = set(re.findall(r"^  --([\w-]+):|; --([\w-]+):", (STATIC / "dashboard.css").read_text(), re.M))
    defined = {name for pair in colors for name in pair if name}
    (given,) = re.findall(r"const COLORS = (\[.*?\]);", SCRIPTS["rendering.js"])
    assert set(json.loads(given)) <= defined
    for name, chart in load_charts().items():
        named = {e for e in find_values(chart, "expr") if re.fullmatch(r"[a-z]+", e)} - {"width"}
        assert named <= {*json.loads(given), "most", "narrow"}, name


def test_every_key_of_the_cube_is_a_filter_of_the_form() -> None:
    html = render_page("/static/x", "/static/vega.js")
    keys = [name for name in key_columns(arrivals_cube) if name not in MONTH_COLUMNS]
    assert all(f'name="{name}"' in html and re.search(rf"^  {name}:", SCRIPTS["config.js"], re.M) for name in keys)


def test_every_state_of_the_code_list_has_an_outline() -> None:
    with (FOLDER / f"{i94addr.name}.csv").open() as file:
        codes = {row["code"] for row in csv.DictReader(file)} - {"99"}
    fips = dict(re.findall(r"\b([A-Z]{2}) (\d\d)\b", SCRIPTS["us_states.js"]))
    assert codes <= set(fips)
    atlas = json.loads((STATIC / "vendor/us-atlas/states-10m.json").read_text())
    assert {geometry["id"] for geometry in atlas["objects"]["states"]["geometries"]} == set(fips.values())


def test_every_correlation_of_states_and_countries_has_points() -> None:
    declared = [value for value in vars(variables).values() if isinstance(value, variables.Variables)]
    declared += [share.variables for share in variables.SHARES]
    names = {name for v in declared if v.unit in ("states", "countries") for name in (v.x, v.y)}
    assert names <= set(re.findall(r'^  "(.+?)": ', SCRIPTS["variables.js"], re.M))


def test_the_scripts_read_columns_that_the_dimensions_have() -> None:
    for contract, names in {
        country: ("code", "name", "label", "region", "iso3", "latitude", "longitude", "mean_temperature"),
        state: (
            "code",
            "name",
            "label",
            "inhabitants",
            "city_population",
            "foreign_born",
            "median_age",
            "female_population",
        ),
    }.items():
        assert set(names) <= set(contract.columns.keys())


def test_the_genders_of_the_pyramid_are_those_of_the_contract() -> None:
    assert find_values(load_charts()["age_gender"], "domain")[-1] == [GENDERS["F"], GENDERS["M"]]


def test_vendored_files_have_their_licence_beside_them() -> None:
    folders = [path for path in (STATIC / "vendor").iterdir() if path.is_dir()]
    assert folders
    assert all((folder / "LICENSE").read_text().strip() for folder in folders)
