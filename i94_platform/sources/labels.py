"""The label file (I94_SAS_Labels_Descriptions.SAS) as code lists, with what a label says about its code.

A label tells the status of its code and, for a port, its city, state and country. The reviewed copies of the lists are
in `contracts.codes`; which country a country code is, `transforms.country` finds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from i94_platform.contracts.codes import CODE_LISTS, cast_to_contract, read_port_corrections, read_port_names
from i94_platform.sources.label_parser import parse_labels
from i94_platform.sources.source import Source

if TYPE_CHECKING:
    import pandas as pd

_COUNTRY_STATUS = {"invalid": r"^invalid\b", "no country code": r"^no country code\b", "collapsed": r"^collapsed\b"}
# A port called INVALID names a place that no arrival can have come through: as good as unknown.
_PORT_STATUS = {
    "no port code": r"^no port code\b",
    "collapsed": r"^collapsed\b",
    "unknown": r"^(?:not reported|unidentif|unknown|invalid)",
}
_PORT_NOTE = r"\s*#\w+|\s*\([^()]*\)\s*$"
_PORT_LABEL = r"^(?P<city>.*\S)\s*,\s*(?P<last>[^,]+)$"
_ABBREVIATIONS = {
    **{word: word for word in ("AAF", "AFB", "BA", "BP", "SPB")},
    **{"ARPT": "Airport", "CNTY": "County", "FLD": "Field", "INTL": "International", "MUNI": "Municipal"},
    **{"AND": "and", "OF": "of", "ST": "St.", "SVC": "Service"},
}
"""Words of port labels that are no plain words."""
_SHORTEST_MAC = 3
_PORT_LABEL_WITHOUT_COMMA = r"^(?P<city>[^,]*[^,\s])\s+(?P<last>[A-Z]{2})$"


def parse_code_lists(text: str, source: str) -> dict[str, pd.DataFrame]:
    """Parse a label file into one frame for each code list, in contract columns and types, rows in file order.

    Raises what `parse_labels` raises.
    """
    import pandas as pd

    frames = {
        name: pd.DataFrame({"code": [e.code for e in entries], "label": [e.label for e in entries]}, dtype="string")
        for name, entries in parse_labels(text, source).items()
    }
    countries, ports = frames["i94cit_res"], frames["i94port"]
    frames["i94cit_res"] = countries.assign(status=_match_status(countries["label"], _COUNTRY_STATUS))
    places = _add_places(ports.assign(status=_match_status(ports["label"], _PORT_STATUS)), _state_codes(frames))
    frames["i94port"] = places.assign(name=_name_ports(places))
    return {name: cast_to_contract(frame, CODE_LISTS[name]) for name, frame in frames.items()}


def _state_codes(frames: dict[str, pd.DataFrame]) -> pd.Series[str]:
    """The codes of the list that are states; 99 (all other codes) is none."""
    codes: pd.Series[str] = frames["i94addr"]["code"]
    return codes[codes.str.fullmatch(r"[A-Z]{2}")]


def _match_status(label: pd.Series[str], patterns: dict[str, str]) -> pd.Series[str]:
    """Find the status whose pattern each label matches, in any case; `valid` where none does."""
    import pandas as pd

    status = pd.Series("valid", index=label.index, dtype="string")
    for name, pattern in patterns.items():
        status = status.mask(label.str.contains(pattern, case=False, regex=True), name)
    return status


def _add_places(ports: pd.DataFrame, states: pd.Series[str]) -> pd.DataFrame:
    """Add city, state and country: what follows the last comma is a listed state or else a country as written.

    Notes (`#ARPT`, a closing parenthesis) say nothing about the place. Without a comma only a listed state is split
    off. Only valid ports are read so. A reviewed correction wins over the rule, whatever the status.
    """
    place = ports["label"].where(ports["status"] == "valid").str.replace(_PORT_NOTE, "", regex=True).str.strip()
    spaced = place.str.extract(_PORT_LABEL_WITHOUT_COMMA)
    split = place.str.extract(_PORT_LABEL).fillna(spaced.where(spaced["last"].isin(states)))
    last = split["last"]
    listed = last.isin(states)
    with_places = ports.assign(
        city=split["city"].fillna(place),
        state=last.where(listed),
        country=last.mask(listed, "United States"),
    )
    corrections = read_port_corrections()
    is_corrected = ports["label"].isin(corrections.index)
    for column in ("city", "state", "country"):
        with_places[column] = with_places[column].mask(is_corrected, ports["label"].map(corrections[column]))
    return with_places


def _name_ports(ports: pd.DataFrame) -> pd.Series[str]:
    """Name each port in the spelling of people: its place, or the code where the label names none."""
    country = ports["country"].map(_spell_place, na_action="ignore")
    region = ports["state"].fillna(country.where(ports["country"] != "United States"))
    parts = [ports["city"].map(_spell_place, na_action="ignore"), region]
    place = parts[0].str.cat(parts[1], sep=", ").fillna(parts[0]).fillna(parts[1])
    code = "code " + ports["code"] + " (" + ports["status"] + ")"
    names = ports["label"].map(read_port_names()).astype("string").fillna(place.where(ports["status"] == "valid"))
    return names.fillna(code)


def _spell_place(text: str) -> str:
    return re.sub(r"\bST\.|[A-Za-z']+", lambda word: _spell_word(word[0]), text)


def _spell_word(word: str) -> str:
    upper = word.upper()
    if upper in _ABBREVIATIONS:
        return _ABBREVIATIONS[upper]
    if len(upper) > _SHORTEST_MAC and upper.startswith("MC"):
        return "Mc" + word[2:].capitalize()
    return word.capitalize()


SOURCE = Source(
    name="i94_labels",
    description="The label file of the I-94 records, a SAS program that holds the code lists.",
    file_name="I94_SAS_Labels_Descriptions.SAS",
    formats=("sas",),
    notes={"line": "A line of the SAS program."},
    contracts=tuple(CODE_LISTS.values()),
    module=__name__,
)
