"""Run every SQL statement and API call of docs/reference/marts.md and questions.md on the sample.

Their figures are compared with the real April in `integration/test_real_month.py`. The incident: the documented share
of women was of all visitors, and the dashboard's of those recorded as female or male.
"""

from __future__ import annotations

import pytest

from i94_platform.partitions import Month
from i94_platform_tests.serving.dashboard.conftest import MONTHS
from i94_platform_tests.serving.live_server import LiveServer
from i94_platform_tests.support.documented_queries import (
    Question,
    of_month,
    read_questions,
    read_statements,
    run_statement,
)

MONTH = Month.parse(MONTHS[0])


@pytest.mark.parametrize("sql", read_statements("reference/marts.md"))
def test_a_statement_of_the_marts_has_rows(site: LiveServer, sql: str) -> None:
    _, rows = run_statement(site.settings.release_path, of_month(sql, MONTH))
    assert rows


@pytest.mark.parametrize("question", read_questions(), ids=lambda question: question.title)
def test_a_question_has_the_same_rows_by_sql_and_by_the_api(site: LiveServer, question: Question) -> None:
    columns, rows = run_statement(site.settings.release_path, of_month(question.sql, MONTH))
    assert columns == question.columns
    response = site.get(of_month(question.path, MONTH))
    assert response.status_code == 200, response.text
    answered = [tuple(row[name] for name in columns) for row in response.json()["data"]]
    assert sorted(answered, key=str) == sorted(rows, key=str)


def test_all_seven_questions_are_documented() -> None:
    assert len({question.path.partition("?")[0] for question in read_questions()}) == len(read_questions()) == 7
