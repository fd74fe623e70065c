"""From names to countries: ISO 3166 codes for code-list labels and temperature names, and the dimension `country`.

A name is a country if it is one of ISO 3166's own names (short or official, through country_converter's table, in any
case, with any accents and punctuation), or if `lookup/country_corrections.csv` says so. Nothing is matched by
resemblance: country_converter's own patterns read Czechoslovakia as Czechia, the neutral zone between Saudi Arabia and
Iraq as Iraq, and the Faroe Islands as two countries. Any other name has no country and is reported.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

from i94_platform.contracts.codes import read_country_corrections, read_country_positions
from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import country
from i94_platform.errors import PermanentError

if TYPE_CHECKING:
    from pandas import DataFrame, Series

NameList = Literal["i94", "temperature"]
"""Whose names a correction is about: the labels of the I-94 code list, or the countries of the temperature file."""

_LISTS: tuple[NameList, ...] = ("i94", "temperature")
_CLIMATE = ["iso3", "mean_temperature", "temperature_cities"]

SOURCES = {
    "code": ("i94cit_res.code",),
    "label": ("i94cit_res.label",),
    "status": ("i94cit_res.status",),
    "name": ("i94cit_res.code", "i94cit_res.label", "i94cit_res.status"),
    **dict.fromkeys(("iso3", "continent", "region", "latitude", "longitude"), ("i94cit_res.label",)),
    **{name: ("i94cit_res.label", "climate.iso3", f"climate.{name}") for name in _CLIMATE[1:]},
}
"""The columns that each column of the contract is computed from; the reviewed files are joined by label."""


def match_labels(i94cit_res: DataFrame) -> Series[str]:
    """Find the ISO 3166 alpha-3 code of each label, as pandas string on the index of `i94cit_res`; null for no country.

    `attrs["unmatched_labels"]` lists the labels that are neither a name of ISO 3166 nor reviewed, so that somebody adds
    a correction. Codes that the list itself calls without country are not among them.
    """
    labels = i94cit_res["label"].astype("string")
    iso3 = labels.map(_match(labels, "i94")).astype("string").rename("iso3")
    is_reviewed = labels.map(match_key).isin(_corrections()["i94"].keys())
    has_country = i94cit_res["status"] != "no country code"
    iso3.attrs["unmatched_labels"] = sorted(set(labels[iso3.isna() & ~is_reviewed & has_country]))
    return iso3


def match_names(names: Sequence[str]) -> dict[str, str | None]:
    """Find the ISO 3166 alpha-3 code of each country name of the temperature file; None for no country."""
    return _match(names, "temperature")


def build_country(i94cit_res: DataFrame, climate: DataFrame) -> DataFrame:
    """Build the contract `country` from the codes of `i94cit_res` (code, label, status), by code.

    `climate` has one row per iso3: iso3, mean_temperature (°C), temperature_cities.
    Several codes may share a country and its climate. `attrs["unmatched_labels"]` is that of `match_labels`.

    Raises:
        PermanentError: `climate` has two rows for a country.
    """
    iso3 = match_labels(i94cit_res)
    types = {"code": "Int64", "label": "string", "status": "string", "iso3": "string"}
    rows = i94cit_res[["code", "label", "status"]].assign(iso3=iso3).astype(types)
    rows = rows.merge(_iso_countries(), how="left", on="iso3", validate="many_to_one")
    rows["name"] = _name_codes(rows)
    for facts in (_climate_by_country(climate), read_country_positions()):
        rows = rows.merge(facts, how="left", on="iso3", validate="many_to_one")
    dimension = rows.sort_values("code", ignore_index=True)[column_names(country)]
    dimension.attrs = dict(iso3.attrs)
    return dimension


def _name_codes(rows: DataFrame) -> Series[str]:
    """Name each code: the reviewed name, else ISO's; the number of a code without country, else the label."""
    numbered = ("code " + rows["code"].astype("string") + " (no country)").where(rows["status"] == "no country code")
    reviewed = rows["label"].map(match_key).map(_reviewed_names()).astype("string")
    return reviewed.fillna(rows["name"]).fillna(numbered).fillna(rows["label"])


def match_key(name: str) -> str:
    """Reduce a name to what its spellings share: lower case, no accents, words only, `st` written out as saint."""
    decomposed = unicodedata.normalize("NFKD", name.replace("&", " and ")).casefold()
    plain = decomposed
    if not decomposed.isascii():
        plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join("saint" if word == "st" else word for word in re.findall(r"[a-z0-9]+", plain))


def index_corrections(rows: DataFrame) -> dict[NameList, dict[str, str | None]]:
    """Index the reviewed corrections by list and by `match_key` of the name; None is a name without a country.

    Raises:
        PermanentError: an unknown list or ISO code, a missing name or reason, a name that is corrected twice.
    """
    for column in ("list", "key", "reason"):
        _raise_for_rows(rows[column].isna(), rows, column, "is empty")
    _raise_for_rows(~rows["list"].isin(_LISTS), rows, "list", f"is none of {', '.join(_LISTS)}")
    is_unknown = rows["iso3"].notna() & ~rows["iso3"].isin(_iso_countries()["iso3"])
    _raise_for_rows(is_unknown, rows, "iso3", "is no ISO 3166 alpha-3 code in use")
    rows = rows.assign(
        match=rows["key"].map(match_key), iso3=rows["iso3"].astype(object).where(rows["iso3"].notna(), None)
    )
    _raise_for_rows(rows.duplicated(["list", "match"]), rows, "key", "is corrected twice")
    by_list = {name: rows[rows["list"] == name] for name in _LISTS}
    return {name: dict(zip(own["match"], own["iso3"], strict=True)) for name, own in by_list.items()}


def _raise_for_rows(bad: Series[bool], rows: DataFrame, column: str, problem: str) -> None:
    if bad.any():
        index = bad.index[bad][0]
        value = "the value" if rows[column].isna().loc[index] else repr(rows[column].loc[index])
        raise PermanentError(
            f"lookup/country_corrections.csv, column {column!r}, row {index + 2}: {value} {problem}; correct it."
        )


@cache
def _corrections() -> Mapping[NameList, Mapping[str, str | None]]:
    return index_corrections(read_country_corrections())


@cache
def _reviewed_names() -> Mapping[str, str]:
    """The names of labels that ISO 3166 has no name for, or one name for several, by `match_key`."""
    named = read_country_corrections().query("list == 'i94'").dropna(subset=["name"])
    return dict(zip(named["key"].map(match_key), named["name"], strict=True))


def _match(names: Iterable[str], name_list: NameList) -> dict[str, str | None]:
    known: dict[str, str | None] = {**_iso_names(), **_corrections()[name_list]}
    return {name: known.get(match_key(name)) for name in names}


@cache
def _iso_table() -> DataFrame:
    """country_converter's table of today's countries, read from disk once per process, without its patterns."""
    import pandas as pd
    from country_converter.country_converter import COUNTRY_DATA_FILE

    names = ["ISO3", "name_short", "name_official", "continent", "UNregion", "obsolete"]
    rows = pd.read_csv(
        COUNTRY_DATA_FILE, sep="\t", usecols=names, dtype="string", keep_default_na=False, na_values=[""]
    )
    return rows[rows["obsolete"].isna()]


@cache
def _iso_names() -> Mapping[str, str]:
    """ISO 3166's short and official names, by `match_key`; where they clash the short name wins."""
    table = _iso_table()
    official = dict(zip(table["name_official"].map(match_key), table["ISO3"], strict=True))
    return official | dict(zip(table["name_short"].map(match_key), table["ISO3"], strict=True))


@cache
def _iso_countries() -> DataFrame:
    """iso3, name, continent and UN M49 region, one row per country; never changed in place."""
    names = {"ISO3": "iso3", "name_short": "name", "continent": "continent", "UNregion": "region"}
    return _iso_table()[list(names)].rename(columns=names)


def _climate_by_country(climate: DataFrame) -> DataFrame:
    """Cast `climate` to the contract's types, without a row for no country: it would join every unknown code."""
    types = {"iso3": "string", "mean_temperature": "Float64", "temperature_cities": "Int64"}
    known = climate[_CLIMATE].dropna(subset=["iso3"]).astype(types)
    duplicates = known.loc[known["iso3"].duplicated(), "iso3"]
    if not duplicates.empty:
        raise PermanentError(
            f"The temperatures by country have more than one row for {', '.join(sorted(set(duplicates)))}: "
            f"group them by iso3, since each row would double the codes of its country."
        )
    return known
