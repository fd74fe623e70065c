"""What a person types for Redshift is one SELECT, however a server reads it. Each refused text is an attack."""

from __future__ import annotations

import pytest

from i94_platform.errors import PermanentError
from i94_platform.settings import Settings
from i94_platform.warehouse.redshift.query_guard import require_select


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "WITH a AS (SELECT 1) SELECT * FROM a;\n",
        "SELECT 1 UNION ALL SELECT 2 -- two rows",
        "SELECT i94mode, listagg(i94port, ', ') /* all */ FROM i94.a WHERE visatype LIKE 'B\\\\d' GROUP BY 1",
        'SELECT "table", diststyle, size FROM svv_table_info WHERE "schema" = \'i94\'',
        "SELECT median(i94bir), convert_timezone('UTC', getdate()), 'it''s' FROM i94.immigration",
    ],
)
def test_a_query_that_reads_passes(sql: str) -> None:
    require_select(sql)


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("DELETE FROM i94.i94mode", "one SELECT"),
        ("COPY i94.i94mode FROM 's3://b/k'", "one SELECT"),
        ("UNLOAD ('SELECT 1') TO 's3://b/k' IAM_ROLE default", "one SELECT"),
        ("CALL p()", "one SELECT"),
        ("SET statement_timeout TO 0", "one SELECT"),
        ("", "one SELECT"),
        ("SELECT * INTO i94.copy FROM i94.i94mode", "writes nothing"),
        ("SELECT * FROM i94.i94mode FOR UPDATE", "writes nothing"),
        ("WITH x AS (DELETE FROM i94.i94mode RETURNING code) SELECT * FROM x", "writes nothing"),
        ("WITH x AS (INSERT INTO i94.i94mode VALUES (9, 'x') RETURNING code) SELECT * FROM x", "writes nothing"),
        (
            "SELECT * FROM (WITH x AS (UPDATE i94.i94mode SET code = 1 RETURNING 1) SELECT * FROM x) AS y",
            "writes nothing",
        ),
        ("SELECT 1; SELECT 2", ";"),
        ("SELECT 1; COMMIT; DELETE FROM i94.i94mode", ";"),
        ("SELECT ';'", ";"),
        ("SELECT 'a\\'; COMMIT; DELETE FROM i94.immigration; --'", ";"),
        ("SELECT 'a\\', pg_terminate_backend(1) --'", "backslash"),
        ("SELECT 'a\\\\', pg_terminate_backend(1) --'", "backslash"),
        ('SELECT "a\\", pg_terminate_backend(1) --"', "backslash"),
        ("SELECT $$'$$, pg_terminate_backend(1), $$'$$", "dollar"),
        ("SELECT $x$ a $x$", "dollar"),
        ('SELECT U&"pg_term\\0069nate_backend"(1)', "U&"),
        ("SELECT 1 /* /* */, pg_terminate_backend(1) -- */", "comment"),
        ("SELECT 1 --\r, pg_terminate_backend(1)", "control"),
        ("SELECT 1\x00", "control"),
        ("SELECT pg_terminate_backend(1)", "pg_terminate_backend"),
        ("SELECT PG_Cancel_Backend(pid) FROM stv_sessions", "PG_Cancel_Backend"),
        ('SELECT pg_catalog."pg_terminate_backend"(1)', "pg_terminate_backend"),
        ("SELECT {fn pg_terminate_backend(1)}", "pg_terminate_backend"),
        ("SELECT * FROM pg_sleep(100)", "pg_sleep"),
        ("SELECT 1 WHERE EXISTS (SELECT pg_read_file('/etc/passwd'))", "pg_read_file"),
        ("SELECT set_config('transaction_read_only', 'off', false)", "set_config"),
        ("SELECT 1 ORDER BY change_user_priority('u', 'low')", "change_user_priority"),
        ("SELECT * FROM dblink('host=h', 'DELETE FROM t') AS t(a int)", "dblink"),
        ("SELECT lo_export(1, '/tmp/x')", "lo_export"),
        ("SELECT nextval('s')", "nextval"),
        ("SELECT query_to_xml('DELETE FROM t', true, true, '')", "query_to_xml"),
        ("SELEC", "one SELECT|can't be read"),
        ("SELECT (", "can't be read"),
        ("SELECT " + "(" * 5000 + "1" + ")" * 5000, "nested"),
    ],
    ids=str,
)
def test_a_query_that_may_do_more_is_refused(sql: str, problem: str) -> None:
    with pytest.raises(PermanentError, match=problem):
        require_select(sql)


def test_a_workgroup_with_iam_gives_no_login_of_another_user() -> None:
    host = "wg.123456789012.eu-west-1.redshift-serverless.amazonaws.com"
    with pytest.raises(ValueError, match="I94_REDSHIFT_READER"):
        Settings(
            lake="s3://bucket/lake",
            warehouse=f"redshift://u@{host}/db?iam_role=default&auth=iam",
            redshift_reader="reader",
        )
