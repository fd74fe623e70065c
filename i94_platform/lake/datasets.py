"""The lake: datasets of Parquet or CSV files that become visible only by their manifests.

A writer fills a fresh run folder. `commit` checks the files and puts the manifest in place in one atomic write. Readers
follow the manifest. A crash before the commit leaves garbage, which the next commit sweeps.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from sqlalchemy import Table

from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake import integrity
from i94_platform.lake.footers import read_column_stats, verify_footer
from i94_platform.lake.manifest import DamagedManifestError, Entry, Manifest
from i94_platform.lake.store import Store, StoredFile
from i94_platform.lake.validation import require_valid_rows
from i94_platform.sql.rules import ColumnStats

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

MANIFEST_NAME = "manifest.json"
"""The file in a dataset's folder that says what is committed."""


@dataclass(frozen=True)
class Dataset:
    """The name of a dataset, `layer/name`, and its month if it is partitioned."""

    name: str
    partition: str = ""

    @property
    def folder(self) -> str:
        """Its folder in the lake, such as `staged/immigration/month=2016-04`."""
        return f"{self.name}/month={self.partition}" if self.partition else self.name

    @property
    def manifest_path(self) -> str:
        """The path of its manifest in the lake."""
        return f"{self.folder}/{MANIFEST_NAME}"

    @property
    def blocked_path(self) -> str:
        """The path of the manifest of files that the gate keeps from replacing the dataset."""
        return f"{self.folder}/blocked.json"

    def run_folder(self, run_id: str) -> str:
        """The folder in the lake that one run writes into."""
        return f"{self.folder}/run={run_id}"

    @property
    def repair_command(self) -> str:
        """The command that writes the dataset anew."""
        return f"i94 run --month {self.partition}" if self.partition else f"i94 run --select {self.name}"

    def __str__(self) -> str:
        return f"{self.name} {self.partition}".strip()


class Lake:
    """Datasets in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._warnings: set[str] = set()

    def run_folder(self, dataset: Dataset, run_id: str) -> str:
        """The full address of the folder that one run writes into; no other run writes there."""
        return self.store.uri(dataset.run_folder(run_id))

    def write_lock(self, dataset: Dataset) -> AbstractContextManager[None]:
        """Be the only writer of a dataset, so that two runs of one month take turns."""
        return self.store.lock(dataset.folder, f"Waiting for another process that is writing {dataset} …")

    def read_manifest(self, dataset: Dataset) -> Manifest | None:
        """Read the committed manifest; None if nothing is committed, and after a warning if the manifest is damaged."""
        return self._find_manifest(dataset, dataset.manifest_path)

    def read_blocked(self, dataset: Dataset) -> Manifest | None:
        """Read the manifest of the files that the gate blocked; None if content was committed since."""
        blocked = self._find_manifest(dataset, dataset.blocked_path)
        committed = self.read_manifest(dataset) if blocked else None
        is_newest = blocked and (committed is None or committed.created_at <= blocked.created_at)
        return blocked if is_newest else None

    def read_newest(self, dataset: Dataset) -> Manifest | None:
        """Read the manifest of what was staged last, blocked or not."""
        return self.read_blocked(dataset) or self.read_manifest(dataset)

    def list_blocked(self) -> list[Dataset]:
        """List the datasets and months that the gate blocks now."""
        paths = [file.path for layer in ("lookup", "staged") for file in self.store.list(layer)]
        folders = [path.removesuffix("/blocked.json") for path in paths if path.endswith("/blocked.json")]
        datasets = [Dataset(*folder.split("/month=")) for folder in folders]
        return [dataset for dataset in datasets if self.read_blocked(dataset)]

    def require_newest(self, dataset: Dataset) -> Manifest:
        """Read the manifest of what was staged last, with what `require_manifest` checks and raises."""
        return self.read_blocked(dataset) or self.require_manifest(dataset)

    def _find_manifest(self, dataset: Dataset, path: str) -> Manifest | None:
        try:
            return self._read_manifest(dataset, path)
        except DamagedManifestError as error:
            if str(error) not in self._warnings:
                self._warnings.add(str(error))
                logger.warning("%s", error)
            return None

    def find_manifest(self, dataset: Dataset) -> Manifest | None:
        """Read the committed manifest; None if nothing is committed.

        Raises:
            DamagedManifestError: the manifest can't be read, or describes another dataset.
        """
        return self._read_manifest(dataset, dataset.manifest_path)

    def _read_manifest(self, dataset: Dataset, path: str) -> Manifest | None:
        address = self.store.uri(path)
        try:
            manifest = Manifest.from_json(self.store.read(path), address)
        except FileNotFoundError:
            return None
        if (manifest.dataset, manifest.partition) != (dataset.name, dataset.partition):
            other = Dataset(manifest.dataset, manifest.partition)
            raise DamagedManifestError(f"{address} describes {other}; run 'i94 run', which writes it anew.")
        return manifest

    def require_manifest(self, dataset: Dataset) -> Manifest:
        """Read the committed manifest and check that every file is there.

        Raises:
            PermanentError: nothing is committed, the manifest is damaged, or a committed file is missing or has
                another length.
        """
        manifest = self._require_manifest(dataset)
        while problems := self.find_missing_files(manifest):
            newer = self._require_manifest(dataset)
            if newer == manifest:
                raise PermanentError(f"{dataset}: {'; '.join(problems)}; run: {dataset.repair_command}.")
            manifest = newer  # another process committed in between and swept the files that we looked for
        return manifest

    def _require_manifest(self, dataset: Dataset) -> Manifest:
        manifest = self.find_manifest(dataset)
        if manifest is None:
            state = "was blocked when it was staged" if self.read_blocked(dataset) else "is not in the lake"
            raise PermanentError(f"{dataset} {state} at {self.store.root}; materialize it first.")
        return manifest

    def require_unaltered(self, manifest: Manifest) -> None:
        """Check that the files have the content that was committed; it reads them, unless the store knows their hashes.

        Raises:
            PermanentError: a file has other content, although it has the same length.
        """
        if problems := self.find_altered_files(manifest):
            dataset = Dataset(manifest.dataset, manifest.partition)
            raise PermanentError(f"{dataset}: {'; '.join(problems)}; run: {dataset.repair_command}.")

    def read_manifests(self, name: str) -> list[Manifest]:
        """Read the committed manifests of every month of a dataset, in month order; damaged ones are left out."""
        manifests = (self.read_manifest(Dataset(name, month)) for month in self.list_months(name))
        return [manifest for manifest in manifests if manifest]

    def list_months(self, name: str) -> list[str]:
        """List the months of a dataset that have a manifest, in order."""
        return sorted(
            file.path.split("month=")[1].split("/")[0]
            for file in self.store.list(name)
            if file.path.endswith(f"/{MANIFEST_NAME}")
        )

    def find_missing_files(self, manifest: Manifest) -> list[str]:
        """Describe each file that is missing or differs in length from the manifest."""
        return integrity.find_missing_files(self.store, manifest, self._list_files(manifest))

    def find_altered_files(self, manifest: Manifest) -> list[str]:
        """Describe each file whose content differs from what was committed; missing files are left out."""
        return integrity.find_altered_files(self.store, manifest, self._list_files(manifest))

    def _list_files(self, manifest: Manifest) -> Iterator[StoredFile]:
        return self.store.list(Dataset(manifest.dataset, manifest.partition).run_folder(manifest.run_id))

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
        retain_run: str = "",
        is_blocked: bool = False,
    ) -> Manifest:
        """Make the files of a run the dataset's content, and sweep what they replace. Hold the `write_lock`.

        Args:
            dataset: the dataset, or the month of it.
            run_id: the run folder that holds the files.
            entries: the files.
            fingerprint: the data version of their inputs.
            stats: figures of the writer.
            retain_run: a run whose files stay, since readers may still read them.
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
        self.sweep(dataset, retain_run)
        return manifest

    def sweep(self, dataset: Dataset, retain_run: str = "") -> list[str]:
        """Delete every run folder but the committed one, the blocked one and `retain_run`; return the deleted paths.

        Hold the `write_lock`.
        """
        manifests = filter(None, (self.read_manifest(dataset), self.read_blocked(dataset)))
        runs = [*(manifest.run_id for manifest in manifests), *filter(None, [retain_run])]
        retained = tuple(f"{dataset.run_folder(run)}/" for run in runs)
        garbage = [
            file.path
            for file in self.store.list(dataset.folder)
            if file.path.startswith(dataset.run_folder("")) and not file.path.startswith(retained)
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

    def read_table(self, manifest: Manifest, contract: Table) -> pa.Table:
        """Read the rows of a small committed dataset in the contract's types.

        Raises:
            PermanentError: a file has other content than was committed.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.require_unaltered(manifest)
        schema = arrow_schema(contract)
        tables = [schema.empty_table()]
        for url in manifest.urls:
            with self.store.open(url) as file:
                rows = _read_csv(file, schema) if url.endswith(".csv") else pq.read_table(file)
            tables.append(rows.select(schema.names).cast(schema))
        return pa.concat_tables(tables)

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
                return _read_csv(file, schema).select(columns).slice(0, limit)
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


def _read_csv(file: BinaryIO, schema: pa.Schema) -> pa.Table:
    import pyarrow.csv as pc

    options = pc.ConvertOptions(column_types=schema, strings_can_be_null=True, null_values=[""])
    return pc.read_csv(file, convert_options=options)
