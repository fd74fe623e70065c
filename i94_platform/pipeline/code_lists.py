"""Stage the code lists: one label file becomes five CSV datasets in the lake."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Table

from i94_platform.contracts import LOOKUPS
from i94_platform.contracts.rendering.arrow import to_arrow
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.store import Store
from i94_platform.sources.labels import parse_code_lists
from i94_platform.sources.listing import list_deliveries
from i94_platform.sources.sniffing import HEAD_BYTES, check_bytes
from i94_platform.sources.text_decoding import decode_text

LABELS = "i94_labels"
"""The source that holds the code lists."""


def stage_code_lists(raw: Store, lake: Lake, run_id: str) -> Iterator[tuple[Table, Manifest]]:
    """Parse the label file and commit each code list; yield the list's contract and its manifest.

    Raises:
        PermanentError: the file is missing or can't be parsed; the message names the line.
    """
    delivery = list_deliveries(raw).require_reference(LABELS, raw.root)
    path, version = delivery.files[0].path, delivery.fingerprint(raw)
    content = raw.read(path)
    check_bytes(path, content[:HEAD_BYTES], content[-HEAD_BYTES:], "text")
    frames = parse_code_lists(decode_text(content, path), path)
    for contract in LOOKUPS:
        dataset = Dataset(f"lookup/{contract.name}")
        with lake.write_lock(dataset):
            rows = to_arrow(frames[contract.name], contract)
            yield contract, lake.write_csv(dataset, run_id, contract, rows, fingerprint=version)
