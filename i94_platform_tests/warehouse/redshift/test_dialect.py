"""Test that every statement is Redshift's SQL by a second opinion: sqlfluff's grammar, which is no emulator of ours.

`integration/test_redshift` holds every statement of a whole run against it too.
"""

from __future__ import annotations

import re

import pytest

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.contracts.access import render_access, render_grants
from i94_platform.marts.correlations.questions import SOURCES, render_query
from i94_platform.marts.rendering import render_month_query
from i94_platform.settings import PROJECT
from i94_platform.sql.statements import compile_statement
from i94_platform.warehouse.redshift.comments import FETCH_COMMENTS, render_redshift_comments
from i94_platform.warehouse.redshift.transaction import LOAD_ERRORS
from i94_platform.warehouse.redshift.warehouse import render_redshift_ddl
from i94_platform_tests.support.redshift_dialect import GAPS, find_unparsable

SLOW = pytest.mark.slow


@pytest.mark.parametrize("diststyle", ["key", pytest.param("even", marks=SLOW), pytest.param("auto", marks=SLOW)])
def test_the_tables_are_redshifts(diststyle: str) -> None:
    assert find_unparsable(render_redshift_ddl(diststyle)) == {}


def test_comments_are_redshifts() -> None:
    relations = {sql.rpartition(" IS ")[0]: sql for sql in render_redshift_comments() if ".state" in sql}
    assert find_unparsable([FETCH_COMMENTS, *relations.values()]) == {}


def test_roles_and_grants_are_redshifts() -> None:
    statements = [sql for sql in (*render_access(), *render_grants("default")) if not sql.startswith("CREATE VIEW")]
    assert find_unparsable(statements) == {}


@SLOW
def test_views_are_redshifts() -> None:
    assert find_unparsable(sql for sql in render_access() if sql.startswith("CREATE VIEW")) == {}


@SLOW
def test_marts_and_questions_are_redshifts() -> None:
    marts = [render_month_query(mart, "redshift") for mart in MONTHLY_MARTS]
    assert find_unparsable([compile_month(sql) for sql in marts]) == {}
    assert find_unparsable(render_query(name, "redshift") for name in SOURCES) == {}


def compile_month(sql: str) -> str:
    """The query as it is sent for a month."""
    compiled, values = compile_statement(sql, "redshift", {"year": 2016, "month": 4})
    assert isinstance(values, dict)
    return compiled % values


def test_what_only_a_failure_sends_is_redshifts() -> None:
    assert find_unparsable([*LOAD_ERRORS, "ROLLBACK", "SELECT pg_cancel_backend(7)"]) == {}


def test_the_example_of_row_level_security_is_redshifts() -> None:
    assert find_unparsable(read_example()) == {}


def read_example() -> list[str]:
    text = (PROJECT / "docs" / "examples" / "row-level-security.sql").read_text("utf-8")
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement for part in lines.split(";") if (statement := part.strip())]


def test_every_gap_of_the_grammar_is_needed() -> None:
    statements = [*render_access(), *read_example()]
    for gap in GAPS:
        assert any(re.fullmatch(gap, sql) for sql in statements), gap


def test_what_is_not_redshifts_is_found() -> None:
    wrong = ["CREATE TABLE t (a INTEGER) DISTSTYLE SOME", "COPY t FROM STDIN", "SELECT FROM WHERE"]
    assert find_unparsable(wrong).keys() == set(wrong)
