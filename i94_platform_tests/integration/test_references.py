"""Test that a reference file that fails holds back only what is made from it."""

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


@pytest.mark.parametrize("source", MADE_FROM)
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
