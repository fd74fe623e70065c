"""The check `gate`, which stands between staging and load: it reports what the gate found when a delivery was staged.

A person can accept what it blocks, in the launchpad or with `i94 run --accept`. An accepted finding is a warning.
"""

from collections.abc import Iterator

import dagster as dg

from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.pipeline.gate import Verdict, read_verdict, render_accept_command

CHECK_NAME = "gate"


def build_gate_spec(
    asset_key: dg.AssetKey, partitions_def: dg.PartitionsDefinition[str] | None = None
) -> dg.AssetCheckSpec:
    """Build the spec of the gate of a staged month, a code list or a reference table."""
    return dg.AssetCheckSpec(
        CHECK_NAME,
        asset=asset_key,
        blocking=True,
        partitions_def=partitions_def,
        description="The delivery may replace what is loaded: enough rows are accepted, and their values can be true.",
    )


def require_passed(manifest: Manifest) -> None:
    """Raise PermanentError if the gate blocked what was staged, and no person accepted it."""
    verdict = read_verdict(manifest)
    if verdict.is_blocked:
        raise PermanentError(
            f"The gate blocks {manifest.dataset} {manifest.partition}: {verdict.problems} The old rows stay loaded. "
            f"Correct the delivery, or accept it: {render_accept_command(manifest.partition)}"
        )


def report_gate(
    context: dg.AssetCheckExecutionContext, asset_key: dg.AssetKey, lake: Lake, month: str = ""
) -> Iterator[dg.AssetCheckResult]:
    """Report what the gate found about a dataset, if the check is selected."""
    if dg.AssetCheckKey(asset_key, CHECK_NAME) in context.selected_asset_check_keys:
        dataset = Dataset(asset_key.to_user_string(), month)
        yield _build_result(asset_key, read_verdict(lake.require_newest(dataset)), month)


def _build_result(asset_key: dg.AssetKey, verdict: Verdict, month: str) -> dg.AssetCheckResult:
    """Build the result: the findings that did not pass, who accepted them, or how a person can."""
    sentences = [f"{finding.check}: {finding.description}" for finding in verdict.findings if not finding.passed]
    if not sentences:
        names = ", ".join(finding.check for finding in verdict.findings)
        sentences = [f"Passed: {names}." if names else "It was staged before the gate judged it."]
    if verdict.acceptance:
        sentences.append(f"It was {verdict.acceptance.describe()}.")
    if verdict.is_blocked:
        command = render_accept_command(month)
        sentences.append(f"The old rows stay loaded. Correct the delivery, or accept it: {command}")
    return dg.AssetCheckResult(
        asset_key=asset_key,
        check_name=CHECK_NAME,
        passed=all(finding.passed for finding in verdict.findings),
        severity=dg.AssetCheckSeverity.ERROR if verdict.is_blocked else dg.AssetCheckSeverity.WARN,
        description=" ".join(sentences),
        metadata={finding.check: finding.description for finding in verdict.findings},
    )
