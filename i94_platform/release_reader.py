"""Reads tables of the newest release into Arrow, for notebooks and scripts: `i94_platform.read`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Table

from i94_platform.contracts import PUBLISHED
from i94_platform.contracts.model import column_names, is_monthly
from i94_platform.errors import PermanentError
from i94_platform.lake.from_settings import open_lake
from i94_platform.lake.releases import Release, read_current_release
from i94_platform.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa


def read(
    table: str,
    months: str | Iterable[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
    home: str | Path | None = None,
) -> pa.Table:
    """Read a table of the newest release; its figures are exact.

    The schema's metadata hold the version of the release and when its newest data was loaded.

    Args:
        table: Its name, such as `destination_by_origin`.
        months: One month or several, as YYYY-MM; all that are published unless given.
        columns: The columns to read; all unless given.
        home: The home of the deployment; that of the settings unless given.

    Raises:
        PermanentError: nothing is published, there is no such table, month or column, a file is gone or altered, or
            a setting in the environment is not valid.
    """
    contract = _find_contract(table)
    if unknown := [name for name in columns or () if name not in contract.c]:
        raise PermanentError(f"{table} has no column {', '.join(unknown)}; it has {', '.join(column_names(contract))}.")
    lake = open_lake(Settings.from_env() if home is None else Settings.from_env(home=str(home)))
    release = read_current_release(lake)
    if release is None:
        raise PermanentError(f"Nothing is published in {lake.store.root}; run 'i94 run', which publishes at its end.")
    keys = _find_months(release, contract, months)
    manifest = replace(
        release.manifest, entries=tuple(entry for month in keys for entry in release.entries(table, month))
    )
    if problems := lake.find_missing_files(manifest):
        raise PermanentError(f"{'; '.join(problems)}; if a newer release has replaced it, read again.")
    rows = lake.read_table(manifest, contract, columns)
    return rows.replace_schema_metadata({"release": release.version, "data_as_of": release.data_as_of})


def _find_contract(table: str) -> Table:
    contracts = {contract.name: contract for contract in PUBLISHED}
    if table not in contracts:
        raise PermanentError(f"No table {table!r} is published; choose one of {', '.join(contracts)}.")
    return contracts[table]


def _find_months(release: Release, contract: Table, months: str | Iterable[str] | None) -> Sequence[str]:
    """Return the months to read, in order; one empty month for a table without months."""
    published = release.tables[contract.name].months
    if months is None:
        return published if is_monthly(contract) else [""]
    wanted = {months} if isinstance(months, str) else {*months}
    if missing := sorted(wanted - {*published}):
        raise PermanentError(
            f"{contract.name} has no {', '.join(missing)} in the release; it has {', '.join(published) or 'no months'}."
        )
    return sorted(wanted)
