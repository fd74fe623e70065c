"""Stage a small reference file: read it with pandas, commit it as Parquet."""

from __future__ import annotations

from i94_platform.contracts.rendering.arrow import to_arrow
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.pipeline.data_versions import combine_versions
from i94_platform.pipeline.gate import Gate
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.source import Source

ROW_STATS = ("delivered_rows", "rejected_rows", "rejected", "implausible")
"""The attributes of a reader's frame that count its rows; see `sources.delimited` and `sources.row_issues`."""


def stage_reference(source: Source, raw: Store, lake: Lake, gate: Gate, run_id: str) -> tuple[Manifest, dict[str, str]]:
    """Stage the file of a source that pandas reads whole; return the manifest and the reader's notes.

    The manifest's stats hold `delivered_rows`, `rejected_rows`, and the problems of `rejected` and `implausible` rows.
    The dataset keeps its content if the gate blocks the rows.

    Raises:
        PermanentError: the file is missing, can't be read, or has no row that can be used.
    """
    (contract,), read = source.contracts, source.read
    if read is None:
        raise TypeError(f"the source {source.name} declares no reader")
    delivery = list_deliveries(raw).require_reference(source.name, raw.root)
    path, version = delivery.files[0].path, combine_versions(contract, delivery.fingerprint(raw))
    dataset = Dataset(f"staged/{contract.name}")
    with lake.write_lock(dataset), raw.open(path) as content:
        frame = read(content, path)
        rows = to_arrow(frame, contract)
        stats = {name: frame.attrs.get(name, []) for name in ROW_STATS}
        verdict = gate.judge(dataset, rows.num_rows, stats)
        manifest = lake.write_table(
            dataset,
            run_id,
            contract,
            rows,
            fingerprint=version,
            stats=stats | verdict.stats,
            is_blocked=verdict.is_blocked,
        )
    notes = {
        str(name): value if isinstance(value, str) else ", ".join(value) or "none"
        for name, value in frame.attrs.items()
        if name not in ROW_STATS
    }
    return manifest, notes
