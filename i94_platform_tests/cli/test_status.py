"""`i94 status` on a terminal of 80 columns, for months without rows, and as JSON; tables that are not cut in a pipe."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from i94_platform.cli import console
from i94_platform.contracts import MONTHLY_MARTS
from i94_platform.operations.status import MonthStatus
from i94_platform_tests.cli.command_line import I94
from i94_platform_tests.support.deployment import Deployment, rewrite_delivery

ALL_MARTS = f"{len(MONTHLY_MARTS)}/{len(MONTHLY_MARTS)}"
LARGE = MonthStatus(
    "2016-04",
    1_234_567_890,
    3_096_313,
    3_096_313,
    3_096_313,
    len(MONTHLY_MARTS),
    "2016-05-02T07:00:00+00:00",
    30,
    30,
    "canceled",
)
ABSENT = MonthStatus("2016-05", None, None, None, None, None, None, None, None, None)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed on a terminal of 80 columns."""
    screen = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=screen, width=80, force_terminal=True, color_system=None))
    return screen


def test_24_months_fit_into_80_columns_with_a_line_each(terminal: io.StringIO) -> None:
    console.print_statuses([LARGE] * 23 + [ABSENT])
    lines = terminal.getvalue().splitlines()
    assert len(lines) == 26
    assert max(len(line) for line in lines) <= 80
    assert lines[2].split() == [
        *("2016-04", "1,235", "3,096,313", "3,096,313", "3,096,313", ALL_MARTS, "30/30", "canceled", "05-02", "07:00")
    ]
    assert lines[-1].split() == ["2016-05"]


def test_a_wide_table_is_folded_on_a_terminal_and_loses_nothing(terminal: io.StringIO) -> None:
    import pyarrow as pa

    console.print_rows(pa.table({"a": ["x" * 150], "b": ["y" * 150]}), console.RowFormat.table)
    text = terminal.getvalue()
    assert (text.count("x"), text.count("y"), "…" in text) == (150, 150, False)


@pytest.mark.parametrize("command", ["query", "query --format=csv", "query --format=json"])
def test_no_column_is_cut_in_a_pipe(i94: I94, loaded_deployment: Deployment, command: str) -> None:
    name, *options = command.split()
    sql = "SELECT repeat('x', 400) AS a, repeat('y', 400) AS b"
    output = i94(name, sql, *options, **loaded_deployment.environment, COLUMNS="80")
    assert "x" * 400 in output.out
    assert "y" * 400 in output.out


@pytest.fixture(scope="module")
def deployment_with_empty_month(loaded_deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment with a loaded month, and one whose delivery has no rows and was accepted."""
    deployment = loaded_deployment.copy(tmp_path_factory.mktemp("empty"))
    rewrite_delivery(deployment.raw / "i94_feb16_sub.parquet", lambda rows: rows.slice(0, 0))
    return deployment


def test_a_month_of_0_rows_is_shown_with_zeros(i94: I94, deployment_with_empty_month: Deployment) -> None:
    environment = deployment_with_empty_month.environment
    output = i94("run", "--month", "2016-02", "--accept", "the border was closed", **environment)
    assert output.exit_code == 0, output.err
    (line,) = [line for line in i94("status", **environment).out.splitlines() if line.startswith("2016-02 ")]
    assert line.split()[2:6] == ["0", "0", "0", ALL_MARTS]
    months = {month["month"]: month for month in json.loads(i94("status", "--json", **environment).out)["months"]}
    assert months["2016-02"]["loaded_rows"] == 0
    failed = months["2016-02"]["failed_checks"]
    assert "staged/immigration gate" in failed
    assert len(failed) == months["2016-02"]["checks"] - months["2016-02"]["passed_checks"]
    assert months["2016-02"]["issue"] is None


def test_a_changed_reference_file_is_named_with_the_tables_that_are_made_from_it(
    i94: I94, loaded_deployment: Deployment, tmp_path: Path
) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    assert "us_cities_demographics" not in i94("status", **deployment.environment).out
    file = deployment.raw / "us-cities-demographics.csv"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))
    lines = i94("status", **deployment.environment).out.splitlines()
    assert "stale (the delivery changed): state, us_cities_demographics" in lines
    assert lines[-1] == "To load what is stale: i94 run"
    document = json.loads(i94("status", "--json", **deployment.environment).out)
    stale = [name for name, reason in document["tables"].items() if reason == "the delivery changed"]
    assert stale == ["state", "us_cities_demographics"]


def test_the_status_as_json_has_the_documented_fields(i94: I94, deployment_with_empty_month: Deployment) -> None:
    (deployment_with_empty_month.raw / "i94_apr16_sub.csv").write_bytes(b"")
    output = i94("status", "--json", **deployment_with_empty_month.environment)
    document = json.loads(output.out)
    assert set(document) == {"months", "tables", "gate", "notes"}
    months = {month["month"]: month for month in document["months"]}
    assert set(months["2016-01"]) == {
        *("month", "delivered_bytes", "staged_rows", "quarantined_rows", "loaded_rows", "fresh_marts", "marts"),
        *("loaded_at", "passed_checks", "checks", "last_run", "failed_checks", "issue", "stale_marts"),
    }
    assert months["2016-02"]["last_run"] == "success"
    assert months["2016-04"]["issue"] == {
        "state": "delivered, not loaded",
        "reason": "never loaded",
        "about": "i94_apr16_sub.csv",
    }
    assert months["2016-03"]["issue"]["state"] == "not delivered"
