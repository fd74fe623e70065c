"""The blocking checks between staging and load: they report what the gate found when a delivery was staged.

A person can accept what they block, in the launchpad or with `i94 run --accept`. An accepted finding is a warning.
"""

from collections.abc import Iterator

import dagster as dg
from sqlalchemy import Table

from i94_platform.defs.execution import month_key, raise_dagster_failures
from i94_platform.defs.keys import to_key
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.pipeline.gate import (
    PLAUSIBLE,
    REJECTED,
    ROWS,
    SIZE,
    UNREADABLE,
    USED_CODES,
    Finding,
    Verdict,
    read_verdict,
    render_accept_command,
)

_STAGED = to_key("staged/immigration")

_DESCRIPTIONS = {
    ROWS: "The delivery has rows that are accepted.",
    REJECTED: "No more rows are rejected than I94_MAX_REJECTED_SHARE allows.",
    SIZE: "No more rows are lost than I94_MAX_ROW_LOSS allows, against what is loaded; a first month only warns.",
    UNREADABLE: "No column has more unreadable values than I94_MAX_UNREADABLE_SHARE allows.",
    PLAUSIBLE: "Warns of rows whose values can hardly be true; most rows of a table must not be so.",
    USED_CODES: "No code that arrivals have is missing, or has another meaning than before.",
}
_OF_MONTHS = (ROWS, REJECTED, SIZE, UNREADABLE)
_OF_LOOKUPS = (ROWS, REJECTED, SIZE, USED_CODES)
_OF_REFERENCES = (ROWS, REJECTED, SIZE, PLAUSIBLE)


@dg.multi_asset_check(
    name="staged_immigration_gate",
    can_subset=True,
    specs=[
        dg.AssetCheckSpec(
            name, asset=_STAGED, blocking=True, partitions_def=monthly_partitions, description=_DESCRIPTIONS[name]
        )
        for name in _OF_MONTHS
    ],
)
def staged_immigration_gate(
    context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]
) -> Iterator[dg.AssetCheckResult]:
    """Report what the gate found about a month."""
    month = month_key(context)
    with raise_dagster_failures():
        verdict = read_verdict(lake.require_newest(Dataset("staged/immigration", month)))
    names = [name for name in _OF_MONTHS if dg.AssetCheckKey(_STAGED, name) in context.selected_asset_check_keys]
    yield from _report_findings(_STAGED, verdict, names, month)


def build_gate_specs(layer: str, contract: Table) -> list[dg.AssetCheckSpec]:
    """Build the specs of the gate of a code list or reference table."""
    key, names = to_key(f"{layer}/{contract.name}"), _OF_LOOKUPS if layer == "lookup" else _OF_REFERENCES
    return [dg.AssetCheckSpec(name, asset=key, blocking=True, description=_DESCRIPTIONS[name]) for name in names]


def require_passed(manifest: Manifest) -> None:
    """Raise PermanentError if the gate blocked what was staged, and no person accepted it."""
    verdict = read_verdict(manifest)
    if verdict.is_blocked:
        raise PermanentError(
            f"The gate blocks {manifest.dataset} {manifest.partition}: {verdict.problems} The old rows stay loaded. "
            f"Correct the delivery, or accept it: {render_accept_command(manifest.partition)}"
        )


def report_gate(context: dg.AssetCheckExecutionContext, key: dg.AssetKey, lake: Lake) -> Iterator[dg.AssetCheckResult]:
    """Report what the gate found about a code list or reference table, for the selected checks."""
    selected = {check.name for check in context.selected_asset_check_keys if check.asset_key == key}
    names = sorted(selected & set(_DESCRIPTIONS))
    if not names:
        return
    with raise_dagster_failures():
        verdict = read_verdict(lake.require_newest(Dataset("/".join(key.path))))
    yield from _report_findings(key, verdict, names)


def _report_findings(
    key: dg.AssetKey, verdict: Verdict, names: list[str], month: str = ""
) -> Iterator[dg.AssetCheckResult]:
    """Yield the finding of each name; a blocking one says how to accept the delivery."""
    command = render_accept_command(month)
    findings = {finding.check: finding for finding in verdict.findings}
    for name in names:
        finding = findings.get(name) or Finding(name, True, "It was staged before the gate judged it.")
        is_error = finding.is_blocking and verdict.is_blocked
        advice = f" The old rows stay loaded. Correct the delivery, or accept it: {command}" if is_error else ""
        acceptance = f" {verdict.acceptance.describe()}" if finding.is_blocking and verdict.acceptance else ""
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=name,
            passed=finding.passed,
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            description=f"{finding.description}{acceptance}{advice}",
        )
