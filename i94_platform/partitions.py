"""Months: their partition keys (`2016-04`), their days, and the names of their files (`i94_apr16_sub.*`)."""

import datetime as dt
import re
from dataclasses import dataclass, field

MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FORMATS = ("parquet", "sas7bdat", "csv")

COMPRESSIONS = ("gz", "zip")

_NAME = (
    rf"i94_(?P<month>{'|'.join(MONTH_NAMES)})(?P<year>\d\d)_sub"
    r"(?: ?\(\d+\)| - copy(?: \(\d+\))?| copy(?: \d+)?)?"  # a second copy, as browsers and desktops name it
)
_FORMATS = "|".join(FORMATS)
_ENDING = rf"\.(?P<format>{_FORMATS})(?:\.(?P<compression>{'|'.join(COMPRESSIONS)}))?"
_FLAGS = re.IGNORECASE | re.ASCII  # ASCII, or the long s of old prints would pass for an s
_FILE = re.compile(rf"(?P<root>(?:.*/)?{_NAME}{_ENDING})", _FLAGS)
_FOLDER = re.compile(rf"(?P<root>(?:.*?/)?{_NAME}(?:\.(?P<folder_format>{_FORMATS}))?)/(?P<part>.+)", _FLAGS)
_SKIPPED_ENDINGS = ("_$folder$", "thumbs.db", "desktop.ini")
_PART = re.compile(rf".*{_ENDING}", _FLAGS)
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


@dataclass(frozen=True, slots=True)
class DeliveryName:
    """The month and the format that the path of a delivery names."""

    month: Month
    format: str
    """The format of the content, of a compressed file too: one of `FORMATS`; empty where the ending is unknown."""
    compression: str = ""
    """One of `COMPRESSIONS`, or empty."""
    root: str = field(default="", compare=False)
    """What all files of the delivery share: its folder with a slash at the end, or the path of its only file."""


def parse_delivery_name(path: str) -> DeliveryName | None:
    """Parse the path of a delivered file at any depth, or of a part file in a delivery's folder.

    `path` uses `/`. Returns None for every other name, for markers such as `_SUCCESS` and for hidden files. A part
    whose ending is unknown, or is not that of its folder, has an empty format.
    """
    location = _FOLDER.fullmatch(path)
    if location is None:
        file = _FILE.fullmatch(path)
        return _build_name(file, file) if file else None
    if is_hidden(location["part"]):
        return None
    ending = _PART.fullmatch(location["part"])
    formats = {match.lower() for match in (location["folder_format"], ending and ending["format"]) if match}
    return _build_name(location, ending if len(formats) == 1 else None, "/")


def is_hidden(path: str) -> bool:
    """Whether a file or one of its folders has a name that readers skip.

    Such names are `_temporary`, `.part-0.parquet.crc`, the folder markers of Hadoop, and what desktops leave.
    """
    names = path.split("/")
    return any(name.startswith(("_", ".")) for name in names) or names[-1].lower().endswith(_SKIPPED_ENDINGS)


def _build_name(location: re.Match[str], ending: re.Match[str] | None, slash: str = "") -> DeliveryName:
    month, root = MONTH_NAMES.index(location["month"].lower()) + 1, location["root"] + slash
    format_, compression = (ending["format"], ending["compression"] or "") if ending else ("", "")
    return DeliveryName(Month(2000 + int(location["year"]), month), format_.lower(), compression.lower(), root)
