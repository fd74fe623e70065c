"""What has landed: a listing of the raw store, sorted into months, references and files that are neither.

A file whose name is unknown is reported and never an error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.partitions import Month, parse_delivery_name
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.registry import REFERENCE_FILES

MARKER = "_SUCCESS"
"""The empty file by which a writer, Spark among them, says that a folder is complete."""


@dataclass(frozen=True)
class DeliveryListing:
    """One listing of the raw store."""

    months: dict[Month, Delivery] = field(default_factory=dict)
    references: dict[str, Delivery] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    markers: dict[str, StoredFile] = field(default_factory=dict)
    """The `_SUCCESS` files by folder; the root is empty."""

    @property
    def missing_references(self) -> tuple[str, ...]:
        """The file names of the references that are not there."""
        return tuple(file_name for name, file_name in REFERENCE_FILES.items() if name not in self.references)

    def require_month(self, month: Month, root: str) -> Delivery:
        """Return the delivery of a month; PermanentError names the files that are expected under `root`."""
        if month not in self.months:
            raise PermanentError(self.missing_month_message(month, root))
        return self.months[month]

    @staticmethod
    def missing_month_message(month: Month, root: str) -> str:
        """Say which files would deliver a month."""
        return (
            f"No delivery for {month.key} under {root}; "
            f"expected {month.file_stem}.sas7bdat, .parquet (file or folder) or .csv at any depth."
        )

    def require_reference(self, name: str, root: str) -> Delivery:
        """Return the one file of a reference; PermanentError where it is absent or there are several."""
        if name not in self.references:
            raise PermanentError(f"{REFERENCE_FILES[name]} is not under {root}; put it there, at any depth.")
        delivery = self.references[name]
        if len(delivery.files) > 1:
            raise PermanentError(
                f"{len(delivery.files)} files are called {REFERENCE_FILES[name]} under {root}: "
                f"{', '.join(file.path for file in delivery.files)}. Keep one."
            )
        return delivery


def list_deliveries(raw: Store) -> DeliveryListing:
    """List the raw store and sort its files into deliveries."""
    return sort_files(raw.list())


def sort_files(files: Iterable[StoredFile]) -> DeliveryListing:
    """Sort the files of the raw store into deliveries; markers and hidden files are neither known nor unknown."""
    by_file_name = {file_name.lower(): name for name, file_name in REFERENCE_FILES.items()}
    months: dict[Month, list[StoredFile]] = defaultdict(list)
    references: dict[str, list[StoredFile]] = defaultdict(list)
    unknown, markers = [], {}
    for file in files:
        folder, _, base = file.path.rpartition("/")
        if delivered := parse_delivery_name(file.path):
            months[delivered.month].append(file)
        elif base.lower() in by_file_name:
            references[by_file_name[base.lower()]].append(file)
        elif base == MARKER:
            markers[folder] = file
        elif not base.startswith(("_", ".")):
            unknown.append(file.path)
    return DeliveryListing(
        {month: Delivery(month.key, tuple(sorted(parts))) for month, parts in sorted(months.items())},
        {name: Delivery(name, tuple(sorted(copies))) for name, copies in references.items()},
        tuple(sorted(unknown)),
        markers,
    )
