"""What has landed: deliveries grouped by month, reference files by name, and whatever is neither.

Here: the reading of a raw listing. Nothing here is fatal: an unknown name is reported. Not here: opening the files.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.partitions import Month, parse_delivery_name

REFERENCE_FILES = {
    "i94_labels": "I94_SAS_Labels_Descriptions.SAS",
    "us_cities_demographics": "us-cities-demographics.csv",
    "airport_codes": "airport-codes_csv.csv",
    "land_temperatures": "GlobalLandTemperaturesByCity.csv",
}
"""Asset name below `raw/` → file name, matched without regard to case at any depth."""

MARKER = "_SUCCESS"
"""The empty file by which a writer, Spark among them, says that a folder is complete."""


@dataclass(frozen=True)
class Delivery:
    """Every file of one source: the parts of a month, or the one file of a reference."""

    name: str
    files: tuple[StoredFile, ...]

    @property
    def size(self) -> int:
        """Length of all files in bytes."""
        return sum(file.size for file in self.files)

    def fingerprint(self, store: Store) -> str:
        """The data version: a hash over each file's path and content version."""
        return self._hash(store.content_version)

    def listing_fingerprint(self, store: Store) -> str:
        """A hash over each file's path and mark: what can be told without reading a file."""
        return self._hash(store.listing_version)

    def _hash(self, told: Callable[[StoredFile], str]) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for file in self.files:
            digest.update(f"{file.path}\0{told(file)}\n".encode())
        return digest.hexdigest()

    def is_marked_complete(self, store: Store, markers: Mapping[str, StoredFile]) -> bool:
        """Whether every file has a `_SUCCESS` in its folder or above that is not older than the newest file."""
        newest = max(map(store.modified_at, self.files))
        fresh = {folder for folder, marker in markers.items() if store.modified_at(marker) >= newest}
        return all(fresh & set(_folders(file.path)) for file in self.files)


@dataclass(frozen=True)
class DeliveryListing:
    """One listing of the raw store."""

    months: dict[Month, Delivery] = field(default_factory=dict)
    references: dict[str, Delivery] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    markers: dict[str, StoredFile] = field(default_factory=dict)
    """The `_SUCCESS` files by folder; the root is empty."""

    def require_month(self, month: Month, root: str) -> Delivery:
        """The delivery of a month; PermanentFailure says where it was looked for."""
        if month not in self.months:
            raise PermanentError(self.missing_month_message(month, root))
        return self.months[month]

    @staticmethod
    def missing_month_message(month: Month, root: str) -> str:
        """What to deliver where a month is absent."""
        return (
            f"No delivery for {month.key} under {root}; "
            f"expected {month.file_stem}.sas7bdat, .parquet (file or folder) or .csv at any depth."
        )

    def require_reference(self, name: str, root: str) -> Delivery:
        """The one file of a reference; PermanentFailure where it is absent or there are several."""
        if name not in self.references:
            raise PermanentError(f"{REFERENCE_FILES[name]} is not under {root}; put it there, at any depth.")
        delivery = self.references[name]
        if len(delivery.files) > 1:
            raise PermanentError(
                f"{len(delivery.files)} files are called {REFERENCE_FILES[name]} under {root}: "
                f"{', '.join(file.path for file in delivery.files)}. Keep one."
            )
        return delivery


def list_deliveries(files: Iterable[StoredFile]) -> DeliveryListing:
    """Sort a listing into months, references and unknown names (markers such as `_SUCCESS` are neither)."""
    by_name = {file_name.lower(): name for name, file_name in REFERENCE_FILES.items()}
    months: dict[Month, list[StoredFile]] = defaultdict(list)
    references: dict[str, list[StoredFile]] = defaultdict(list)
    unknown, markers = [], {}
    for file in files:
        folder, _, base = file.path.rpartition("/")
        if delivered := parse_delivery_name(file.path):
            months[delivered.month].append(file)
        elif base.lower() in by_name:
            references[by_name[base.lower()]].append(file)
        elif base == MARKER:
            markers[folder] = file
        elif not base.startswith(("_", ".")):
            unknown.append(file.path)
    return DeliveryListing(
        {month: Delivery(month.key, tuple(sorted(parts))) for month, parts in sorted(months.items())},
        {name: Delivery(name, tuple(sorted(found))) for name, found in references.items()},
        tuple(sorted(unknown)),
        markers,
    )


def _folders(path: str) -> Iterator[str]:
    """The folders that a file is in, from its own up to the root."""
    while path:
        path = path.rpartition("/")[0]
        yield path
