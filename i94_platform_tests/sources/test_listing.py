"""Test how landed files are sorted: months at any depth, references by name, everything else reported and left alone.

An unknown name is no error.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.lake.store import StoredFile
from i94_platform.partitions import Month, is_hidden
from i94_platform.sources.listing import DeliveryListing, list_deliveries, sort_files
from i94_platform.sources.month_footers import FooterMonths
from i94_platform.sources.registry import REFERENCE_FILES

APRIL = Month(2016, 4)


def sort_paths(*paths: str) -> DeliveryListing:
    return sort_files((StoredFile(path, 10, "now") for path in paths), lambda file: 0, lambda files: FooterMonths())


def find_months(*paths: str) -> dict[str, list[str]]:
    return {m.key: [file.path for file in delivery.files] for m, delivery in sort_paths(*paths).months.items()}


def test_every_way_to_deliver_a_month_is_recognized() -> None:
    assert find_months("i94_jan16_sub.sas7bdat", "2016/i94_FEB16_sub.PARQUET", "a/b/i94_mar16_sub.csv") == {
        "2016-01": ["i94_jan16_sub.sas7bdat"],
        "2016-02": ["2016/i94_FEB16_sub.PARQUET"],
        "2016-03": ["a/b/i94_mar16_sub.csv"],
    }


def test_the_parts_of_a_folder_are_one_delivery_in_path_order_without_its_markers() -> None:
    folder = "x/i94_apr16_sub.parquet"
    assert find_months(
        f"{folder}/part-2.parquet", f"{folder}/_SUCCESS", f"{folder}/.part-1.parquet.crc", f"{folder}/part-1.parquet"
    ) == {"2016-04": [f"{folder}/part-1.parquet", f"{folder}/part-2.parquet"]}


def test_months_come_in_order() -> None:
    assert list(find_months("i94_dec16_sub.csv", "i94_jan17_sub.csv", "i94_feb16_sub.csv")) == [
        "2016-02",
        "2016-12",
        "2017-01",
    ]


def test_references_are_found_at_any_depth_and_in_any_case() -> None:
    delivered = (f"{'a/' * depth}{name.swapcase()}" for depth, name in enumerate(REFERENCE_FILES.values()))
    names = sort_paths("exact/airport-codes_csv.csv", *delivered)
    assert set(names.references) == set(REFERENCE_FILES)
    assert names.unknown == ()


def test_what_is_neither_is_reported_but_markers_are_not() -> None:
    names = sort_paths(
        "notes.txt", "i94_apr16_sub_20k.sas7bdat", "_SUCCESS", ".DS_Store", "airport-codes_csv.lonlat.csv"
    )
    assert names.unknown == ("airport-codes_csv.lonlat.csv", "i94_apr16_sub_20k.sas7bdat", "notes.txt")
    assert not names.months
    assert not names.references


def test_an_absent_month_is_rejected_by_the_names_that_are_looked_for() -> None:
    with pytest.raises(PermanentError, match=r"No delivery for 2016-04 under s3://b/raw; expected i94_apr16_sub"):
        sort_paths("i94_may16_sub.csv").require_month(APRIL, "s3://b/raw")


def test_an_absent_reference_is_rejected_by_its_file_name() -> None:
    with pytest.raises(PermanentError, match=r"us-cities-demographics\.csv is not under /raw; put it there"):
        sort_paths().require_reference("us_cities_demographics", "/raw")


def test_a_reference_that_lies_there_twice_is_rejected_and_both_are_named() -> None:
    twice = sort_paths("new/airport-codes_csv.csv", "old/airport-codes_csv.csv")
    with pytest.raises(PermanentError, match=r"2 files .*: new/airport-\S*, old/airport-\S* Keep one"):
        twice.require_reference("airport_codes", "/raw")


@given(st.lists(st.text("i94_aprsub16._/-\u017fcvKqt", max_size=30), max_size=8, unique=True))
def test_no_listing_is_fatal_and_every_file_is_somewhere_or_a_marker(paths: list[str]) -> None:
    names = sort_paths(*paths)
    placed = {f.path for d in (*names.months.values(), *names.references.values()) for f in d.files} | set(
        names.unknown
    )
    placed |= {path for delivery in names.months.values() for path in delivery.superseded}
    left = {path for path in paths if path not in placed and not path.startswith(tuple(f"{p}/" for p in placed))}
    assert all(is_hidden(path) for path in left)


def test_a_delivered_sample_is_all_known_by_name(sample: Path) -> None:
    names = list_deliveries(LocalStore(sample))
    assert [month.key for month in names.months] == ["2016-01", "2016-02"]
    assert set(names.references) == set(REFERENCE_FILES)
    assert names.unknown == ()


@pytest.mark.real_data
def test_the_real_folder_has_april_in_14_parts_and_every_reference(real_data: Path) -> None:
    names = list_deliveries(LocalStore(real_data))
    assert {month.key: len(delivery.files) for month, delivery in names.months.items()} == {"2016-04": 14}
    assert set(names.references) == {"airport_codes", "i94_labels", "land_temperatures", "us_cities_demographics"}
    assert {"i94_apr16_sub_20k.sas7bdat", "immigration_data_sample.csv"} <= set(names.unknown)
