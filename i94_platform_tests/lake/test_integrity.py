"""What the lake refuses: files with other content, manifests that can't be read, and rows that break their contract.

Incidents: a staged file was edited in place at the same length and was loaded; a code list whose manifest was cut off
stopped every run; a list that broke its contract was committed first and checked afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa
import pytest

from i94_platform.contracts import i94mode, i94port
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.errors import PermanentError
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import DamagedManifestError, Manifest
from i94_platform_tests.lake.conftest import error_message

MODES = Dataset("lookup/i94mode")
CSV = "lookup/i94mode/run=r1/i94mode.csv"


def modes(*codes: int | None, label: str | None = "Air") -> pa.Table:
    return pa.table({"code": codes, "label": [label] * len(codes)}, arrow_schema(i94mode))


def commit_modes(lake: Lake, run_id: str = "r1") -> Manifest:
    return lake.write_csv(MODES, run_id, i94mode, modes(1, 2), fingerprint=run_id)


def test_a_file_that_was_altered_at_the_same_length_is_named_with_the_command_that_repairs_it(lake: Lake) -> None:
    manifest = commit_modes(lake)
    lake.require_unaltered(manifest)
    lake.store.put(CSV, lake.store.read(CSV).replace(b"Air", b"Sea"))
    assert lake.require_manifest(MODES) == manifest, "every file has its length"
    for read in (lake.require_unaltered, partial(lake.read_table, contract=i94mode)):
        message = error_message(partial(read, manifest), PermanentError)
        assert lake.store.uri(CSV) in message
        assert "i94 run --select lookup/i94mode" in message


def test_a_file_that_was_written_again_with_the_same_content_is_no_problem(lake: Lake) -> None:
    manifest = commit_modes(lake)
    lake.store.put(CSV, lake.store.read(CSV))
    assert lake.find_altered_files(manifest) == []


@pytest.mark.parametrize("outside", ["other/data.csv", "lookup/i94port/run=r1/i94port.csv", "../outside.csv"])
@pytest.mark.parametrize("run_id", ["r1", "x/../../../other", "x/../../.."])
def test_a_manifest_reaches_no_file_outside_of_its_dataset(lake: Lake, outside: str, run_id: str) -> None:
    commit_modes(lake)
    if not outside.startswith(".."):
        lake.store.put(outside, b"secret")
    url = lake.store.uri(outside)
    entry = {"url": url, "mandatory": True, "meta": {"content_length": 6, "record_count": 1}}
    values = json.loads(lake.store.read(MODES.manifest_path)) | {
        "run_id": run_id, "entries": [entry], "rows": 1, "content_versions": {url: ""},
    }  # fmt: skip
    lake.store.put(MODES.manifest_path, json.dumps(values).encode())
    assert url in error_message(lambda: lake.require_manifest(MODES), PermanentError)


def test_the_month_of_an_altered_file_is_in_the_command(lake: Lake) -> None:
    april = Dataset("staged/i94mode", "2016-04")
    manifest = lake.write_table(april, "r1", i94mode, modes(1), fingerprint="v")
    path = lake.store.path(manifest.urls[0])
    lake.store.put(path, bytes(len(lake.store.read(path))))
    assert "i94 run --month 2016-04" in error_message(lambda: lake.require_unaltered(manifest), PermanentError)


DAMAGES: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "empty": lambda fields: b"",
    "cut off": lambda fields: json.dumps(fields).encode()[:-9],
    "not text": lambda fields: b"\xff\xfe\x00",
    "another value": lambda fields: b"[]",
    "null": lambda fields: b"null",
    "no entries": lambda fields: json.dumps({k: v for k, v in fields.items() if k != "entries"}).encode(),
    "of an older version": lambda fields: json.dumps(
        {k: v for k, v in fields.items() if k != "content_versions"}
    ).encode(),
    "of a newer version": lambda fields: json.dumps(fields | {"signature": "x"}).encode(),
    "a text for a number": lambda fields: json.dumps(fields | {"rows": "2"}).encode(),
    "a number for a text": lambda fields: json.dumps(fields | {"run_id": 7}).encode(),
    "entries of another form": lambda fields: json.dumps(fields | {"entries": ["x.csv"]}).encode(),
    "stats of another form": lambda fields: json.dumps(fields | {"stats": []}).encode(),
    "another sum of rows": lambda fields: json.dumps(fields | {"rows": 3}).encode(),
    "of another dataset": lambda fields: json.dumps(fields | {"dataset": "lookup/i94visa"}).encode(),
    "nested too deeply": lambda _: b"[" * 100_000,
    "of a month": lambda fields: json.dumps(fields | {"partition": "2016-04"}).encode(),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_damaged_manifest_counts_as_none_is_named_and_is_replaced_by_the_next_commit(
    lake: Lake, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    commit_modes(lake)
    fields = json.loads(lake.store.read(MODES.manifest_path))
    lake.store.put(MODES.manifest_path, DAMAGES[damage](fields))
    message = error_message(lambda: lake.require_manifest(MODES), DamagedManifestError)
    assert lake.store.uri(MODES.manifest_path) in message
    assert "i94 run" in message
    assert lake.read_manifest(MODES) is lake.read_manifest(MODES) is None
    assert [record.message for record in caplog.records] == [message], "one warning, however often it is read"
    newer = commit_modes(lake, "r2")
    assert lake.require_manifest(MODES) == newer
    assert [file.path for file in lake.store.list(MODES.folder) if "run=" in file.path] == [
        "lookup/i94mode/run=r2/i94mode.csv"
    ]


def test_a_damaged_month_is_left_out_of_the_months_of_a_dataset(lake: Lake) -> None:
    for month in ("2016-04", "2016-05"):
        lake.write_table(Dataset("staged/i94mode", month), "r1", i94mode, modes(1), fingerprint="v")
    lake.store.put(Dataset("staged/i94mode", "2016-04").manifest_path, b"{")
    assert [manifest.partition for manifest in lake.read_manifests("staged/i94mode")] == ["2016-05"]


BROKEN_ROWS = {
    "a key twice": (modes(1, 2, 2), "1 keys (code) repeat, such as 2"),
    "a key that is null": (modes(1, None), "code is null in 1 of 2 rows"),
    "a label that is null": (modes(1, label=None), "label is null in 1 of 1 rows"),
    "a code that is text": (pa.table({"code": ["1"], "label": ["Air"]}), "code is string, expected int32"),
    "a column too few": (modes(1).select(["code"]), "the columns are code, expected code, label"),
}


@pytest.mark.parametrize("case", BROKEN_ROWS)
@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_rows_that_break_their_contract_are_not_committed(lake: Lake, case: str) -> None:
    rows, problem = BROKEN_ROWS[case]
    before = commit_modes(lake)
    for write in (lake.write_csv, lake.write_table):
        message = error_message(partial(write, MODES, "r2", i94mode, rows, fingerprint="x"), PermanentError)
        assert "i94mode" in message
        assert problem in message
    assert lake.require_manifest(MODES) == before
    assert [file.path for file in lake.store.list("lookup")] == [MODES.manifest_path, CSV]


@pytest.mark.parametrize("place", ["local"], indirect=True)
def test_a_code_list_has_only_values_of_its_closed_domains(lake: Lake) -> None:
    row = {
        "code": "NYC",
        "label": "NEW YORK",
        "name": "New York",
        "city": None,
        "state": "NY",
        "country": None,
        "status": "closed",
    }
    rows = pa.Table.from_pylist([row], arrow_schema(i94port))
    dataset = Dataset("lookup/i94port")
    message = error_message(lambda: lake.write_csv(dataset, "r1", i94port, rows, fingerprint="x"), PermanentError)
    assert "status is closed, expected one of valid" in message
    assert lake.read_manifest(dataset) is None
