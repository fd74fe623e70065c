"""Test that a table or asset which is declared by half is named, and not silently left out of the graph."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Integer

from i94_platform.contracts import mart_metadata
from i94_platform.contracts.model import column, table
from i94_platform.defs.validation import require_assets, require_listed_contracts
from i94_platform.errors import PermanentError


def test_a_contract_that_no_tuple_lists_is_named() -> None:
    mart = table(
        mart_metadata,
        "forgotten",
        "A mart that is declared too late.",
        column("n", Integer(), "A number.", source="immigration", key=True),
        domain="arrivals",
        grain="one row per number",
    )
    try:
        with pytest.raises(PermanentError, match=r"mart\.forgotten .* REFERENCES .* MONTHLY_MARTS"):
            require_listed_contracts()
    finally:
        mart_metadata.remove(mart)
    require_listed_contracts()


def test_an_asset_that_only_a_check_or_a_dependency_names_is_named() -> None:
    @dg.asset(deps=["absent"])
    def present() -> None: ...

    @dg.multi_asset_check(specs=[dg.AssetCheckSpec("rule", asset="checked_only")])
    def check() -> Any: ...

    with pytest.raises(PermanentError, match=r"No asset defines absent, checked_only"):
        require_assets([present], [check])
    require_assets([present.with_attributes(), dg.AssetsDefinition(specs=[dg.AssetSpec("absent")])], [])
