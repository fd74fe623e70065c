"""The gate: whether a staged delivery may replace what is loaded.

It compares what was staged with bounds, with what the warehouse holds, and with what the fact refers to. A dataset that
breaks a bound is set aside and no load sees it, unless a person accepts it with a reason.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from i94_platform.audit import AuditLog
from i94_platform.lake.acceptance import Acceptance, read_acceptance
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.manifest import Manifest
from i94_platform.warehouse.base import Warehouse

_STAT = "gate"
"""The stat of a manifest that holds the findings."""

ROWS, REJECTED, NO_REJECTED, SIZE, UNREADABLE, PLAUSIBLE, USED_CODES = (
    "rows_accepted",
    "rejected_share_within_bound",
    "no_rejected_rows",
    "size_plausible",
    "unreadable_share_within_bound",
    "plausible_rows",
    "used_codes_unchanged",
)
"""The names of the findings."""


@dataclass(frozen=True)
class Bounds:
    """What a delivery may lose, as shares from 0 to 1."""

    rejected_share: float = 0.05
    """Rejected rows of the delivered ones."""
    row_loss: float = 0.2
    """Rows fewer than the table or month holds now."""
    unreadable_share: float = 0.5
    """Unreadable or implausible values of a month's column; implausible rows of a reference table."""


@dataclass(frozen=True)
class Finding:
    """One comparison: what was found, and what it was compared with."""

    check: str
    passed: bool
    description: str
    is_warning: bool = False
    """Whether it only warns."""

    @property
    def is_blocking(self) -> bool:
        """Whether it keeps the dataset from being loaded."""
        return not self.passed and not self.is_warning


@dataclass(frozen=True)
class Verdict:
    """The findings about one staged dataset, and the acceptance that lets it pass in spite of them."""

    findings: tuple[Finding, ...]
    acceptance: Acceptance | None = None

    @property
    def is_blocked(self) -> bool:
        """Whether the dataset must not replace what is loaded."""
        return self.acceptance is None and any(finding.is_blocking for finding in self.findings)

    @property
    def problems(self) -> str:
        """What it was found to lose, for people; empty where nothing blocks."""
        return " ".join(finding.description for finding in self.findings if finding.is_blocking)

    @property
    def stats(self) -> dict[str, Any]:
        """What the manifest keeps of it, as JSON values."""
        acceptance = self.acceptance.stats if self.acceptance else {}
        return {_STAT: [asdict(finding) for finding in self.findings], **acceptance}


def render_accept_command(month: str) -> str:
    """Render the command by which a person accepts a month, or the reference files if the month is empty."""
    return f'i94 run {f"--month {month} " if month else ""}--accept "reason"'


def read_verdict(manifest: Manifest) -> Verdict:
    """Read the verdict that a manifest keeps; without findings for a dataset that no gate judges."""
    findings = tuple(Finding(**finding) for finding in manifest.stats.get(_STAT, ()))
    return Verdict(findings, read_acceptance(manifest))


@dataclass(frozen=True)
class Gate:
    """Judges staged datasets of one run."""

    warehouse: Warehouse | None = None
    """What the staged rows are compared with; None compares with nothing."""
    bounds: Bounds = Bounds()
    acceptance: Acceptance | None = None
    """A person's decision to load what the gate would block."""
    audit: AuditLog | None = None
    """Where it is recorded that the decision let a dataset pass."""

    def judge(self, dataset: Dataset, rows: int, stats: Mapping[str, Any], findings: Iterable[Finding] = ()) -> Verdict:
        """Judge a dataset of `rows` accepted rows.

        Args:
            dataset: The dataset, or the month of it.
            rows: Its accepted rows.
            stats: Figures of the writer; `delivered_rows`, `rejected_rows`, `rejected`, `unreadable`,
                `delivered_values`, `values` and `implausible` count.
            findings: Further findings about it.
        """
        all_findings = (
            _judge_rows(rows, stats),
            _judge_rejected(rows, stats, self.bounds),
            *([_judge_unreadable(stats, self.bounds)] if dataset.partition else []),
            *([_judge_rejected_rows(stats["rejected"])] if "rejected" in stats else []),
            *([_judge_plausible(rows, stats["implausible"], self.bounds)] if "implausible" in stats else []),
            self._judge_size(dataset, rows),
            *findings,
        )
        verdict = Verdict(all_findings)
        if not (verdict.is_blocked and self.acceptance):
            return verdict
        if self.audit:
            blocking = [finding.check for finding in all_findings if finding.is_blocking]
            by, reason = self.acceptance.by, self.acceptance.reason
            self.audit.record("delivery.accept", by=by, dataset=dataset.folder, checks=blocking, reason=reason)
        return replace(verdict, acceptance=self.acceptance)

    def _judge_size(self, dataset: Dataset, rows: int) -> Finding:
        """Compare the rows with what is loaded now; for a first month, with the median of the other months."""
        table, bound = dataset.name.rpartition("/")[2], self.bounds.row_loss
        before = self._loaded_rows.get((table, dataset.partition))
        others = [count for (name, month), count in self._loaded_rows.items() if name == table and month]
        if before is None and not (dataset.partition and others):
            return Finding(SIZE, True, f"{rows:,} rows; nothing is loaded to compare them with.")
        reference = statistics.median(others) if before is None else before
        loss = 1 - rows / reference if reference else 0.0
        source = f"the median of {len(others)} loaded months" if before is None else "what is loaded now"
        return Finding(
            SIZE,
            loss <= bound,
            f"{rows:,} rows, {reference:,.0f} in {source}: "
            + (f"{loss:.1%} fewer" if loss > 0 else "no fewer")
            + f", bound {bound:.0%}.",
            is_warning=before is None,
        )

    @cached_property
    def _loaded_rows(self) -> dict[tuple[str, str], int]:
        ledger = self.warehouse.read_ledger() if self.warehouse else []
        return {(entry.table_name, entry.partition_key): entry.loaded_rows for entry in ledger}


def _judge_rows(rows: int, stats: Mapping[str, Any]) -> Finding:
    delivered = stats.get("delivered_rows", rows)
    return Finding(ROWS, rows > 0, f"{rows:,} of {delivered:,} delivered rows are accepted.")


def _judge_rejected(rows: int, stats: Mapping[str, Any], bounds: Bounds) -> Finding:
    rejected = stats.get("rejected_rows", 0)
    delivered = stats.get("delivered_rows", rows + rejected)
    if not delivered:
        return Finding(REJECTED, False, "No row is delivered.")
    share = rejected / delivered
    return Finding(
        REJECTED,
        share <= bounds.rejected_share,
        f"{rejected:,} of {delivered:,} delivered rows are rejected: {share:.1%}, bound {bounds.rejected_share:.0%}.",
    )


def _judge_unreadable(stats: Mapping[str, Any], bounds: Bounds) -> Finding:
    delivered: Mapping[str, int] = stats.get("delivered_values", {})
    shares = {
        "can't be read": {n: count / (delivered.get(n) or count) for n, count in stats.get("unreadable", {}).items()},
        "are implausible": {
            n: c["implausible"] / c["values"] for n, c in stats.get("values", {}).items() if c["values"]
        },
    }
    bound = f"bound {bounds.unreadable_share:.0%}"
    excessive = [
        f"most values of {name} {fault}: {share:.1%}"
        for fault, columns in shares.items()
        for name, share in sorted(columns.items())
        if share > bounds.unreadable_share
    ]
    if not excessive:
        return Finding(UNREADABLE, True, f"No column is unreadable or implausible in more than its {bound}.")
    problems = ", ".join(excessive)
    return Finding(UNREADABLE, False, f"{problems[0].upper()}{problems[1:]}, {bound}.")


def _judge_rejected_rows(issues: Sequence[Mapping[str, Any]]) -> Finding:
    """Judge the rejected rows of a reference table: the source should have none, so each is a warning."""
    count = sum(issue["rows"] for issue in issues)
    return Finding(NO_REJECTED, not issues, f"{count:,} rows are rejected{_describe_issues(issues)}.", is_warning=True)


def _judge_plausible(rows: int, issues: Sequence[Mapping[str, Any]], bounds: Bounds) -> Finding:
    """Judge the implausible rows of a reference table: a few warn, because they may be true after all."""
    count = sum(issue["rows"] for issue in issues)
    return Finding(
        PLAUSIBLE,
        not issues,
        f"{count:,} of {rows:,} rows are implausible{_describe_issues(issues)}.",
        is_warning=count <= bounds.unreadable_share * rows,
    )


def _describe_issues(issues: Sequence[Mapping[str, Any]]) -> str:
    problems = "; ".join(f"{issue['problem']}: {issue['rows']:,} ({issue['sample']})" for issue in issues)
    return f": {problems}" if problems else ""
