"""The lake: datasets of Parquet or CSV files that become visible by manifest only.

A writer fills a fresh run folder, `commit` reads the files back, compares them with the contract and puts the manifest
in place in one atomic write; readers follow the manifest. A crash before that leaves garbage, which the next commit
sweeps. Not here: what the rows mean, and how an engine writes them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.footers import read_column_stats, verify_footer
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.store import Store, StoredFile
from i94_platform.sql.rules import ColumnStats

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Dataset:
    """The name of a dataset, `layer/name`, and the month where it has months."""

    name: str
    partition: str = ""

    @property
    def folder(self) -> str:
        """Its folder in the lake, such as `staged/immigration/month=2016-04`."""
        return f"{self.name}/month={self.partition}" if self.partition else self.name

    def __str__(self) -> str:
        return f"{self.name} {self.partition}".strip()


class Lake:
    """Datasets in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def run_folder(self, dataset: Dataset, run_id: str) -> str:
        """The full address of the folder that one run writes into; nothing else ever writes there."""
        return self.store.uri(f"{dataset.folder}/run={run_id}")

    @contextmanager
    def write_lock(self, dataset: Dataset) -> Iterator[None]:
        """Be the only writer of a dataset: two runs of one month take turns."""
        with self.store.lock(dataset.folder, f"Waiting for another process that is writing {dataset} …"):
            yield

    def read_manifest(self, dataset: Dataset) -> Manifest | None:
        """What is committed, or None."""
        try:
            return Manifest.from_json(self.store.read(f"{dataset.folder}/manifest.json"))
        except FileNotFoundError:
            return None

    def require_manifest(self, dataset: Dataset) -> Manifest:
        """What is committed, with every file present.

        Raises:
            PermanentFailure: nothing was ever committed, or a committed file is gone or has another length.
        """
        manifest = self.read_manifest(dataset)
        if manifest is None:
            raise PermanentError(f"{dataset} is not in the lake at {self.store.root}; materialize it first.")
        while problems := self.find_missing_files(manifest):
            newer = self.read_manifest(dataset)
            if newer is None or newer == manifest:
                raise PermanentError(f"{dataset}: {'; '.join(problems)}. Materialize it again.")
            manifest = newer  # another process committed meanwhile, and swept what we looked for
        return manifest

    def read_manifests(self, name: str) -> list[Manifest]:
        """The committed manifests of every month of a dataset, in month order."""
        months = sorted(
            file.path.split("month=")[1].split("/")[0]
            for file in self.store.list(name)
            if file.path.endswith("/manifest.json")
        )
        return [m for m in (self.read_manifest(Dataset(name, month)) for month in months) if m]

    def find_missing_files(self, manifest: Manifest) -> list[str]:
        """A sentence for each file that is not there with the length that the manifest says."""
        folder = Dataset(manifest.dataset, manifest.partition).folder
        there = {self.store.uri(file.path): file.size for file in self.store.list(folder)}
        return [
            f"{entry.url} is missing"
            if entry.url not in there
            else f"{entry.url} has {there[entry.url]:,} bytes, the manifest says {entry.bytes:,}"
            for entry in manifest.entries
            if there.get(entry.url) != entry.bytes
        ]

    def collect_entries(self, dataset: Dataset, run_id: str, contract: Table) -> tuple[Entry, ...]:
        """The Parquet files of a run folder, read back by their footers.

        Raises:
            PermanentFailure: a file's columns differ from the contract in name, order or type.
        """
        folder = f"{dataset.folder}/run={run_id}"
        # not from folders below it: there lies what attempts of tasks work on, also one that was given up but goes on
        files = [file for file in self.store.list(folder) if file.path.rpartition("/")[0] == folder]
        return tuple(self._verified(file, contract) for file in files if file.path.endswith(".parquet"))

    def commit(
        self,
        dataset: Dataset,
        run_id: str,
        entries: tuple[Entry, ...],
        *,
        fingerprint: str,
        stats: dict[str, Any] | None = None,
        kept: str = "",
    ) -> Manifest:
        """Make what a run has `written` the dataset's content, and sweep what it supersedes.

        The run `kept` stays: for a dataset whose readers may still be at the version before.

        Raises:
            TransientFailure: a file changed or vanished since it was read back.
        """
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        path = f"{dataset.folder}/manifest.json"
        manifest = Manifest(
            dataset.name, dataset.partition, run_id, fingerprint, now, self.store.uri(path), entries, stats or {}
        )
        if problems := self.find_missing_files(manifest):
            raise TransientError(f"{dataset} changed while it was being committed: {'; '.join(problems)}. Run again.")
        self.store.put(path, manifest.to_json())
        self.sweep(dataset, kept)
        return manifest

    def write_table(
        self,
        dataset: Dataset,
        run_id: str,
        contract: Table,
        rows: pa.Table,
        *,
        fingerprint: str,
        stats: dict[str, Any] | None = None,
    ) -> Manifest:
        """Write a small table as one Parquet file and commit it."""
        import pyarrow.parquet as pq

        path = f"{dataset.folder}/run={run_id}/part-0.parquet"
        with self.store.create(path) as file:
            pq.write_table(rows, file)
        entries = self.collect_entries(dataset, run_id, contract)
        return self.commit(dataset, run_id, entries, fingerprint=fingerprint, stats=stats)

    def write_csv(self, dataset: Dataset, run_id: str, rows: pa.Table, *, fingerprint: str) -> Manifest:
        """Write a small table as one CSV file with a header and commit it."""
        path = f"{dataset.folder}/run={run_id}/{dataset.name.rpartition('/')[2]}.csv"
        data = rows.to_pandas(integer_object_nulls=True).to_csv(index=False, lineterminator="\n").encode()
        self.store.put(path, data)
        entry = Entry(self.store.uri(path), len(data), rows.num_rows)
        return self.commit(dataset, run_id, (entry,), fingerprint=fingerprint)

    def read_table(self, manifest: Manifest, contract: Table) -> pa.Table:
        """The rows of a small committed dataset, in the contract's types."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = arrow_schema(contract)
        tables = []
        for entry in manifest.entries:
            with self.store.open(self.store.path(entry.url)) as file:
                tables.append(_read_csv(file, schema) if entry.url.endswith(".csv") else pq.read_table(file))
        return pa.concat_tables(tables).select(schema.names).cast(schema) if tables else schema.empty_table()

    def read_first_rows(self, manifest: Manifest, contract: Table, columns: list[str], most: int) -> pa.Table | None:
        """Up to `most` rows of the first file that has any; None where another run has superseded it by now.

        Of Parquet a few rows are decoded, so that a month costs no more than a code list.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = arrow_schema(contract)
        entry = next((entry for entry in manifest.entries if entry.rows), None)
        if entry is None:
            return schema.empty_table().select(columns)
        try:
            file = self.store.open(self.store.path(entry.url))
        except FileNotFoundError:
            return None
        with file:
            if entry.url.endswith(".csv"):
                return _read_csv(file, schema).select(columns).slice(0, most)
            batch = next(pq.ParquetFile(file).iter_batches(batch_size=most, columns=columns))
            return pa.Table.from_batches([batch]).select(columns)

    def read_column_stats(self, manifest: Manifest) -> dict[str, ColumnStats]:
        """What the footers of a committed Parquet dataset tell of its columns, without reading a row."""
        with ExitStack() as opened:
            return read_column_stats(
                opened.enter_context(self.store.open(self.store.path(url))) for url in manifest.urls
            )

    @contextmanager
    def scratch_folder(self, dataset: Dataset) -> Iterator[str]:
        """A folder beside the datasets for conversions, empty at first and gone afterwards. Use it while `writing`."""
        folder = f"scratch/{dataset.folder}"
        self.store.delete(file.path for file in list(self.store.list(folder)))
        try:
            yield folder
        finally:
            self.store.delete(file.path for file in list(self.store.list(folder)))

    def _verified(self, file: StoredFile, contract: Table) -> Entry:
        with self.store.open(file.path) as content:
            return Entry(self.store.uri(file.path), file.size, verify_footer(content, file.path, contract))

    def sweep(self, dataset: Dataset, kept: str = "") -> list[str]:
        """Delete the run folders but the manifest's and that of the run `kept`; the deleted paths.

        Call it while `writing`.
        """
        manifest = self.read_manifest(dataset)
        runs = filter(None, (manifest.run_id if manifest else "", kept))
        stay = tuple(f"{dataset.folder}/run={run}/" for run in runs)
        garbage = [
            file.path
            for file in self.store.list(dataset.folder)
            if file.path.startswith(f"{dataset.folder}/run=") and not file.path.startswith(stay)
        ]
        self.store.delete(garbage)
        return garbage


def _read_csv(file: BinaryIO, schema: pa.Schema) -> pa.Table:
    import pyarrow.csv as pc

    options = pc.ConvertOptions(column_types=schema, strings_can_be_null=True, null_values=[""])
    return pc.read_csv(file, convert_options=options)
