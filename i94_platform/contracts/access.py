"""Who may see what on Redshift: roles, masked views without personal columns, grants and default privileges.

Every statement may run again, but for CREATE ROLE. An administrator creates the users and gives each a role.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table

from i94_platform.contracts import WAREHOUSE, load_ledger, mart_metadata
from i94_platform.contracts.model import is_personal
from i94_platform.contracts.rendering.ddl import render_create_schema

READER = "i94_reader"
"""Reads marts, code lists, dimensions, and the fact without its personal columns: for everyone."""
ANALYST = "i94_analyst"
"""Reads everything: for those who may see admission numbers."""
LOADER = "i94_loader"
"""Reads and replaces everything: for the platform itself."""
ROLES = (READER, ANALYST, LOADER)

MART = str(mart_metadata.schema)
"""The schema of the marts; everyone may read each table of it, also new ones."""


def render_access() -> Iterator[str]:
    """Render every statement, in order."""
    yield from (render_create_role(role) for role in ROLES)
    yield from render_grants()


def render_create_role(role: str) -> str:
    """Render CREATE ROLE, which knows no IF NOT EXISTS on Redshift: look into `svv_roles` first."""
    return f"CREATE ROLE {role}"


def render_grants() -> Iterator[str]:
    """Render the masked views and the grants of each role; running them again changes nothing."""
    personal = [contract for contract in WAREHOUSE if is_personal(contract)]
    schema = str(load_ledger.schema)
    yield render_create_schema(MART, "redshift")
    yield from (render_masked_view(contract) for contract in personal)

    yield f"GRANT USAGE ON SCHEMA {schema}, {MART} TO ROLE {READER}"
    # by name, never by default: a new table with personal columns must not be open unnoticed
    public = [contract.fullname for contract in WAREHOUSE if contract not in personal]
    yield f"GRANT SELECT ON {', '.join([*public, *map(masked_view_name, personal)])} TO ROLE {READER}"
    yield from (f"REVOKE ALL ON {contract.fullname} FROM ROLE {READER}" for contract in personal)
    yield f"GRANT SELECT ON ALL TABLES IN SCHEMA {MART} TO ROLE {READER}"
    yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {MART} GRANT SELECT ON TABLES TO ROLE {READER}"

    yield f"GRANT ROLE {READER} TO ROLE {ANALYST}"
    yield f"GRANT SELECT ON {', '.join(c.fullname for c in (*personal, load_ledger))} TO ROLE {ANALYST}"

    yield f"GRANT USAGE, CREATE ON SCHEMA {schema}, {MART} TO ROLE {LOADER}"
    writes = "GRANT SELECT, INSERT, UPDATE, DELETE"
    for name in (schema, MART):
        yield f"{writes} ON ALL TABLES IN SCHEMA {name} TO ROLE {LOADER}"
        yield f"ALTER DEFAULT PRIVILEGES IN SCHEMA {name} {writes} ON TABLES TO ROLE {LOADER}"
    yield f"GRANT ANALYZE TO ROLE {LOADER}"


def masked_view_name(contract: Table) -> str:
    """The name of the view of a table without its personal columns."""
    return f"{contract.fullname}_masked"


def render_masked_view(contract: Table) -> str:
    """Render the view of a table without its personal columns."""
    columns = ", ".join(f'"{c.name}"' for c in contract.columns if not c.info["personal"])
    return f"CREATE OR REPLACE VIEW {masked_view_name(contract)} AS SELECT {columns} FROM {contract.fullname}"
