"""What is usual in these data: shares within bounds, and code lists that do not drift.

Here: checks that warn. The bounds are about twice what April 2016 shows. Not here: what must hold for every row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg

from i94_platform.contracts import LOOKUPS
from i94_platform.contracts.codes import cast_to_contract, detect_drift
from i94_platform.defs.metadata import layer_key, raise_dagster_failures, run_month
from i94_platform.defs.table_metadata import render_markdown_table
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.sql.query import Query

_STAGED = layer_key("staged", "immigration")
_SHOWN = "i94cit, i94res, i94addr, arrdate, depdate, stay_days"


@dataclass(frozen=True)
class Share:
    """A share of a month's rows that should stay below a bound."""

    name: str
    condition: str
    bound: float
    meaning: str


SHARES = (
    Share("share_of_unknown_state", "i94addr = '99'", 0.12, "rows without a listed state (April 2016: 5.8 %)"),
    Share(
        "share_of_unlisted_citizenship",
        "i94cit NOT IN (SELECT code FROM i94cit_res)",
        0.25,
        "rows whose country of citizenship is in no code list (April 2016: 12.5 %)",
    ),
    Share(
        "share_of_unlisted_residence",
        "i94res NOT IN (SELECT code FROM i94cit_res)",
        0.05,
        "rows whose country of residence is in no code list (April 2016: none)",
    ),
    Share("share_of_null_departure", "depdate IS NULL", 0.10, "rows without a departure (April 2016: 4.6 %)"),
    Share(
        "share_of_negative_stay", "stay_days < 0", 0.001, "rows that depart before they arrive (April 2016: 0.012 %)"
    ),
)
QUARANTINE_BOUND = 0.01


def domain_checks(partitions: dg.PartitionsDefinition[str]) -> list[dg.AssetChecksDefinition]:
    """The checks that warn."""
    return [_shares(partitions), _quarantined(partitions), _drift()]


def _shares(partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="staged_immigration_shares",
        specs=[
            dg.AssetCheckSpec(
                s.name, asset=_STAGED, description=f"Warns above {s.bound:.1%}: {s.meaning}.", partitions_def=partitions
            )
            for s in SHARES
        ],
    )
    def checked(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], engine: dg.ResourceParam[Engine]
    ) -> Iterator[dg.AssetCheckResult]:
        dataset = Dataset("staged/immigration", run_month(context))
        with (
            raise_dagster_failures(),
            lake.write_lock(dataset),
            engine.session(),
        ):  # no other run sweeps the files meanwhile
            engine.register_files("staged", lake.require_manifest(dataset).urls)
            codes = lake.require_manifest(Dataset("lookup/i94cit_res"))
            engine.register_table("i94cit_res", lake.read_table(codes, LOOKUPS[0]).select(["code"]))
            counts = ", ".join(f"count(CASE WHEN {s.condition} THEN 1 END) AS {s.name}" for s in SHARES)
            totals = engine.fetch_row(Query(f"SELECT count(*) AS row_count, {counts} FROM staged"))
            for share in SHARES:
                yield _share(share, totals, engine)

    return checked


def _share(share: Share, totals: dict[str, Any], engine: Engine) -> dg.AssetCheckResult:
    rows, found = int(totals["row_count"]), int(totals[share.name])
    figure = found / rows if rows else 0.0
    passed = figure <= share.bound
    sample = (
        []
        if passed
        else engine.fetch(Query(f"SELECT {_SHOWN} FROM staged WHERE {share.condition} LIMIT 5")).to_pylist()
    )
    return dg.AssetCheckResult(
        asset_key=_STAGED,
        check_name=share.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{found:,} of {rows:,} {share.meaning}: {figure:.3%}, bound {share.bound:.1%}.",
        metadata={
            "rows": found,
            "share": figure,
            "bound": share.bound,
            "sample": dg.MetadataValue.md(render_markdown_table(sample)),
        },
    )


def _quarantined(partitions: dg.PartitionsDefinition[str]) -> dg.AssetChecksDefinition:
    asset_key = layer_key("staged", "immigration_quarantine")

    @dg.asset_check(
        asset=asset_key,
        name="share_of_delivered",
        partitions_def=partitions,
        description=f"Warns where more than {QUARANTINE_BOUND:.0%} of the delivered rows are refused.",
    )
    def share_of_delivered(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
        with raise_dagster_failures():
            manifest = lake.require_manifest(Dataset("staged/immigration_quarantine", run_month(context)))
        delivered = int(manifest.stats["delivered_rows"])
        figure = manifest.rows / delivered if delivered else 0.0
        return dg.AssetCheckResult(
            passed=figure <= QUARANTINE_BOUND,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{manifest.rows:,} of {delivered:,} delivered rows refused: "
            f"{figure:.3%}, bound {QUARANTINE_BOUND:.0%}.",
            metadata={
                "rows": manifest.rows,
                "share": figure,
                "bound": QUARANTINE_BOUND,
                "sample": dg.MetadataValue.md(render_markdown_table(manifest.stats["sample"])),
            },
        )

    return share_of_delivered


def _drift() -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name="lookup_drift",
        can_subset=True,
        specs=[
            dg.AssetCheckSpec(
                "equals_reviewed",
                asset=layer_key("lookup", c.name),
                description=f"The delivered list equals the reviewed copy lookup/{c.name}.csv.",
            )
            for c in LOOKUPS
        ],
    )
    def checked(context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake]) -> Iterator[dg.AssetCheckResult]:
        asked = {check.asset_key for check in context.selected_asset_check_keys}
        for contract in (c for c in LOOKUPS if layer_key("lookup", c.name) in asked):
            with raise_dagster_failures():
                rows = lake.read_table(lake.require_manifest(Dataset(f"lookup/{contract.name}")), contract)
                found = detect_drift(contract.name, cast_to_contract(rows.to_pandas(), contract))
            changed = [*found.added, *found.removed, *found.changed]
            yield dg.AssetCheckResult(
                asset_key=layer_key("lookup", contract.name),
                check_name="equals_reviewed",
                passed=not found.has_differences,
                severity=dg.AssetCheckSeverity.WARN,
                description=found.describe(),
                metadata={
                    "differences": len(changed),
                    "bound": 0,
                    "sample": ", ".join(map(str, changed[:20])) or "none",
                },
            )

    return checked
