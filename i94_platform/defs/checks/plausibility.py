"""The checks that warn of unusual data: high shares of odd rows, older code lists, and those that were not reviewed.

The bounds are about twice the shares of April 2016.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

import dagster as dg
from sqlalchemy import func, select

from i94_platform.contracts import LOOKUPS, destination_by_port, i94cit_res
from i94_platform.contracts.codes import cast_to_contract, detect_drift
from i94_platform.defs.keys import to_key
from i94_platform.defs.metadata import render_markdown_table
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.engine.base import Engine
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.pipeline.code_lists import LABELS
from i94_platform.pipeline.data_versions import CODE_LIST_DATASETS
from i94_platform.sources.listing import list_deliveries
from i94_platform.sql.query import Query
from i94_platform.transforms.immigration.plausibility import IMPLAUSIBLE
from i94_platform.warehouse.loading import in_month
from i94_platform.warehouse.transaction import Transaction

_STAGED = to_key("staged/immigration")
_SAMPLE_COLUMNS = "cicid, i94yr, i94mon"

QUARANTINE_BOUND = 0.01
"""The share of rejected rows that a delivery may have without a warning."""
MISREAD_BOUND = 0.25
"""The share of a state's visitors who may mean another place that a month may have without a warning."""


@dataclass(frozen=True)
class RowShare:
    """A share of a month's rows with an upper bound."""

    name: str
    column: str
    """The column by which staging has counted these rows."""
    condition: str
    """The condition of these rows, as SQL over the staged rows and the list of countries."""
    bound: float
    meaning: str
    is_of_nulls: bool = False
    """Whether the rows lack the value; otherwise it is implausible in them."""

    def count(self, manifest: Manifest) -> int:
        """Read the number of these rows from what staging has counted."""
        counts = manifest.stats["values"].get(self.column, {"values": 0, "implausible": 0})
        return int(manifest.rows - counts["values"] if self.is_of_nulls else counts["implausible"])


SHARES = (
    RowShare(
        "unknown_state",
        "i94addr",
        IMPLAUSIBLE["i94addr"],
        0.12,
        "rows without a listed state (April 2016: 5.8 %)",
    ),
    RowShare(
        "unlisted_citizenship",
        "i94cit",
        "i94cit NOT IN (SELECT code FROM i94cit_res)",
        0.25,
        "rows whose country of citizenship is in no code list (April 2016: 12.5 %)",
    ),
    RowShare(
        "unlisted_residence",
        "i94res",
        "i94res NOT IN (SELECT code FROM i94cit_res)",
        0.05,
        "rows whose country of residence is in no code list (April 2016: none)",
    ),
    RowShare(
        "null_departure",
        "depdate",
        "depdate IS NULL",
        0.10,
        "rows without a departure (April 2016: 4.6 %)",
        is_of_nulls=True,
    ),
    RowShare(
        "negative_stay",
        "depdate",
        IMPLAUSIBLE["depdate"],
        0.001,
        "rows that depart before they arrive (April 2016: 0.012 %)",
    ),
)

SHARES_SPEC = dg.AssetCheckSpec(
    "plausible_shares",
    asset=_STAGED,
    partitions_def=monthly_partitions,
    description="Warns where unusual rows are more than their bound: "
    + "; ".join(f"{share.meaning}, bound {share.bound:.1%}" for share in SHARES)
    + ".",
)


def compare_shares(
    context: dg.AssetCheckExecutionContext, lake: Lake, engine: Engine, month: str
) -> Iterator[dg.AssetCheckResult]:
    """Compare the shares of unusual rows, which staging has counted, with their bounds, if the check is selected."""
    if SHARES_SPEC.key not in context.selected_asset_check_keys:
        return
    dataset = Dataset("staged/immigration", month)
    with lake.write_lock(dataset):  # another run would sweep the files of the samples
        manifest = lake.require_newest(dataset)
        shares = {share.name: share.count(manifest) / manifest.rows if manifest.rows else 0.0 for share in SHARES}
        excessive = [share for share in SHARES if shares[share.name] > share.bound]
        samples = {f"sample of {share.name}": _fetch_sample(share, manifest, lake, engine) for share in excessive}
    yield dg.AssetCheckResult(
        asset_key=_STAGED,
        check_name=SHARES_SPEC.name,
        passed=not excessive,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(_describe_share(share, manifest) for share in excessive or SHARES),
        metadata={**shares, **samples},
    )


def _describe_share(share: RowShare, manifest: Manifest) -> str:
    count, rows = share.count(manifest), manifest.rows
    return f"{count:,} of {rows:,} {share.meaning}: {count / rows if rows else 0.0:.3%}, bound {share.bound:.1%}."


def _fetch_sample(share: RowShare, manifest: Manifest, lake: Lake, engine: Engine) -> dg.MarkdownMetadataValue:
    with engine.session():
        engine.register_files("staged", manifest.urls)
        codes = lake.require_manifest(Dataset("lookup/i94cit_res"))
        engine.register_table("i94cit_res", lake.read_table(codes, i94cit_res).select(["code"]))
        query = Query(f"SELECT {_SAMPLE_COLUMNS} FROM staged WHERE {share.condition} LIMIT 5", is_portable=True)
        return dg.MetadataValue.md(render_markdown_table(engine.fetch(query).to_pylist()))


QUARANTINE_SPEC = dg.AssetCheckSpec(
    "share_of_delivered",
    asset=to_key("staged/immigration_quarantine"),
    partitions_def=monthly_partitions,
    description=f"Warns if more than {QUARANTINE_BOUND:.0%} of the delivered rows are rejected.",
)


def compare_rejected_rows(
    context: dg.AssetCheckExecutionContext, lake: Lake, month: str
) -> Iterator[dg.AssetCheckResult]:
    """Compare the share of rejected rows with its bound, if the check is selected."""
    if QUARANTINE_SPEC.key not in context.selected_asset_check_keys:
        return
    manifest = lake.require_newest(Dataset("staged/immigration_quarantine", month))
    delivered = int(manifest.stats["delivered_rows"])
    value = manifest.rows / delivered if delivered else 1.0  # a delivery without rows has nothing that is right
    yield dg.AssetCheckResult(
        asset_key=QUARANTINE_SPEC.asset_key,
        check_name=QUARANTINE_SPEC.name,
        passed=value <= QUARANTINE_BOUND,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{manifest.rows:,} of {delivered:,} delivered rows rejected: "
        f"{value:.3%}, bound {QUARANTINE_BOUND:.0%}.",
        metadata={
            "rows": manifest.rows,
            "share": value,
            "bound": f"{QUARANTINE_BOUND:.0%}",
            "sample": dg.MetadataValue.md(render_markdown_table(manifest.stats["sample"])),
        },
    )


DRIFT_SPECS = [
    dg.AssetCheckSpec(
        "equals_reviewed",
        asset=to_key(f"lookup/{contract.name}"),
        description=f"The delivered list equals the reviewed copy lookup/{contract.name}.csv.",
    )
    for contract in LOOKUPS
]


def compare_with_reviewed(context: dg.AssetCheckExecutionContext, lake: Lake) -> Iterator[dg.AssetCheckResult]:
    """Compare each delivered code list with the reviewed copy."""
    for spec, contract in zip(DRIFT_SPECS, LOOKUPS, strict=True):
        if spec.key not in context.selected_asset_check_keys:
            continue
        rows = lake.read_table(lake.require_newest(Dataset(f"lookup/{contract.name}")), contract)
        drift = detect_drift(contract.name, cast_to_contract(rows.to_pandas(), contract))
        codes = [*drift.added, *drift.removed, *drift.changed]
        yield dg.AssetCheckResult(
            asset_key=spec.asset_key,
            check_name=spec.name,
            passed=not drift.has_differences,
            severity=dg.AssetCheckSeverity.WARN,
            description=drift.describe(),
            metadata={
                "differences": len(codes),
                "bound": "0",
                "sample": ", ".join(map(str, codes[:20])) or "none",
            },
        )


CODE_LISTS_SPEC = dg.AssetCheckSpec(
    "newest_code_lists",
    asset=_STAGED,
    partitions_def=monthly_partitions,
    description="Warns if the delivered label file is not the one that the code lists were loaded from.",
)


def compare_code_lists(
    context: dg.AssetCheckExecutionContext, raw: Store, lake: Lake, month: str
) -> Iterator[dg.AssetCheckResult]:
    """Compare the delivered label file with that of the code lists that encode the month, if the check is selected."""
    if CODE_LISTS_SPEC.key not in context.selected_asset_check_keys:
        return
    delivery = list_deliveries(raw).references.get(LABELS)
    version = delivery.fingerprint(raw) if delivery else ""
    manifests = [lake.require_manifest(dataset) for dataset in CODE_LIST_DATASETS]
    older = [manifest for manifest in manifests if delivery and manifest.fingerprint != version]
    message = (
        f"The delivered label file is not loaded: {month} is encoded with "
        f"{', '.join(f'{manifest.dataset} of {manifest.created_at}' for manifest in older)}. "
        f"See the last reference run, then run: i94 run."
    )
    yield dg.AssetCheckResult(
        asset_key=CODE_LISTS_SPEC.asset_key,
        check_name=CODE_LISTS_SPEC.name,
        passed=not older,
        severity=dg.AssetCheckSeverity.WARN,
        description=message if older else "The code lists are those of the delivered label file.",
        metadata={"older_code_lists": len(older), "bound": "0"},
    )


STATES_SPEC = dg.AssetCheckSpec(
    "plausible_states",
    asset=to_key(f"mart/{destination_by_port.name}"),
    partitions_def=monthly_partitions,
    description=f"Warns if more than {MISREAD_BOUND:.0%} of a state's visitors, beyond the usual ones, enter at far "
    "ports that its code may stand for: NE is Nebraska, and is written for New York, Nevada and Newark.",
)


def compare_states(
    context: dg.AssetCheckExecutionContext, transaction: Transaction, month: Month
) -> Iterator[dg.AssetCheckResult]:
    """Compare the share of a state's visitors who may mean another place with its bound, if the check is selected."""
    if STATES_SPEC.key not in context.selected_asset_check_keys:
        return
    mart = destination_by_port.c
    conditions = in_month(destination_by_port, month)
    totals = select(mart.i94addr, func.sum(mart.visitors).label("total")).where(*conditions).group_by(mart.i94addr)
    all_visitors = totals.subquery("totals")
    query = (
        select(destination_by_port, all_visitors.c.total)
        .join(all_visitors, all_visitors.c.i94addr == mart.i94addr)
        .where(*conditions, mart.possible_meaning.is_not(None))
        .order_by(mart.i94addr, mart.visitors.desc(), mart.i94port)
    )
    by_state = [list(rows) for _, rows in groupby(transaction.execute(query).to_pylist(), itemgetter("i94addr"))]
    shares = {rows[0]["i94addr"]: _share_beyond_usual(rows) for rows in by_state}
    yield dg.AssetCheckResult(
        asset_key=STATES_SPEC.asset_key,
        check_name=STATES_SPEC.name,
        passed=max(shares.values(), default=0.0) <= MISREAD_BOUND,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(map(_describe_state, by_state))
        or "No code of a state seems to be written for another place.",
        metadata={**shares, "bound": f"{MISREAD_BOUND:.0%}"},
    )


def _share_beyond_usual(rows: list[dict[str, Any]]) -> float:
    return float(sum(row["visitors"] - row["usual_visitors"] for row in rows) / rows[0]["total"])


def _describe_state(rows: list[dict[str, Any]]) -> str:
    places = ", ".join(
        f"{row['possible_meaning']} ({row['i94port']}: {row['visitors']:,}, usual {row['usual_visitors']:,})"
        for row in rows
    )
    first = rows[0]
    share = _share_beyond_usual(rows)
    return f"{first['i94addr']} ({first['state']}): {share:.1%} of {first['total']:,} visitors may mean {places}."
