"""`i94 run` and `i94 status`: what is run without arguments, what a failure stops, and what is shown."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from i94_platform.contracts import MARTS, MONTHLY_MARTS
from i94_platform.lake.releases import read_current_release
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform_tests.cli.command_line import I94, CommandOutput
from i94_platform_tests.support.daemon_simulator import (
    MONTHS_SENSOR,
    REFERENCES_SENSOR,
    SETTLE_SECONDS,
    DaemonSimulator,
)
from i94_platform_tests.support.deployment import Deployment, rewrite_delivery

LABEL_FILE = "I94_SAS_Labels_Descriptions.SAS"


@pytest.fixture(scope="module")
def deployment(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment to which both months of the sample were delivered. The tests below share it in their order."""
    deployment = Deployment(tmp_path_factory.mktemp("cli"))
    deployment.deliver(*sample.iterdir())
    return deployment


def run_names(output: CommandOutput) -> set[str]:
    """The first words of the runs in a command's table, without the correlations and the release, which follow."""
    lines = [line.strip("│ ").split() for line in output.out.splitlines() if line.startswith("│")]
    return {line[0] for line in lines} - {"correlations", "publish"}


def test_a_run_without_arguments_loads_what_is_not_loaded_and_then_nothing(i94: I94, deployment: Deployment) -> None:
    first = i94("run", **deployment.environment)
    assert first.exit_code == 0, first.err
    assert run_names(first) == {"reference", "2016-01", "2016-02"}
    assert "2016-01  0/" in first.err, "progress is expected"
    release = read_current_release(deployment.lake)
    assert release is not None
    assert release.months == ("2016-01", "2016-02")
    for contract in MARTS:
        assert release.tables[contract.name].rows == deployment.query_value(f"SELECT count(*) FROM {contract.fullname}")
        assert release.tables[contract.name].checks.state in ("passed", "warned"), "its checks have run"

    second = i94("run", **deployment.environment)
    assert (second.exit_code, run_names(second)) == (0, set())
    assert "Nothing to do: every delivered month is loaded in its newest content." in second.out


def test_no_sensor_requests_what_a_command_has_loaded(i94: I94, deployment: Deployment) -> None:
    with persistent_instance(deployment.settings.dagster_home) as instance:
        ticks = DaemonSimulator(deployment.raw_store, deployment.lake, instance=instance)
        for name, expected in (
            (REFERENCES_SENSOR, "are loaded in their newest content."),
            (MONTHS_SENSOR, "are loaded or requested in their newest content."),
        ):
            ticks.tick(name)
            assert expected in (ticks.tick(name, SETTLE_SECONDS).skip_message or "")


def test_a_month_is_followed_by_its_marts_and_the_last_by_the_correlations(i94: I94, deployment: Deployment) -> None:
    output = i94("run", "--month", "2016-01", "--json", **deployment.environment)
    assert output.err == ""
    events = [json.loads(line) for line in output.out.splitlines()]
    ended = [event for event in events if event["event"] == "run_end"]
    runs = ["2016-01", "2016-01 marts", "publish"]
    assert [event["run"] for event in ended] == runs, "the same marts need no other correlations"
    (arrivals,) = (row["n"] for row in deployment.query("SELECT count(*) AS n FROM i94.immigration WHERE i94mon = 1"))
    assert deployment.query_value("SELECT sum(visitors) FROM mart.visitors_by_airline WHERE i94mon = 1") == arrivals

    assert (events[0]["event"], events[0]["months"]) == ("plan", ["2016-01"])
    for run in runs:
        of_run = [event for event in events if event.get("run") == run]
        assert (of_run[0]["event"], of_run[-1]["event"]) == ("run_start", "run_end")
        steps = [event for event in of_run if event["event"] == "step_end"]
        assert [event["done"] for event in steps] == list(range(1, of_run[0]["steps"] + 1))
        assert all(event["status"] == "success" and event["seconds"] >= 0 for event in steps)
    assert ended[0]["loaded"] == arrivals
    summary = {"event": "summary", "succeeded": True, "runs": 3, "failed": [], "loaded": arrivals, "problems": []}
    assert summary.items() <= events[-1].items()


def test_a_stale_mart_is_shown_and_renewed(i94: I94, deployment: Deployment) -> None:
    deployment.execute(
        "UPDATE i94.load_ledger SET fingerprint = 'old' || substr(fingerprint, 4) "
        "WHERE table_name = 'origin_climate' AND partition_key = '2016-01'"
    )
    line, reason = [line for line in i94("status", **deployment.environment).out.splitlines() if "2016-01" in line]
    assert f" {len(MONTHLY_MARTS) - 1}/{len(MONTHLY_MARTS)} " in line
    assert reason == "2016-01: 1 stale mart(s) (the fact changed)"
    output = i94("run", **deployment.environment)
    assert (output.exit_code, run_names(output)) == (0, {"2016-01"})
    assert "2016-01 marts" in output.out
    assert "Nothing to do" in i94("run", **deployment.environment).out


@pytest.mark.slow
def test_marts_of_a_month_that_is_not_loaded_say_what_to_run(i94: I94, deployment: Deployment) -> None:
    output = i94("run", "--month", "2016-03", "--select", "mart", **deployment.environment)
    assert output.exit_code == 1
    assert "2016-03 is not loaded" in output.err
    assert "run: i94 run --month 2016-03" in output.err


def test_a_month_that_was_delivered_again_is_loaded_again_alone(i94: I94, deployment: Deployment) -> None:
    rewrite_delivery(deployment.raw / "i94_feb16_sub.parquet", lambda rows: rows.slice(0, 1_600))
    output = i94("run", "--verbose", **deployment.environment)
    assert (output.exit_code, run_names(output)) == (0, {"2016-02"})
    assert re.search(r"^2016-02  \d+/\d+  staged_immigration success \d+\.\d\d s$", output.err, re.MULTILINE)
    assert "2016-02  INFO  staged_immigration: Reading 1,600 rows from 1 file(s)" in output.err
    assert deployment.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 2") == 1_600


def test_a_touched_file_with_the_same_content_is_not_loaded_again(i94: I94, deployment: Deployment) -> None:
    (deployment.raw / "i94_feb16_sub.parquet").touch()
    assert "Nothing to do" in i94("run", **deployment.environment).out


@pytest.mark.slow
def test_a_range_runs_every_month_of_it(i94: I94, deployment: Deployment) -> None:
    output = i94("run", "--from", "2016-01", "--to", "2016-02", **deployment.environment)
    assert (output.exit_code, run_names(output) - {"reference"}) == (0, {"2016-01", "2016-02"})


@pytest.mark.parametrize(
    ("selection", "made"),
    [("lookup", {"lookup/i94addr"}), ("warehouse/state", {"warehouse/state"})],
)
def test_a_selection_runs_a_layer_or_an_asset(i94: I94, deployment: Deployment, selection: str, made: set[str]) -> None:
    def stamps() -> dict[str, int]:
        paths = Path(deployment.settings.lake).rglob("manifest.json")
        return {str(path.parent.relative_to(deployment.settings.lake)): path.stat().st_mtime_ns for path in paths}

    before = stamps()
    output = i94("run", "--select", selection, **deployment.environment)
    assert (output.exit_code, run_names(output)) == (0, {"reference"})
    written = {dataset for dataset, stamp in stamps().items() if stamp != before[dataset]}
    assert made <= written
    assert all(dataset.startswith(selection) for dataset in written)


@pytest.mark.slow
def test_a_selection_of_one_month_runs_its_part_only(i94: I94, deployment: Deployment) -> None:
    line = "SELECT * FROM i94.load_ledger WHERE partition_key = '2016-01' AND table_name = 'immigration'"
    (loaded_at,) = {row["loaded_at"] for row in deployment.query(line)}
    output = i94("run", "--month", "2016-01", "--select", "staged/immigration", **deployment.environment)
    assert output.exit_code == 0, output.err
    assert "2016-01" in run_names(output)
    (after,) = {row["loaded_at"] for row in deployment.query(line)}
    assert after == loaded_at


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("marts", "Nearest: mart."),
        ("state", "Nearest: published/state, warehouse/state."),
        ("everything", "Valid are the layers lookup, mart, published, raw, staged, warehouse, and their assets."),
    ],
)
def test_an_unknown_selection_exits_with_2_and_names_valid_ones(
    i94: I94, deployment: Deployment, name: str, valid: str
) -> None:
    output = i94("run", "--select", name, **deployment.environment)
    assert output.exit_code == 2
    assert f"Neither a layer nor an asset: {name}. {valid}" in output.err


def test_a_month_that_was_not_delivered_fails_and_names_the_expected_file(i94: I94, deployment: Deployment) -> None:
    output = i94("run", "--month", "2016-03", **deployment.environment)
    assert output.exit_code == 1
    assert "2016-03 marts" not in output.out
    assert f"No delivery for 2016-03 under {deployment.raw}; expected i94_mar16_sub.sas7bdat, .parquet" in output.err
    assert "i94 run --month 2016-03" in output.err, "how to try again"
    assert "failed" in output.out


def test_a_missing_column_is_named_and_the_old_month_stays(i94: I94, deployment: Deployment, tmp_path: Path) -> None:
    delivery, original = deployment.raw / "i94_jan16_sub.parquet", tmp_path / "original.parquet"
    before = deployment.fingerprint("i94.immigration")
    shutil.copy(delivery, original)
    rewrite_delivery(delivery, lambda rows: rows.drop_columns(["depdate"]))
    assert (
        "2016-01: delivered, not loaded (the delivery changed, i94_jan16_sub.parquet"
        in i94("status", **deployment.environment).out
    )
    output = i94("run", **deployment.environment)
    assert output.exit_code == 1
    assert "i94_jan16_sub.parquet lacks the column depdate;" in output.err
    assert "what was loaded before is unchanged" in output.err
    assert deployment.fingerprint("i94.immigration") == before
    status = i94("status", **deployment.environment).out
    assert all(month in status for month in ("2016-01: failed (the delivery changed, run ", "2016-02"))

    shutil.copy(original, delivery)
    assert i94("run", "--month", "2016-01", **deployment.environment).exit_code == 0


@pytest.mark.slow
def test_a_failed_month_does_not_stop_the_others(i94: I94, deployment: Deployment) -> None:
    output = i94("run", "--month", "2016-03", "--month", "2016-02", **deployment.environment)
    assert output.exit_code == 1
    lines = [line for line in output.out.splitlines() if line.startswith("│")]
    assert any("2016-03" in line and "failed" in line for line in lines)
    assert any("2016-02" in line and "loaded" in line for line in lines)


def test_no_month_is_run_if_a_reference_file_is_missing(i94: I94, deployment: Deployment, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    shutil.copy(deployment.raw / "i94_jan16_sub.parquet", raw)
    output = i94("run", I94_HOME=str(tmp_path / "home"), I94_RAW=str(raw))
    assert (output.exit_code, run_names(output)) == (1, {"reference"})
    assert f"I94_SAS_Labels_Descriptions.SAS is not under {raw}; put it there, at any depth." in output.err


@pytest.mark.slow
def test_a_broken_label_file_holds_back_only_the_code_lists(i94: I94, deployment: Deployment, tmp_path: Path) -> None:
    labels, delivery = (deployment.raw / name for name in (LABEL_FILE, "i94_jan16_sub.parquet"))
    originals = labels.read_bytes(), delivery.read_bytes()
    labels.write_bytes(originals[0].replace(b"value i94model", b"value i94mod"))
    rewrite_delivery(delivery, lambda rows: rows.slice(0, rows.num_rows * 9 // 10))
    before = deployment.query_value("SELECT count(*) FROM i94.immigration")
    output = i94("run", **deployment.environment)
    assert output.exit_code == 1, "the reference part failed"
    assert run_names(output) == {"reference", "2016-01"}, "no other month is encoded anew"
    assert f"{LABEL_FILE}, line " in output.err
    assert "newest_code_lists: The delivered label file is not loaded: 2016-01" in " ".join(output.err.split())
    assert 0 < deployment.query_value("SELECT count(*) FROM i94.immigration") < before
    again = i94("run", **deployment.environment)
    assert (again.exit_code, run_names(again)) == (1, {"reference"})

    labels.write_bytes(originals[0])
    delivery.write_bytes(originals[1])
    assert i94("run", **deployment.environment).exit_code == 0


@pytest.mark.slow
def test_months_are_loaded_without_the_temperatures(i94: I94, deployment: Deployment, tmp_path: Path) -> None:
    first = Deployment(tmp_path)
    first.deliver(*deployment.raw.iterdir())
    (first.raw / "GlobalLandTemperaturesByCity.csv").unlink()
    output = i94("run", "--month", "2016-01", **first.environment)
    assert output.exit_code == 1
    assert "GlobalLandTemperaturesByCity.csv is not under" in output.err
    assert first.query_value("SELECT count(*) FROM i94.immigration") > 0, output.err
    assert first.query_value("SELECT count(*) FROM i94.airport_codes") > 0
    assert first.query_value("SELECT count(mean_temperature) FROM i94.country") == 0


def test_the_status_shows_each_month_from_delivery_to_load(i94: I94, deployment: Deployment) -> None:
    output = i94("status", **deployment.environment)
    assert output.exit_code == 0
    (line,) = [line for line in output.out.splitlines() if line.strip().startswith("2016-02 ")]
    cells = line.split()
    assert (cells[0], *cells[2:5]) == ("2016-02", "1,600", "0", "1,600")
    assert cells[5] == f"{len(MONTHLY_MARTS)}/{len(MONTHLY_MARTS)}"
    passed, _, checks = cells[6].partition("/")
    assert passed == checks != "0"
    assert cells[7] == "success"


def test_the_status_without_months_names_the_folder_of_deliveries(i94: I94, tmp_path: Path) -> None:
    output = i94("status", I94_HOME=str(tmp_path), I94_RAW=str(tmp_path / "raw"))
    assert output.exit_code == 0
    assert f"No months yet. Deliveries are looked for under {tmp_path / 'raw'}." in output.out.replace("\n", " ")


def test_a_blocked_month_is_named_by_the_status_and_loaded_if_it_is_accepted(i94: I94, deployment: Deployment) -> None:
    rewrite_delivery(deployment.raw / "i94_feb16_sub.parquet", lambda rows: rows.slice(0, 800))
    blocked = i94("run", "--month", "2016-02", "--quiet", **deployment.environment)
    assert (blocked.exit_code, blocked.out) == (1, "")
    assert "2016-02  0/" not in blocked.err
    assert "800 rows, 1,600 in what is loaded now: 50.0% fewer, bound 20%." in blocked.err
    status = i94("status", **deployment.environment).out
    assert "staged/immigration 2016-02: blocked." in status
    assert 'i94 run --month 2016-02 --accept "reason"' in status

    accepted = i94("run", "--month", "2016-02", "--accept", "two airports were closed", **deployment.environment)
    assert accepted.exit_code == 0
    status = i94("status", **deployment.environment).out
    assert "blocked" not in status
    assert "two airports were closed" in status


def test_a_reason_that_is_blank_or_too_long_is_a_wrong_call(i94: I94, deployment: Deployment) -> None:
    for reason in (" ", "x" * 501):
        output = i94("run", "--month", "2016-02", "--accept", reason, **deployment.environment)
        assert output.exit_code == 2
        assert "1 to 500 characters" in output.err
