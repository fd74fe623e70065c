"""Who may see what on Redshift: roles, views of rounded marts, grants and default privileges.

Every statement may run again, but for CREATE ROLE and GRANT ROLE. An administrator creates the users and gives each a
role.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import Table, case

from i94_platform.contracts import MARTS, WAREHOUSE, load_ledger, mart_metadata
from i94_platform.contracts.disclosure import select_rounded
from i94_platform.contracts.model import describes_persons
from i94_platform.contracts.rendering.ddl import load_dialect, render_create_schema

READER = "i94_reader"
"""Reads code lists, dimensions, and marts with rounded counts: for everyone. It sees no row of the fact."""
ANALYST = "i94_analyst"
"""Reads everything: for those who may see exact figures and single arrivals."""
LOADER = "i94_loader"
"""Reads and replaces everything: for the platform itself."""
ROLES = (READER, ANALYST, LOADER)

MART = str(mart_metadata.schema)
"""The schema of the marts, which are exact."""
ROUNDED = f"{MART}_rounded"
"""The schema of the views that readers get in the place of the marts."""


def render_access() -> Iterator[str]:
    """Render every statement, in order."""
    yield from (render_create_role(role) for role in ROLES)
    yield from render_role_grants()
    yield from render_grants()


def render_create_role(role: str) -> str:
    """Render CREATE ROLE, which knows no IF NOT EXISTS on Redshift: look into `svv_roles` first."""
    return f"CREATE ROLE {role}"


def render_role_grants(existing: Iterable[tuple[str, str]] = ()) -> Iterator[str]:
    """Render the grants of roles to roles, which Redshift may refuse to repeat.

    Args:
        existing: Pairs of a role and one that it has, as `svv_role_grants` lists them.
    """
    if (ANALYST, READER) not in set(existing):
        yield f"GRANT ROLE {READER} TO ROLE {ANALYST}"


def render_grants(iam_role: str = "") -> Iterator[str]:
    """Render the views and the grants of each role; running them again changes nothing.

    Args:
        iam_role: The role of AWS by which the loader, and nobody else, loads and publishes; any unless given.
    """
    schema = str(load_ledger.schema)
    yield from (render_create_schema(name, "redshift") for name in (MART, ROUNDED))
    for contract in MARTS:
        # CREATE OR REPLACE refuses other columns than the view has
        yield f"DROP VIEW IF EXISTS {rounded_view_name(contract)}"
        yield render_rounded_view(contract)
    yield from _render_reader_grants(schema)

    yield f"GRANT USAGE ON SCHEMA {MART} TO ROLE {ANALYST}"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {MART} TO ROLE {ANALYST}"
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {MART} GRANT SELECT ON TABLES TO ROLE {ANALYST}"
    of_persons = [contract for contract in WAREHOUSE if describes_persons(contract)]
    yield f"GRANT SELECT ON {', '.join(c.fullname for c in (*of_persons, load_ledger))} TO ROLE {ANALYST}"

    yield f"GRANT USAGE, CREATE ON SCHEMA {schema}, {MART} TO ROLE {LOADER}"
    writes = "GRANT SELECT, INSERT, UPDATE, DELETE"
    for name in (schema, MART):
        yield f"{writes} ON ALL TABLES IN SCHEMA {name} TO ROLE {LOADER}"
        yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} {writes} ON TABLES TO ROLE {LOADER}"
    # `i94 doctor` reads what readers see
    yield f"GRANT USAGE ON SCHEMA {ROUNDED} TO ROLE {LOADER}"
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {ROUNDED} TO ROLE {LOADER}"
    yield f"GRANT ANALYZE TO ROLE {LOADER}"
    # by default every user may create a table in "public" and COPY into it whatever a role of the warehouse can read
    yield "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    yield "REVOKE ASSUMEROLE ON ALL FROM PUBLIC FOR ALL"
    role = f"'{iam_role}'" if iam_role.startswith("arn:") else iam_role or "ALL"  # or Redshift's word "default"
    yield f"GRANT ASSUMEROLE ON {role} TO ROLE {LOADER} FOR COPY, UNLOAD"


def _render_reader_grants(schema: str) -> Iterator[str]:
    # by name, never by default: a new table that describes persons must not be open unnoticed
    public = [contract.fullname for contract in WAREHOUSE if not describes_persons(contract)]
    yield f"GRANT USAGE ON SCHEMA {schema}, {ROUNDED} TO ROLE {READER}"
    yield f"GRANT SELECT ON {', '.join([*public, *map(rounded_view_name, MARTS)])} TO ROLE {READER}"
    # an older version granted these, or a person did
    yield f"DROP VIEW IF EXISTS {schema}.immigration_masked"
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {MART} REVOKE SELECT ON TABLES FROM ROLE {READER}"
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA {MART} FROM ROLE {READER}"
    yield f"REVOKE ALL ON SCHEMA {MART} FROM ROLE {READER}"
    yield from (f"REVOKE ALL ON {c.fullname} FROM ROLE {READER}" for c in WAREHOUSE if describes_persons(c))


def rounded_view_name(contract: Table) -> str:
    """Return the name of the view of a mart with rounded counts."""
    return f"{ROUNDED}.{contract.name}"


def render_rounded_view(contract: Table) -> str:
    """Render the view of a mart with rounded counts.

    Every column is null in a row that is left out: a server may check a reader's condition first, and one that fails on
    such a row, as 1/(i94res-5) may, would tell of it.
    """
    query = select_rounded(contract)
    if (is_shown := query.whereclause) is not None:
        query = query.with_only_columns(*(case((is_shown, col)).label(col.name) for col in query.selected_columns))
    options = {"literal_binds": True}
    text = query.compile(dialect=load_dialect("redshift"), compile_kwargs=options)
    return f"CREATE VIEW {rounded_view_name(contract)} AS {text}"
