"""The lake: datasets of Parquet or CSV files that become visible only by their manifests.

A writer fills a fresh run folder. `commit` checks the files and puts the manifest in place in one atomic write. Readers
follow the manifest. A crash before the commit leaves garbage, which the next commit sweeps.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import TransientError
from i94_platform.lake import integrity
from i94_platform.lake.dataset import Dataset
from i94_platform.lake.footers import read_column_stats, verify_footer
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform.lake.manifest_reader import ManifestReader
from i94_platform.lake.store import StoredFile
from i94_platform.lake.validation import require_valid_rows
from i94_platform.sql.rules import ColumnStats

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Dataset", "Lake"]


class Lake(ManifestReader):
    """Datasets in a store."""

    def run_folder(self, dataset: Dataset, run_id: str) -> str:
        """The full address of the folder that one run writes into; no other run writes there."""
        return self.store.uri(dataset.run_folder(run_id))

    def write_lock(self, dataset: Dataset) -> AbstractContextManager[None]:
        """Be the only writer of a dataset, so that two runs of one month take turns."""
        return self.store.lock(dataset.folder, f"Waiting for another process that is writing {dataset} …")

    def collect_entries(self, dataset: Dataset, run_id: str, contract: Table) -> tuple[Entry, ...]:
        """Collect the Parquet files of a run folder and verify their footers.

        Raises:
            PermanentError: a file's columns differ from the contract in name, order or type.
        """
        folder = dataset.run_folder(run_id)
        # not from subfolders: Spark's task attempts work there, even one that was given up but still runs
        listing = [file for file in self.store.list(folder) if file.path.rpartition("/")[0] == folder]
        files = [file for file in listing if file.path.endswith(".parquet")]
        rows = [self._verify_footer(file, contract) for file in files]
        return self._build_entries(files, rows)

    def _verify_footer(self, file: StoredFile, contract: Table) -> int:
        with self.store.open(file.path) as content:
            return verify_footer(content, file.path, contract)

    def _build_entries(self, files: Sequence[StoredFile], rows: Sequence[int]) -> tuple[Entry, ...]:
        values = zip(files, rows, integrity.compute_content_versions(self.store, files), strict=True)
        return tuple(Entry(self.store.uri(file.path), file.size, count, version) for file, count, version in values)

    def commit(
        self,
        dataset: Dataset,
        run_id: str,
        entries: tuple[Entry, ...],
        *,
        fingerprint: str,
        stats: dict[str, Any] | None = None,
        retain_urls: Iterable[str] = (),
        is_blocked: bool = False,
    ) -> Manifest:
        """Make the files of a run the dataset's content, and sweep what they replace. Hold the `write_lock`.

        Args:
            dataset: the dataset, or the month of it.
            run_id: the run folder that holds the files.
            entries: the files.
            fingerprint: the data version of their inputs.
            stats: figures of the writer.
            retain_urls: files that stay, since readers may still read them.
            is_blocked: put the files beside the content instead, for people to look at; no load reads them.

        Raises:
            TransientError: a file changed or vanished since it was collected.
        """
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        path = dataset.blocked_path if is_blocked else dataset.manifest_path
        address = self.store.uri(path)
        manifest = Manifest(dataset.name, dataset.partition, run_id, fingerprint, now, address, entries, stats or {})
        if problems := self.find_missing_files(manifest):
            raise TransientError(f"{dataset} changed while it was being committed: {'; '.join(problems)}. Run again.")
        self.store.put(path, manifest.to_json())
        if not is_blocked:
            self.store.delete([dataset.blocked_path])
        self.sweep(dataset, retain_urls)
        return manifest

    def sweep(self, dataset: Dataset, retain_urls: Iterable[str] = ()) -> list[str]:
        """Delete the files of runs that neither the committed nor the blocked run wrote or lists; return their paths.

        `retain_urls` stay, too. Hold the `write_lock`.
        """
        manifests = list(filter(None, (self.read_manifest(dataset), self.read_blocked(dataset))))
        folders = tuple(f"{dataset.run_folder(manifest.run_id)}/" for manifest in manifests)
        urls = {url for manifest in manifests for url in manifest.urls} | {*retain_urls}
        retained = {self.store.path(url) for url in urls}
        garbage = [
            file.path
            for file in self.store.list(dataset.folder)
            if file.path.startswith(dataset.run_folder(""))
            and not file.path.startswith(folders)
            and file.path not in retained
        ]
        self.store.delete(garbage)
        return garbage

    def write_table(
        self,
        dataset: Dataset,
        run_id: str,
        contract: Table,
        rows: pa.Table,
        *,
        fingerprint: str,
        stats: dict[str, Any] | None = None,
        is_blocked: bool = False,
    ) -> Manifest:
        """Write a small table as one Parquet file and commit it; see `commit`.

        Raises:
            PermanentError: the rows break a rule of the contract.
        """
        entries = self.write_part(dataset, run_id, contract, rows)
        return self.commit(dataset, run_id, entries, fingerprint=fingerprint, stats=stats, is_blocked=is_blocked)

    def write_part(self, dataset: Dataset, run_id: str, contract: Table, rows: pa.Table) -> tuple[Entry, ...]:
        """Write a small table as one Parquet file of a run folder, without committing it.

        Raises:
            PermanentError: the rows break a rule of the contract.
        """
        import pyarrow.parquet as pq

        require_valid_rows(rows, contract)
        with self.store.create(f"{dataset.run_folder(run_id)}/part-0.parquet") as file:
            pq.write_table(rows, file)
        return self.collect_entries(dataset, run_id, contract)

    def write_csv(
        self,
        dataset: Dataset,
        run_id: str,
        contract: Table,
        rows: pa.Table,
        *,
        fingerprint: str,
        stats: dict[str, Any] | None = None,
        is_blocked: bool = False,
    ) -> Manifest:
        """Write a code list as one CSV file with a header and commit it; see `commit`.

        Raises:
            PermanentError: the rows break a rule of the contract.
        """
        require_valid_rows(rows, contract, closed_domains=True)
        path = f"{dataset.run_folder(run_id)}/{dataset.name.rpartition('/')[2]}.csv"
        data = rows.to_pandas(integer_object_nulls=True).to_csv(index=False, lineterminator="\n").encode()
        self.store.put(path, data)
        files = [file for file in self.store.list(dataset.run_folder(run_id)) if file.path == path]
        entries = self._build_entries(files, [rows.num_rows])
        return self.commit(dataset, run_id, entries, fingerprint=fingerprint, stats=stats, is_blocked=is_blocked)

    def read_table(self, manifest: Manifest, contract: Table, columns: Sequence[str] | None = None) -> pa.Table:
        """Read the rows of a committed dataset in the contract's types, of some columns or all.

        What it lacks because it is older than the contract is null.

        Raises:
            PermanentError: a file has other content than was committed.
            TransientError: a file is gone, because another run has replaced the dataset since the manifest was read.
        """
        import pyarrow as pa

        schema = arrow_schema(contract)
        if columns is not None:
            schema = pa.schema([schema.field(name) for name in columns])
        try:
            self.require_unaltered(manifest)
            parts = [self._read_part(url, contract, schema) for url in manifest.urls]
        except FileNotFoundError as error:
            dataset = Dataset(manifest.dataset, manifest.partition)
            raise TransientError(f"{dataset} was replaced while it was read; run again. {error}") from error
        return pa.concat_tables([schema.empty_table(), *parts])

    def _read_part(self, url: str, contract: Table, schema: pa.Schema) -> pa.Table:
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self.store.open(url) as file:
            content = read_into_memory(file)
        is_csv = url.endswith(".csv")
        rows = _read_csv(content, schema) if is_csv else pq.ParquetFile(content).read(columns=schema.names)
        for field in schema:
            if field.name not in rows.column_names and contract.c[field.name].nullable:
                rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
        return rows.select(schema.names).cast(schema)

    def read_first_rows(self, manifest: Manifest, contract: Table, columns: list[str], limit: int) -> pa.Table | None:
        """Read up to `limit` rows of the first file that has any; None if another run has swept it by now.

        Only a few rows of Parquet are decoded, so a month costs no more than a code list.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = arrow_schema(contract)
        url = next((entry.url for entry in manifest.entries if entry.rows), None)
        if url is None:
            return schema.empty_table().select(columns)
        try:
            file = self.store.open(url)
        except FileNotFoundError:
            return None
        with file:
            if url.endswith(".csv"):
                return _read_csv(read_into_memory(file), schema).select(columns).slice(0, limit)
            batch = next(pq.ParquetFile(file).iter_batches(batch_size=limit, columns=columns))
            return pa.Table.from_batches([batch]).select(columns)

    def read_column_stats(self, manifest: Manifest) -> dict[str, ColumnStats]:
        """Read the statistics of each column from the footers of a committed Parquet dataset."""
        with ExitStack() as files:
            return read_column_stats(files.enter_context(self.store.open(url)) for url in manifest.urls)

    @contextmanager
    def scratch_folder(self, dataset: Dataset) -> Iterator[str]:
        """Give a folder for conversions, beside the datasets. It is empty at first and gone afterwards.

        Hold the `write_lock`.
        """
        folder = f"scratch/{dataset.folder}"
        self._delete_folder(folder)
        try:
            yield folder
        finally:
            self._delete_folder(folder)

    def _delete_folder(self, folder: str) -> None:
        self.store.delete([file.path for file in self.store.list(folder)])


def read_into_memory(file: BinaryIO) -> Any:
    """Read a small file as a whole, for Arrow.

    Arrow reads a Python file in threads of its own. One that does so while the process ends aborts the process.
    """
    import pyarrow as pa

    return pa.BufferReader(file.read())


def _read_csv(file: Any, schema: pa.Schema) -> pa.Table:
    import pyarrow.csv as pc

    options = pc.ConvertOptions(column_types=schema, strings_can_be_null=True, null_values=[""])
    return pc.read_csv(file, convert_options=options)
