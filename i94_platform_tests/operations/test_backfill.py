"""Backfills from the command line run what is missing or failed and nothing else, one run a month, to the end.

An operator who stopped one with Ctrl-C saw it go on with the next month; one that began anew after it was killed loaded
a year twice.
"""

from __future__ import annotations

import signal
from pathlib import Path

import dagster as dg
import pytest

from i94_platform.operations.backfill import BACKFILL_TAG
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform.staleness.job_names import MONTH_JOB
from i94_platform_tests.support.command import CommandResult, run_command_in_process, start_command
from i94_platform_tests.support.deployment import Deployment

FEBRUARY = "i94_feb16_sub.parquet"


@pytest.fixture(scope="module")
def home(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """January and a February that can't be read; the tests below share the deployment, in their order."""
    deployment = Deployment(tmp_path_factory.mktemp("backfills"))
    deployment.deliver(*sample.iterdir())
    (deployment.raw / FEBRUARY).write_bytes(b"half a file")
    return deployment


def backfill(home: Deployment, first: str, last: str, *options: str) -> CommandResult:
    return run_command_in_process(home.environment, "backfill", "--from", first, "--to", last, *options)


def runs(home: Deployment) -> list[dg.DagsterRun]:
    """Every run, the oldest first."""
    with persistent_instance(home.settings.dagster_home) as instance:
        return list(reversed(instance.get_runs()))


def months_run(home: Deployment, since: int) -> list[str]:
    """The months of the runs after the first so many."""
    return [run.tags["dagster/partition"] for run in runs(home)[since:] if run.job_name == MONTH_JOB]


def test_a_failed_month_stops_no_other_and_is_listed_with_the_reason_and_what_to_do(home: Deployment) -> None:
    result = backfill(home, "2016-01", "2016-03")
    assert result.exit_code == 1
    assert "Backfill of 2016-01 to 2016-03: 2 of 3 month(s) to run (1 not delivered), tagged" in result.output
    assert "2016-01 (2 of 3)  0/" in result.output, "progress is shown"
    assert "2016-02 failed, 3 of 3 done, 1 failed" in result.output
    assert f"2016-02 staged_immigration: {FEBRUARY} " in result.output
    assert "2016-02: what was loaded before is unchanged. After the fix: i94 run --month 2016-02" in result.output
    assert f"not run 2016-03: No delivery for 2016-03 under {home.raw}; expected i94_mar16_sub." in result.output
    assert "When it is there: i94 run --month 2016-03" in result.output
    recorded = runs(home)
    assert [(run.job_name, run.tags.get("dagster/partition"), run.is_success) for run in recorded] == [
        ("reference", None, True),
        ("month", "2016-01", True),
        ("marts", "2016-01", True),
        ("month", "2016-02", False),
        ("publish", None, True),
    ]
    (backfill_id,) = {run.tags[BACKFILL_TAG] for run in recorded}
    assert f"{BACKFILL_TAG}={backfill_id} in the UI" in result.output


def test_a_second_call_runs_what_is_still_missing(home: Deployment, sample: Path) -> None:
    home.deliver(sample / FEBRUARY)
    before = len(runs(home))
    result = backfill(home, "2016-01", "2016-02")
    assert result.exit_code == 0, result.output
    assert "1 of 2 month(s) to run (1 loaded), tagged" in result.output
    assert months_run(home, before) == ["2016-02"]
    assert home.query_value("SELECT count(DISTINCT i94mon) FROM i94.immigration") == 2


def test_nothing_is_run_if_every_month_is_loaded(home: Deployment) -> None:
    before = len(runs(home))
    result = backfill(home, "2016-01", "2016-02")
    assert (result.exit_code, result.output) == (
        0,
        "Backfill of 2016-01 to 2016-02: 0 of 2 month(s) to run (2 loaded).\n",
    )
    assert len(runs(home)) == before


def test_a_ctrl_c_ends_it_in_the_middle_of_a_month_and_the_next_call_goes_on_from_there(home: Deployment) -> None:
    before = len(runs(home))
    with start_command(home.environment, "backfill", "--from", "2016-01", "--to", "2016-02", "--force") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("2016-01 (1 of 2)  1/"):
                process.send_signal(signal.SIGINT)
                break
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert months_run(home, before) == ["2016-01"]
    assert "Stopped. What is loaded stays; go on with: i94 backfill --from 2016-01 --to 2016-02" in output
    assert "2016-02" not in output.replace("--to 2016-02", "")
    assert backfill(home, "2016-01", "2016-02").exit_code == 0
    assert months_run(home, before) == ["2016-01", "2016-01"], "February is loaded as it lies there"


def test_no_month_is_run_after_a_failed_reference_run(sample: Path, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    deployment.deliver(sample / FEBRUARY)
    result = backfill(deployment, "2016-02", "2016-02")
    assert result.exit_code == 1
    assert "not run 2016-02: the reference run failed, and months are encoded with its code lists." in result.output
    assert [run.job_name for run in runs(deployment)] == ["reference"]
