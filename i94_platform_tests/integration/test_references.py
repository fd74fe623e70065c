"""Test that a reference file that fails holds back only what is made from it, and odd rows hold back nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.contracts import LOOKUPS
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

MADE_FROM = {
    "i94_labels": {
        *(f"warehouse/{contract.name}" for contract in LOOKUPS),
        *("warehouse/state", "warehouse/country"),
        "warehouse/us_cities_demographics",  # its state codes refer to the code list
    },
    "us_cities_demographics": {"warehouse/us_cities_demographics", "warehouse/state"},
    "airport_codes": {"warehouse/airport_codes"},
    "land_temperatures": {"warehouse/world_temperature", "warehouse/country"},
}
EVERYTHING = {"warehouse/calendar"}.union(*MADE_FROM.values())


FAST = ("i94_labels", "land_temperatures")


@pytest.mark.parametrize(
    "source", [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in MADE_FROM]
)
def test_a_reference_file_that_fails_holds_back_only_what_is_made_from_it(
    loaded_deployment: Deployment, tmp_path: Path, source: str
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    (deployment.raw / REFERENCE_FILES[source]).write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    before = {table: deployment.fingerprint(f"i94.{table.partition('/')[2]}") for table in EVERYTHING}
    result = deployment.run_reference()
    assert not result.succeeded
    assert REFERENCE_FILES[source] in " ".join(result.errors)
    assert {table for table in result.rows if table.startswith("warehouse/")} == EVERYTHING - MADE_FROM[source]
    assert {table: deployment.fingerprint(f"i94.{table.partition('/')[2]}") for table in EVERYTHING} == before
    month = deployment.run_month(SAMPLE_MONTH)
    assert month.succeeded
    is_warned = any("newest_code_lists" in warning for warning in month.warnings)
    assert is_warned == (source == "i94_labels")


def test_odd_rows_are_left_out_and_odd_figures_are_loaded_with_a_warning(
    loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    airports, cities = (deployment.raw / REFERENCE_FILES[name] for name in ("airport_codes", "us_cities_demographics"))
    lines = airports.read_text("utf-8").splitlines(keepends=True)
    airports.write_text("".join([*lines, lines[1]]), "utf-8", newline="")
    people = cities.read_text("utf-8").splitlines()
    row = people[1].split(";")
    place = row[0], row[9]
    changed = [line.split(";") for line in people]
    for cells in changed:
        if (cells[0], cells[9]) == place:
            cells[3] = "99999999"
    cities.write_text("".join(f"{';'.join(cells)}\n" for cells in changed), "utf-8")

    result = deployment.run_reference()
    assert result.succeeded, result.errors
    assert deployment.query_value("SELECT count(*) FROM i94.airport_codes") == len(lines) - 1
    men = deployment.query_value("SELECT max(male_population) FROM i94.us_cities_demographics")
    assert men == 99_999_999
    rejected, implausible = (
        next(text for text in result.warnings if text.startswith(start))
        for start in (
            "staged/airport_codes gate: no_rejected_rows",
            "staged/us_cities_demographics gate: plausible_rows",
        )
    )
    assert f"row {len(lines) + 1}: " in rejected
    assert ", ".join(place) in implausible
