"""Stage the code lists: one label file becomes five CSV datasets in the lake."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import Table

from i94_platform.contracts import LOOKUPS
from i94_platform.contracts.rendering.arrow import to_arrow
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.pipeline.gate import Gate, Verdict
from i94_platform.pipeline.used_codes import judge_used_codes
from i94_platform.sources.labels import parse_code_lists
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.sniffing import HEAD_BYTES, check_bytes
from i94_platform.sources.text_decoding import decode_text

if TYPE_CHECKING:
    import pyarrow as pa

LABELS = "i94_labels"
"""The source that holds the code lists."""


def stage_code_lists(raw: Store, lake: Lake, gate: Gate, run_id: str) -> Iterator[tuple[Table, Manifest]]:
    """Parse the label file and commit each code list; yield the list's contract and its manifest.

    If the gate blocks one list, every list keeps its content: they come from one file.

    Raises:
        PermanentError: the file is missing or can't be parsed; the message names the line.
    """
    delivery = list_deliveries(raw).require_reference(LABELS, raw.root)
    path, version = delivery.files[0].path, delivery.fingerprint(raw)
    content = raw.read(path)
    check_bytes(path, content[:HEAD_BYTES], content[-HEAD_BYTES:], "text")
    frames = parse_code_lists(decode_text(content, path), path)
    rows = {contract.name: to_arrow(frames[contract.name], contract) for contract in LOOKUPS}
    verdicts = {contract.name: _judge_list(contract, rows[contract.name], lake, gate) for contract in LOOKUPS}
    is_blocked = any(verdict.is_blocked for verdict in verdicts.values())
    for contract in LOOKUPS:
        dataset = Dataset(f"lookup/{contract.name}")
        with lake.write_lock(dataset):
            manifest = lake.write_csv(
                dataset,
                run_id,
                contract,
                rows[contract.name],
                fingerprint=version,
                stats=verdicts[contract.name].stats,
                is_blocked=is_blocked,
            )
        yield contract, manifest


def _judge_list(contract: Table, rows: pa.Table, lake: Lake, gate: Gate) -> Verdict:
    dataset = Dataset(f"lookup/{contract.name}")
    before = _read_list(dataset, contract, lake)
    return gate.judge(dataset, rows.num_rows, {}, [judge_used_codes(contract, before, rows, gate.warehouse)])


def _read_list(dataset: Dataset, contract: Table, lake: Lake) -> pa.Table | None:
    """Read the committed list; None if there is none, or its file is damaged: the new list replaces it."""
    manifest = lake.read_manifest(dataset)
    if manifest is None or lake.find_missing_files(manifest):
        return None
    try:
        return lake.read_table(manifest, contract)
    except PermanentError:
        return None
