"""Test that Parquet of any name is a month where its footers say so, in a folder and in a bucket."""

from __future__ import annotations

import errno
import io
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.listing import list_deliveries
from i94_platform_tests.support.arrivals import delivered_table

APRIL, MAY = Month(2016, 4), Month(2016, 5)


def deliver(store: Store, path: str, *rows: dict[str, Any], without: tuple[str, ...] = (), **options: Any) -> None:
    """Land good rows, each changed in some columns."""
    table = delivered_table(rows or [{}]).drop_columns(list(without))
    write(store, path, table, **options)


def write(store: Store, path: str, table: pa.Table, **options: Any) -> None:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    store.put(path, file.getvalue())


def find_months(store: Store) -> dict[str, list[str]]:
    return {m.key: [file.path for file in delivery.files] for m, delivery in list_deliveries(store).months.items()}


def test_a_folder_of_parts_with_other_names_is_the_month_of_its_footers(store: Store) -> None:
    parts = ["sas_data/000000_0", "sas_data/part-00000-x.parquet", "sas_data/part-00001-x.snappy.parquet"]
    for number, path in enumerate(parts):
        deliver(store, path, {"cicid": float(number)})
    deliver(store, "sas_data/_temporary/part-9.parquet")
    store.put("sas_data/_SUCCESS", b"")
    assert find_months(store) == {"2016-04": parts}
    listing = list_deliveries(store)
    assert (listing.unknown, listing.problems, listing.months[APRIL].folder) == ((), (), "sas_data")


def test_names_of_columns_match_without_case_and_blanks(store: Store) -> None:
    table = delivered_table([{}])
    write(store, "april.parquet", table.rename_columns([f" {name.upper()}" for name in table.column_names]))
    assert find_months(store) == {"2016-04": ["april.parquet"]}


def test_a_nested_column_does_not_shift_the_statistics_of_the_others(store: Store) -> None:
    table = delivered_table([{}])
    nested = pa.array([{"a": 1, "b": 2}])
    write(store, "april.parquet", table.add_column(0, "nested", nested))
    assert find_months(store) == {"2016-04": ["april.parquet"]}


def test_months_in_files_of_their_own_are_all_found(store: Store) -> None:
    deliver(store, "all/a.parquet")
    deliver(store, "all/b.parquet", {"i94mon": 5.0})
    assert find_months(store) == {"2016-04": ["all/a.parquet"], "2016-05": ["all/b.parquet"]}


def test_a_hive_partitioned_folder_is_one_month_with_the_columns_of_its_path(store: Store) -> None:
    for port in ("LOS", "NYC"):
        deliver(store, f"data/i94yr=2016/i94mon=4/i94port={port}/0.parquet", without=("i94yr", "i94mon", "i94port"))
    assert len(find_months(store)["2016-04"]) == 2


def test_a_month_that_is_delivered_by_name_is_not_looked_for_elsewhere(store: Store) -> None:
    deliver(store, "sas_data/0.parquet")
    deliver(store, "i94_apr16_sub.parquet")
    assert find_months(store) == {"2016-04": ["i94_apr16_sub.parquet"]}
    assert list_deliveries(store).unknown == ("sas_data/0.parquet",)


def test_the_same_month_in_two_folders_are_two_versions(store: Store) -> None:
    deliver(store, "a/0.parquet")
    deliver(store, "b/0.parquet", {"cicid": 8.0})
    (delivery,) = list_deliveries(store).months.values()
    assert {delivery.folder, *delivery.superseded} == {"a", "b"}


def test_a_table_format_of_another_name_is_refused(store: Store) -> None:
    deliver(store, "sas_data/0.parquet")
    store.put("sas_data/_delta_log/0.json", b"{}")
    assert "sas_data is a Delta table" in list_deliveries(store).months[APRIL].problem


@pytest.mark.parametrize(
    ("rows", "options", "reason"),
    [
        (({}, {"i94mon": 5.0}), {}, "more than one month (i94yr 2016 to 2016, i94mon 4 to 5)"),
        (({}, {"i94mon": 5.0}), {"row_group_size": 1}, "more than one month"),
        (({},), {"write_statistics": False}, "does not say in its footer"),
        (({"i94mon": None},), {}, "does not say in its footer"),
        (({"i94mon": 13.0},), {}, "holds no month (i94yr 2016, i94mon 13)"),
        (({}, {"i94yr": 2017.0}), {}, "i94yr 2016 to 2017"),
    ],
)
def test_arrivals_without_one_month_are_reported_with_folder_and_reason(
    store: Store, rows: tuple[dict[str, Any], ...], options: dict[str, Any], reason: str
) -> None:
    deliver(store, "sas_data/good.parquet")
    deliver(store, "sas_data/odd.parquet", *rows, **options)
    listing = list_deliveries(store)
    (problem,) = listing.problems
    assert problem.startswith("sas_data holds arrivals")
    assert f"sas_data/odd.parquet {reason}" in problem or reason in problem
    assert not listing.months
    assert len(listing.unknown) == 2


def test_a_part_that_is_cut_or_has_other_columns_keeps_its_folder_from_being_a_month(store: Store) -> None:
    deliver(store, "cut/0.parquet")
    deliver(store, "other/0.parquet")
    store.put("cut/1.parquet", store.read("cut/0.parquet")[:-9])
    deliver(store, "other/1.parquet", without=("visatype",))
    listing = list_deliveries(store)
    assert not listing.months
    assert [("1.parquet" in problem, problem.split("/")[0].split()[0]) for problem in listing.problems] == [
        (True, "cut"),
        (True, "other"),
    ]


def test_a_part_without_rows_belongs_to_the_month_of_its_folder(store: Store) -> None:
    deliver(store, "sas_data/0.parquet")
    write(store, "sas_data/1.parquet", delivered_table([{}]).slice(0, 0))
    assert find_months(store) == {"2016-04": ["sas_data/0.parquet", "sas_data/1.parquet"]}


def test_other_parquet_is_unknown_without_a_problem(store: Store) -> None:
    write(store, "x/cities.parquet", pa.table({"city": ["Riga"]}))
    store.put("x/empty.parquet", b"")
    store.put("x/noise", b"no Parquet at all")
    listing = list_deliveries(store)
    assert listing.unknown == ("x/cities.parquet", "x/empty.parquet", "x/noise")
    assert listing.problems == ()


def test_a_footer_is_read_once_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, opened = LocalStore(tmp_path), list[str]()
    original = LocalStore.open

    def record_open(self: LocalStore, path: str) -> Any:
        if self.root == store.root:  # threads of other tests' servers open files too
            opened.append(path)
        return original(self, path)

    deliver(store, "sas_data/0.parquet")
    store.put("notes.txt", b"")
    monkeypatch.setattr(LocalStore, "open", record_open)
    for _ in range(3):
        list_deliveries(LocalStore(tmp_path))
    assert opened == ["sas_data/0.parquet"]
    deliver(store, "sas_data/0.parquet", {"i94mon": 5.0})
    assert list(list_deliveries(store).months) == [MAY]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), PermanentError("access is denied")])
def test_a_file_that_could_not_be_opened_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    store, refuse_open = LocalStore(tmp_path), Mock(side_effect=error)
    deliver(store, "sas_data/0.parquet")
    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "open", refuse_open)
        assert list_deliveries(store).unknown == ("sas_data/0.parquet",)
    assert find_months(store) == {"2016-04": ["sas_data/0.parquet"]}
