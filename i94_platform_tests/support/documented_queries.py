"""The statements and API calls that the docs show, read from the docs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from i94_platform.partitions import Month

_DOCS = Path(__file__).parents[2] / "docs"

Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Question:
    """A question of docs/reference/questions.md: its statement, its API call, and the figures as printed."""

    title: str
    sql: str
    path: str
    columns: list[str]
    figures: list[list[str]]


def read_statements(page: str) -> list[str]:
    """Read the SQL statements of a page, those in code blocks and those in commands."""
    text = (_DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"```sql\n(.+?)```", text, re.DOTALL) + re.findall(r'i94 query "(SELECT[^"]+)"', text)


def read_questions() -> list[Question]:
    """Read the questions of docs/reference/questions.md, in order."""
    sections = re.split(r"\n## \d+\. ", (_DOCS / "reference" / "questions.md").read_text(encoding="utf-8"))[1:]
    return [_read_question(section) for section in sections]


def _read_question(section: str) -> Question:
    (path,) = re.findall(r"```\nGET (\S+)\n```", section)
    (sql,) = re.findall(r"```sql\n(.+?)```", section, re.DOTALL)
    header, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in re.findall(r"^\|.*\|$", section, re.MULTILINE)
    ]
    return Question(section.partition("\n")[0], sql, path, header, rows)


def of_month(text: str, month: Month) -> str:
    """Put another month into a statement or API call about April 2016."""
    text = text.replace("i94yr = 2016", f"i94yr = {month.year}").replace("i94mon = 4", f"i94mon = {month.month}")
    return text.replace("2016-04", month.key)


def run_statement(release: Path, sql: str) -> tuple[list[str], Rows]:
    """Run a statement on the file of a release; return the names of its columns and its rows."""
    with duckdb.connect(str(release), read_only=True) as connection:
        result = connection.execute(sql)
        return [column[0] for column in result.description or ()], result.fetchall()


def format_cell(value: Any) -> str:
    """Format a value as the docs print it."""
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
