"""Test what processes see of each other: loads take turns, readers see whole months, a kill leaves the old month."""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

import pytest

from i94_platform.contracts import i94mode, immigration
from i94_platform.errors import TransientError
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.manifest import Manifest
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.support.processes import (
    FORKSERVER,
    TIMEOUT_SECONDS,
    join_process,
    log_warnings_to,
    read_log,
    start_process,
    wait_for,
)
from i94_platform_tests.support.warehouses import (
    Reach,
    Staging,
    april,
    arrivals,
    hold_transaction,
    list_own_messages,
    read_arrivals,
)
from i94_platform_tests.warehouse.observation import observe


def load_and_die(reach: Reach, manifest: Manifest, at: str) -> None:
    """Load a month in a process that is killed instead of the statement that begins so."""
    warehouse = reach()

    def before(sql: str) -> None:
        if sql.startswith(at):
            os.kill(os.getpid(), signal.SIGKILL)

    warehouse.transaction = observe(warehouse, before)  # type: ignore[method-assign]
    warehouse.replace(immigration, manifest, "killed")


@pytest.mark.parametrize(
    "at",
    [
        "COPY",
        pytest.param("DELETE FROM i94.immigration", marks=pytest.mark.slow),
        pytest.param("SELECT count(*)", marks=pytest.mark.slow),
        pytest.param("DELETE FROM i94.load_ledger", marks=pytest.mark.slow),
        pytest.param("INSERT INTO i94.load_ledger", marks=pytest.mark.slow),
    ],
)
def test_a_load_that_is_killed_leaves_what_was_there_and_can_be_repeated(
    reach: Reach, warehouse: Warehouse, staging: Staging, at: str
) -> None:
    warehouse.replace(immigration, staging.month("2016-04", range(1000)), "r1")
    before, manifest = warehouse.read_ledger(), staging.month("2016-04", range(500, 2500))
    with start_process(load_and_die, reach, manifest, at) as process:
        assert join_process(process) == -signal.SIGKILL, "the statement was never reached"
    assert read_arrivals(warehouse) == april(*range(1000))
    assert warehouse.read_ledger() == before
    assert warehouse.replace(immigration, manifest, "r2") == 2000
    assert read_arrivals(warehouse) == april(*range(500, 2500))


def load_repeatedly(reach: Reach, manifests: list[Manifest], run: str, log: Path) -> None:
    """Load some months one after another, again and again."""
    log_warnings_to(log)
    warehouse = reach(lock_timeout=TIMEOUT_SECONDS)
    for number in range(4):
        for manifest in manifests:
            warehouse.replace(immigration, manifest, f"{run}{number}")


@pytest.mark.slow
def test_two_processes_that_load_the_same_months_at_once_both_succeed(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path
) -> None:
    """Each loads its own version of both months; every month must hold one of the two, whole, as the ledger says."""
    versions = {
        run: [
            staging.commit(immigration, Dataset(f"staged/{run}/x", key), arrivals(key, numbers))
            for key in ("2016-04", "2016-05")
        ]
        for run, numbers in (("a", range(300)), ("b", range(100, 500)))
    }
    starts = [
        FORKSERVER.Process(target=load_repeatedly, args=(reach, manifests, run, tmp_path / run))
        for run, manifests in versions.items()
    ]
    for process in starts:
        process.start()
    assert [join_process(process) for process in starts] == [0, 0]
    for month, line in zip((4, 5), warehouse.read_ledger(), strict=True):
        expected = range(300) if line.run_id == "a3" else range(100, 500)
        assert line.run_id in ("a3", "b3")
        assert read_arrivals(warehouse, f"i94mon = {month}") == [(month, number) for number in expected]
        assert line.loaded_rows == len(expected)


def load(reach: Reach, manifest: Manifest, log: Path) -> None:
    """Load a month; the log tells whether that had to wait."""
    log_warnings_to(log)
    reach(lock_timeout=TIMEOUT_SECONDS).replace(immigration, manifest, "second")


def test_a_load_that_meets_another_says_that_it_waits_and_goes_on_afterwards(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path
) -> None:
    manifest, log = staging.month("2016-04", [2]), tmp_path / "log"
    with warehouse.transaction(purpose="hold it") as transaction:
        process = FORKSERVER.Process(target=load, args=(reach, manifest, log))
        process.start()
        wait_for(lambda: "Waiting" in read_log(log), "the second process to wait")
        transaction.execute("INSERT INTO i94.i94visa VALUES (3, 'Student')")
    assert join_process(process) == 0
    assert "to load i94.immigration 2016-04" in read_log(log), "the message says what waits"
    assert read_log(log).count("Waiting") == 1, "it says so once"
    assert read_arrivals(warehouse) == april(2)
    assert warehouse.query("SELECT count(*) AS n FROM i94.i94visa").to_pylist() == [{"n": 2}]


def test_a_writer_gives_up_after_the_timeout_with_a_failure_worth_a_retry(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = staging.modes({1: "Air", 2: "Sea"})
    with start_process(hold_transaction, reach, tmp_path / "held", False):
        wait_for((tmp_path / "held").exists, "the writer")
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(
                TransientError,
                match=r"to load i94\.i94mode\b.*; let it finish or stop it, then run again",
            ),
        ):
            warehouse.replace(i94mode, manifest, "r1")
    assert len(caplog.messages) == 1
    assert "to load i94.i94mode" in caplog.messages[0]
    assert warehouse.replace(i94mode, manifest, "r1") == 2, "free once it is gone"


def test_readers_of_two_processes_do_not_wait_for_each_other(
    reach: Reach, warehouse: Warehouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with start_process(hold_transaction, reach, tmp_path / "held", True):
        wait_for((tmp_path / "held").exists, "the reader")
        assert warehouse.query("SELECT count(*) AS n FROM i94.i94mode").to_pylist() == [{"n": 1}]
    assert not list_own_messages(caplog)


def read_forever(reach: Reach, readings_file: Path) -> None:
    """Read the month again and again, and write down how many rows of which version each reading found."""
    warehouse = reach(lock_timeout=TIMEOUT_SECONDS)
    with readings_file.open("a") as file:
        while True:
            rows = warehouse.query("SELECT count(*) AS n, min(i94bir) AS low, max(i94bir) AS high FROM i94.immigration")
            file.write("{n} {low} {high}\n".format(**rows.to_pylist()[0]))
            file.flush()


@pytest.mark.slow
def test_a_reader_sees_whole_months_only_while_they_are_replaced(
    reach: Reach, warehouse: Warehouse, staging: Staging, tmp_path: Path
) -> None:
    writer = reach(lock_timeout=TIMEOUT_SECONDS)
    sizes = {version: 100 * version for version in range(1, 9)}
    months = {
        version: staging.commit(
            immigration, Dataset(f"staged/v{version}", "2016-04"), arrivals("2016-04", range(rows), i94bir=version)
        )
        for version, rows in sizes.items()
    }
    writer.replace(immigration, months[1], "r")
    readings_file = tmp_path / "seen"
    with start_process(read_forever, reach, readings_file):
        wait_for(lambda: read_log(readings_file), "the first reading")
        for manifest in months.values():
            writer.replace(immigration, manifest, "r")
            time.sleep(0.05)
    readings = [line.split() for line in read_log(readings_file).splitlines()]
    assert len(readings) > 1
    for rows, low, high in readings:
        assert low == high
        assert int(rows) == sizes[int(low)]
