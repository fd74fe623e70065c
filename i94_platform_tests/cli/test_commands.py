"""Pins the command line: exit codes (0 done, 1 a run or a check failed, 2 the call or the settings are wrong), what is
run without arguments, and messages that say what to do.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from i94_platform.cli import main as cli
from i94_platform.contracts import MARTS, WAREHOUSE
from i94_platform.lake.releases import read_current_release
from i94_platform.operations.dagster_instance import persistent_instance
from i94_platform.settings import PROJECT
from i94_platform.sources.registry import REFERENCE_FILES
from i94_platform_tests.support.daemon_simulator import (
    MONTHS_SENSOR,
    REFERENCES_SENSOR,
    SETTLE_SECONDS,
    DaemonSimulator,
)
from i94_platform_tests.support.deployment import Deployment, rewrite_delivery


@dataclass(frozen=True)
class Said:
    """What a command printed, and how it ended."""

    code: int
    out: str
    err: str


I94 = Callable[..., Said]
COMMANDS = (
    *("run", "backfill", "status", "query", "sample", "ddl", "create-tables", "dictionary", "lineage", "doctor", "dev"),
    "serve",
)


@pytest.fixture
def i94(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> I94:
    """Run a command as the shell does, in this process."""

    def run(*arguments: str, **environment: str) -> Said:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["i94", *arguments])
            patch.setattr("i94_platform.operations.process_tuning.exit_at_once", sys.exit)  # more tests are to run
            for name, value in {"COLUMNS": "200", **environment}.items():
                patch.setenv(name, value)
            try:
                cli.main()
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="module")
def home(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """A deployment with both months of the sample delivered; the tests below share it, in their order."""
    deployment = Deployment(tmp_path_factory.mktemp("cli"))
    deployment.deliver(*sample.iterdir())
    return deployment


def months_run(said: Said) -> set[str]:
    """The runs that a command's final table names, a month's marts by the month; not the correlations, which follow."""
    lines = [line.strip("│ ").split() for line in said.out.splitlines() if line.startswith("│")]
    return {line[0] for line in lines} - {"correlations", "publish"}


# --- the help -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(i94: I94, command: str) -> None:
    said = i94(command, "--help")
    assert said.code == 0
    assert f"i94 {command} [OPTIONS]" in said.out


def test_the_help_names_every_command_and_setting(i94: I94) -> None:
    said = i94("--help")
    assert said.code == 0
    assert all(f" {command} " in said.out for command in COMMANDS)
    assert all(name in said.out for name in ("I94_RAW", "I94_HOME", "I94_LAKE", "I94_ENGINE", "I94_WAREHOUSE"))


# --- wrong calls and settings: exit code 2, and nothing is made -------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("I94_ENGINE", "flink", "'flink' is not an address known here; valid are: duckdb, local[N] or local[*], sc://"),
        ("I94_WAREHOUSE", "oracle://x", "I94_WAREHOUSE: 'oracle://x' is not an address known here; valid are: duckdb:///path"),
        ("I94_LAKE", "ftp://x", "I94_LAKE: 'ftp://x' is not an address known here; valid are: a folder"),
        ("I94_FIRST_MONTH", "May", "I94_FIRST_MONTH: 'May' is not a month"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_the_valid_ones(
    i94: I94, tmp_path: Path, name: str, value: str, told: str
) -> None:
    said = i94("run", **{"I94_HOME": str(tmp_path / "home"), name: value})
    assert said.code == 2
    assert told in said.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--month", "2016-13"), "'2016-13' is not a month; write it as YYYY-MM, such as 2016-04"),
        (("run", "--month", "2012-04"), "2012-04 is not a month that can be run; the range is 2016-01 to "),
        (("run", "--from", "2016-01"), "--from and --to go together"),
        (("run", "--from", "2016-03", "--to", "2016-01"), "--from 2016-03 is later than --to 2016-01"),
        (("backfill", "--from", "2016-03", "--to", "2016-01"), "--from 2016-03 is later than --to 2016-01"),
        (("backfill", "--from", "2012-01", "--to", "2016-01"), "2012-01 is not a month that can be run; the range is"),
        (("backfill", "--from", "2016-01"), "Missing option '--to'"),
        (("sample", "--out", "x", "--rows", "5"), "100 rows"),
        (("query", "SELECT 1"), "There is no warehouse at "),
        (("nonsense",), "No such command 'nonsense'"),
        (("query",), "Missing argument"),
        (("ddl", "--dialect", "oracle"), "'oracle' is not one of 'duckdb', 'redshift'"),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(i94: I94, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    said = i94(*arguments, I94_HOME=str(tmp_path / "home"))
    assert said.code == 2
    assert told in said.err
    assert "Traceback" not in said.err


# --- runs -------------------------------------------------------------------------------------------------------------


def test_a_run_without_arguments_runs_what_is_not_loaded_and_then_nothing(i94: I94, home: Deployment) -> None:
    first = i94("run", **home.environment)
    assert first.code == 0, first.err
    assert months_run(first) == {"reference", "2016-01", "2016-02"}
    assert "2016-01  0/" in first.err, "progress is told"
    release = read_current_release(home.lake)
    assert release is not None
    assert release.months == ("2016-01", "2016-02")
    for contract in MARTS:
        assert release.tables[contract.name].rows == home.query_value(f"SELECT count(*) FROM {contract.fullname}")
        assert release.tables[contract.name].checks.state in ("passed", "warned"), "its checks have run"

    second = i94("run", **home.environment)
    assert (second.code, months_run(second)) == (0, set())
    assert "Nothing to do: every delivered month is loaded in its newest content." in second.out


def test_what_a_command_has_run_no_sensor_asks_for(i94: I94, home: Deployment) -> None:
    with persistent_instance(home.settings.dagster_home) as history:
        ticks = DaemonSimulator(home.raw_store, home.lake, instance=history)
        for name, told in (
            (REFERENCES_SENSOR, "are loaded in their newest content."),
            (MONTHS_SENSOR, "have been requested in their newest content."),
        ):
            ticks.tick(name)
            assert told in (ticks.tick(name, SETTLE_SECONDS).skip_message or "")


def test_a_month_is_followed_by_its_marts_and_the_last_by_the_correlations(i94: I94, home: Deployment) -> None:
    said = i94("run", "--month", "2016-01", **home.environment)
    rows = [line.strip("│ ").split("│")[0].strip() for line in said.out.splitlines() if line.startswith("│")]
    assert rows == ["2016-01", "2016-01 marts", "publish"], "the same marts need no other correlations"
    (arrivals,) = (row["n"] for row in home.query("SELECT count(*) AS n FROM i94.immigration WHERE i94mon = 1"))
    assert home.query_value("SELECT sum(visitors) FROM mart.visitors_by_airline WHERE i94mon = 1") == arrivals


def test_a_mart_that_is_older_than_its_fact_is_due_and_shown(i94: I94, home: Deployment) -> None:
    home.execute(
        "UPDATE i94.load_ledger SET fingerprint = 'old' WHERE table_name = 'origin_climate' AND "
        "partition_key = '2016-01'"
    )
    (line,) = [line for line in i94("status", **home.environment).out.splitlines() if "2016-01" in line]
    assert " 6/7 " in line
    said = i94("run", **home.environment)
    assert (said.code, months_run(said)) == (0, {"2016-01"})
    assert "2016-01 marts" in said.out
    assert "Nothing to do" in i94("run", **home.environment).out


def test_a_month_that_fails_has_no_marts_made(i94: I94, home: Deployment) -> None:
    said = i94("run", "--month", "2016-03", **home.environment)
    assert said.code == 1
    assert "2016-03 marts" not in said.out


def test_marts_of_a_month_that_is_not_loaded_say_what_to_run(i94: I94, home: Deployment) -> None:
    said = i94("run", "--month", "2016-03", "--select", "mart", **home.environment)
    assert said.code == 1
    assert "2016-03 is not loaded" in said.err
    assert "run: i94 run --month 2016-03" in said.err


def test_a_month_delivered_again_is_run_again_alone(i94: I94, home: Deployment) -> None:
    rewrite_delivery(home.raw / "i94_feb16_sub.parquet", lambda rows: rows.slice(0, 300))
    said = i94("run", **home.environment)
    assert (said.code, months_run(said)) == (0, {"2016-02"})
    assert home.query_value("SELECT count(*) FROM i94.immigration WHERE i94mon = 2") == 300


def test_a_file_touched_but_not_changed_is_no_news(i94: I94, home: Deployment) -> None:
    (home.raw / "i94_feb16_sub.parquet").touch()
    assert "Nothing to do" in i94("run", **home.environment).out


def test_a_range_runs_every_month_of_it(i94: I94, home: Deployment) -> None:
    said = i94("run", "--from", "2016-01", "--to", "2016-02", **home.environment)
    assert (said.code, months_run(said)) == (0, {"2016-01", "2016-02"})


@pytest.mark.parametrize(
    ("selection", "made"),
    [("lookup", {"lookup/i94addr"}), ("warehouse/state", {"warehouse/state"})],
)
def test_a_selection_runs_a_layer_or_an_asset(i94: I94, home: Deployment, selection: str, made: set[str]) -> None:
    def stamps() -> dict[str, int]:
        paths = Path(home.settings.lake).rglob("manifest.json")
        return {str(path.parent.relative_to(home.settings.lake)): path.stat().st_mtime_ns for path in paths}

    before = stamps()
    said = i94("run", "--select", selection, **home.environment)
    assert (said.code, months_run(said)) == (0, {"reference"})
    written = {dataset for dataset, stamp in stamps().items() if stamp != before[dataset]}
    assert made <= written
    assert all(dataset.startswith(selection) for dataset in written)


def test_a_selection_of_one_month_runs_its_part_only(i94: I94, home: Deployment) -> None:
    line = "SELECT * FROM i94.load_ledger WHERE partition_key = '2016-01' AND table_name = 'immigration'"
    (loaded_at,) = {row["loaded_at"] for row in home.query(line)}
    said = i94("run", "--month", "2016-01", "--select", "staged/immigration", **home.environment)
    assert said.code == 0, said.err
    assert "2016-01" in months_run(said)
    (after,) = {row["loaded_at"] for row in home.query(line)}
    assert after == loaded_at


def test_an_unknown_selection_is_refused_with_the_valid_ones(i94: I94, home: Deployment) -> None:
    said = i94("run", "--select", "marts", **home.environment)
    assert said.code == 2
    assert "Neither a layer nor an asset: marts. Valid are: lookup, " in said.err
    assert "warehouse/immigration" in said.err


def test_a_month_that_is_not_there_fails_and_names_what_was_looked_for(i94: I94, home: Deployment) -> None:
    said = i94("run", "--month", "2016-03", **home.environment)
    assert said.code == 1
    assert f"No delivery for 2016-03 under {home.raw}; expected i94_mar16_sub.sas7bdat, .parquet" in said.err
    assert "i94 run --month 2016-03" in said.err, "how to try again"
    assert "failed" in said.out


def test_a_missing_column_is_named_and_the_old_month_stays(i94: I94, home: Deployment, tmp_path: Path) -> None:
    delivery, kept = home.raw / "i94_jan16_sub.parquet", tmp_path / "kept.parquet"
    before = home.fingerprint("i94.immigration")
    shutil.copy(delivery, kept)
    rewrite_delivery(delivery, lambda rows: rows.drop_columns(["depdate"]))
    said = i94("run", **home.environment)
    assert said.code == 1
    assert "i94_jan16_sub.parquet lacks the column depdate." in said.err
    assert "what was loaded before is unchanged" in said.err
    assert home.fingerprint("i94.immigration") == before
    status = i94("status", **home.environment).out
    assert all(month in status for month in ("2016-01", "2016-02"))

    shutil.copy(kept, delivery)
    assert i94("run", "--month", "2016-01", **home.environment).code == 0


def test_one_failed_month_does_not_keep_the_others_from_running(i94: I94, home: Deployment) -> None:
    said = i94("run", "--month", "2016-03", "--month", "2016-02", **home.environment)
    assert said.code == 1
    lines = [line for line in said.out.splitlines() if line.startswith("│")]
    assert any("2016-03" in line and "failed" in line for line in lines)
    assert any("2016-02" in line and "loaded" in line for line in lines)


def test_a_reference_file_that_is_missing_fails_and_no_month_is_run(i94: I94, home: Deployment, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    shutil.copy(home.raw / "i94_jan16_sub.parquet", raw)
    said = i94("run", I94_HOME=str(tmp_path / "home"), I94_RAW=str(raw))
    assert (said.code, months_run(said)) == (1, {"reference"})
    assert f"I94_SAS_Labels_Descriptions.SAS is not under {raw}; put it there, at any depth." in said.err


# --- looking ----------------------------------------------------------------------------------------------------------


def test_the_status_tells_each_month_from_delivery_to_load(i94: I94, home: Deployment) -> None:
    said = i94("status", **home.environment)
    assert said.code == 0
    (line,) = [line for line in said.out.splitlines() if "2016-02" in line]
    cells = line.split()
    assert (cells[0], *cells[2:5]) == ("2016-02", "300", "0", "300")
    assert cells[5] == "7/7"
    passed, _, checks = cells[6].partition("/")
    assert passed == checks != "0"
    assert cells[7] == "success"


def test_the_status_of_nothing_says_where_deliveries_are_looked_for(i94: I94, tmp_path: Path) -> None:
    said = i94("status", I94_HOME=str(tmp_path), I94_RAW=str(tmp_path / "raw"))
    assert said.code == 0
    assert f"No months yet. Deliveries are looked for under {tmp_path / 'raw'}." in said.out.replace("\n", " ")


QUERY = (
    "SELECT 1 AS n, 'a [b] \"c\", d' AS t, NULL AS nothing, DATE '2016-04-01' AS day, "
    "sum(1) AS total, 0.1234567890123 AS x"
)


def test_a_query_is_printed_as_a_table_with_its_brackets(i94: I94, home: Deployment) -> None:
    said = i94("query", QUERY, **home.environment)
    assert said.code == 0
    assert all(told in said.out for told in ("nothing", 'a [b] "c", d', "2016-04-01"))


def test_a_query_is_printed_as_csv(i94: I94, home: Deployment) -> None:
    said = i94("query", QUERY, "--format", "csv", **home.environment)
    assert list(csv.reader(io.StringIO(said.out))) == [
        ["n", "t", "nothing", "day", "total", "x"],
        ["1", 'a [b] "c", d', "", "2016-04-01", "1", "0.1234567890123"],
    ]


def test_a_query_is_printed_as_json_with_whole_numbers_whole(i94: I94, home: Deployment) -> None:
    said = i94("query", QUERY, "--format", "json", **home.environment)
    (row,) = json.loads(said.out)
    assert row == {"n": 1, "t": 'a [b] "c", d', "nothing": None, "day": "2016-04-01", "total": 1, "x": 0.1234567890123}
    assert '"total": 1,' in said.out


def test_columns_of_one_name_are_all_shown(i94: I94, home: Deployment) -> None:
    said = i94("query", "SELECT 'first' AS a, 'second' AS a", **home.environment)
    assert "first" in said.out
    assert "second" in said.out


def test_a_long_table_is_cut_and_says_so(i94: I94, home: Deployment) -> None:
    said = i94("query", "SELECT * FROM range(1001)", **home.environment)
    assert "The first 1,000 of 1,001 rows; --format csv prints all." in said.err
    assert (
        len(i94("query", "SELECT * FROM range(1001)", "--format", "csv", **home.environment).out.splitlines()) == 1002
    )


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO i94.i94mode VALUES (5, 'x')",
        "DELETE FROM i94.immigration",
        "DROP TABLE i94.state",
        "COPY (SELECT 1) TO 'written.csv'",
        "SET threads = 1",
        "SELECT 1; DELETE FROM i94.immigration",
        "",
    ],
)
def test_a_query_that_does_more_than_read_is_refused(
    i94: I94, home: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = home.fingerprint_tables()
    said = i94("query", sql, **home.environment)
    assert said.code == 2
    assert "A query is one SELECT statement" in said.err
    assert home.fingerprint_tables() == before
    assert not list(tmp_path.iterdir())


def test_a_query_that_is_no_sql_is_told_as_the_warehouse_tells_it(i94: I94, home: Deployment) -> None:
    said = i94("query", "SELEC 1", **home.environment)
    assert said.code == 2
    assert "The warehouse refused the query: Parser Error" in said.err


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_sample_is_written_and_counted(i94: I94, tmp_path: Path) -> None:
    said = i94("sample", "--out", str(tmp_path / "s"), "--from", "2016-05", "--to", "2016-05", "--rows", "200")
    assert said.code == 0
    assert f"5 files in {tmp_path / 's'}" in said.out.replace("\n", " ")
    assert pq.ParquetFile(tmp_path / "s" / "i94_may16_sub.parquet").metadata.num_rows > 200


@pytest.mark.parametrize(("dialect", "layout"), [("duckdb", None), ("redshift", "DISTKEY (i94mon)")])
def test_the_ddl_creates_every_table(i94: I94, dialect: str, layout: str | None) -> None:
    said = i94("ddl", "--dialect", dialect)
    assert said.code == 0
    statements = [statement.strip() for statement in said.out.split(";") if statement.strip()]
    assert statements[0].startswith("CREATE SCHEMA IF NOT EXISTS i94")
    assert len([s for s in statements if s.startswith("CREATE TABLE")]) == len(
        [*WAREHOUSE, *MARTS, "the ledger", *(["the guard"] if dialect == "redshift" else [])]
    )
    assert ("GRANT" in said.out) == (dialect == "redshift")
    assert all(f"CREATE TABLE IF NOT EXISTS {contract.fullname} " in said.out for contract in (*WAREHOUSE, *MARTS))
    assert (layout or "i94") in said.out
    assert ("DISTKEY" in said.out) == (layout is not None)


def test_creating_tables_twice_changes_nothing(i94: I94, tmp_path: Path) -> None:
    deployment = Deployment(tmp_path)
    assert i94("create-tables", **deployment.environment).code == 0
    deployment.execute("INSERT INTO i94.i94mode VALUES (1, 'Air')")
    said = i94("create-tables", **deployment.environment)
    assert said.code == 0
    assert str(deployment.settings.warehouse_path) in said.out.replace("\n", "")
    assert deployment.query("SELECT * FROM i94.i94mode") == [{"code": 1, "label": "Air"}]


def test_the_committed_dictionary_is_what_the_contracts_say(i94: I94) -> None:
    assert i94("dictionary", "--check").code == 0
    assert i94("dictionary").out == (PROJECT / "docs" / "data-dictionary.md").read_text("utf-8")


def test_a_stale_lineage_fails_and_is_written_anew(i94: I94, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "column_lineage.json"
    monkeypatch.setattr("i94_platform.defs.column_lineage.lineage_file.FILE", file)
    monkeypatch.setattr("i94_platform.cli.render.PROJECT", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    file.write_text("{}", "utf-8")
    said = i94("lineage", "--check")
    assert said.code == 2
    assert "column_lineage.json is stale; run: i94 lineage --write" in said.err
    assert i94("lineage", "--write").code == 0
    assert i94("lineage", "--check").code == 0
    assert i94("lineage").out == file.read_text("utf-8")


def test_a_stale_dictionary_fails_and_is_written_anew(
    i94: I94, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "docs" / "data-dictionary.md"
    page.parent.mkdir()
    page.write_text("stale")
    monkeypatch.setattr("i94_platform.cli.render.PROJECT", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    said = i94("dictionary", "--check")
    assert said.code == 2
    assert "docs/data-dictionary.md is stale; run: i94 dictionary --write" in said.err
    assert i94("dictionary", "--write").code == 0
    assert i94("dictionary", "--check").code == 0


@pytest.mark.parametrize("command", ["dictionary", "lineage"])
def test_a_command_about_the_checkout_is_refused_without_one(
    i94: I94, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("i94_platform.cli.render.PROJECT", tmp_path)
    for option in ("--check", "--write"):
        said = i94(command, option)
        assert said.code == 2
        assert "checkout" in said.err
    assert not list(tmp_path.iterdir())


def test_the_version_is_that_of_the_installed_distribution(i94: I94) -> None:
    assert i94("--version").out == f"i94 {version('i94-platform')}\n"


# --- the doctor -------------------------------------------------------------------------------------------------------


def test_the_doctor_finds_a_running_deployment_fine(i94: I94, home: Deployment) -> None:
    said = i94("doctor", **home.environment)
    assert said.code == 0, said.out
    assert "2 month(s) delivered" in said.out
    assert "2 month(s) loaded" in said.out
    assert "✗" not in said.out


def test_the_doctor_says_what_to_do_where_nothing_was_delivered(i94: I94, tmp_path: Path) -> None:
    said = i94("doctor", I94_HOME=str(tmp_path / "home"), I94_RAW=str(tmp_path / "raw"))
    assert said.code == 1
    assert (
        f"✗ I94_RAW        {tmp_path / 'raw'} is not there; set I94_RAW, or write samples: i94 sample --out" in said.out
    )
    assert not (tmp_path / "home").exists(), "looking changes nothing"


def test_the_doctor_names_missing_reference_files(i94: I94, home: Deployment, tmp_path: Path) -> None:
    shutil.copy(home.raw / "i94_jan16_sub.parquet", tmp_path)
    said = i94("doctor", I94_HOME=str(tmp_path / "home"), I94_RAW=str(tmp_path))
    assert said.code == 1
    (line,) = [line for line in said.out.splitlines() if "references" in line]
    assert "✗" in line
    assert all(file in line for file in REFERENCE_FILES.values())


def test_the_doctor_looks_for_java_where_spark_runs_here(i94: I94, home: Deployment, tmp_path: Path) -> None:
    said = i94("doctor", I94_ENGINE="local[*]", JAVA_HOME=str(tmp_path), **home.environment)
    assert said.code == 1
    assert "no Java found; install Java 17 or 21 and set JAVA_HOME" in said.out
