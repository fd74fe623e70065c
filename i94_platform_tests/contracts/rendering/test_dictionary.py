"""Test the data dictionary: up to date, and a table that Markdown can read."""

from __future__ import annotations

import re

from sqlalchemy import Integer, MetaData, String

from i94_platform.contracts import ALL
from i94_platform.contracts.model import column, table
from i94_platform.contracts.rendering.dictionary import render_dictionary
from i94_platform.settings import PROJECT


def test_the_data_dictionary_is_up_to_date() -> None:
    page = (PROJECT / "docs" / "reference" / "data-dictionary.md").read_text("utf-8")
    assert page == render_dictionary(ALL), "run: i94 dictionary --write"


def test_the_data_dictionary_is_a_well_formed_table_for_every_contract() -> None:
    for section in render_dictionary(ALL).split("\n## ")[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        contract = next(c for c in ALL if section.startswith(f"{c.fullname or c.name}\n"))
        assert len(rows) == len(contract.columns) + 2
        assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {9}


def test_the_data_dictionary_escapes_what_would_end_a_cell() -> None:
    contract = table(
        MetaData(schema="s"), "t", "A table.",
        column("a", String(2), "This | or that.", source="x|y", allowed=("|", "b"), key=True),
        domain="codes", grain="one row per a",
    )  # fmt: skip
    row = render_dictionary((contract,)).splitlines()[-1]
    assert row == r"| `a` | VARCHAR(2) | no | yes |  | This \| or that. | one of \|, b | x\|y |"


def test_the_data_dictionary_has_every_type_of_rule() -> None:
    contract = table(
        MetaData(schema="i94"), "t", "A table.",
        column("a", Integer(), "A.", source="x", key=True, low=0),
        column("b", Integer(), "B.", source="x", high=9, unit="days"),
        column("c", Integer(), "C.", source="x", low=0, high=0.5),
        column("d", String(), "D.", source="x", references="i94addr.code"), domain="codes", grain="one row per a",
    )  # fmt: skip
    rules = [row.split(" | ")[6] for row in render_dictionary((contract,)).splitlines()[-4:]]
    assert rules == ["0 to", "to 9", "0 to 0.5", "references i94.i94addr.code"]
