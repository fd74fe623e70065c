"""Plant values that tell travellers apart, load and fail, and look for them in all that a deployment says or records.

Data may have them: deliveries, Parquet of the lake, the warehouse. Nothing else may.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy import String

from i94_platform.contracts import delivered_immigration, immigration
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.defs.run_results import RunResult
from i94_platform.partitions import Month
from i94_platform_tests.defs.test_alerts import start_ticks
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment
from i94_platform_tests.support.sas import load_readstat, write_sas

STEM = Month.parse(SAMPLE_MONTH).file_stem
PLANTED = re.compile(r"QZ[A-Z]\w*|55455455\d*|(?<![\d.])94555(?!\d)")
"""What every planted value matches, and nothing that is invented for the sample."""

Row = Mapping[str, Any]

VALID: Row = {
    "occup": "QZOCCUP7", "insnum": "QZINSNUM94999", "visapost": "QZVPOST7", "fltno": "QZFLT94999",
    "airline": "QZAIR94", "admnum": 55_455_455_033.0,
}  # fmt: skip
TEXTS = [c.name for c in delivered_immigration.columns if isinstance(c.type, String)]
NUMBERS = [c.name for c in delivered_immigration.columns if c.name not in TEXTS]
OVERLONG: Row = {name: f"QZLONG{name.upper()}{'X' * 16}" for name in TEXTS}
IMPLAUSIBLE: Row = {
    name: 94_555.5 for name in ("i94cit", "i94res", "i94mode", "depdate", "i94bir", "biryear", "admnum")
}
PLANTED_ROWS: tuple[Row, ...] = (
    VALID,
    OVERLONG,
    IMPLAUSIBLE,
    {**VALID, "i94visa": 7.0},
    {**OVERLONG, "i94mon": 5.0},
    {**VALID, "cicid": 1_000_001.0},
    {**VALID, "cicid": 1_000_001.0, "admnum": 55_455_455_034.0},
    {**VALID, "depdate": 0.0},
)


def plant_rows(deployment: Deployment) -> list[dict[str, Any]]:
    """Return the rows of the loaded delivery, with planted values in the first ones."""
    rows = pq.read_table(deployment.raw / f"{STEM}.parquet").to_pylist()
    planted = (*PLANTED_ROWS, *({} for _ in rows[len(PLANTED_ROWS) :]))
    return [{**row, **values} for row, values in zip(rows, planted, strict=True)]


def write_parquet(rows: list[dict[str, Any]], path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema(delivered_immigration)), path.with_suffix(".parquet"))


def write_csv(rows: list[dict[str, Any]], path: Path) -> None:
    texts = [{name: "" if row[name] is None else str(row[name]) for name in TEXTS + NUMBERS} for row in rows]
    texts[8] |= {name: f"QZNUMBER{name.upper()}" for name in NUMBERS if name != "i94yr"}
    pc.write_csv(pa.Table.from_pylist(texts), path.with_suffix(".csv"))


def write_sas_file(rows: list[dict[str, Any]], path: Path) -> None:
    if load_readstat() is None:
        pytest.skip("pyreadstat carries no functions for writing")
    columns: dict[str, int | None] = dict.fromkeys(NUMBERS) | dict.fromkeys(TEXTS, 40)
    write_sas(path.with_suffix(".sas7bdat"), columns, rows, len(rows))


WRITERS: dict[str, Callable[[list[dict[str, Any]], Path], None]] = {
    "Parquet": write_parquet,
    "CSV": write_csv,
    "SAS": write_sas_file,
}


def list_outputs(deployment: Deployment, results: list[RunResult]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of all that runs have recorded, apart from the data."""
    for record in deployment.instance.get_run_records():
        run = record.dagster_run
        yield f"run {run.job_name}", f"{run.tags} {run.run_config}"
        for entry in deployment.instance.all_logs(run.run_id):
            event = entry.dagster_event.event_type_value if entry.dagster_event else "log"
            yield f"{run.job_name} {entry.step_key} {event}", dg.serialize_value(entry)
    for file in deployment.lake.store.list():
        if not file.path.endswith(".parquet"):
            yield file.path, deployment.lake.store.read(file.path).decode(errors="replace")
    yield "results", repr(results)


def find_planted(outputs: Iterator[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(name, value) for name, text in outputs for value in PLANTED.findall(text)}


@pytest.fixture
def deployment(loaded_deployment: Deployment, tmp_path: Path) -> Deployment:
    return loaded_deployment.copy(tmp_path)


@pytest.mark.parametrize("format_", ["Parquet", *(pytest.param(f, marks=pytest.mark.slow) for f in ("CSV", "SAS"))])
def test_a_loaded_month_shows_no_value_of_a_traveller(
    deployment: Deployment, format_: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = plant_rows(deployment)
    (deployment.raw / f"{STEM}.parquet").unlink()
    WRITERS[format_](rows, deployment.raw / STEM)
    results = [deployment.run_month(SAMPLE_MONTH), deployment.run_publish()]
    assert [result.succeeded for result in results] == [True, True], results
    for name in ("insnum", "admnum"):
        sql = f"SELECT count(*) AS n FROM i94.immigration WHERE CAST({name} AS VARCHAR) SIMILAR TO 'QZIN.*|55455455033'"
        assert deployment.query_value(sql) > 0, "the planted values are in the warehouse"
    assert deployment.manifest("staged/immigration_unreadable", SAMPLE_MONTH).rows > len(OVERLONG)
    assert deployment.manifest("staged/immigration_quarantine", SAMPLE_MONTH).stats["reasons"]["duplicate_key"] >= 2
    assert find_planted(list_outputs(deployment, results)) == set()
    assert not PLANTED.search("".join(capfd.readouterr()) + caplog.text)


def cut_last_bytes(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def break_csv_line(path: Path, change: Callable[[str], str]) -> None:
    lines = path.read_text().split("\n")
    lines[1] = change(lines[1])
    path.write_text("\n".join(lines))


def retype_column(path: Path) -> None:
    rows = pq.read_table(path)
    texts = pa.array(["QZCICID94999"] * rows.num_rows)
    pq.write_table(rows.set_column(rows.schema.get_field_index("cicid"), "cicid", texts), path)


def write_bytes_that_are_no_text(path: Path) -> None:
    rows = pq.read_table(path)
    values = pa.array([b"QZINSNUM\xff\xfe"] * rows.num_rows, pa.binary())
    pq.write_table(rows.set_column(rows.schema.get_field_index("insnum"), "insnum", values), path)


def reject_most_rows(path: Path) -> None:
    rows = [{**row, **VALID, "i94visa": 7.0} for row in pq.read_table(path).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, arrow_schema(delivered_immigration)), path)


def damage_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200:2_000] = bytes(byte ^ 0xA5 for byte in content[200:2_000])
    path.write_bytes(content)


FAILURES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "Parquet cut": ("Parquet", cut_last_bytes),
    "Parquet with a damaged page": ("Parquet", damage_page),
    "Parquet with texts for numbers": ("Parquet", retype_column),
    "Parquet with bytes for texts": ("Parquet", write_bytes_that_are_no_text),
    "Parquet with rows to reject": ("Parquet", reject_most_rows),
    "CSV cut": ("CSV", cut_last_bytes),
    "CSV with a cell too many": ("CSV", lambda path: break_csv_line(path, lambda line: line + ",QZINSNUM94999")),
    "CSV with a cell too few": ("CSV", lambda path: break_csv_line(path, lambda line: line.rpartition(",")[0])),
    "CSV with an open quote": (
        "CSV",
        lambda path: break_csv_line(path, lambda line: f'"QZINSNUM94999{line.replace(chr(34), "")}'),
    ),
    "CSV with a NUL": ("CSV", lambda path: break_csv_line(path, lambda line: f"\0{line}")),
    "CSV without a header": ("CSV", lambda path: path.write_text(path.read_text().partition("\n")[2])),
    "SAS cut": ("SAS", lambda path: path.write_bytes(path.read_bytes()[:-9_000])),
    "CSV as Parquet": ("CSV", lambda path: path.rename(path.with_suffix(".parquet"))),
}


FAST_FAILURES = ("Parquet cut", "Parquet with rows to reject", "CSV cut", "CSV with an open quote", "SAS cut")
FAST_FAULTS = ("a required value missing", "a value outside its range")


def slow_unless(fast: Collection[str], cases: Iterable[str]) -> list[Any]:
    """List the cases; all but the fast ones are slow."""
    return [pytest.param(case, marks=() if case in fast else pytest.mark.slow) for case in cases]


@pytest.mark.parametrize("case", slow_unless(FAST_FAILURES, FAILURES))
def test_a_month_that_fails_shows_no_value_of_a_traveller(
    deployment: Deployment, case: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    format_, damage = FAILURES[case]
    ticks = start_ticks(deployment.instance)
    rows = plant_rows(deployment)
    (deployment.raw / f"{STEM}.parquet").unlink()
    WRITERS[format_](rows, deployment.raw / STEM)
    (file,) = deployment.raw.glob(f"{STEM}.*")
    damage(file)
    result = deployment.run_month(SAMPLE_MONTH)
    assert not result.succeeded
    alerts = ticks.tick()
    assert len(alerts) == 1
    assert find_planted(list_outputs(deployment, [result])) == set()
    assert not PLANTED.search("".join(capfd.readouterr()) + caplog.text + alerts[0])


FAULTS: dict[str, Row] = {
    "a key twice": {"cicid": 1_000_001, "i94yr": 2016, "i94mon": 1, "biryear": 94_555},
    "a required value missing": {"i94visa": None, "insnum": "QZINSNUM94999"},
    "a value outside its range": {"biryear": 94_555, "i94bir": 94_555},
    "an implausible stay": {"stay_days": -94_555},
    "a text too long": {"insnum": "QZINSNUM" * 100},
}


@pytest.mark.parametrize("fault", slow_unless(FAST_FAULTS, FAULTS))
def test_a_fault_in_staged_rows_shows_no_value_of_a_traveller(
    deployment: Deployment, fault: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    rows = deployment.read_rows(immigration, "staged/immigration", SAMPLE_MONTH).to_pylist()
    for row in rows[: len(rows) // 2 if "stay" in fault else 2]:
        row |= {**VALID, "admnum": 55_455_455_033, **FAULTS[fault]}
    broken = pa.Table.from_pylist(rows, schema=pa.schema([f.with_nullable(True) for f in arrow_schema(immigration)]))
    deployment.rewrite_dataset(immigration, "staged/immigration", broken, SAMPLE_MONTH)
    results = [deployment.run_step("warehouse/immigration", SAMPLE_MONTH)]
    checks = [("staged/immigration", "contract"), ("staged/immigration", "plausible_shares")]
    deployment.run_checks(checks, SAMPLE_MONTH)
    assert find_planted(list_outputs(deployment, results)) == set()
    assert not PLANTED.search("".join(capfd.readouterr()) + caplog.text)
