"""The lake's commit protocol: readers see all files of a manifest, or the version before it.

The incident to prevent: readers that listed a folder read two versions or half of one. The writer is killed with
SIGKILL at random moments, and readers still find whole versions only.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import threading
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Table

from i94_platform.contracts import i94mode, i94port, immigration_quarantine, us_cities_demographics
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError, TransientError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Entry, Manifest
from i94_platform_tests.lake.conftest import SERVERS, error_message
from i94_platform_tests.support.processes import TIMEOUT_SECONDS, join_process, start_process
from i94_platform_tests.support.stores import SHORT_LEASE_SECONDS, StoreLocation

MODES = Dataset("staged/i94mode")
APRIL = Dataset("staged/immigration", "2016-04")


def modes(*codes: int) -> pa.Table:
    return pa.table({"code": pa.array(codes, pa.int32()), "label": [f"mode {code}" for code in codes]})


def paths(lake: Lake, folder: str = "") -> list[str]:
    return [file.path for file in lake.store.list(folder)]


def put_parquet(lake: Lake, path: str, rows: pa.Table) -> None:
    """Write a file as an engine leaves it in a run folder."""
    with lake.store.create(path) as file:
        pq.write_table(rows, file)


def commit(lake: Lake, run: str, *files: pa.Table, dataset: Dataset = MODES) -> Manifest:
    """Commit a version of several files."""
    for number, rows in enumerate(files):
        put_parquet(lake, f"{dataset.folder}/run={run}/part-{number}.parquet", rows)
    return lake.commit(dataset, run, lake.collect_entries(dataset, run, i94mode), fingerprint=run)


def codes(lake: Lake, manifest: Manifest | None = None) -> list[int]:
    values: list[Any] = lake.read_table(manifest or lake.require_manifest(MODES), i94mode).column("code").to_pylist()
    return sorted(values)


def test_datasets_months_and_runs_have_folders_of_their_own() -> None:
    assert (Dataset("staged/x").folder, APRIL.folder) == ("staged/x", "staged/immigration/month=2016-04")
    assert APRIL.run_folder("r1") == "staged/immigration/month=2016-04/run=r1"
    assert (str(MODES), str(APRIL)) == ("staged/i94mode", "staged/immigration 2016-04")


def test_files_are_invisible_until_they_are_committed(lake: Lake) -> None:
    put_parquet(lake, "staged/i94mode/run=r1/part-0.parquet", modes(1, 2))
    assert lake.read_manifest(MODES) is None
    with pytest.raises(PermanentError, match="staged/i94mode"):
        lake.require_manifest(MODES)


def test_readers_read_what_was_committed(lake: Lake) -> None:
    manifest = commit(lake, "r1", modes(1, 2), modes(3))
    assert lake.require_manifest(MODES) == manifest
    assert (codes(lake), manifest.rows, len(manifest.entries)) == ([1, 2, 3], 3, 2)
    assert manifest.size == sum(file.size for file in lake.store.list("staged/i94mode/run=r1"))


def test_a_new_version_replaces_the_old_one_and_its_files(lake: Lake) -> None:
    commit(lake, "r1", modes(1, 2), modes(3))
    commit(lake, "r2", modes(9))
    assert codes(lake) == [9]
    assert paths(lake, "staged/i94mode") == ["staged/i94mode/manifest.json", "staged/i94mode/run=r2/part-0.parquet"]


def test_a_reader_of_a_replaced_version_is_told_to_run_again(lake: Lake) -> None:
    old = commit(lake, "r1", modes(1))
    commit(lake, "r2", modes(2))
    with pytest.raises(TransientError, match="staged/i94mode was replaced while it was read"):
        codes(lake, old)


class FileOfOneThread(io.BytesIO):
    """A file that no other thread may read, as a thread of Arrow does that outlives Python."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._thread = threading.get_ident()

    def read(self, size: int | None = -1) -> bytes:
        assert threading.get_ident() == self._thread
        return super().read(size)


def test_rows_are_read_in_the_thread_of_the_caller(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = commit(lake, "r1", modes(1, 2), modes(3))
    contents = {lake.store.path(url): lake.store.read(lake.store.path(url)) for url in manifest.urls}
    monkeypatch.setattr(
        lake.store, "open", lambda path: FileOfOneThread(contents[path.removeprefix(f"{lake.store.root}/")])
    )
    assert codes(lake, manifest) == [1, 2, 3]


def test_files_of_a_crashed_run_are_never_read_and_the_next_commit_deletes_them(lake: Lake) -> None:
    commit(lake, "r1", modes(1))
    put_parquet(lake, "staged/i94mode/run=r20/part-0.parquet", modes(7))
    lake.store.put("staged/i94mode/run=r20/_SUCCESS", b"")
    assert codes(lake) == [1]
    commit(lake, "r2", modes(2))  # the crashed run's name starts with this one
    assert paths(lake, "staged/i94mode") == ["staged/i94mode/manifest.json", "staged/i94mode/run=r2/part-0.parquet"]


def test_a_sweep_returns_what_it_deleted_and_keeps_other_months_and_datasets(lake: Lake) -> None:
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


def test_a_commit_without_files_is_a_commit_without_rows(lake: Lake) -> None:
    manifest = commit(lake, "r1")
    assert (manifest.rows, manifest.size, manifest.urls, codes(lake)) == (0, 0, [], [])
    assert lake.read_table(manifest, i94mode).schema == arrow_schema(i94mode)


def test_a_missing_and_a_truncated_file_are_named(lake: Lake) -> None:
    commit(lake, "r1", modes(1), modes(2), modes(3))
    lake.store.delete(["staged/i94mode/run=r1/part-0.parquet"])
    lake.store.put("staged/i94mode/run=r1/part-2.parquet", b"cut")
    message = error_message(lambda: lake.require_manifest(MODES), PermanentError)
    assert "run=r1/part-0.parquet is missing" in message
    assert "part-1" not in message
    assert "part-2.parquet has 3 bytes" in message


def test_a_reader_follows_a_commit_that_comes_while_it_checks_the_files(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version that it read first is swept before it looks for the files."""
    commit(lake, "r1", modes(1))
    find_missing_files = lake.find_missing_files

    def commit_first(manifest: Manifest) -> list[str]:
        monkeypatch.setattr(lake, "find_missing_files", find_missing_files)
        commit(lake, "r2", modes(2))
        return find_missing_files(manifest)

    monkeypatch.setattr(lake, "find_missing_files", commit_first)
    assert lake.require_manifest(MODES).run_id == "r2"


def test_a_file_that_vanishes_before_the_commit_leaves_the_old_version(lake: Lake) -> None:
    commit(lake, "r1", modes(1))
    put_parquet(lake, "staged/i94mode/run=r2/part-0.parquet", modes(2))
    entries = lake.collect_entries(MODES, "r2", i94mode)
    lake.store.delete(["staged/i94mode/run=r2/part-0.parquet"])
    with pytest.raises(TransientError, match=r"run=r2/part-0\.parquet is missing"):
        lake.commit(MODES, "r2", entries, fingerprint="x")
    assert codes(lake) == [1]


def test_other_files_and_subfolders_of_a_run_folder_are_not_collected(lake: Lake) -> None:
    put_parquet(lake, "staged/i94mode/run=r1/part-0.parquet", modes(1))
    lake.store.put("staged/i94mode/run=r1/_SUCCESS", b"")
    lake.store.put("staged/i94mode/run=r1/.part-0.parquet.crc", b"x")
    for folder in ("_temporary/0/task_1", "__magic_job-1/attempt_1"):  # of a Spark task attempt
        put_parquet(lake, f"staged/i94mode/run=r1/{folder}/part-1.parquet", modes(1))
    assert [entry.url.rpartition("/")[2] for entry in lake.collect_entries(MODES, "r1", i94mode)] == ["part-0.parquet"]


def test_a_manifest_has_the_format_of_redshifts_copy() -> None:
    manifest = Manifest(
        "staged/x", "2016-04", "r1", "f", "now", "s3://b/x/manifest.json",
        (Entry("s3://b/x/run=r1/0.parquet", 1234, 10, "v0"), Entry("s3://b/x/run=r1/1.parquet", 99, 5, "v1")),
        {"delivered_rows": 15},
    )  # fmt: skip
    written = json.loads(manifest.to_json())
    assert written["entries"] == [
        {"url": "s3://b/x/run=r1/0.parquet", "mandatory": True, "meta": {"content_length": 1234, "record_count": 10}},
        {"url": "s3://b/x/run=r1/1.parquet", "mandatory": True, "meta": {"content_length": 99, "record_count": 5}},
    ]
    assert written["rows"] == manifest.rows == 15
    assert Manifest.from_json(manifest.to_json(), "it") == manifest


def test_a_manifest_lists_every_file_once_with_its_length(lake: Lake) -> None:
    commit(lake, "r1", modes(1), modes(2, 3))
    entries = json.loads(lake.store.read("staged/i94mode/manifest.json"))["entries"]
    assert len({entry["url"] for entry in entries}) == 2
    for entry in entries:
        with lake.store.local_copy(lake.store.path(entry["url"])) as file:
            assert entry["meta"]["content_length"] == file.stat().st_size
            assert entry["meta"]["record_count"] == pq.read_metadata(file).num_rows


def test_a_manifest_carries_the_figures_of_its_writer(lake: Lake) -> None:
    stats = {"delivered_rows": 12, "reasons": {"null_key": 1}, "extra_columns": ["validres"]}
    lake.write_table(MODES, "r1", i94mode, modes(1), fingerprint="v1", stats=stats)
    manifest = lake.require_manifest(MODES)
    assert (manifest.stats, manifest.fingerprint, manifest.run_id) == (stats, "v1", "r1")
    assert manifest.address == f"{lake.store.root}/staged/i94mode/manifest.json"


def empty_like(contract: Table) -> pa.Table:
    return arrow_schema(contract).empty_table()


@pytest.mark.parametrize("contract", [i94mode, us_cities_demographics, immigration_quarantine], ids=lambda c: c.name)
def test_a_table_without_rows_keeps_its_types(lake: Lake, contract: Table) -> None:
    dataset = Dataset(f"staged/{contract.name}")
    manifest = lake.write_table(dataset, "r1", contract, empty_like(contract), fingerprint="x")
    assert lake.read_table(manifest, contract).equals(empty_like(contract))


def test_a_table_that_differs_from_its_contract_is_not_committed(lake: Lake) -> None:
    with pytest.raises(PermanentError, match="columns are label, code"):
        lake.write_table(MODES, "r1", i94mode, modes(1).select(["label", "code"]), fingerprint="x")
    assert lake.read_manifest(MODES) is None


def test_text_that_looks_like_nulls_or_numbers_survives_csv(lake: Lake) -> None:
    rows = pa.table({
        "code": ["060", "NA", "5KE"],
        "label": ["INT'L, FALLS", 'a "quoted" one', "NULL"],
        "name": ["NA", "060", "NULL"],
        "city": ["nan", None, "N/A"],
        "state": [None, None, None],
        "country": ["", " blank ", "é"],
        "status": ["valid", "collapsed", "unknown"],
    }, schema=arrow_schema(i94port))  # fmt: skip
    manifest = lake.write_csv(Dataset("lookup/i94port"), "r1", i94port, rows, fingerprint="x")
    back = lake.read_table(lake.require_manifest(Dataset("lookup/i94port")), i94port)
    expected = rows.to_pylist()
    expected[0]["country"] = None  # CSV does not distinguish an empty text from a missing one
    assert back.to_pylist() == expected
    assert back.schema == arrow_schema(i94port)
    assert (manifest.rows, manifest.urls[0].rpartition("/")[2]) == (3, "i94port.csv")


def test_integers_with_nulls_survive_csv_as_integers(lake: Lake) -> None:
    rows = arrow_schema(us_cities_demographics).empty_table()
    row = {name: None for name in rows.column_names} | {
        "city": "The Villages", "state_code": "FL", "race": "White", "state": "Florida", "total_population": 72590,
        "race_count": 72211, "median_age": 70.5,
    }  # fmt: skip
    table = pa.Table.from_pylist([row], rows.schema)
    lake.write_csv(Dataset("lookup/x"), "r1", us_cities_demographics, table, fingerprint="x")
    assert lake.read_table(lake.require_manifest(Dataset("lookup/x")), us_cities_demographics).to_pylist() == [row]


def test_a_scratch_folder_starts_empty_and_is_deleted_even_after_a_failure(lake: Lake) -> None:
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


def test_writers_of_one_month_take_turns_and_those_of_two_months_do_not(lake: Lake) -> None:
    may = Dataset(APRIL.name, "2016-05")
    with (
        lake.write_lock(APRIL),
        lake.write_lock(may),
        pytest.raises(TransientError, match="month=2016-04"),
        Lake(lake.store).write_lock(APRIL),
    ):
        pytest.fail("two writers of one month")


def version(number: int) -> list[pa.Table]:
    """A version that shows if it is not whole: three files, each row with the version's own number."""
    return [modes(*[number] * (part + 1 + number % 3)) for part in range(3)]


def commit_forever(place: StoreLocation, first: int) -> None:
    """Commit one version after another until killed."""
    lake, number = Lake(place.open_store(lease_seconds=SHORT_LEASE_SECONDS)), first
    while True:
        # a busy machine may lose so short a lease; the next attempt follows, as in a run
        with contextlib.suppress(TransientError), lake.write_lock(MODES):
            commit(lake, f"{number}", *version(number))
        number += 1


def read_whole_version(lake: Lake) -> int:
    """Read the committed version, check that it is whole, and return its number."""
    while True:
        manifest = lake.require_manifest(MODES)
        try:
            rows = codes(lake, manifest)
        except TransientError:  # replaced and swept while we read: nothing half was read
            assert lake.read_manifest(MODES) != manifest
            continue
        number = int(manifest.fingerprint)
        assert rows == [number] * sum(part.num_rows for part in version(number))
        return number


@pytest.mark.parametrize(
    "place", ["local", *(pytest.param(name, marks=pytest.mark.slow) for name in SERVERS)], indirect=True
)
def test_readers_see_whole_versions_only_wherever_a_writer_is_killed(place: StoreLocation, lake: Lake) -> None:
    commit(lake, "0", *version(0))
    random_source, numbers = random.Random(94), [0]
    for first in (1_000, 2_000):
        with start_process(commit_forever, place, first) as process:
            until = time.monotonic() + random_source.uniform(0.02, 0.2)
            while numbers[-1] < first + 3 or time.monotonic() < until:
                assert time.monotonic() < until + TIMEOUT_SECONDS, "the writer does not write"
                numbers.append(read_whole_version(lake))
            process.kill()
            join_process(process)
        numbers.append(read_whole_version(lake))
    assert numbers == sorted(numbers), "a reader went back to an older version"
    commit(lake, "1000000", *version(1_000_000))  # the lock of the killed writer is free
    assert read_whole_version(lake) == 1_000_000
    assert {path.split("/")[2] for path in paths(lake, MODES.folder) if "run=" in path} == {"run=1000000"}
