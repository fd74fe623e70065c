"""A good month or reference table is not replaced by a bad delivery; a person can accept it with a reason."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from i94_platform.defs.execution import ACCEPTED_TAG
from i94_platform.defs.run_results import RunResult
from i94_platform.defs.sensors.failed_runs import describe_failed_run
from i94_platform.lake.acceptance import read_acceptance
from i94_platform.lake.datasets import Dataset
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

REASON = "the airports of the coast were closed"


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    """Copy a deployment that holds one month, its marts and a release."""
    return loaded_deployment.copy(tmp_path)


def read_delivery(deployment: Deployment) -> pa.Table:
    """Read the delivered rows of the sample month, whatever its format."""
    (file,) = [path for path in deployment.raw.rglob("i94_jan16_sub*") if path.suffix == ".parquet"]
    return pq.read_table(file)


def deliver_month(deployment: Deployment, rows: pa.Table, *, as_csv: bool = False) -> None:
    """Replace the delivery of the sample month."""
    for file in deployment.raw.rglob("i94_jan16_sub*"):
        file.unlink()
    if as_csv:
        pyarrow.csv.write_csv(rows, deployment.raw / "i94_jan16_sub.csv")
    else:
        pq.write_table(rows, deployment.raw / "i94_jan16_sub.parquet")


def drop_all(rows: pa.Table) -> pa.Table:
    return rows.slice(0, 0)


def keep_half(rows: pa.Table) -> pa.Table:
    return rows.slice(0, rows.num_rows // 2)


def set_month(number: float) -> Callable[[pa.Table], pa.Table]:
    def change(rows: pa.Table) -> pa.Table:
        index = rows.schema.get_field_index("i94mon")
        return rows.set_column(index, "i94mon", pa.array([number] * rows.num_rows))

    return change


def misdate_some(rows: pa.Table) -> pa.Table:
    """Give a tenth of the rows an arrival outside the month."""
    index = rows.schema.get_field_index("arrdate")
    is_tenth = pa.array([number % 10 == 0 for number in range(rows.num_rows)])
    return rows.set_column(index, "arrdate", pc.if_else(is_tenth, 0.0, rows.column("arrdate")))


def damage_most_ages(rows: pa.Table) -> pa.Table:
    """Put a fraction, which is no age, in place of most ages."""
    index = rows.schema.get_field_index("i94bir")
    ages = pa.array([number % 3 + 0.5 if number % 3 else 40.0 for number in range(rows.num_rows)])
    return rows.set_column(index, "i94bir", ages)


FINDINGS = (
    *("rows_accepted", "rejected_share_within_bound", "no_rejected_rows", "size_plausible"),
    *("unreadable_share_within_bound", "plausible_rows", "used_codes_unchanged"),
)
BAD_MONTHS: dict[str, tuple[Callable[[pa.Table], pa.Table], set[str]]] = {
    "no rows": (drop_all, {"rows_accepted", "rejected_share_within_bound", "size_plausible"}),
    "half of the rows": (keep_half, {"size_plausible"}),
    "the rows of another month": (
        set_month(2.0),
        {"rows_accepted", "rejected_share_within_bound", "size_plausible"},
    ),
    "arrivals outside the month": (misdate_some, {"rejected_share_within_bound"}),
    "a column that is unreadable in most rows": (damage_most_ages, {"unreadable_share_within_bound"}),
}


FAST_BAD_MONTHS = ("no rows", "arrivals outside the month")


def list_failed_findings(result: RunResult) -> set[str]:
    """List the findings that the failed checks name, each of which is a gate."""
    assert all(" gate: " in message for message in result.failed_checks)
    return {name for message in result.failed_checks for name in FINDINGS if f"{name}: " in message}


@pytest.mark.parametrize("as_csv", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["parquet", "csv"])
@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=() if case in FAST_BAD_MONTHS else pytest.mark.slow) for case in BAD_MONTHS]
)
def test_a_bad_delivery_leaves_the_loaded_month_its_marts_and_its_dataset(
    deployment: Deployment, case: str, as_csv: bool
) -> None:
    damage, findings = BAD_MONTHS[case]
    before = deployment.state()
    deliver_month(deployment, damage(read_delivery(deployment)), as_csv=as_csv)
    result = deployment.run_month(SAMPLE_MONTH)
    assert not result.succeeded
    assert list_failed_findings(result) == findings
    assert deployment.state() == before
    assert all(f'i94 run --month {SAMPLE_MONTH} --accept "reason"' in message for message in result.failed_checks)


def test_a_load_does_not_see_what_is_blocked_and_the_next_good_delivery_removes_it(deployment: Deployment) -> None:
    rows, dataset = read_delivery(deployment), Dataset("staged/immigration", SAMPLE_MONTH)
    before = deployment.fingerprint("i94.immigration")
    deliver_month(deployment, keep_half(rows))
    deployment.run_month(SAMPLE_MONTH)
    blocked = deployment.lake.read_blocked(dataset)
    assert blocked is not None
    for url in blocked.urls:
        Path(url).unlink()  # a load that looked at them would fail
    assert deployment.run_step("warehouse/immigration", SAMPLE_MONTH).succeeded
    assert deployment.fingerprint("i94.immigration") == before
    deliver_month(deployment, rows)
    assert deployment.run_month(SAMPLE_MONTH).succeeded
    assert deployment.lake.read_blocked(dataset) is None
    assert len(deployment.list_run_folders()[dataset.folder]) == 1


def test_an_accepted_delivery_is_loaded_and_run_manifest_and_ledger_say_who_accepted_it(
    deployment: Deployment,
) -> None:
    rows = keep_half(read_delivery(deployment))
    deliver_month(deployment, rows)
    result = deployment.run_month(SAMPLE_MONTH, accept=REASON)
    assert result.succeeded
    assert deployment.query_value("SELECT count(*) FROM i94.immigration") < rows.num_rows + 1
    run = deployment.instance.get_run_by_id(result.run_id)
    acceptance = read_acceptance(deployment.manifest("staged/immigration", SAMPLE_MONTH))
    assert run is not None
    assert acceptance is not None
    ledger = {entry.table_name: entry.acceptance for entry in deployment.warehouse.read_ledger()}
    for text in (run.tags[ACCEPTED_TAG], acceptance.describe(), ledger["immigration"]):
        assert REASON in text
        assert "a test" in text
    assert any(REASON in warning for warning in result.warnings)
    (line,) = (deployment.home / "audit" / "audit.jsonl").read_text().splitlines()
    assert json.loads(line) | {
        "by": "a test",
        "dataset": Dataset("staged/immigration", SAMPLE_MONTH).folder,
    } == json.loads(line)


def test_an_acceptance_that_was_not_needed_is_not_recorded(deployment: Deployment) -> None:
    result = deployment.run_month(SAMPLE_MONTH, accept=REASON)
    run = deployment.instance.get_run_by_id(result.run_id)
    assert result.succeeded
    assert run is not None
    assert ACCEPTED_TAG not in run.tags
    assert read_acceptance(deployment.manifest("staged/immigration", SAMPLE_MONTH)) is None


def test_a_first_month_far_below_the_others_is_loaded_with_a_warning(deployment: Deployment, sample: Path) -> None:
    february = pq.read_table(next(sample.rglob("i94_feb16_sub*.parquet")))
    pq.write_table(keep_half(keep_half(february)), deployment.raw / "i94_feb16_sub.parquet")
    result = deployment.run_month("2016-02")
    assert result.succeeded
    assert any("size_plausible" in warning and "median" in warning for warning in result.warnings)


def edit_labels(deployment: Deployment, pattern: str, replacement: str) -> None:
    """Replace a pattern of the label file, which must match."""
    (file,) = deployment.raw.rglob("I94_SAS_Labels_Descriptions.SAS")
    text = file.read_bytes().decode("latin-1")
    edited, count = re.subn(pattern, replacement, text, flags=re.DOTALL)
    assert count
    file.write_bytes(edited.encode("latin-1"))


BAD_LABELS = {
    "a visa code is missing": (r"\n\s*2\s*=\s*Pleasure", ""),
    "two visa labels are swapped": (
        r"1\s*=\s*Business(\s*)2\s*=\s*Pleasure",
        r"1 = Pleasure\g<1>2 = Business",
    ),
}


@pytest.mark.parametrize(
    "case", ["a visa code is missing", pytest.param("two visa labels are swapped", marks=pytest.mark.slow)]
)
def test_a_code_list_that_drops_or_changes_codes_in_use_leaves_all_code_lists(
    deployment: Deployment, case: str
) -> None:
    before = deployment.state()
    edit_labels(deployment, *BAD_LABELS[case])
    result = deployment.run_reference()
    assert list_failed_findings(result) == {"used_codes_unchanged"} | (
        {"size_plausible"} if case == "a visa code is missing" else set()
    )
    assert deployment.state() == before
    assert deployment.run_reference(accept=REASON).succeeded


@pytest.mark.slow
def test_a_reference_file_that_lost_most_rows_leaves_its_table(deployment: Deployment) -> None:
    before = deployment.fingerprint("i94.us_cities_demographics")
    (file,) = deployment.raw.rglob("us-cities-demographics.csv")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[: len(lines) // 3]))
    result = deployment.run_reference()
    assert list_failed_findings(result) == {"size_plausible"}
    assert deployment.fingerprint("i94.us_cities_demographics") == before
    assert deployment.run_reference(accept=REASON).succeeded
    assert deployment.fingerprint("i94.us_cities_demographics") != before


@pytest.mark.slow
def test_a_reference_file_of_which_most_rows_are_implausible_leaves_its_table(deployment: Deployment) -> None:
    before = deployment.fingerprint("i94.us_cities_demographics")
    (file,) = deployment.raw.rglob("us-cities-demographics.csv")
    header, *lines = file.read_text().splitlines()
    place = header.split(";").index("Total Population")
    rows = [line.split(";") for line in lines]
    in_thousands = [";".join([*row[:place], f"{row[place]}000", *row[place + 1 :]]) for row in rows]
    file.write_text("\n".join([header, *in_thousands, ""]))
    result = deployment.run_reference()
    assert list_failed_findings(result) >= {"plausible_rows"}
    assert deployment.fingerprint("i94.us_cities_demographics") == before


def test_the_alert_says_what_was_found_what_it_was_compared_with_and_how_to_accept_it(deployment: Deployment) -> None:
    deliver_month(deployment, keep_half(read_delivery(deployment)))
    result = deployment.run_month(SAMPLE_MONTH)
    run = deployment.instance.get_run_by_id(result.run_id)
    assert run is not None
    (failure,) = deployment.instance.all_logs(result.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    alert = describe_failed_run(run, failure.get_dagster_event(), deployment.instance, "http://ui.example")
    for fact in ("rows", "in what is loaded now", "bound 20%", f'i94 run --month {SAMPLE_MONTH} --accept "reason"'):
        assert fact in alert
