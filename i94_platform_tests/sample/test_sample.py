"""The same arguments give the same bytes, months do not depend on each other, and bad arguments are errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from i94_platform.errors import PermanentError
from i94_platform.partitions import Month, parse_delivery_name
from i94_platform.sample import MIN_ROWS, accepted_row_count, write_sample


def read_contents(paths: list[Path]) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in paths}


def write(folder: Path, first: str = "2016-04", last: str = "2016-04", seed: int = 94) -> dict[str, bytes]:
    return read_contents(write_sample(folder, first=first, last=last, rows=2_000, seed=seed))


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    assert write(tmp_path / "a") == write(tmp_path / "b")


def test_another_seed_gives_other_arrivals_and_figures_but_the_same_code_lists(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a"), write(tmp_path / "b", seed=95)
    assert one.keys() == other.keys()
    assert {name for name in one if one[name] == other[name]} == {"I94_SAS_Labels_Descriptions.SAS"}


def test_a_month_does_not_depend_on_the_other_months(tmp_path: Path) -> None:
    alone = write(tmp_path / "a", first="2016-06", last="2016-06")
    among_others = write(tmp_path / "b", first="2016-05", last="2016-07")
    assert alone.items() <= among_others.items()


def test_months_of_the_same_name_in_two_years_differ(tmp_path: Path) -> None:
    written = write(tmp_path, first="2016-04", last="2017-04")
    assert written["i94_apr16_sub.parquet"] != written["i94_apr17_sub.parquet"]


def test_every_month_of_the_range_is_delivered_under_its_name_beside_the_reference_files(tmp_path: Path) -> None:
    written = write_sample(tmp_path, first="2015-12", last="2016-02", rows=MIN_ROWS)
    names = [parse_delivery_name(path.name) for path in written]
    assert [name.month.key for name in names if name] == ["2015-12", "2016-01", "2016-02"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written)
    assert {path.name for path, name in zip(written, names, strict=True) if name is None} == {
        "I94_SAS_Labels_Descriptions.SAS",
        "us-cities-demographics.csv",
        "airport-codes_csv.csv",
        "GlobalLandTemperaturesByCity.csv",
    }


def test_a_second_call_replaces_the_files_of_the_first(tmp_path: Path) -> None:
    write(tmp_path, seed=1)
    assert write(tmp_path) == write(tmp_path / "fresh")


def test_progress_rises_to_the_total_of_each_file(tmp_path: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    written = write_sample(
        tmp_path, first="2016-04", last="2016-05", rows=1_000, on_progress=lambda *call: calls.append(call)
    )
    for path in written:
        steps = [(done, total) for name, done, total in calls if name == path.name]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1] > 0


def test_april_2016_has_the_requested_rows_and_summer_and_later_years_have_more() -> None:
    assert accepted_row_count(Month(2016, 4), 50_000) == 50_000
    assert accepted_row_count(Month(2016, 2), 50_000) < 50_000 < accepted_row_count(Month(2016, 7), 50_000)
    assert accepted_row_count(Month(2015, 4), 50_000) < 50_000 < accepted_row_count(Month(2017, 4), 50_000)


@pytest.mark.parametrize(
    ("changed", "fact"),
    [
        ({"first": "2016-13"}, "2016-13"),
        ({"last": "April"}, "April"),
        ({"last": "2016-03"}, "2016-03"),
        ({"rows": MIN_ROWS - 1}, f"{MIN_ROWS}"),
        ({"seed": -1}, "-1"),
    ],
)
def test_a_bad_argument_is_an_error_and_nothing_is_written(tmp_path: Path, changed: dict[str, Any], fact: str) -> None:
    with pytest.raises(PermanentError, match=re.escape(fact)):
        write_sample(tmp_path / "out", **({"first": "2016-04", "last": "2016-04"} | changed))
    assert not (tmp_path / "out").exists()
