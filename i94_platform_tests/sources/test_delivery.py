"""Test the identity of a delivery: equal content delivered again is no change, and a marker says that it is whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from i94_platform.lake.local import LocalStore
from i94_platform.lake.store import Store, StoredFile
from i94_platform.partitions import Month
from i94_platform.sources.delivery import Delivery
from i94_platform.sources.listing import list_deliveries

APRIL = Month(2016, 4)


def test_a_delivery_knows_its_length() -> None:
    assert Delivery("2016-04", (StoredFile("a/1.parquet", 10, ""), StoredFile("a/2.parquet", 10, ""))).size == 20


def test_a_marker_completes_its_folder_and_those_below(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for number, path in enumerate(("x/i94_apr16_sub.parquet/a/1.parquet", "x/i94_apr16_sub.parquet/2.parquet")):
        store.put(path, b"1")
        os.utime(tmp_path / path, (100 + number, 100 + number))

    def is_complete(folder: str, time: int) -> bool:
        marker = f"{folder}/_SUCCESS".lstrip("/")
        store.put(marker, b"")
        os.utime(tmp_path / marker, (time, time))
        listing = list_deliveries(store)
        store.delete([marker])
        return listing.months[APRIL].is_marked_complete(store, listing.hidden)

    assert [is_complete(folder, 101) for folder in ("", "x", "x/i94_apr16_sub.parquet")] == [True, True, True]
    assert [is_complete(folder, 101) for folder in ("y", "x/i94_apr16_sub.parquet/a")] == [False, False]
    assert not is_complete("x", 100), "a part came after it"


@pytest.fixture
def delivered(store: Store) -> Store:
    for part in ("1", "2"):
        store.put(f"i94_apr16_sub.parquet/{part}.parquet", part.encode())
    return store


def fingerprint(store: Store) -> str:
    return list_deliveries(store).require_month(APRIL, store.root).fingerprint(store)


def test_the_same_files_delivered_again_have_the_same_fingerprint(delivered: Store) -> None:
    before = fingerprint(delivered)
    delivered.put("i94_apr16_sub.parquet/1.parquet", b"1")
    assert fingerprint(delivered) == before


def test_another_content_another_name_one_more_part_and_one_less_change_the_fingerprint(delivered: Store) -> None:
    folder, fingerprints = "i94_apr16_sub.parquet", [fingerprint(delivered)]
    delivered.put(f"{folder}/2.parquet", b"3")
    fingerprints.append(fingerprint(delivered))
    delivered.put(f"{folder}/3.parquet", b"")
    fingerprints.append(fingerprint(delivered))
    delivered.delete([f"{folder}/1.parquet"])
    fingerprints.append(fingerprint(delivered))
    delivered.delete([f"{folder}/3.parquet"])
    delivered.put(f"{folder}/4.parquet", b"")
    fingerprints.append(fingerprint(delivered))
    assert len(set(fingerprints)) == 5
