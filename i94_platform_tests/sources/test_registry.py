"""Test the registry: every delivered source is declared once, with file, formats, contracts and columns."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

import pytest

from i94_platform import sources
from i94_platform.contracts import (
    LOOKUPS,
    REFERENCES,
    delivered_immigration,
    immigration,
    immigration_quarantine,
    immigration_unreadable,
)
from i94_platform.contracts.model import column_names
from i94_platform.settings import PROJECT
from i94_platform.sources.registry import REFERENCE_FILES, SOURCES
from i94_platform.sources.source import Source


def test_every_delivered_source_is_declared_with_its_file() -> None:
    assert SOURCES.keys() - REFERENCE_FILES.keys() == {"immigration"}
    first_delivered = {
        "airport_codes": "airport-codes_csv.csv",
        "i94_labels": "I94_SAS_Labels_Descriptions.SAS",
        "land_temperatures": "GlobalLandTemperaturesByCity.csv",
        "us_cities_demographics": "us-cities-demographics.csv",
    }
    assert REFERENCE_FILES.items() >= first_delivered.items()


def test_no_module_that_declares_a_source_is_forgotten() -> None:
    modules = [import_module(f"{sources.__name__}.{m.name}") for m in iter_modules(sources.__path__)]
    declared = {module.SOURCE.name for module in modules if hasattr(module, "SOURCE")}
    assert declared == SOURCES.keys()


def test_every_table_of_lookup_and_staged_layer_has_one_source() -> None:
    tables = [contract.name for source in SOURCES.values() for contract in source.contracts]
    arrivals = (immigration, immigration_quarantine, immigration_unreadable)
    assert sorted(tables) == sorted(c.name for c in (*LOOKUPS, *REFERENCES, *arrivals))


@pytest.mark.parametrize("source", SOURCES.values(), ids=list(SOURCES))
def test_a_source_says_how_it_is_delivered_and_read(source: Source) -> None:
    assert source.description
    assert source.description.endswith(".")
    assert all(source.columns.values())
    assert set(source.headers.values()) <= set(source.columns)
    assert (PROJECT / "i94_platform" / source.code_file).is_file()
    if source.read:
        (contract,) = source.contracts
        assert list(source.headers) == column_names(contract)


def test_the_arrivals_are_delivered_in_the_columns_of_their_contract() -> None:
    assert list(SOURCES["immigration"].columns) == column_names(delivered_immigration)


def test_a_text_that_holds_two_columns_is_described_once() -> None:
    airports = SOURCES["airport_codes"]
    assert airports.headers["latitude"] == airports.headers["longitude"] == "coordinates"
    assert airports.columns["coordinates"] == "Latitude and longitude in one text."


def test_the_domain_of_a_source_is_that_of_its_contracts() -> None:
    domains = {name: source.domain for name, source in SOURCES.items()}
    assert domains["i94_labels"] == "codes"
    assert all(contract.info["domain"] == domains[n] for n, s in SOURCES.items() for contract in s.contracts)
