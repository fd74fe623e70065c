"""What is there: each month's way from delivery to fact and marts, in figures.

Here: one record a month, from the raw listing, the lake, the ledger and the history. Not here: printing.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.sources.listing import list_deliveries
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform.staleness.plan import count_fresh_marts
from i94_platform.staleness.run_inputs import last_run
from i94_platform.warehouse.base import Warehouse


@dataclass(frozen=True)
class MonthStatus:
    """One month; None where a layer has nothing."""

    month: str
    delivered_bytes: int | None
    staged: int | None
    quarantined: int | None
    loaded: int | None
    marts: str
    """Marts that are made from what is loaded, of all, such as `7/7`; empty where nothing is loaded."""
    loaded_at: str
    checks: str
    """Passed of all checks of the last run, such as `12/12`; empty without a run."""
    last_run: str


def month_statuses(raw: Store, lake: Lake, warehouse: Warehouse, history: dg.DagsterInstance) -> list[MonthStatus]:
    """Every month that was delivered, staged or loaded, in order."""
    delivered = {month.key: delivery for month, delivery in list_deliveries(raw.list()).months.items()}
    ledger = warehouse.read_ledger()
    loaded = {line.partition_key: line for line in ledger if line.table_name == "immigration"}
    fresh = count_fresh_marts(ledger)
    staged = {manifest.partition: manifest for manifest in lake.read_manifests("staged/immigration")}
    statuses = []
    for month in sorted({*delivered, *loaded, *staged}):
        line, manifest = loaded.get(month), staged.get(month)
        refused = lake.read_manifest(Dataset("staged/immigration_quarantine", month))
        checks, last_run = _last_run(month, history)
        statuses.append(
            MonthStatus(
                month,
                delivered[month].size if month in delivered else None,
                manifest.rows if manifest else None,
                refused.rows if refused else None,
                line.loaded_rows if line else None,
                f"{fresh[month]}/{len(MONTHLY_MARTS)}" if line else "",
                line.loaded_at if line else "",
                checks,
                last_run,
            )
        )
    return statuses


def _last_run(month: str, history: dg.DagsterInstance) -> tuple[str, str]:
    run = last_run(history, MONTH_JOB, month)
    if run is None:
        return "", ""
    events = history.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    results = [e.get_dagster_event().asset_check_evaluation_data.passed for e in events]
    return f"{sum(results)}/{len(results)}", run.status.value.lower()
