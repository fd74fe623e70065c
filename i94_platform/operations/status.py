"""The status of each month: what the raw listing, the lake, the ledger and the recorded runs hold of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import dagster as dg

from i94_platform.contracts import MONTHLY_MARTS, immigration
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.store import Store
from i94_platform.pipeline.gate import read_verdict, render_accept_command
from i94_platform.sources.listing import DeliveryListing, list_deliveries
from i94_platform.staleness.asset_states import (
    AssetState,
    AssetStates,
    find_correlations_state,
    find_mart_states,
    find_release_state,
)
from i94_platform.staleness.completeness import FAILED, NOT_LOADED, MonthIssue, find_month_issues
from i94_platform.staleness.held_versions import HeldVersions
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform.staleness.run_inputs import find_failed_runs, find_last_run
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
    stale_marts: dict[str, str] = field(default_factory=dict)
    """Why each stale mart is stale, by its asset."""
    failed_checks: Sequence[str] = ()
    """The checks of the last run that failed, warnings included, such as `staged/immigration gate`."""


@dataclass(frozen=True)
class DeploymentStatus:
    """The status of a deployment."""

    months: Sequence[MonthStatus]
    """The months that were delivered, staged or loaded, in order."""
    issues: Sequence[MonthIssue]
    """Why months are not loaded in their newest content."""
    tables: dict[str, str]
    """Why each table without months is stale, by its name, and `published` for the release."""
    gate: Sequence[str]
    """What the gate blocks, and what a person accepted."""
    notes: Sequence[str]
    """What is wrong with the deliveries."""

    @property
    def is_stale(self) -> bool:
        """Whether `i94 run` has something to load."""
        has_months = any(issue.state in (FAILED, NOT_LOADED) for issue in self.issues)
        return bool(self.tables) or has_months or any(status.stale_marts for status in self.months)

    def describe_stale_tables(self) -> Iterator[str]:
        """Yield a line for each reason, with the tables that are stale for it."""
        for reason in sorted(set(self.tables.values())):
            names = ", ".join(name for name, own_reason in self.tables.items() if own_reason == reason)
            yield f"stale ({reason}): {names}"

    def describe_failed_checks(self) -> Iterator[str]:
        """Yield a line for each month whose last run has failed checks."""
        for status in self.months:
            if status.failed_checks:
                yield f"{status.month}: failed checks: {', '.join(status.failed_checks)}"

    def describe_stale_marts(self) -> Iterator[str]:
        """Yield a line for each month with stale marts, and the reasons."""
        for status in self.months:
            if status.stale_marts:
                reasons = ", ".join(sorted(set(status.stale_marts.values())))
                yield f"{status.month}: {len(status.stale_marts)} stale mart(s) ({reasons})"

    def to_document(self) -> dict[str, Any]:
        """Return the document of `i94 status --json`. Its fields are documented; scripts rely on them."""
        issues = {
            issue.month: {name: value for name, value in asdict(issue).items() if name != "month"}
            for issue in self.issues
        }
        months = {status.month: {**asdict(status), "marts": len(MONTHLY_MARTS)} for status in self.months}
        return {
            "months": [
                {"month": month, **months.get(month, {}), "issue": issues.get(month)}
                for month in sorted({*months, *issues})
            ],
            "tables": self.tables,
            "gate": list(self.gate),
            "notes": list(self.notes),
        }


def read_status(raw: Store, lake: Lake, warehouse: Warehouse, instance: dg.DagsterInstance) -> DeploymentStatus:
    """Read the status of a deployment."""
    listing, ledger = list_deliveries(raw), warehouse.read_ledger()
    held = HeldVersions.from_ledger(ledger, instance)
    states = AssetStates(listing, raw, lake, held, find_failed_runs(instance))
    return DeploymentStatus(
        _read_month_statuses(listing, ledger, lake, instance),
        [*find_month_issues(states, instance)],
        _index_stale(
            [*states.find_references(), find_correlations_state(ledger, lake), find_release_state(ledger, lake)]
        ),
        [*_describe_gate(lake, ledger)],
        listing.notes,
    )


def _read_month_statuses(
    listing: DeliveryListing, ledger: Sequence[LedgerEntry], lake: Lake, instance: dg.DagsterInstance
) -> list[MonthStatus]:
    """Read the status of every month that was delivered, staged or loaded, in order."""
    delivered = {month.key: delivery for month, delivery in listing.months.items()}
    entries = {entry.partition_key: entry for entry in ledger if entry.table_name == immigration.name}
    marts = list(find_mart_states(ledger))
    staged = {manifest.partition: manifest for manifest in lake.read_manifests("staged/immigration")}
    statuses = []
    for month in sorted({*delivered, *entries, *staged}):
        entry, manifest = entries.get(month), staged.get(month)
        quarantine = lake.read_manifest(Dataset("staged/immigration_quarantine", month))
        stale_marts = {state.asset: state.reason.value for state in marts if state.month == month and state.reason}
        last_status, checks = _read_last_run(month, instance)
        failed_checks = [
            f"{check.asset_key.to_user_string()} {check.check_name}" for check in checks or () if not check.passed
        ]
        statuses.append(
            MonthStatus(
                month,
                delivered_bytes=delivered[month].size if month in delivered else None,
                staged_rows=manifest.rows if manifest else None,
                quarantined_rows=quarantine.rows if quarantine else None,
                loaded_rows=entry.loaded_rows if entry else None,
                fresh_marts=len(MONTHLY_MARTS) - len(stale_marts) if entry else None,
                stale_marts=stale_marts,
                loaded_at=entry.loaded_at if entry else None,
                passed_checks=None if checks is None else len(checks) - len(failed_checks),
                checks=None if checks is None else len(checks),
                last_run=last_status,
                failed_checks=failed_checks,
            )
        )
    return statuses


def _index_stale(states: Iterable[AssetState]) -> dict[str, str]:
    """Return the reason of each stale asset by its name; a code list in the lake and its table are one."""
    return {state.asset.rpartition("/")[2]: state.reason.value for state in states if state.reason}


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


def _read_last_run(
    month: str, instance: dg.DagsterInstance
) -> tuple[str | None, Sequence[dg.AssetCheckEvaluation] | None]:
    """Read the status of a month's last run, and the results of its checks; None if there is none."""
    run = find_last_run(instance, MONTH_JOB, month)
    if run is None:
        return None, None
    events = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    return run.status.value.lower(), [event.get_dagster_event().asset_check_evaluation_data for event in events]
