"""Redshift's grammar as sqlfluff knows it."""

from __future__ import annotations

import re
from collections.abc import Iterable

_GUIDE = "https://docs.aws.amazon.com/redshift/latest/dg"
GAPS = {
    r"ALTER DEFAULT PRIVILEGES IN SCHEMA .+ ROLE \w+": f"{_GUIDE}/r_ALTER_DEFAULT_PRIVILEGES.html",
    r"GRANT (ANALYZE|IGNORE RLS) TO ROLE \w+": f"{_GUIDE}/r_GRANT.html",
    r"(GRANT|REVOKE) ASSUMEROLE ON .+": f"{_GUIDE}/r_GRANT.html",
    r"ALTER TABLE \S+ ROW LEVEL SECURITY ON": f"{_GUIDE}/r_ALTER_TABLE.html",
}
"""What sqlfluff does not parse though AWS documents it, and where."""


def find_unparsable(statements: Iterable[str]) -> dict[str, str]:
    """Find the statements that sqlfluff's Redshift dialect does not parse, with its reason; known gaps are left out."""
    from sqlfluff.core import Linter

    linter, reasons = Linter(dialect="redshift"), dict[str, str]()
    for statement in {_blank_literals(sql): sql for sql in statements}.values():
        violations = linter.parse_string(f"{statement};\n").violations
        if violations and not any(re.fullmatch(gap, statement) for gap in GAPS):
            reasons[statement] = violations[0].desc()
    return reasons


def _blank_literals(sql: str) -> str:
    """The shape of a statement, without its texts and numbers."""
    return re.sub(r"'(?:[^']|'')*'|\b\d+\b", "?", sql)
