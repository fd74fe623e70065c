"""The manifests of the datasets in a store: reading them, and comparing the files that they list with what is there."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from i94_platform.errors import PermanentError
from i94_platform.lake import integrity
from i94_platform.lake.dataset import MANIFEST_NAME, Dataset
from i94_platform.lake.manifest import DamagedManifestError, Manifest
from i94_platform.lake.store import Store, StoredFile

logger = logging.getLogger(__name__)


class ManifestReader:
    """Reads the manifests of datasets in a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._warnings: set[str] = set()

    def read_manifest(self, dataset: Dataset) -> Manifest | None:
        """Read the committed manifest; None if nothing is committed, and after a warning if the manifest is damaged."""
        return self._read_or_warn(dataset, dataset.manifest_path)

    def read_blocked(self, dataset: Dataset) -> Manifest | None:
        """Read the manifest of the files that the gate blocked; None if content was committed since."""
        blocked = self._read_or_warn(dataset, dataset.blocked_path)
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

    def _read_or_warn(self, dataset: Dataset, path: str) -> Manifest | None:
        try:
            return self._read_manifest(dataset, path)
        except DamagedManifestError as error:
            self._warn_once(str(error))
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

    def is_intact(self, dataset: Dataset) -> bool:
        """Whether a dataset is committed and its files are there; warns of a damaged manifest and of missing files."""
        manifest = self.read_manifest(dataset)
        problems = self.find_missing_files(manifest) if manifest else []
        if problems:
            self._warn_once(f"{dataset}: {'; '.join(problems)}; run: {dataset.repair_command}.")
        return manifest is not None and not problems

    def _warn_once(self, message: str) -> None:
        if message not in self._warnings:
            self._warnings.add(message)
            logger.warning("%s", message)

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

    def find_intact_urls(self, manifest: Manifest) -> set[str]:
        """Find the files of a manifest that have the content that was committed."""
        return integrity.find_intact_urls(self.store, manifest, self._list_files(manifest))

    def _list_files(self, manifest: Manifest) -> Iterator[StoredFile]:
        dataset = Dataset(manifest.dataset, manifest.partition)
        folder = dataset.run_folder(manifest.run_id)
        is_of_run = all(self.store.path(url).startswith(f"{folder}/") for url in manifest.urls)
        return self.store.list(folder if is_of_run else dataset.folder)
