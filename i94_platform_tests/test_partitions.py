"""Test the mapping between months, partition keys, days and the names of delivered files in both directions."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from i94_platform.partitions import FORMATS, MONTH_NAMES, DeliveryName, Month, parse_delivery_name

MONTHS = st.builds(Month, st.integers(2000, 2099), st.integers(1, 12))
FOLDER_PATHS = st.lists(st.text("abcXYZ019 -=+.", min_size=1, max_size=8), max_size=3).map(
    lambda names: "".join(f"{name}/" for name in names)
)
FORMAT_NAMES = st.sampled_from(FORMATS)
HIDDEN_PARTS = ("_SUCCESS", "_temporary/0/part-0.{f}", ".part-0.{f}.crc", ".hidden/part-0.{f}", "_part-0.{f}")
PART_NAMES = st.from_regex(r"[a-zA-Z0-9][\w=-]{0,12}", fullmatch=True)


@st.composite
def in_any_case(draw: st.DrawFn, text: str) -> str:
    """Draw the case of each letter of a text."""
    return "".join(letter.upper() if draw(st.booleans()) else letter for letter in text)


@given(MONTHS)
def test_parsing_the_key_of_a_month_returns_the_month(month: Month) -> None:
    assert Month.parse(month.key) == month


@given(MONTHS)
def test_a_month_starts_and_ends_with_the_calendar_month(month: Month) -> None:
    last = month.next_first_day - dt.timedelta(days=1)
    assert month.first_day.day == 1
    assert (month.first_day.year, month.first_day.month) == (last.year, last.month) == (month.year, month.month)


@given(MONTHS, MONTHS)
def test_months_sort_like_their_keys_and_their_first_days(one: Month, other: Month) -> None:
    assert (one < other) == (one.key < other.key) == (one.first_day < other.first_day)


@given(MONTHS, st.integers(-30, 60))
def test_through_returns_every_month_once_in_order(first: Month, distance: int) -> None:
    index = first.year * 12 + first.month - 1 + distance
    if not 2000 * 12 <= index < 2100 * 12:
        return
    last = Month(index // 12, index % 12 + 1)
    months = first.through(last)
    assert len(months) == max(0, distance + 1)
    assert months == sorted(set(months))
    assert not months or (months[0], months[-1]) == (first, last)


@pytest.mark.parametrize(
    "key",
    [
        "",
        "2016",
        "2016-4",
        "2016-13",
        "2016-00",
        "1999-12",
        "2100-01",
        "2016-04-01",
        " 2016-04",
        "2016-04\n",
        "20\u0967\u096c-04",
    ],
)
def test_an_invalid_key_is_rejected_with_an_example(key: str) -> None:
    with pytest.raises(ValueError, match="such as 2016-04"):
        Month.parse(key)


@given(st.text(max_size=9))
@example("2016-04")
def test_a_valid_key_is_the_key_of_its_month(key: str) -> None:
    try:
        month = Month.parse(key)
    except ValueError:
        return
    assert month.key == key


@pytest.mark.parametrize(("year", "month"), [(1999, 12), (2100, 1), (2016, 0), (2016, 13)])
def test_an_invalid_year_or_month_number_is_rejected(year: int, month: int) -> None:
    with pytest.raises(ValueError, match="not a month from 2000-01 to 2099-12"):
        Month(year, month)


def test_a_month_maps_to_the_name_of_its_delivered_file_and_back() -> None:
    assert Month(2016, 4).file_stem == "i94_apr16_sub"
    assert parse_delivery_name("i94_apr16_sub.sas7bdat") == DeliveryName(Month(2016, 4), "sas7bdat")


@given(st.data(), MONTHS, FOLDER_PATHS, FORMAT_NAMES)
def test_a_file_is_recognized_at_any_depth_and_in_any_case(
    data: st.DataObject, month: Month, folders: str, format_: str
) -> None:
    name = data.draw(in_any_case(f"{month.file_stem}.{format_}"))
    assert parse_delivery_name(folders + name) == DeliveryName(month, format_)


@given(st.data(), MONTHS, FOLDER_PATHS, FORMAT_NAMES)
def test_a_part_is_recognized_in_a_folder_with_or_without_extension(
    data: st.DataObject, month: Month, folders: str, format_: str
) -> None:
    folder = data.draw(in_any_case(data.draw(st.sampled_from([month.file_stem, f"{month.file_stem}.{format_}"]))))
    subfolders, part = data.draw(st.lists(PART_NAMES, max_size=2)), data.draw(PART_NAMES)
    path = "/".join([folders + folder, *subfolders, f"{part}.{data.draw(in_any_case(format_))}"])
    assert parse_delivery_name(path) == DeliveryName(month, format_)


@given(MONTHS, FOLDER_PATHS, FORMAT_NAMES, st.sampled_from(HIDDEN_PARTS))
def test_markers_and_hidden_parts_are_not_deliveries(month: Month, folders: str, format_: str, part: str) -> None:
    assert parse_delivery_name(f"{folders}{month.file_stem}.{format_}/{part.format(f=format_)}") is None


@given(MONTHS, FORMAT_NAMES, FORMAT_NAMES)
def test_a_part_in_another_format_than_its_folder_has_no_format(month: Month, folder: str, part: str) -> None:
    delivery = parse_delivery_name(f"{month.file_stem}.{folder}/part-0.{part}")
    assert delivery == DeliveryName(month, part if folder == part else "")


@pytest.mark.parametrize(
    ("ending", "format_", "compression"),
    [
        ("csv.gz", "csv", "gz"),
        ("CSV.ZIP", "csv", "zip"),
        ("sas7bdat.zip", "sas7bdat", "zip"),
        ("sas7bdat.gz", "sas7bdat", "gz"),
        ("parquet", "parquet", ""),
    ],
)
@pytest.mark.parametrize(
    "path", ["x/i94_apr16_sub", "x/i94_apr16_sub (1)", "i94_apr16_sub - Copy", "i94_apr16_sub/part-0"]
)
def test_a_compressed_file_or_a_copy_has_the_format_of_its_content(
    path: str, ending: str, format_: str, compression: str
) -> None:
    assert parse_delivery_name(f"{path}.{ending}") == DeliveryName(Month(2016, 4), format_, compression)


def test_the_parts_of_a_hive_partitioned_folder_belong_to_one_delivery() -> None:
    folder = "x/i94_apr16_sub.parquet"
    names = [parse_delivery_name(f"{folder}/i94addr={code}/p.parquet") for code in ("LA", "__HIVE_DEFAULT_PARTITION__")]
    assert [(name.format, name.root) for name in names if name] == [("parquet", f"{folder}/")] * 2


@pytest.mark.parametrize("part", ["part-1.parq", "000000_0", "part-1.csv", "a/README"])
def test_a_part_with_an_unknown_ending_is_a_part_without_a_format(part: str) -> None:
    assert parse_delivery_name(f"i94_apr16_sub.parquet/{part}") == DeliveryName(Month(2016, 4), "")
    assert parse_delivery_name(part) is None


@pytest.mark.parametrize(
    "path",
    [
        "i94_apr16_sub",  # a folder, or a file without a format
        "i94_apr16_sub_20k.sas7bdat",
        "xi94_apr16_sub.csv",
        "i94_apr2016_sub.csv",
        "i94_april16_sub.csv",
        "i94_apr16_sub.csv.xz",
        "i94_apr16_sub.gz",
        "i94_apr16_sub (x).csv",
        "i94_apr16_sub.csv~",
        "i94_apr16_sub.xlsx",
        "i94_apr16_sub.csv\n",
        "i94_\N{LATIN SMALL LETTER LONG S}ep16_sub.csv",  # equals "sep" if case is ignored, but is not ASCII
        "i94_apr\N{DEVANAGARI DIGIT ONE}6_sub.csv",
        "I94_SAS_Labels_Descriptions.SAS",
        "",
    ],
)
def test_a_file_with_another_name_is_not_a_delivery(path: str) -> None:
    assert parse_delivery_name(path) is None


@given(st.text("i94_aprsub16\u017f\u212a\u0967./csvparquet\n", max_size=40))
def test_parsing_a_name_never_raises(path: str) -> None:
    delivery = parse_delivery_name(path)
    assert delivery is None or delivery.month.file_stem in path.lower()


def test_each_month_name_maps_to_its_month() -> None:
    assert [parse_delivery_name(f"i94_{name}20_sub.csv") for name in MONTH_NAMES] == [
        DeliveryName(Month(2020, number), "csv") for number in range(1, 13)
    ]
