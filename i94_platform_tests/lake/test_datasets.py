"""Pins the lake's commit protocol: a dataset is what its manifest names, all of it or the version before.

Readers that listed a folder instead, and so read two versions or half of one, are the incident this keeps away. The
writer is killed with SIGKILL at random moments; whatever it leaves, readers find whole versions only.
"""

from __future__ import annotations

import contextlib
import json
import random
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table

from i94_platform.contracts import i94mode, i94port, immigration, immigration_quarantine, us_cities_demographics
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform_tests.support.processes import TIMEOUT_SECONDS, join_process, start_process
from i94_platform_tests.support.stores import SHORT_LEASE_SECONDS, StoreLocation

MODES = Dataset("staged/i94mode")
APRIL = Dataset("staged/immigration", "2016-04")


def modes(*codes: int) -> pa.Table:
    return pa.table({"code": pa.array(codes, pa.int32()), "label": [f"mode {code}" for code in codes]})


def paths(lake: Lake, folder: str = "") -> list[str]:
    return [file.path for file in lake.store.list(folder)]


def put_parquet(lake: Lake, path: str, rows: pa.Table) -> None:
    """A file as an engine leaves it in a run folder."""
    with lake.store.create(path) as file:
        pq.write_table(rows, file)


def commit(lake: Lake, run: str, *files: pa.Table, dataset: Dataset = MODES) -> Manifest:
    """A version of several files."""
    for number, rows in enumerate(files):
        put_parquet(lake, f"{dataset.folder}/run={run}/part-{number}.parquet", rows)
    return lake.commit(dataset, run, lake.collect_entries(dataset, run, i94mode), fingerprint=run)


def codes(lake: Lake, manifest: Manifest | None = None) -> list[int]:
    found: list[Any] = lake.read_table(manifest or lake.require_manifest(MODES), i94mode).column("code").to_pylist()
    return sorted(found)


def test_a_dataset_has_its_own_folder_and_a_month_a_folder_below() -> None:
    assert (Dataset("staged/x").folder, APRIL.folder) == ("staged/x", "staged/immigration/month=2016-04")
    assert (str(MODES), str(APRIL)) == ("staged/i94mode", "staged/immigration 2016-04")


def test_a_run_writes_into_a_folder_of_its_own(lake: Lake) -> None:
    assert lake.run_folder(APRIL, "r1") == f"{lake.store.root}/staged/immigration/month=2016-04/run=r1"


def test_what_is_written_is_invisible_until_it_is_committed(lake: Lake) -> None:
    put_parquet(lake, "staged/i94mode/run=r1/part-0.parquet", modes(1, 2))
    assert lake.read_manifest(MODES) is None
    with pytest.raises(PermanentError, match=r"staged/i94mode is not in the lake at .*; materialize it first"):
        lake.require_manifest(MODES)


def test_a_commit_is_what_readers_read(lake: Lake) -> None:
    manifest = commit(lake, "r1", modes(1, 2), modes(3))
    assert lake.require_manifest(MODES) == manifest
    assert (codes(lake), manifest.rows, len(manifest.entries)) == ([1, 2, 3], 3, 2)
    assert manifest.size == sum(file.size for file in lake.store.list("staged/i94mode/run=r1"))


def test_a_new_version_replaces_the_old_one_and_sweeps_its_files(lake: Lake) -> None:
    commit(lake, "r1", modes(1, 2), modes(3))
    commit(lake, "r2", modes(9))
    assert codes(lake) == [9]
    assert paths(lake, "staged/i94mode") == ["staged/i94mode/manifest.json", "staged/i94mode/run=r2/part-0.parquet"]


def test_files_of_a_crashed_run_are_never_read_and_go_with_the_next_commit(lake: Lake) -> None:
    commit(lake, "r1", modes(1))
    put_parquet(lake, "staged/i94mode/run=r20/part-0.parquet", modes(7))
    lake.store.put("staged/i94mode/run=r20/_SUCCESS", b"")
    assert codes(lake) == [1]
    commit(lake, "r2", modes(2))  # its name begins the crashed run's
    assert paths(lake, "staged/i94mode") == ["staged/i94mode/manifest.json", "staged/i94mode/run=r2/part-0.parquet"]


def test_a_sweep_tells_what_it_deleted_and_keeps_other_months_and_datasets(lake: Lake) -> None:
    may = Dataset(MODES.name, "2016-05")
    commit(lake, "r1", modes(1), dataset=may)
    other = Dataset("staged/i94mode_too")
    commit(lake, "r1", modes(1), dataset=other)
    april = Dataset(MODES.name, "2016-04")
    commit(lake, "r2", modes(1), dataset=april)
    put_parquet(lake, f"{april.folder}/run=r1/part-0.parquet", modes(1))
    assert lake.sweep(april) == [f"{april.folder}/run=r1/part-0.parquet"]
    assert lake.sweep(april) == []
    assert all(lake.require_manifest(dataset) for dataset in (may, other, april))


def test_months_are_committed_one_by_one_and_listed_in_order(lake: Lake) -> None:
    for month in ("2016-05", "2015-12", "2016-04"):
        commit(lake, "r1", modes(1), dataset=Dataset(MODES.name, month))
    put_parquet(lake, "staged/i94mode/month=2016-06/run=r1/part-0.parquet", modes(1))
    assert [m.partition for m in lake.read_manifests(MODES.name)] == ["2015-12", "2016-04", "2016-05"]
    assert lake.read_manifests("staged/nothing") == []


def test_a_commit_of_no_rows_and_no_files_is_a_commit(lake: Lake) -> None:
    manifest = commit(lake, "r1")
    assert (manifest.rows, manifest.size, manifest.urls, codes(lake)) == (0, 0, [], [])
    assert lake.read_table(manifest, i94mode).schema == arrow_schema(i94mode)


def test_a_committed_file_that_is_gone_or_cut_is_told_by_name(lake: Lake) -> None:
    commit(lake, "r1", modes(1), modes(2), modes(3))
    lake.store.delete(["staged/i94mode/run=r1/part-0.parquet"])
    lake.store.put("staged/i94mode/run=r1/part-2.parquet", b"cut")
    with pytest.raises(PermanentError) as failure:
        lake.require_manifest(MODES)
    told = str(failure.value)
    assert "run=r1/part-0.parquet is missing" in told
    assert "part-1" not in told
    assert "part-2.parquet has 3 bytes, the manifest says" in told
    assert "Materialize it again" in told


def test_a_commit_by_another_process_during_the_look_is_followed(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version that was found first is swept before its files are looked for."""
    commit(lake, "r1", modes(1))
    look = lake.find_missing_files

    def meanwhile(manifest: Manifest) -> list[str]:
        monkeypatch.setattr(lake, "find_missing_files", look)
        commit(lake, "r2", modes(2))
        return look(manifest)

    monkeypatch.setattr(lake, "find_missing_files", meanwhile)
    assert lake.require_manifest(MODES).run_id == "r2"


def test_a_file_that_vanishes_before_the_commit_leaves_the_old_version(lake: Lake) -> None:
    commit(lake, "r1", modes(1))
    put_parquet(lake, "staged/i94mode/run=r2/part-0.parquet", modes(2))
    entries = lake.collect_entries(MODES, "r2", i94mode)
    lake.store.delete(["staged/i94mode/run=r2/part-0.parquet"])
    with pytest.raises(TransientError, match=r"changed while it was .*run=r2/part-0\.parquet is missing"):
        lake.commit(MODES, "r2", entries, fingerprint="x")
    assert codes(lake) == [1]


WRONG = [
    (["label", "code"], [pa.string(), pa.int32()], "column 1 is label string, expected code int32; column 2 is code"),
    (["code", "name"], [pa.int32(), pa.string()], "column 2 is name string, expected label string"),
    (["code", "label"], [pa.int64(), pa.string()], "column 1 is code int64, expected code int32"),
    (["code", "label"], [pa.int32(), pa.large_string()], "column 2 is label large_string, expected label string"),
    (["code"], [pa.int32()], "1 columns, expected 2"),
    (["code", "label", "more"], [pa.int32(), pa.string(), pa.string()], "3 columns, expected 2"),
]


@pytest.mark.parametrize(("names", "types", "told"), WRONG)
def test_a_file_whose_columns_differ_in_order_name_type_or_number_is_refused(
    lake: Lake, names: list[str], types: list[pa.DataType], told: str
) -> None:
    put_parquet(lake, "staged/i94mode/run=r1/part-0.parquet", modes(1))
    put_parquet(lake, "staged/i94mode/run=r1/part-1.parquet", pa.schema(zip(names, types, strict=True)).empty_table())
    with pytest.raises(PermanentError) as failure:
        lake.collect_entries(MODES, "r1", i94mode)
    assert told in str(failure.value)
    assert "run=r1/part-1.parquet does not match the contract of i94mode" in str(failure.value)


def test_swapped_columns_of_one_type_are_refused(lake: Lake) -> None:
    """Redshift takes Parquet by position: year and month would land in each other's place, silently."""
    schema = arrow_schema(immigration)
    swapped = [*schema.names]
    swapped[1], swapped[2] = swapped[2], swapped[1]
    put_parquet(lake, f"{APRIL.folder}/run=r1/p.parquet", schema.empty_table().select(swapped))
    with pytest.raises(PermanentError, match="column 2 is i94mon int32, expected i94yr int32; column 3 is i94yr int32"):
        lake.collect_entries(APRIL, "r1", immigration)


def test_what_is_no_parquet_in_a_run_folder_is_no_content(lake: Lake) -> None:
    put_parquet(lake, "staged/i94mode/run=r1/part-0.parquet", modes(1))
    lake.store.put("staged/i94mode/run=r1/_SUCCESS", b"")
    lake.store.put("staged/i94mode/run=r1/.part-0.parquet.crc", b"x")
    for folder in ("_temporary/0/task_1", "__magic_job-1/attempt_1"):  # of an attempt of Spark's that was given up
        put_parquet(lake, f"staged/i94mode/run=r1/{folder}/part-1.parquet", modes(1))
    assert [entry.url.rpartition("/")[2] for entry in lake.collect_entries(MODES, "r1", i94mode)] == ["part-0.parquet"]


def test_a_manifest_is_one_that_redshift_copies_by() -> None:
    manifest = Manifest(
        "staged/x", "2016-04", "r1", "f", "now", "s3://b/x/manifest.json",
        (Entry("s3://b/x/run=r1/0.parquet", 1234, 10), Entry("s3://b/x/run=r1/1.parquet", 99, 5)),
        {"delivered_rows": 15},
    )  # fmt: skip
    written = json.loads(manifest.to_json())
    assert written["entries"] == [
        {"url": "s3://b/x/run=r1/0.parquet", "mandatory": True, "meta": {"content_length": 1234, "record_count": 10}},
        {"url": "s3://b/x/run=r1/1.parquet", "mandatory": True, "meta": {"content_length": 99, "record_count": 5}},
    ]
    assert written["rows"] == manifest.rows == 15
    assert Manifest.from_json(manifest.to_json()) == manifest


def test_a_committed_manifest_lists_every_file_once_with_its_length_on_disk(lake: Lake) -> None:
    commit(lake, "r1", modes(1), modes(2, 3))
    entries = json.loads(lake.store.read("staged/i94mode/manifest.json"))["entries"]
    assert len({entry["url"] for entry in entries}) == 2
    for entry in entries:
        with lake.store.local_copy(lake.store.path(entry["url"])) as file:
            assert entry["meta"]["content_length"] == file.stat().st_size
            assert entry["meta"]["record_count"] == pq.read_metadata(file).num_rows


def test_figures_of_the_writer_travel_with_the_manifest(lake: Lake) -> None:
    facts = {"delivered_rows": 12, "reasons": {"null_key": 1}, "extra_columns": ["validres"]}
    lake.write_table(MODES, "r1", i94mode, modes(1), fingerprint="v1", stats=facts)
    found = lake.require_manifest(MODES)
    assert (found.stats, found.fingerprint, found.run_id) == (facts, "v1", "r1")
    assert found.address == f"{lake.store.root}/staged/i94mode/manifest.json"


def empty_like(contract: Table) -> pa.Table:
    return arrow_schema(contract).empty_table()


@pytest.mark.parametrize("contract", [i94mode, us_cities_demographics, immigration_quarantine], ids=lambda c: c.name)
def test_a_table_without_rows_is_written_and_read_back_in_its_types(lake: Lake, contract: Table) -> None:
    dataset = Dataset(f"staged/{contract.name}")
    manifest = lake.write_table(dataset, "r1", contract, empty_like(contract), fingerprint="x")
    assert lake.read_table(manifest, contract).equals(empty_like(contract))


def test_a_table_with_other_columns_than_its_contract_is_not_committed(lake: Lake) -> None:
    with pytest.raises(PermanentError, match="column 1 is label"):
        lake.write_table(MODES, "r1", i94mode, modes(1).select(["label", "code"]), fingerprint="x")
    assert lake.read_manifest(MODES) is None


def test_text_that_looks_like_nulls_or_numbers_survives_csv(lake: Lake) -> None:
    rows = pa.table({
        "code": ["060", "NA", "5KE"],
        "label": ["INT'L, FALLS", 'a "quoted" one', "NULL"],
        "city": ["nan", None, "N/A"],
        "state": [None, None, None],
        "country": ["", " blank ", "é"],
        "status": ["valid", "collapsed", "unknown"],
    }, schema=arrow_schema(i94port))  # fmt: skip
    manifest = lake.write_csv(Dataset("lookup/i94port"), "r1", rows, fingerprint="x")
    back = lake.read_table(lake.require_manifest(Dataset("lookup/i94port")), i94port)
    expected = rows.to_pylist()
    expected[0]["country"] = None  # CSV knows no difference between an empty text and none
    assert back.to_pylist() == expected
    assert back.schema == arrow_schema(i94port)
    assert (manifest.rows, manifest.urls[0].rpartition("/")[2]) == (3, "i94port.csv")


def test_missing_numbers_survive_csv_as_whole_numbers(lake: Lake) -> None:
    rows = arrow_schema(us_cities_demographics).empty_table()
    row = {name: None for name in rows.column_names} | {
        "city": "The Villages", "state_code": "FL", "race": "White", "state": "Florida", "total_population": 72590,
        "race_count": 72211, "median_age": 70.5,
    }  # fmt: skip
    lake.write_csv(Dataset("lookup/x"), "r1", pa.Table.from_pylist([row], rows.schema), fingerprint="x")
    assert lake.read_table(lake.require_manifest(Dataset("lookup/x")), us_cities_demographics).to_pylist() == [row]


def test_a_scratch_folder_is_empty_at_first_gone_afterwards_and_no_content(lake: Lake) -> None:
    lake.store.put("scratch/staged/i94mode/left by a crash", b"")
    with lake.scratch_folder(MODES) as folder:
        assert paths(lake, folder) == []
        lake.store.put(f"{folder}/text.parquet", b"x")
        lake.sweep(MODES)
        assert paths(lake, folder) == [f"{folder}/text.parquet"]
    with contextlib.suppress(RuntimeError), lake.scratch_folder(MODES) as folder:
        lake.store.put(f"{folder}/text.parquet", b"x")
        raise RuntimeError
    assert paths(lake) == []


def test_two_writers_of_a_month_take_turns_and_those_of_two_months_do_not(lake: Lake) -> None:
    may = Dataset(APRIL.name, "2016-05")
    with (
        lake.write_lock(APRIL),
        lake.write_lock(may),
        pytest.raises(TransientError, match="month=2016-04"),
        Lake(lake.store).write_lock(APRIL),
    ):
        pytest.fail("two writers of one month")


def version(number: int) -> list[pa.Table]:
    """A version that shows when it is not whole: three files, each row with the version's own number."""
    return [modes(*[number] * (part + 1 + number % 3)) for part in range(3)]


def commit_forever(place: StoreLocation, first: int) -> None:
    """Commit one version after another until killed."""
    lake, number = Lake(place.open_store(lease_seconds=SHORT_LEASE_SECONDS)), first
    while True:
        # on a busy machine a lease as short as this one is lost now and then: as in a run, another attempt follows
        with contextlib.suppress(TransientError), lake.write_lock(MODES):
            commit(lake, f"{number}", *version(number))
        number += 1


def whole(lake: Lake) -> int:
    """Read what is committed; the number of its version, AssertionError where it is not whole."""
    while True:
        manifest = lake.require_manifest(MODES)
        try:
            found = codes(lake, manifest)
        except FileNotFoundError:  # superseded and swept while we read; what counts is that nothing half is read
            assert lake.read_manifest(MODES) != manifest
            continue
        number = int(manifest.fingerprint)
        assert found == [number] * sum(rows.num_rows for rows in version(number))
        return number


def test_readers_see_whole_versions_only_while_a_writer_commits_and_wherever_it_is_killed(
    place: StoreLocation, lake: Lake
) -> None:
    commit(lake, "0", *version(0))
    chance, seen = random.Random(94), [0]
    # each killed writer's lease on S3 has to end first, which takes its time
    for first in (1_000, 2_000, 3_000, 4_000, 5_000) if place.server is None else (1_000, 2_000):
        with start_process(commit_forever, place, first) as process:
            until = time.monotonic() + chance.uniform(0.02, 0.2)
            while seen[-1] < first + 3 or time.monotonic() < until:
                assert time.monotonic() < until + TIMEOUT_SECONDS, "the writer does not write"
                seen.append(whole(lake))
            process.kill()
            join_process(process)
        seen.append(whole(lake))
    assert seen == sorted(seen), "a reader went back to an older version"
    commit(lake, "1000000", *version(1_000_000))  # the lock of the killed is free
    assert whole(lake) == 1_000_000
    assert {path.split("/")[2] for path in paths(lake, MODES.folder) if "run=" in path} == {"run=1000000"}
