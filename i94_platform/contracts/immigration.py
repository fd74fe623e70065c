"""The arrivals: as delivered, as staged and loaded, as rejected, and their unreadable values.

The contracts stand together, so that one sees what becomes of a delivered column. Types, ranges and meanings come
from the delivered April 2016 file and its label file.
"""

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, String, Table
from sqlalchemy.types import TypeEngine

from i94_platform.contracts.model import column, lake_metadata, raw_metadata, table, warehouse_metadata

_FILE = "I-94 arrival file"
_NUMBER: TypeEngine[Any] = Double()
_TEXT: TypeEngine[Any] = String()

# name, delivered type, what the deliverer means by it
_DELIVERED: tuple[tuple[str, TypeEngine[Any], str], ...] = (
    ("cicid", _NUMBER, "Number of the record within its monthly file"),
    ("i94yr", _NUMBER, "Four-digit year of arrival"),
    ("i94mon", _NUMBER, "Month of arrival"),
    ("i94cit", _NUMBER, "Code of the country of citizenship"),
    ("i94res", _NUMBER, "Code of the country of residence"),
    ("i94port", _TEXT, "CBP code of the port of entry"),
    ("arrdate", _NUMBER, "Arrival date in days since 1960-01-01"),
    ("i94mode", _NUMBER, "Code of the mode of arrival"),
    ("i94addr", _TEXT, "State of the first address in the US, as written on the form"),
    ("depdate", _NUMBER, "Departure date in days since 1960-01-01"),
    ("i94bir", _NUMBER, "Age of the traveller"),
    ("i94visa", _NUMBER, "Code of the purpose of the visit"),
    ("count", _NUMBER, "Always 1; kept for summary statistics"),
    ("dtadfile", _TEXT, "Date the record was added to the file, YYYYMMDD"),
    ("visapost", _TEXT, "Department of State post where the visa was issued"),
    ("occup", _TEXT, "Occupation to be performed in the US"),
    ("entdepa", _TEXT, "Arrival flag"),
    ("entdepd", _TEXT, "Departure flag"),
    ("entdepu", _TEXT, "Update flag"),
    ("matflag", _TEXT, "Match flag of arrival and departure records"),
    ("biryear", _NUMBER, "Four-digit year of birth"),
    ("dtaddto", _TEXT, "Admitted until, MMDDYYYY or D/S"),
    ("gender", _TEXT, "Non-immigrant sex"),
    ("insnum", _TEXT, "Immigration and Naturalization Service number"),
    ("airline", _TEXT, "Airline that brought the traveller"),
    ("admnum", _NUMBER, "Admission number"),
    ("fltno", _TEXT, "Flight number"),
    ("visatype", _TEXT, "Class of admission"),
)

NUMBER_COLUMNS = frozenset(name for name, type_, _ in _DELIVERED if type_ is _NUMBER)
"""The columns that are delivered as numbers."""

delivered_immigration: Table = table(
    raw_metadata,
    "immigration",
    "One month of arrivals as delivered: 28 columns, taken by name; any further column is reported and ignored.",
    *(column(name, type_, meaning, source=_FILE) for name, type_, meaning in _DELIVERED),
    domain="arrivals",
    grain="one row per delivered record",
)

immigration: Table = table(
    warehouse_metadata,
    "immigration",
    "Arrivals of non-immigrants with an I-94 record: the fact of the star schema, partitioned by month.",
    column("cicid", Integer(), "Number of the record, unique within its month.", source=_FILE, key=True, low=0),
    column("i94yr", Integer(), "Year of arrival.", source=_FILE, unit="year", key=True, low=2000, high=2099),
    column("i94mon", Integer(), "Month of arrival, 1 to 12.", source=_FILE, unit="month", key=True, low=1, high=12),
    column(
        "i94cit", Integer(), "Country of citizenship; codes outside the code list are kept.",
        source=_FILE, references="country.code", quasi_identifier=True,
    ),
    column(
        "i94res", Integer(), "Country of residence; codes outside the code list are kept.",
        source=_FILE, references="country.code", quasi_identifier=True,
    ),
    column(
        "i94port", String(3), "Port of entry, a CBP code and not an IATA one; XXX where missing or unlisted.",
        source=_FILE, nullable=False, references="i94port.code", quasi_identifier=True,
    ),
    column(
        "arrdate", Date(), "Date of arrival, always within the month of the record.",
        source=_FILE, nullable=False, references="calendar.date", unit="date", quasi_identifier=True,
    ),
    column(
        "i94mode", Integer(), "Mode of arrival: 1 air, 2 sea, 3 land, 9 not reported or unlisted; null where missing.",
        source=_FILE, references="i94mode.code", quasi_identifier=True,
    ),
    column(
        "i94addr", String(2), "State of the first address; 99 for missing and for every code outside the list.",
        source=_FILE, nullable=False, references="i94addr.code", quasi_identifier=True,
    ),
    column(
        "depdate", Date(), "Date of departure; null while the traveller has not been seen to leave.",
        source=_FILE, unit="date", quasi_identifier=True,
    ),
    column("i94bir", Integer(), "Age in the year of arrival, as delivered.", source=_FILE, unit="years", low=-5, high=125, quasi_identifier=True),
    column(
        "i94visa", Integer(), "Purpose of the visit: 1 business, 2 pleasure, 3 student.",
        source=_FILE, nullable=False, references="i94visa.code", quasi_identifier=True,
    ),
    column("count", Integer(), "Always 1, kept for summary statistics.", source=_FILE, unit="arrivals", allowed=(1,)),
    column("dtadfile", Date(), "Date on which the record was added to the file.", source=_FILE, unit="date", quasi_identifier=True),
    column("visapost", String(8), "Department of State post that issued the visa.", source=_FILE, quasi_identifier=True),
    column("occup", String(8), "Occupation to be performed in the US.", source=_FILE, personal=True),
    column("entdepa", String(4), "Arrival flag: how the traveller was admitted or paroled.", source=_FILE, quasi_identifier=True),
    column("entdepd", String(4), "Departure flag: departed, lost the I-94 or deceased.", source=_FILE, quasi_identifier=True),
    column("entdepu", String(4), "Update flag: apprehended, overstayed or adjusted to residence.", source=_FILE, quasi_identifier=True),
    column("matflag", String(1), "M where arrival and departure records match.", source=_FILE, allowed=("M",)),
    column("biryear", Integer(), "Year of birth.", source=_FILE, unit="year", low=1880, high=2100, personal=True),
    column("dtaddto", String(16), "Admitted until, exactly as delivered (MMDDYYYY, D/S or other).", source=_FILE, quasi_identifier=True),
    column(
        "gender", String(1), "Sex as recorded: F, M, X or U (unknown); null where missing.",
        source=_FILE, allowed=("F", "M", "U", "X"), quasi_identifier=True,
    ),
    column("insnum", String(16), "Immigration and Naturalization Service number, free text.", source=_FILE, personal=True),
    column(
        "airline", String(8), "Airline or carrier code; *GA is general aviation and VES a vessel (inferred).",
        source=_FILE, quasi_identifier=True,
    ),
    column("admnum", BigInteger(), "Admission number; not unique, not a key.", source=_FILE, low=0, personal=True),
    column("fltno", String(16), "Flight number or tail number as delivered, leading zeros kept.", source=_FILE, quasi_identifier=True),
    column("visatype", String(4), "Class of admission that the visa allows, such as B2 or WT.", source=_FILE, quasi_identifier=True),
    column(
        "admitted_until", Date(), "Last day of the admission, read from dtaddto; null for D/S and unreadable values.",
        source="dtaddto", unit="date", quasi_identifier=True,
    ),
    column(
        "duration_of_status", Boolean(), "True where the admission lasts as long as the status does (dtaddto is D/S).",
        source="dtaddto", nullable=False,
    ),
    column(
        "stay_days", Integer(), "Days from arrival to departure as delivered; a valid stay is 0 to 365.",
        source="arrdate, depdate", unit="days", quasi_identifier=True,
    ),
    domain="arrivals",
    grain="one row per arrival record (i94yr, i94mon, cicid)",
    distribution="i94mon",
    sort=("i94yr", "i94mon", "arrdate"),
)


def _rejected_columns() -> list[Column[Any]]:
    """The columns as delivered; each but the key may hold what belongs into another one, as in a garbled file."""
    return [
        column(
            name, type_, f"{meaning}, as delivered.", source=_FILE,
            personal=immigration.columns[name].info["personal"],
            quasi_identifier=not (immigration.columns[name].info["personal"] or immigration.columns[name].info["key"]),
        )
        for name, type_, meaning in _DELIVERED
    ]


immigration_quarantine: Table = table(
    lake_metadata,
    "immigration_quarantine",
    "Delivered rows that the fact can't hold, whole and as delivered, each with the reasons.",
    column(
        "month", Date(), "First day of the month of the delivery.",
        source="name of the delivered file", unit="date", nullable=False, low=dt.date(2000, 1, 1),
    ),
    column("source_file", String(1024), "Delivered file that holds the row.", source="I94_RAW", key=True),
    column("source_row", BigInteger(), "Position of the row in that file, from 1.", source="I94_RAW", key=True, unit="row", low=1),
    column(
        "reasons", String(4096),
        "Why the row is rejected, separated by '; ': null_key, unreadable:column, other_month, arrival_outside_month, "
        "unlisted:i94visa, duplicate_key.",
        source="transforms/immigration/rejected.sql", nullable=False,
    ),
    column("unreadable", String(65535), "Texts in the place of numbers, as column='text'; a backslash escapes ', = and itself.", source=_FILE, personal=True),
    *_rejected_columns(),
    domain="arrivals",
    grain="one row per rejected record (source_file, source_row)",
    distribution="EVEN",
)

immigration_unreadable: Table = table(
    lake_metadata,
    "immigration_unreadable",
    "Delivered values of accepted rows that can't be read: each is null in the fact, or its code for unknown.",
    column(
        "month", Date(), "First day of the month of the delivery.",
        source="name of the delivered file", unit="date", nullable=False, low=dt.date(2000, 1, 1),
    ),
    column("source_file", String(1024), "Delivered file that holds the value.", source="I94_RAW", key=True),
    column("source_row", BigInteger(), "Position of the row in that file, from 1.", source="I94_RAW", key=True, unit="row", low=1),
    column("column_name", String(16), "Column that holds the value.", source="I94_RAW", key=True),
    column("value", String(65535), "The value as delivered.", source=_FILE, nullable=False, personal=True),
    domain="arrivals",
    grain="one row per unreadable value (source_file, source_row, column_name)",
    distribution="EVEN",
)

STAGED_MONTH: tuple[Table, ...] = (immigration, immigration_quarantine, immigration_unreadable)
"""The datasets of a staged month, the accepted rows first. They are committed together."""
