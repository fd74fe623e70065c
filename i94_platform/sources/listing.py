"""What has landed: a listing of the raw store, sorted into months, references and files that are neither.

A file whose name is unknown is reported and never an error. A month that can't be understood is refused by name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from i94_platform.errors import PermanentError
from i94_platform.lake.store import Store, StoredFile
from i94_platform.partitions import Month, is_hidden, parse_delivery_name
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.delivery_versions import NamedFile, choose_version, find_table_folder
from i94_platform.sources.month_footers import FooterMonths, recognize_months
from i94_platform.sources.registry import REFERENCE_FILES


@dataclass(frozen=True)
class DeliveryListing:
    """One listing of the raw store."""

    months: dict[Month, Delivery] = field(default_factory=dict)
    """The newest version of each month, also where it is refused."""
    references: dict[str, Delivery] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    hidden: tuple[StoredFile, ...] = ()
    """The files that readers skip: markers, and what a copy in progress writes."""
    problems: tuple[str, ...] = ()
    """Sentences about what can't be read or is no month for certain, apart from refused months."""

    @property
    def refusals(self) -> tuple[str, ...]:
        """Sentences about refused months."""
        return tuple(delivery.problem for delivery in self.months.values() if delivery.problem)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what is not loaded: problems, refused months and superseded versions."""
        superseded = [
            f"{delivery.name} is read from {delivery.folder or delivery.files[0].path}, its newest version; "
            f"older and not read: {', '.join(delivery.superseded)}"
            for delivery in self.months.values()
            if delivery.superseded and not delivery.problem
        ]
        return (*self.problems, *self.refusals, *superseded)

    @property
    def missing_references(self) -> tuple[str, ...]:
        """The file names of the references that are not there."""
        return tuple(file_name for name, file_name in REFERENCE_FILES.items() if name not in self.references)

    def require_month(self, month: Month, root: str) -> Delivery:
        """Return the delivery of a month.

        Raises:
            PermanentError: it is absent, and the message names the files that are expected; or it is refused.
        """
        if month not in self.months:
            raise PermanentError(self.missing_month_message(month, root))
        if self.months[month].problem:
            raise PermanentError(self.months[month].problem)
        return self.months[month]

    @staticmethod
    def missing_month_message(month: Month, root: str) -> str:
        """Say which files would deliver a month."""
        return (
            f"No delivery for {month.key} under {root}; "
            f"expected {month.file_stem}.sas7bdat, .parquet (file or folder) or .csv at any depth, "
            "also as .gz or .zip."
        )

    def require_reference(self, name: str, root: str) -> Delivery:
        """Return the one file of a reference; PermanentError where it is absent, odd, or there are several."""
        if name not in self.references:
            raise PermanentError(f"{REFERENCE_FILES[name]} is not under {root}; put it there, at any depth.")
        delivery = self.references[name]
        if len(delivery.files) > 1:
            raise PermanentError(
                f"{len(delivery.files)} files are called {REFERENCE_FILES[name]} under {root}: "
                f"{', '.join(file.path for file in delivery.files)}. Keep one."
            )
        if delivery.files[0].problem:
            raise PermanentError(f"{delivery.files[0].path} {delivery.files[0].problem}.")
        return delivery


def list_deliveries(raw: Store) -> DeliveryListing:
    """List the raw store and sort its files; Parquet of other names is recognized by its footers."""
    return sort_files(raw.list(), raw.modified_at, lambda files: recognize_months(files, raw))


def sort_files(
    files: Iterable[StoredFile],
    modified_at: Callable[[StoredFile], float],
    recognize: Callable[[Iterable[StoredFile]], FooterMonths],
) -> DeliveryListing:
    """Sort files into deliveries.

    Args:
        recognize: finds months among files of other names.
    """
    sorted_files = _FilesByKind()
    for file in files:
        sorted_files.add(file)
    recognized = recognize(sorted_files.unknown)
    months = {month: parts for month, parts in recognized.files.items() if month not in sorted_files.months}
    recognized_files = {file for parts in months.values() for _, file in parts}
    months |= sorted_files.months
    deliveries = {
        month: choose_version(month, parts, sorted_files.tables, modified_at) for month, parts in sorted(months.items())
    }
    odd = [*sorted_files.odd, *(file for parts in sorted_files.months.values() for _, file in parts if file.problem)]
    delivery_files = {file for delivery in deliveries.values() for file in delivery.files}
    return DeliveryListing(
        deliveries,
        {name: Delivery(name, tuple(sorted(copies))) for name, copies in sorted_files.references.items()},
        tuple(sorted(file.path for file in sorted_files.unknown if file not in recognized_files)),
        tuple(sorted_files.hidden),
        (*(f"{file.path} {file.problem}." for file in odd if file not in delivery_files), *recognized.problems),
    )


class _FilesByKind:
    """The files of a listing by what their names say."""

    def __init__(self) -> None:
        self.months: dict[Month, list[NamedFile]] = defaultdict(list)
        self.references: dict[str, list[StoredFile]] = defaultdict(list)
        self.unknown: list[StoredFile] = []
        self.hidden: list[StoredFile] = []
        self.odd: list[StoredFile] = []
        self.tables: dict[str, str] = {}
        self._by_file_name = {file_name.lower(): name for name, file_name in REFERENCE_FILES.items()}

    def add(self, file: StoredFile) -> None:
        """Add a file to its kind."""
        base = file.path.rpartition("/")[2].lower()
        if table := find_table_folder(file.path):
            self.tables[table[0]] = table[1]
        elif name := parse_delivery_name(file.path):
            self.months[name.month].append((name, file))
        elif base in self._by_file_name:
            self.references[self._by_file_name[base]].append(file)
        elif is_hidden(file.path):
            self.hidden.append(file)
        elif file.problem:
            self.odd.append(file)
        else:
            self.unknown.append(file)
