"""Test which version of a month counts, in a folder and in a bucket, and what is refused by name.

Incidents that these tests prevent: a correction in a newer folder was added to the older version, row by row; files
that a table's log had removed came back; half a month was loaded because the other half had another ending.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from i94_platform.errors import PermanentError
from i94_platform.lake.local import LocalStore
from i94_platform.lake.store import Store
from i94_platform.partitions import Month
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import list_deliveries

APRIL, MAY = Month(2016, 4), Month(2016, 5)
FILE, FOLDER = "i94_apr16_sub.csv", "i94_apr16_sub.parquet"


@pytest.fixture
def local(tmp_path: Path) -> LocalStore:
    """A folder whose files the test gives their times."""
    return LocalStore(tmp_path / "raw")


def deliver(store: Store, *paths: str) -> None:
    """Land files one second apart, the first one first; a bucket gives them its own time."""
    for number, path in enumerate(paths):
        store.put(path, b"rows")
        if isinstance(store, LocalStore):
            os.utime(Path(store.root, path), (1_000 + number, 1_000 + number))


def find_april(store: Store) -> Delivery:
    return list_deliveries(store).months[APRIL]


def list_files(delivery: Delivery) -> list[str]:
    return [file.path for file in delivery.files]


def refusal_of(store: Store) -> str:
    with pytest.raises(PermanentError) as error:
        list_deliveries(store).require_month(APRIL, store.root)
    assert "2016-04 is refused" in str(error.value)
    return str(error.value)


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (FILE, f"2016-06-01/{FILE}"),
        (f"2016-06-01/{FILE}", FILE),
        (f"backup/{FILE}", FILE),
        (f"2016-05/{FILE}", "2016-06/i94_apr16_sub.sas7bdat"),
        (FILE, "i94_apr16_sub (1).csv"),
        ("i94_apr16_sub (2).csv", "i94_apr16_sub - Copy.csv"),
        (FILE, "I94_APR16_SUB.csv"),
        (FILE, "i94_apr16_sub/part-0.csv"),
    ],
)
def test_the_newest_version_counts_and_the_other_is_reported(local: LocalStore, older: str, newer: str) -> None:
    deliver(local, older, newer)
    assert (list_files(find_april(local)), find_april(local).superseded) == ([newer], (older,))
    (note,) = list_deliveries(local).notes
    assert older in note


def test_a_version_of_parts_is_as_new_as_its_newest_part(local: LocalStore) -> None:
    deliver(local, f"b/{FOLDER}/1.parquet", f"a/{FOLDER}/1.parquet", f"a/{FOLDER}/2.parquet", f"b/{FOLDER}/x/2.parquet")
    delivery = find_april(local)
    assert list_files(delivery) == [f"b/{FOLDER}/1.parquet", f"b/{FOLDER}/x/2.parquet"]
    assert (delivery.folder, delivery.superseded) == (f"b/{FOLDER}", (f"a/{FOLDER}",))


def test_equally_new_versions_are_decided_by_their_paths(local: LocalStore) -> None:
    for path in (f"2016-05/{FILE}", f"2016-06/{FILE}", f"backup/2016-06/{FILE}"):
        deliver(local, path)
    assert list_files(find_april(local)) == [f"backup/2016-06/{FILE}"]


def test_versions_in_a_bucket_or_a_folder_are_told_apart_in_the_same_way(store: Store) -> None:
    deliver(store, f"new/{FILE}", f"old/{FILE}")
    delivery = find_april(store)
    assert list_files(delivery) == [max(delivery.files, key=lambda file: (store.modified_at(file), file.path)).path]
    assert len(delivery.superseded) == 1


# --- refused months ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("paths", "format_"),
    [
        ((f"{FOLDER}/_delta_log/00000000000000000000.json", f"{FOLDER}/part-0.parquet"), "Delta"),
        ((f"{FOLDER}/part-0.parquet", f"{FOLDER}/_delta_log/_last_checkpoint"), "Delta"),
        (
            (f"{FOLDER}/metadata/v1.metadata.json", f"{FOLDER}/metadata/snap-1.avro", f"{FOLDER}/data/0.parquet"),
            "Iceberg",
        ),
        ((f"{FOLDER}/.hoodie_partition_metadata", f"{FOLDER}/0.parquet"), "Hudi"),
        ((f"{FOLDER}/_spark_metadata/0", f"{FOLDER}/0.parquet"), "Spark"),
        (("table/_delta_log/0.json", f"table/{FOLDER}/0.parquet"), "Delta"),
    ],
)
def test_a_table_format_is_refused_with_its_folder(store: Store, paths: tuple[str, ...], format_: str) -> None:
    deliver(store, *paths)
    message = refusal_of(store)
    assert message.startswith(f"2016-04 is refused: {paths[0].partition('/')[0]} is a")
    assert f"{format_} " in message
    assert "plain Parquet" in message
    assert list_deliveries(store).unknown == ()


def test_a_hudi_table_is_refused_by_its_hidden_log(store: Store) -> None:
    deliver(store, f"{FOLDER}/.hoodie/hoodie.properties", f"{FOLDER}/0.parquet")
    assert f"{FOLDER} is a Hudi table" in refusal_of(store)


@pytest.mark.parametrize(
    "paths",
    [
        (FILE, f"{FOLDER}/part-0.parquet"),
        (FILE, f"{FILE}.gz"),
        (f"x/{FILE}", "x/i94_apr16_sub (1).parquet"),
        ("i94_apr16_sub/a.csv", "i94_apr16_sub/b.parquet"),
        ("i94_apr16_sub/a.csv", "i94_apr16_sub/a.csv.zip"),
        (FILE, "i94_apr16_sub.sas7bdat"),
    ],
)
def test_two_formats_in_one_folder_are_refused_with_both_files(store: Store, paths: tuple[str, ...]) -> None:
    deliver(store, *paths)
    assert all(path in refusal_of(store) for path in paths)


@pytest.mark.parametrize("part", ["part-1.parq", "000000_0", "part-1.parquet.tmp", "part-1.csv", "README.md"])
def test_a_part_with_an_unknown_ending_is_refused_by_name(store: Store, part: str) -> None:
    deliver(store, f"{FOLDER}/part-0.parquet", f"{FOLDER}/{part}", "i94_may16_sub.csv")
    assert f"{FOLDER}/{part}" in refusal_of(store)
    assert list_files(list_deliveries(store).require_month(MAY, store.root)) == ["i94_may16_sub.csv"]


def test_parts_of_unknown_endings_alone_are_refused_too(store: Store) -> None:
    deliver(store, f"{FOLDER}/000000_0")
    assert f"{FOLDER}/000000_0" in refusal_of(store)


def test_markers_checksums_and_temporary_files_refuse_nothing(store: Store) -> None:
    deliver(
        store,
        f"{FOLDER}/part-0.parquet",
        *(
            f"{FOLDER}/{name}"
            for name in (
                "_SUCCESS",
                ".part-0.parquet.crc",
                "_temporary/0/part-0.parquet",
                "_metadata",
                "Thumbs.db",
                "a=1_$folder$",
            )
        ),
    )
    assert list_files(list_deliveries(store).require_month(APRIL, store.root)) == [f"{FOLDER}/part-0.parquet"]


def test_a_refused_version_is_not_replaced_by_an_older_one(local: LocalStore) -> None:
    deliver(local, f"old/{FILE}", f"new/{FILE}", "new/i94_apr16_sub.parquet")
    assert "new/" in refusal_of(local)


def test_two_formats_of_a_superseded_version_refuse_nothing(local: LocalStore) -> None:
    deliver(local, f"old/{FILE}", "old/i94_apr16_sub.parquet", f"new/{FILE}")
    assert list_deliveries(local).require_month(APRIL, local.root).superseded == (
        f"old/{FILE}",
        "old/i94_apr16_sub.parquet",
    )


def test_a_refused_month_has_another_fingerprint_once_it_is_mended(store: Store) -> None:
    deliver(store, f"{FOLDER}/_delta_log/0.json", f"{FOLDER}/0.parquet")
    fingerprint = find_april(store).fingerprint(store)
    store.delete([f"{FOLDER}/_delta_log/0.json"])
    assert find_april(store).fingerprint(store) != fingerprint


# --- files that are none ----------------------------------------------------------------------------------------------


def make_fifo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("path", [FILE, f"{FOLDER}/part-1.parquet", f"{FOLDER}/pipe"])
def test_a_fifo_named_like_a_month_or_among_its_parts_is_refused_by_name(local: LocalStore, path: str) -> None:
    make_fifo(Path(local.root, path))
    if path != FILE:
        deliver(local, f"{FOLDER}/part-0.parquet")
    assert f"{path} is a FIFO" in refusal_of(local)
    assert find_april(local).fingerprint(local)


def test_a_month_that_is_a_link_out_of_the_root_is_refused_by_name(local: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_bytes(b"rows")
    Path(local.root).mkdir()
    Path(local.root, FILE).symlink_to(tmp_path / "outside.csv")
    assert f"{FILE} is a link that leaves" in refusal_of(local)


def test_a_link_out_of_the_root_does_not_count_where_a_file_delivers_the_month(
    local: LocalStore, tmp_path: Path
) -> None:
    deliver(local, f"old/{FILE}")
    (tmp_path / "outside.csv").write_bytes(b"rows")
    Path(local.root, FILE).symlink_to(tmp_path / "outside.csv")
    assert list_files(list_deliveries(local).require_month(APRIL, local.root)) == [f"old/{FILE}"]
    assert any(problem.startswith(f"{FILE} is a link") for problem in list_deliveries(local).problems)


def test_odd_files_of_other_names_are_named_and_stop_no_month(local: LocalStore) -> None:
    deliver(local, FILE)
    make_fifo(Path(local.root, "x/pipe"))
    Path(local.root, "loop").symlink_to("loop")
    listing = list_deliveries(local)
    assert [problem.split()[0] for problem in listing.problems] == ["loop", "x/pipe"]
    assert list_files(listing.require_month(APRIL, local.root)) == [FILE]


def test_a_reference_that_is_a_fifo_is_refused_by_name(local: LocalStore) -> None:
    make_fifo(Path(local.root, "airport-codes_csv.csv"))
    with pytest.raises(PermanentError, match=r"airport-codes_csv\.csv is a FIFO"):
        list_deliveries(local).require_reference("airport_codes", local.root)
