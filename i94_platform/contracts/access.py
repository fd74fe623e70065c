"""Who may see what on Redshift: roles, the masked view of what is personal, grants and default privileges.

Here: statements rendered from the contracts, each of which may be run again; only a role must not be created twice.
Not here: users, whom an administrator creates and gives a role, and running the statements (`warehouse.redshift`).
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table

from i94_platform.contracts import WAREHOUSE, load_ledger, mart_metadata
from i94_platform.contracts.model import is_personal
from i94_platform.contracts.rendering.ddl import render_create_schema

READER = "i94_reader"
"""Marts, code lists, dimensions, and the fact without its personal columns: for everyone who looks at arrivals."""
ANALYST = "i94_analyst"
"""Everything, to read: for those who may see admission numbers."""
LOADER = "i94_loader"
"""Everything, to read and to replace: for the platform itself."""
ROLES = (READER, ANALYST, LOADER)

MART = str(mart_metadata.schema)
"""The schema of the marts, whose tables everyone may read as they come."""


def render_access() -> Iterator[str]:
    """Every statement, in order."""
    yield from (render_create_role(role) for role in ROLES)
    yield from render_grants()


def render_create_role(role: str) -> str:
    """Redshift knows no IF NOT EXISTS here: look into `svv_roles` first."""
    return f"CREATE ROLE {role}"


def render_grants() -> Iterator[str]:
    """The masked views and what each role may do; running them again changes nothing."""
    personal = [contract for contract in WAREHOUSE if is_personal(contract)]
    schema = str(load_ledger.schema)
    yield render_create_schema(MART, "redshift")
    yield from (render_masked_view(contract) for contract in personal)

    yield f"GRANT USAGE ON SCHEMA {schema}, {MART} TO ROLE {READER}"
    # by name, never by default: a new table with personal columns must not be open until somebody notices
    open_ = [contract.fullname for contract in WAREHOUSE if contract not in personal]
    yield f"GRANT SELECT ON {', '.join([*open_, *map(masked_view_name, personal)])} TO ROLE {READER}"
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
    """The view that stands for a table without its personal columns."""
    return f"{contract.fullname}_masked"


def render_masked_view(contract: Table) -> str:
    """The table without its personal columns, as a view."""
    columns = ", ".join(f'"{c.name}"' for c in contract.columns if not c.info["personal"])
    return f"CREATE OR REPLACE VIEW {masked_view_name(contract)} AS SELECT {columns} FROM {contract.fullname}"
