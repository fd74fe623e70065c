"""Test which country every label and every temperature name is, all 289 of them reviewed.

Wrong here before, in other pipelines: DR Congo renamed to Congo, so that Brazzaville had two climates and Zaire none;
Mexico, China, Canada and the United States lost to spelling; Czechoslovakia taken for Czechia by a name pattern.
"""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from i94_platform.contracts.codes import (
    read_country_corrections,
    read_country_positions,
    read_reviewed_list,
    read_unlisted_names,
)
from i94_platform.contracts.model import column_names
from i94_platform.contracts.reference import country
from i94_platform.errors import PermanentError
from i94_platform.transforms import country as countries
from i94_platform.transforms.country import (
    build_country,
    index_corrections,
    match_key,
    match_labels,
    match_names,
)

CLIMATE = ["iso3", "mean_temperature", "temperature_cities"]


def code_list(*rows: tuple[int, str, str]) -> pd.DataFrame:
    types = {"code": "Int64", "label": "string", "status": "string"}
    return pd.DataFrame(rows, columns=["code", "label", "status"]).astype(types)


def climate(*rows: tuple[str | None, float, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=CLIMATE)


def temperature_names(real_data: Path) -> list[str]:
    file = real_data / "GlobalLandTemperaturesByCity.csv"
    return pd.read_csv(file, usecols=["Country"])["Country"].unique().tolist()


@pytest.fixture(scope="module")
def listed() -> pd.DataFrame:
    return read_reviewed_list("i94cit_res")


@pytest.fixture(scope="module")
def by_code(listed: pd.DataFrame) -> pd.Series[str]:
    return match_labels(listed).set_axis(listed["code"])


@pytest.mark.parametrize(
    ("code", "iso3"),
    [
        (582, "MEX"), (245, "CHN"), (268, "TWN"), (206, "HKG"), (214, "MAC"), (301, "COD"), (385, "COG"), (201, "KHM"),
        (243, "MMR"), (388, "CIV"), (327, "GNB"), (382, "GIN"), (399, "GNQ"), (601, "GUF"), (164, "BIH"), (311, "TZA"),
        (353, "TZA"), (574, "CAN"), (407, "USA"), (583, "USA"), (505, "PRI"), (404, "GUM"), (723, "FRO"), (108, "DNK"),
        (719, "BVT"), (739, "ATA"), (465, "WSM"), (403, "ASM"), (736, "MAF"), (749, "SXM"), (721, "CUW"), (741, "CUW"),
        (276, "KOR"), (275, "PRK"), (519, "DMA"), (585, "DOM"), (390, "NER"), (343, "NGA"), (142, None), (732, "XKX"),
        (167, "MKD"), (687, "ARG"), (748, "SSD"), (350, "SDN"), (525, "VGB"), (506, "VIR"), (149, "VAT"), (720, "KIR"),
        (321, "REU"), (158, "RUS"), (116, "IRL"), (135, "GBR"), (758, "PSE"), (743, "PSE"), (240, "TLS"), (755, "UMI"),
    ],
)  # fmt: skip
def test_a_listed_code_is_the_reviewed_country(by_code: pd.Series[str], code: int, iso3: str | None) -> None:
    found = by_code[code]
    assert (None if pd.isna(found) else found) == iso3


def test_exactly_the_reviewed_codes_have_no_country(listed: pd.DataFrame, by_code: pd.Series[str]) -> None:
    without_code = set(listed.loc[listed["status"] == "no country code", "code"])
    dissolved_or_several = {106, 134, 139, 142, 508, 740, 757, 759}
    not_a_country = {0, 239, 700, 705, 710, 730, 999}
    assert set(by_code.index[by_code.isna()]) == without_code | dissolved_or_several | not_a_country
    assert len(without_code) == 23
    assert len(by_code) == 289


def test_every_label_of_the_reviewed_list_is_matched_or_reviewed(listed: pd.DataFrame) -> None:
    assert match_labels(listed).attrs["unmatched_labels"] == []


def test_codes_that_share_a_country_are_the_known_ones(by_code: pd.Series[str]) -> None:
    shared = by_code.dropna()[by_code.dropna().duplicated(keep=False)]
    assert {iso3: sorted(codes.index) for iso3, codes in shared.groupby(shared)} == {
        "ATA": [712, 739],
        "CUW": [721, 741],
        "KIR": [414, 720],
        "PSE": [743, 758],
        "TZA": [311, 353],
        "UMI": [731, 737, 753, 755],
        "USA": [407, 583],
    }


def test_every_correction_is_about_a_label_of_the_list_and_says_what_iso_names_do_not(listed: pd.DataFrame) -> None:
    corrections = index_corrections(read_country_corrections())
    assert set(corrections["i94"]) <= set(listed["label"].map(match_key))
    for names in corrections.values():
        redundant = {name for name, iso3 in names.items() if countries._iso_names().get(name) == iso3 is not None}
        assert redundant == set()


def test_a_label_that_nobody_reviewed_has_no_country_and_is_reported() -> None:
    frame = code_list((1, "FRANCE", "valid"), (2, "SOUTH YEMEN", "valid"), (3, "No Country Code", "no country code"))
    iso3 = match_labels(frame)
    assert iso3[0] == "FRA"
    assert iso3[[1, 2]].isna().all()
    assert iso3.attrs["unmatched_labels"] == ["SOUTH YEMEN"]


@pytest.mark.parametrize(
    ("name", "iso3"),
    [
        ("Congo", "COG"), ("Congo (Democratic Republic Of The)", "COD"), ("Côte D'Ivoire", "CIV"), ("Burma", "MMR"),
        ("Guinea Bissau", "GNB"), ("Guinea", "GIN"), ("Bosnia And Herzegovina", "BIH"), ("Reunion", "REU"),
        ("China", "CHN"), ("Mexico", "MEX"), ("United States", "USA"), ("Puerto Rico", "PRI"), ("Swaziland", "SWZ"),
        ("Macedonia", "MKD"), ("Turkey", "TUR"), ("Czech Republic", "CZE"), ("Taiwan", "TWN"), ("Hong Kong", "HKG"),
        ("South Korea", "KOR"), ("Georgia", "GEO"), ("Atlantis", None), ("Czechoslovakia", None), ("", None),
    ],
)  # fmt: skip
def test_a_temperature_name_is_the_reviewed_country_or_none(name: str, iso3: str | None) -> None:
    assert match_names([name]) == {name: iso3}


def test_finding_countries_writes_nothing_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    match_names(["Atlantis", "France", "Serbia and Montenegro"])
    assert caplog.records == []


def test_iso_names_are_unambiguous() -> None:
    table = countries._iso_table()
    keys = pd.concat([table["name_short"], table["name_official"]]).map(match_key)
    codes = pd.concat([table["ISO3"], table["ISO3"]])
    assert codes.groupby(keys).nunique().max() == 1


def test_spellings_of_one_name_share_their_key() -> None:
    assert match_key("St. Kitts & Névis ") == match_key("SAINT KITTS AND NEVIS") == "saint kitts and nevis"
    assert match_key("Guinea-Bissau") != match_key("Guinea")


def test_the_dimension_holds_listed_codes_with_their_country_and_climate() -> None:
    mexico = "MEXICO Air Sea, and Not Reported (I-94, no land arrivals)"
    labels = code_list((582, mexico, "valid"), (0, "INVALID: STATELESS", "invalid"))
    frame = build_country(labels, climate(("MEX", 20.5, 7)))
    assert frame.columns.tolist() == column_names(country)
    assert frame["code"].tolist() == [0, 582]
    assert frame["status"].tolist() == ["invalid", "valid"]
    assert list(frame.loc[1, "name":]) == ["Mexico", "MEX", "America", "Central America", 20.5, 23.9, -102.5, 7]
    assert frame["name"].tolist() == ["Stateless", "Mexico"]
    assert frame.loc[:0, "iso3":].isna().to_numpy().all()
    assert frame.dtypes.astype(str).tolist() == ["Int64"] + ["string"] * 6 + ["Float64"] * 3 + ["Int64"]


def test_codes_of_one_country_share_its_climate() -> None:
    labels = code_list((407, "INVALID: UNITED STATES", "invalid"), (583, "INVALID: UNITED STATES", "invalid"))
    frame = build_country(labels, climate(("USA", 14.5, 257)))
    assert frame["mean_temperature"].tolist() == [14.5, 14.5]


def test_a_climate_of_no_country_does_not_reach_the_unknown_codes() -> None:
    frame = build_country(code_list((0, "INVALID: STATELESS", "invalid")), climate((None, 9.9, 3)))
    assert frame["mean_temperature"].isna().all()


def test_two_climates_for_a_country_are_an_error() -> None:
    with pytest.raises(PermanentError, match="more than one row for COG"):
        build_country(code_list((385, "CONGO", "valid")), climate(("COG", 24, 3), ("COG", 25, 4)))


def test_every_country_has_a_continent_a_region_and_a_position(listed: pd.DataFrame) -> None:
    frame = build_country(listed, climate())
    known = frame[frame["iso3"].notna()]
    assert known[["continent", "region", "latitude", "longitude"]].notna().to_numpy().all()
    assert len(known) == 251


def test_every_listed_code_has_a_name_that_only_codes_of_one_label_share(listed: pd.DataFrame) -> None:
    frame = build_country(listed, climate())
    names = frame["name"]
    assert not names.str.contains("INVALID|Collapsed|No Country|[A-Z]{3}", regex=True)[names != "USSR"].any()
    shared = frame[names.duplicated(keep=False)].groupby("name")["code"].apply(sorted).to_dict()
    assert shared == {"Stateless": [0, 705], "United States": [407, 583]}


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (582, "Mexico"), (245, "China"), (301, "DR Congo"), (388, "Côte d'Ivoire"), (106, "Czechoslovakia"),
        (54, "code 54 (no country)"), (758, "Gaza Strip"), (743, "Palestine"), (755, "Wake Island"), (574, "Canada"),
        (353, "Tanzania"), (311, "Tanzania (collapsed code)"), (506, "United States Virgin Islands"), (999, "Unknown"),
    ],
)  # fmt: skip
def test_a_listed_code_has_its_name_in_the_spelling_of_people(listed: pd.DataFrame, code: int, name: str) -> None:
    assert build_country(listed, climate()).set_index("code").loc[code, "name"] == name


def test_a_label_that_nobody_reviewed_is_its_own_name() -> None:
    assert build_country(code_list((1, "SOUTH YEMEN", "valid")), climate())["name"].tolist() == ["SOUTH YEMEN"]


@pytest.mark.parametrize(
    ("iso3", "box"),
    [
        ("KOR", (34, 38.6, 126, 129.6)), ("SWE", (55.3, 69.1, 11.1, 24.2)), ("TWN", (21.9, 25.3, 120, 122)),
        ("IRL", (51.4, 55.4, -10.5, -6)), ("BMU", (32.2, 32.4, -64.9, -64.6)), ("FJI", (-18.3, -17.3, 177.2, 178.7)),
        ("NZL", (-46.7, -40.5, 166.4, 174.3)), ("VAT", (41.9, 41.91, 12.4, 12.5)), ("USA", (25, 49, -125, -67)),
        ("RUS", (50, 72, 60, 140)), ("REU", (-21.4, -20.8, 55.2, 55.9)), ("CHL", (-54, -18, -74, -68)),
    ],
)  # fmt: skip
def test_a_position_lies_within_its_country(iso3: str, box: tuple[float, float, float, float]) -> None:
    latitude, longitude = read_country_positions().set_index("iso3").loc[[iso3]].to_numpy(float)[0]
    assert (box[0] <= latitude <= box[1], box[2] <= longitude <= box[3]) == (True, True)


def test_an_unlisted_code_names_a_country_of_iso_and_is_in_no_list(listed: pd.DataFrame) -> None:
    unlisted = read_unlisted_names()
    assert unlisted[148] == "code 148 (likely Germany)"
    assert not set(unlisted) & set(listed["code"])
    countries_named = {name.partition("(likely ")[2].rstrip(")") for name in unlisted.values()}
    assert countries_named <= set(countries._iso_countries()["name"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("i95,CONGO,COG,,why", "corrections.csv, column 'list', row 2: 'i95' is none of i94, temperature"),
        ("i94,CONGO,CONGO,,why", "corrections.csv, column 'iso3', row 2: 'CONGO' is no ISO 3166 alpha-3 code in use"),
        ("i94,NETHERLANDS ANTILLES,ANT,,why", "row 2: 'ANT' is no ISO 3166 alpha-3 code in use"),
        ("i94,,COG,,why", "corrections.csv, column 'key', row 2: the value is empty"),
        ("i94,CONGO,COG,,", "corrections.csv, column 'reason', row 2: the value is empty"),
        (
            "i94,CONGO,COG,,why\ni94,Congo ,COD,,why",
            "corrections.csv, column 'key', row 3: 'Congo ' is corrected twice",
        ),
    ],
)
def test_a_correction_that_makes_no_sense_is_rejected(rows: str, message: str) -> None:
    frame = pd.read_csv(io.StringIO(f"list,key,iso3,name,reason\n{rows}\n"), dtype="string")
    with pytest.raises(PermanentError) as failure:
        index_corrections(frame)
    assert message in str(failure.value)


def test_a_name_may_be_corrected_in_each_list() -> None:
    corrections = index_corrections(read_country_corrections())
    assert corrections["i94"]["congo"] == corrections["temperature"]["congo"] == "COG"


@pytest.mark.real_data
def test_every_country_of_the_real_temperatures_is_known_and_its_own(real_data: Path) -> None:
    names = temperature_names(real_data)
    found = match_names(names)
    assert len(names) == 85
    assert None not in found.values()
    assert len(set(found.values())) == 85


@pytest.mark.real_data
def test_the_residents_of_april_who_have_a_temperature_are_2556336(real_data: Path, by_code: pd.Series[str]) -> None:
    names = temperature_names(real_data)
    warm = by_code[by_code.isin(set(match_names(names).values()))].reset_index()
    with duckdb.connect() as connection:
        connection.register("warm", warm)
        arrivals = connection.execute(
            "SELECT count(*) FROM read_parquet(?) AS arrival JOIN warm ON warm.code = arrival.i94res",
            [str(real_data / "i94_apr16_sub.parquet" / "*.parquet")],
        ).fetchone()
    assert arrivals == (2_556_336,)
