"""Test the column schema that the lineage UI shows."""

from __future__ import annotations

from i94_platform.contracts import i94mode, immigration
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.contracts.rendering.dagster_schema import dagster_schema
from i94_platform_tests.contracts.tables import EVERY
from i94_platform_tests.support.contracts import required_columns


def test_the_lineage_ui_shows_names_descriptions_and_constraints() -> None:
    for contract in EVERY:
        schema, key = dagster_schema(contract), key_columns(contract)
        assert [c.name for c in schema.columns] == column_names(contract), contract.fullname
        assert [c.description for c in schema.columns] == [c.comment for c in contract.columns], contract.fullname
        required = [c.name for c in schema.columns if not c.constraints.nullable]
        assert required == required_columns(contract), contract.fullname
        assert [c.name for c in schema.columns if c.constraints.unique] == (key if len(key) == 1 else [])
        assert schema.constraints is not None
        assert schema.constraints.other == [contract.info["grain"]]


def test_the_lineage_ui_shows_limits_units_and_notes() -> None:
    columns = {c.name: c for c in dagster_schema(immigration).columns}
    assert (columns["i94port"].type, columns["cicid"].type, columns["arrdate"].type) == ("varchar(3)", "int", "date")
    assert columns["stay_days"].tags is not None
    assert columns["stay_days"].tags["unit"] == "days"
    (code, label) = dagster_schema(i94mode, {"code": "Read as text."}).columns
    assert code.description == "Mode code. Read as text."
    assert label.description == "Mode of arrival in words."
