"""Test the code lists as frames: status and place as the labels tell them, and the real file's lists.

Ports without state were once taken for ports abroad, and a state's name for a country.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from i94_platform.contracts import LOOKUPS
from i94_platform.contracts.codes import (
    CODE_LISTS,
    cast_to_contract,
    read_port_corrections,
    read_port_names,
    read_reviewed_list,
)
from i94_platform.contracts.model import column_names
from i94_platform.sources.labels import parse_code_lists
from i94_platform_tests.sources.label_files import SMALL

LABEL_FILE = "I94_SAS_Labels_Descriptions.SAS"


def with_ports(*labels: str) -> pd.DataFrame:
    """The ports P00, P01, ... with these labels, beside the states AK, TX, WA, DC and GA, indexed by label."""
    ports = "\n".join(f"'P{i:02}'='{label}'" for i, label in enumerate(labels))
    text = SMALL.replace("'ALC'\t=\t'ALCAN, AK   '", ports)
    text = text.replace(
        "'AK'='ALASKA'",
        "'AK'='A' 'TX'='T' 'NY'='N' 'MN'='M' 'MD'='M' 'NC'='N' 'WA'='WASHINGTON' 'DC'='D' 'GA'='GEORGIA'",
    )
    frame = parse_code_lists(text, "labels.sas")["i94port"]
    return frame[frame["code"].str.fullmatch(r"P\d\d")].set_index("label")


def place_of(label: str) -> tuple[str | None, ...]:
    row = with_ports(label).iloc[0]
    return tuple(None if pd.isna(row[c]) else str(row[c]) for c in ("city", "state", "country"))


def test_frames_have_the_contract_columns_in_order_and_its_types() -> None:
    frames = parse_code_lists(SMALL, "labels.sas")
    assert {name: list(frame.columns) for name, frame in frames.items()} == {t.name: column_names(t) for t in LOOKUPS}
    assert {name: str(frame["code"].dtype) for name, frame in frames.items()} == {
        "i94cit_res": "Int64", "i94port": "string", "i94mode": "Int64", "i94addr": "string", "i94visa": "Int64",
    }  # fmt: skip
    assert {str(frame[c].dtype) for frame in frames.values() for c in frame.columns if c != "code"} == {"string"}
    assert frames["i94port"].loc[1, "city"] is pd.NA


@pytest.mark.parametrize(
    ("label", "status"),
    [
        ("ALBANIA", "valid"),
        ("INVALID: USSR", "invalid"),
        ("No Country Code (54)", "no country code"),
        ("Collapsed Tanzania (should not show)", "collapsed"),
        ("MEXICO Air Sea, and Not Reported (I-94, no land arrivals)", "valid"),
    ],
)
def test_the_status_of_a_country_is_what_its_label_starts_with(label: str, status: str) -> None:
    frame = parse_code_lists(SMALL.replace("MEXICO Air Sea", label), "labels.sas")["i94cit_res"]
    assert frame.loc[0, "status"] == status


@pytest.mark.parametrize(
    ("label", "status"),
    [
        ("ALCAN, AK", "valid"),
        ("Abu Dhabi", "valid"),
        ("MEXICO Land (Banco de Mexico)", "valid"),
        ("No PORT Code (60)", "no port code"),
        ("Collapsed (FOK) 06/15", "collapsed"),
        ("Collapsed into INT, MN", "collapsed"),
        ("NOT REPORTED/UNKNOWN", "unknown"),
        ("UNIDENTIFED AIR / SEAPORT", "unknown"),
        ("UNKNOWN POE", "unknown"),
        ("INVALID - IWAKUNI, JAPAN", "unknown"),
    ],
)
def test_the_status_of_a_port_is_what_its_label_starts_with(label: str, status: str) -> None:
    assert with_ports(label)["status"].tolist() == [status]


@pytest.mark.parametrize(
    ("label", "city", "state", "country"),
    [
        ("ALCAN, AK", "ALCAN", "AK", "United States"),
        ("PASO DEL NORTE,TX", "PASO DEL NORTE", "TX", "United States"),
        ("MARFA, TX (BPS)", "MARFA", "TX", "United States"),
        ("NAPLES, TX #ARPT", "NAPLES", "TX", "United States"),
        ("WASHINGTON DC", "WASHINGTON", "DC", "United States"),
        ("HULL FIELD, SUGAR LAND ARPT, TX", "HULL FIELD, SUGAR LAND ARPT", "TX", "United States"),
        ("BELLINGHAM, WASHINGTON #INTL", "BELLINGHAM", "WA", "United States"),
        ("TBILISI, GEORGIA", "TBILISI", None, "GEORGIA"),
        ("TIVAT, ZZ", "TIVAT", None, "ZZ"),
        ("TIVAT ZZ", "TIVAT ZZ", None, None),
        ("DUBLIN, IRELAND", "DUBLIN", None, "IRELAND"),
        ("GUARULHOS INTL, SAO PAULO, BRAZIL", "GUARULHOS INTL, SAO PAULO", None, "BRAZIL"),
        ("BEICA #ARPT, ETHIOPIA", "BEICA", None, "ETHIOPIA"),
        ("Abu Dhabi", "Abu Dhabi", None, "UNITED ARAB EMIRATES"),
        ("TOROKINA #ARPT, PAPUA, NEW GUINEA", "TOROKINA", None, "PAPUA NEW GUINEA"),
        ("SAIPAN, SPN", "SAIPAN", None, "United States"),
        ("INVALID - IWAKUNI, JAPAN", "IWAKUNI", None, "JAPAN"),
        ("JUAREZ INTL, MEXICO CITY, MX", "JUAREZ INTL, MEXICO CITY", None, "MEXICO"),
        ("NOT REPORTED/UNKNOWN", None, None, None),
        ("Collapsed into INT, TX", None, None, None),
        ("No PORT Code (AK)", None, None, None),
        ("SOMEWHERE, 99", "SOMEWHERE", None, "99"),
    ],
)
def test_a_port_label_is_split_into_city_state_and_country(
    label: str, city: str | None, state: str | None, country: str | None
) -> None:
    assert place_of(label) == (city, state, country)


def name_of(label: str) -> str:
    return str(with_ports(label)["name"].iloc[0])


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("NEW YORK, NY", "New York, NY"),
        ("WASHINGTON DC", "Washington, DC"),
        ("ST PAUL, MN", "St. Paul, MN"),
        ("ST. PAUL ISLAND, AK", "St. Paul Island, AK"),
        ("MCALLEN, TX", "McAllen, TX"),
        ("ANDREWS AFB, MD", "Andrews AFB, MD"),
        ("PIEDMONT TRIAD INTL AIRPORT, NC", "Piedmont Triad International Airport, NC"),
        ("BRIDGE OF AMERICAS, TX", "Bridge of Americas, TX"),
        ("PITTSBURG, PA", "Pittsburgh, PA"),
        ("TORONTO, CANADA", "Toronto, Canada"),
        ("MIDDLESEX, ENGLAND", "London Heathrow, England"),
        ("PAPUA, NEW GUINEA", "Papua New Guinea"),
        ("NOT REPORTED/UNKNOWN", "not reported"),
        ("No PORT Code (AK)", "code P00 (no port code)"),
        ("Collapsed into INT, TX", "code P00 (collapsed)"),
    ],
)
def test_a_port_is_named_in_the_spelling_of_people(label: str, name: str) -> None:
    assert name_of(label) == name


@pytest.fixture
def real_text(real_data: Path) -> str:
    return (real_data / LABEL_FILE).read_text(encoding="ascii")


@pytest.mark.real_data
def test_the_real_statuses_add_up(real_text: str) -> None:
    frames = parse_code_lists(real_text, LABEL_FILE)
    assert frames["i94cit_res"]["status"].value_counts().to_dict() == {
        "valid": 236, "invalid": 28, "no country code": 23, "collapsed": 2,
    }  # fmt: skip
    assert frames["i94port"]["status"].value_counts().to_dict() == {
        "valid": 584, "no port code": 60, "collapsed": 12, "unknown": 4,
    }  # fmt: skip


@pytest.mark.real_data
def test_every_real_us_port_of_the_april_arrivals_has_its_state(real_data: Path, real_text: str) -> None:
    import duckdb

    ports = parse_code_lists(real_text, LABEL_FILE)["i94port"]
    with duckdb.connect() as connection:
        files = connection.read_parquet(f"{real_data}/i94_apr16_sub.parquet/*.parquet")
        arrivals = files.aggregate("i94port AS code, count(*) AS n").df()
    used = arrivals.merge(ports, on="code", how="left", validate="one_to_one")
    assert used.groupby("status")["n"].agg(["sum", "count"]).to_dict("split")["data"] == [
        [4_215, 15], [3_522, 1], [3_088_576, 283],
    ]  # fmt: skip
    stated = used[used["state"].notna()].set_index("code")
    assert stated.loc[["WAS", "PDN"], ["state", "n"]].to_numpy().tolist() == [["DC", 74_835], ["TX", 232]]
    assert (stated.drop(["WAS", "PDN"])["n"].sum(), len(stated)) == (2_874_695, 265)
    assert set(stated["country"]) == {"United States"}
    abroad = used[used["state"].isna() & (used["status"] == "valid")]
    assert abroad["country"].notna().all()


@pytest.mark.real_data
def test_every_real_port_outside_the_us_has_a_city_or_a_country(real_text: str) -> None:
    ports = parse_code_lists(real_text, LABEL_FILE)["i94port"]
    valid = ports[ports["status"] == "valid"]
    assert valid["country"].notna().all()
    assert valid.loc[valid["city"].isna(), "code"].tolist() == ["SPV", "ZZZ"]
    assert sorted(valid.loc[valid["country"] == "United States"].query("state.isna()")["code"]) == ["SAI"]


@pytest.mark.real_data
def test_every_port_correction_is_for_a_real_label(real_text: str) -> None:
    labels = parse_code_lists(real_text, LABEL_FILE)["i94port"]["label"]
    assert set(read_port_corrections().index) | set(read_port_names()) <= set(labels)


@pytest.mark.real_data
@pytest.mark.parametrize("name", list(CODE_LISTS))
def test_the_reviewed_list_is_what_the_real_file_says(name: str, real_text: str) -> None:
    frame = parse_code_lists(real_text, LABEL_FILE)[name]
    pd.testing.assert_frame_equal(read_reviewed_list(name), frame)
    pd.testing.assert_frame_equal(cast_to_contract(frame, CODE_LISTS[name]), frame)
