"""The status of each month: what the raw listing, the lake, the ledger and the recorded runs hold of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import dagster as dg

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.pipeline.gate import read_verdict
from i94_platform.sources.listing import list_deliveries
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform.staleness.plan import count_fresh_marts
from i94_platform.staleness.run_inputs import find_last_run
from i94_platform.warehouse.base import Warehouse
from i94_platform.warehouse.ledger import LedgerEntry


@dataclass(frozen=True)
class MonthStatus:
    """One month in figures; None where a layer has nothing of it."""

    month: str
    delivered_bytes: int | None
    staged: int | None
    quarantined: int | None
    loaded_rows: int | None
    marts: str
    """Fresh marts of all, such as `6/7`; empty where nothing is loaded."""
    loaded_at: str
    checks: str
    """Passed checks of all checks of the last run, such as `12/12`; empty without a run."""
    last_run: str


def read_month_statuses(
    raw: Store, lake: Lake, warehouse: Warehouse, instance: dg.DagsterInstance
) -> list[MonthStatus]:
    """Read the status of every month that was delivered, staged or loaded, in order."""
    delivered = {month.key: delivery for month, delivery in list_deliveries(raw).months.items()}
    ledger = warehouse.read_ledger()
    entries = {entry.partition_key: entry for entry in ledger if entry.table_name == "immigration"}
    fresh_marts = count_fresh_marts(ledger)
    staged = {manifest.partition: manifest for manifest in lake.read_manifests("staged/immigration")}
    statuses = []
    for month in sorted({*delivered, *entries, *staged}):
        entry, manifest = entries.get(month), staged.get(month)
        quarantine = lake.read_manifest(Dataset("staged/immigration_quarantine", month))
        checks, last_status = _read_last_run(month, instance)
        statuses.append(
            MonthStatus(
                month,
                delivered_bytes=delivered[month].size if month in delivered else None,
                staged=manifest.rows if manifest else None,
                quarantined=quarantine.rows if quarantine else None,
                loaded_rows=entry.loaded_rows if entry else None,
                marts=f"{fresh_marts[month]}/{len(MONTHLY_MARTS)}" if entry else "",
                loaded_at=entry.loaded_at if entry else "",
                checks=checks,
                last_run=last_status,
            )
        )
    return statuses


def describe_gate(lake: Lake, ledger: Sequence[LedgerEntry]) -> Iterator[str]:
    """Yield a line for each dataset that the gate blocks, and for each loaded one that a person accepted."""
    for dataset in lake.list_blocked():
        verdict = read_verdict(lake.require_newest(dataset))
        problems = " ".join(finding.description for finding in verdict.findings if finding.is_blocking)
        if problems:
            option = f"--month {dataset.partition} " if dataset.partition else ""
            yield f'{dataset}: blocked. {problems} To load it in spite of that: i94 run {option}--accept "reason"'
    for entry in ledger:
        if entry.acceptance:
            yield f"{entry.table_name} {entry.partition_key}".strip() + f": {entry.acceptance}"


def _read_last_run(month: str, instance: dg.DagsterInstance) -> tuple[str, str]:
    """The passed checks and the status of a month's last run."""
    run = find_last_run(instance, MONTH_JOB, month)
    if run is None:
        return "", ""
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    passed = [event.get_dagster_event().asset_check_evaluation_data.passed for event in events]
    return f"{sum(passed)}/{len(passed)}", run.status.value.lower()
