"""The guard in front of queries that a person typed for Redshift.

The grants of a reader's login decide what a query sees. The guard refuses what such a login may still do, and every
text that the parser here and the server could read differently.
"""

from __future__ import annotations

import re

from i94_platform.errors import PermanentError

_AMBIGUOUS = {
    "a ; (write chr(59) in a text)": re.compile(r";"),
    "a backslash before a quote (write chr(92))": re.compile(r"\\['\"]"),
    "a text between dollar signs": re.compile(r"\$\w*\$"),
    "a U& text": re.compile(r"\bU&['\"]", re.IGNORECASE),
    "a comment in a comment": re.compile(r"/\*(?:(?!\*/).)*/\*", re.DOTALL),
    "a control character": re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)"),
}
"""What a server reads differently by its settings or version, or as the end of a statement."""

_ADMIN_FUNCTION = re.compile(
    r"pg_|lo_|dblink|set_?config|setval|nextval|change_\w+_priority|reboot_cluster|query_to_|cursor_to_|database_to_",
    re.IGNORECASE,
)
"""How names of functions begin that end sessions, change settings, wait, or reach outside of the tables."""


def require_select(sql: str) -> None:
    """Check that a text is one SELECT for every server, which changes nothing and calls no function of administration.

    Raises:
        PermanentError: it is something else; the message says what.
    """
    import sqlglot
    from sqlglot import exp

    sql = sql.rstrip().removesuffix(";")
    if problems := [problem for problem, pattern in _AMBIGUOUS.items() if pattern.search(sql)]:
        raise PermanentError(f"A query is one SELECT statement without {problems[0]}; nothing was run.")
    try:
        statements = [statement for statement in sqlglot.parse(sql, read="redshift") if statement]
    except sqlglot.errors.SqlglotError as error:
        raise PermanentError(f"The query can't be read: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise PermanentError("The query can't be read: it is nested too deeply.") from None
    writes = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock)
    if len(statements) != 1 or not isinstance(statements[0], exp.Query) or statements[0].find(*writes):
        raise PermanentError("A query is one SELECT statement that writes nothing; nothing was run.")
    for function in statements[0].find_all(exp.Anonymous):
        if _ADMIN_FUNCTION.match(function.name):
            raise PermanentError(f"A query may not call {function.name[:63]}; nothing was run.")
