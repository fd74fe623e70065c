"""The status of each month: what the raw listing, the lake, the ledger and the recorded runs hold of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import dagster as dg

from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.pipeline.gate import read_verdict, render_accept_command
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.staleness.completeness import FAILED, NOT_LOADED, MonthIssue, find_month_issues
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
    staged_rows: int | None
    quarantined_rows: int | None
    loaded_rows: int | None
    fresh_marts: int | None
    loaded_at: str | None
    """UTC, such as `2016-05-02T07:00:00`."""
    passed_checks: int | None
    """Of the last run."""
    checks: int | None
    """Of the last run."""
    last_run: str | None
    """The status of the last run."""


@dataclass(frozen=True)
class Status:
    """The status of a deployment."""

    months: Sequence[MonthStatus]
    """The months that were delivered, staged or loaded, in order."""
    issues: Sequence[MonthIssue]
    """Why months are not loaded in their newest content."""
    gate: Sequence[str]
    """What the gate blocks, and what a person accepted."""
    notes: Sequence[str]
    """What is wrong with the deliveries."""

    @property
    def has_loadable_months(self) -> bool:
        """Whether `i94 run` has a month to load."""
        return any(issue.state in (FAILED, NOT_LOADED) for issue in self.issues)

    def to_document(self) -> dict[str, Any]:
        """Return the document of `i94 status --json`. Its fields are documented; scripts rely on them."""
        issues = {issue.month: {"state": issue.state, "about": issue.about} for issue in self.issues}
        months = {status.month: {**asdict(status), "marts": len(MONTHLY_MARTS)} for status in self.months}
        return {
            "months": [
                {"month": month, **months.get(month, {}), "issue": issues.get(month)}
                for month in sorted({*months, *issues})
            ],
            "gate": list(self.gate),
            "notes": list(self.notes),
        }


def read_status(raw: Store, lake: Lake, warehouse: Warehouse, instance: dg.DagsterInstance) -> Status:
    """Read the status of a deployment."""
    listing, ledger = list_deliveries(raw), warehouse.read_ledger()
    return Status(
        _read_month_statuses(listing, ledger, lake, instance),
        [*find_month_issues(listing, raw, lake, instance)],
        [*_describe_gate(lake, ledger)],
        listing.notes,
    )


def _read_month_statuses(
    listing: DeliveryListing, ledger: Sequence[LedgerEntry], lake: Lake, instance: dg.DagsterInstance
) -> list[MonthStatus]:
    """Read the status of every month that was delivered, staged or loaded, in order."""
    delivered = {month.key: delivery for month, delivery in listing.months.items()}
    entries = {entry.partition_key: entry for entry in ledger if entry.table_name == "immigration"}
    fresh_marts = count_fresh_marts(ledger)
    staged = {manifest.partition: manifest for manifest in lake.read_manifests("staged/immigration")}
    statuses = []
    for month in sorted({*delivered, *entries, *staged}):
        entry, manifest = entries.get(month), staged.get(month)
        quarantine = lake.read_manifest(Dataset("staged/immigration_quarantine", month))
        passed_checks, checks, last_status = _read_last_run(month, instance)
        statuses.append(
            MonthStatus(
                month,
                delivered_bytes=delivered[month].size if month in delivered else None,
                staged_rows=manifest.rows if manifest else None,
                quarantined_rows=quarantine.rows if quarantine else None,
                loaded_rows=entry.loaded_rows if entry else None,
                fresh_marts=fresh_marts[month] if entry else None,
                loaded_at=entry.loaded_at if entry else None,
                passed_checks=passed_checks,
                checks=checks,
                last_run=last_status,
            )
        )
    return statuses


def _describe_gate(lake: Lake, ledger: Sequence[LedgerEntry]) -> Iterator[str]:
    """Yield a line for each dataset that the gate blocks, and for each loaded one that a person accepted."""
    for dataset in lake.list_blocked():
        verdict = read_verdict(lake.require_newest(dataset))
        if verdict.problems:
            command = render_accept_command(dataset.partition)
            yield f"{dataset}: blocked. {verdict.problems} To load it in spite of that: {command}"
    for entry in ledger:
        if entry.acceptance:
            yield f"{entry.table_name} {entry.partition_key}".strip() + f": {entry.acceptance}"


def _read_last_run(month: str, instance: dg.DagsterInstance) -> tuple[int | None, int | None, str | None]:
    """Read the passed checks, all checks and the status of a month's last run."""
    run = find_last_run(instance, MONTH_JOB, month)
    if run is None:
        return None, None, None
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    passed = [event.get_dagster_event().asset_check_evaluation_data.passed for event in events]
    return sum(passed), len(passed), run.status.value.lower()
