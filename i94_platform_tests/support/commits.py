"""Commits of any rows, also of those that the lake itself would refuse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest


def commit_files(
    lake: Lake,
    dataset: Dataset,
    run_id: str,
    files: Mapping[str, pa.Table],
    *,
    fingerprint: str,
    stats: dict[str, Any] | None = None,
) -> Manifest:
    """Commit Parquet and CSV files by their names, without a look at any contract."""
    folder = dataset.run_folder(run_id)
    for name, rows in files.items():
        with lake.store.create(f"{folder}/{name}") as file:
            (pc.write_csv if name.endswith(".csv") else pq.write_table)(rows, file)
    entries = tuple(
        Entry(
            lake.store.uri(file.path),
            file.size,
            files[file.path.rpartition("/")[2]].num_rows,
            lake.store.content_version(file),
        )
        for file in lake.store.list(folder)
    )
    return lake.commit(dataset, run_id, entries, fingerprint=fingerprint, stats=stats)
