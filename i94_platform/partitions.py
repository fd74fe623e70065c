"""Months: their partition keys (`2016-04`), their days, and the names of their files (`i94_apr16_sub.*`)."""

import datetime as dt
import re
from dataclasses import dataclass

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FORMATS = ("parquet", "sas7bdat", "csv")

_DELIVERY = re.compile(
    rf"(?:^|/)i94_(?P<month>{'|'.join(MONTH_NAMES)})(?P<year>\d\d)_sub"
    rf"(?:\.(?P<folder>{'|'.join(FORMATS)}))?(?P<part>/.*)?\Z",
    re.IGNORECASE | re.ASCII,  # ASCII, or the long s of old prints would pass for an s
)
_KEY = re.compile(r"(?P<year>20\d\d)-(?P<month>0[1-9]|1[0-2])", re.ASCII)


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month from 2000-01 to 2099-12: file names give the year in two digits."""

    year: int
    month: int

    def __post_init__(self) -> None:
        if not (2000 <= self.year <= 2099 and 1 <= self.month <= 12):
            raise ValueError(f"{self.year}-{self.month} is not a month from 2000-01 to 2099-12")

    @classmethod
    def parse(cls, key: str) -> "Month":
        """Parse a partition key such as `2016-04`; ValueError for anything else."""
        match = _KEY.fullmatch(key)
        if not match:
            raise ValueError(f"{key!r} is not a month; write it as YYYY-MM, such as 2016-04")
        return cls(int(match["year"]), int(match["month"]))

    @property
    def key(self) -> str:
        """The partition key, such as `2016-04`."""
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def first_day(self) -> dt.date:
        """The first day of the month."""
        return dt.date(self.year, self.month, 1)

    @property
    def next_first_day(self) -> dt.date:
        """The first day of the next month, which is the exclusive end of this one."""
        return dt.date(self.year + self.month // 12, self.month % 12 + 1, 1)

    @property
    def file_stem(self) -> str:
        """The name of the month's delivery without extension, such as `i94_apr16_sub`."""
        return f"i94_{MONTH_NAMES[self.month - 1]}{self.year % 100:02d}_sub"

    def through(self, last: "Month") -> "list[Month]":
        """List the months from this one to `last`, both included; empty if `last` is earlier."""
        months = range(self.year * 12 + self.month - 1, last.year * 12 + last.month)
        return [Month(m // 12, m % 12 + 1) for m in months]


@dataclass(frozen=True)
class DeliveryName:
    """The month and the format that the path of a delivery names."""

    month: Month
    format: str


def parse_delivery_name(path: str) -> DeliveryName | None:
    """Parse the path of a delivered file at any depth, or of a part file in a delivery's folder.

    `path` uses `/`. Returns None for every other name, for markers such as `_SUCCESS` and for hidden files.
    """
    match = _DELIVERY.search(path)
    if not match:
        return None
    part = match["part"]
    if part is None and match["folder"] is None:
        return None
    extension = (part.rpartition(".")[2] if part else match["folder"]).lower()
    hidden = any(name.startswith(("_", ".")) for name in (part or "").strip("/").split("/"))
    if extension not in FORMATS or hidden or (match["folder"] or extension).lower() != extension:
        return None
    return DeliveryName(Month(2000 + int(match["year"]), MONTH_NAMES.index(match["month"].lower()) + 1), extension)
