"""Test that no damaged delivery replaces anything good: 500 drawn ones, of every source and format.

For each of them one of two things holds. Either every value that is still readable is there as before, and every other
one is accounted for; or the delivery is refused or blocked in plain words, and everything is as it was. The package
`support.damage` knows what is readable; no reader and no SQL of the platform takes part in that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from i94_platform.foreign_errors import translate_error
from i94_platform.lake.datasets import Dataset
from i94_platform.lake.manifest import Manifest
from i94_platform.pipeline.code_lists import stage_code_lists
from i94_platform.pipeline.gate import read_verdict
from i94_platform.pipeline.immigration import stage_month
from i94_platform.pipeline.reference import stage_reference
from i94_platform.pipeline.temperatures import stage_temperatures
from i94_platform.sources.registry import REFERENCE_FILES, SOURCES
from i94_platform_tests.support.damage import oracle
from i94_platform_tests.support.damage.cases import draw_case
from i94_platform_tests.support.damage.csv_files import build_csv
from i94_platform_tests.support.damage.label_files import build_labels
from i94_platform_tests.support.damage.model import BuildDelivery, Case, Delivery, LabelDelivery, Reading
from i94_platform_tests.support.damage.parquet_files import build_parquet
from i94_platform_tests.support.damage.platform_base import MONTH, ROWS, PlatformBase
from i94_platform_tests.support.damage.reference_files import build_table
from i94_platform_tests.support.damage.reference_oracle import check_table, count_explained
from i94_platform_tests.support.damage.sas_files import build_sas
from i94_platform_tests.support.sas import load_readstat

CASES, FAST_CASES = 500, 24

FOREIGN = re.compile(
    r"Traceback|pyarrow|Arrow[A-Z]|duckdb\.|Binder|psycopg|ReadStat|pyreadstat|pandas|Exception|<class|0x[0-9a-f]{6}"
)
"""What only a program would say."""

MONTH_BUILDERS: dict[str, BuildDelivery] = {"csv": build_csv, "parquet": build_parquet, "sas": build_sas}


@pytest.fixture(scope="module")
def base(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> PlatformBase:
    """Load the undamaged base once."""
    return PlatformBase(tmp_path_factory.mktemp("base"), sample)


def list_cases() -> list[Any]:
    """List the cases; all but the first ones are slow."""
    cases = [draw_case(number) for number in range(CASES)]
    return [
        pytest.param(case, id=case.id, marks=[pytest.mark.slow] if case.number >= FAST_CASES else []) for case in cases
    ]


@pytest.mark.parametrize("case", list_cases())
def test_a_damaged_delivery_replaces_nothing_good(base: PlatformBase, case: Case, tmp_path: Path) -> None:
    try:
        if case.family in MONTH_BUILDERS:
            if case.family == "sas" and load_readstat() is None:
                pytest.skip("this build of pyreadstat keeps ReadStat's writing functions to itself")
            rows = [dict(row) for row in base.rows]
            check_month(base, MONTH_BUILDERS[case.family](case, rows, tmp_path))
        elif case.family == "labels":
            check_labels(base, build_labels(case, base.files["i94_labels"]))
        else:
            check_reference(base, case)
    except (AssertionError, LookupError) as error:
        raise AssertionError(f"{case.description}: {error}") from error


def stage(base: PlatformBase, reading: Reading, names: set[str], run: Callable[[], object]) -> bool:
    """Stage a delivery; say whether it was read. A refusal must be in plain words and leave everything as it was."""
    before = base.read_state()
    error = catch_error(run)
    if error is None:
        assert reading != Reading.UNUSABLE, "read although it is not clear what it says"
        return True
    message = translate_error(error)
    assert message is not None, f"a fault in the code: {error!r}"
    check_sentence(str(message))
    assert any(name in str(message) for name in names), f"names no file: {message}"
    assert reading != Reading.READABLE, f"refused although it is readable: {message}"
    assert base.read_state() == before, "a refused delivery changed something"
    return False


def catch_error(run: Callable[[], object]) -> Exception | None:
    """Return what a step raises, as the command line and the runs catch it."""
    try:
        run()
    except Exception as error:
        return error
    return None


def check_sentence(message: str) -> None:
    """Check that a message is for people."""
    assert message.endswith("."), message
    assert len(message.splitlines()) == 1, message
    assert len(message) < 1_000, message
    assert not FOREIGN.search(message), message


def check_month(base: PlatformBase, delivery: Delivery) -> None:
    """Stage a damaged month, and compare what became of it with the oracle."""
    names = {part for path in delivery.files for part in (path, path.split("/")[0])} | {MONTH.file_stem}
    with base.deliver(delivery.files) as raw:
        before = base.read_state()
        staged: list[Any] = []

        def run() -> None:
            staged.append(stage_month(MONTH, raw, base.lake, base.engine, base.gate, "run", lambda _: None))

        if not stage(base, delivery.reading, names, run):
            return
        expected = oracle.expect_month(delivery.rows, MONTH)
        blocking = check_verdict(staged[0].accepted)
        assert blocking == expected.list_blocking(ROWS)
        stats = staged[0].accepted.stats
        assert (stats["delivered_rows"], stats["quarantined_rows"]) == (expected.delivered, len(expected.rejected))
        if blocking:
            assert base.read_state() == before, "a blocked delivery changed something"
            return
        compare_month(base, expected)


def check_verdict(manifest: Manifest) -> set[str]:
    """Check the findings of the gate, and return the names of those that block."""
    verdict = read_verdict(manifest)
    for finding in verdict.findings:
        check_sentence(finding.description)
    blocking = {finding.check for finding in verdict.findings if finding.is_blocking}
    assert verdict.is_blocked == bool(blocking)
    return blocking


def compare_month(base: PlatformBase, expected: oracle.ExpectedMonth) -> None:
    """Compare the committed month with the oracle, value by value."""
    month = base.read_month()
    accepted = {row["cicid"]: row for row in month.arrivals.to_pylist()}
    assert len(accepted) == month.arrivals.num_rows
    assert accepted.keys() == expected.accepted.keys()
    differing = [
        (key, name, row[name], value)
        for key, row in accepted.items()
        for name, value in expected.accepted[key].items()
        if row[name] != value
    ]
    assert not differing, f"{len(differing)} values differ (key, column, value, expected): {differing[:3]}"
    assert month.reasons == expected.rejected
    values = {
        (row["source_file"], row["source_row"], row["column_name"]): row["value"]
        for row in month.unreadable_values.to_pylist()
    }
    differing_places = sorted(values.keys() ^ expected.unreadable.keys())
    assert not differing_places, f"{len(differing_places)} unreadable values differ: {differing_places[:3]}"
    for place, value in expected.unreadable.items():
        assert is_same_text(values[place], value), f"{place}: {values[place]!r} for {value!r}"


def is_same_text(text: str, value: Any) -> bool:
    """Whether an unreadable value is kept as it was delivered."""
    if isinstance(value, float):
        return float(text) == value
    return text.strip() == (value if isinstance(value, str) else value.text).strip()


def check_labels(base: PlatformBase, delivery: LabelDelivery) -> None:
    """Stage a damaged label file; codes in use keep their meaning."""
    name = REFERENCE_FILES["i94_labels"]
    with base.deliver({name: delivery.content}) as raw:
        before = base.read_state()
        old = {list_name: base.read_labels(list_name) for list_name in delivery.lists}
        manifests: list[Manifest] = []

        def run() -> None:
            manifests.extend(manifest for _, manifest in stage_code_lists(raw, base.lake, base.gate, "run"))

        if not stage(base, delivery.reading, {name}, run):
            return
        blocking = set().union(*map(check_verdict, manifests))
        assert blocking == expect_blocking(base, old, delivery)
        if blocking:
            assert base.read_state() == before, "a blocked delivery changed something"
            return
        assert {list_name: base.read_labels(list_name) for list_name in delivery.lists} == delivery.lists


def expect_blocking(base: PlatformBase, old: dict[str, Any], delivery: LabelDelivery) -> set[str]:
    """Say which checks must block the code lists."""
    blocking = set()
    for name, labels in delivery.lists.items():
        if len(labels) < (1 - oracle.LOSS) * len(old[name]):
            blocking.add("size_plausible")
        for code in base.used_codes[name] & old[name].keys():
            if code not in labels or labels[code].casefold() != old[name][code].casefold():
                blocking.add("used_codes_unchanged")
    return blocking


def check_reference(base: PlatformBase, case: Case) -> None:
    """Stage a damaged reference file, and compare what became of it with its undamaged rows."""
    name, file = case.family, REFERENCE_FILES[case.family]
    source = SOURCES[name]
    dataset = Dataset(f"staged/{source.contracts[0].name}")
    delivery = build_table(case, base.files[name], ";" if name == "us_cities_demographics" else ",")
    with base.deliver({file: delivery.content}) as raw:
        before, rows = base.read_state(), base.read_table(dataset.name)
        manifests: list[Manifest] = []

        def run() -> None:
            if source.read is None:
                manifests.append(stage_temperatures(raw, base.lake, base.engine, base.gate, "run"))
            else:
                manifests.append(stage_reference(source, raw, base.lake, base.gate, "run")[0])

        if not stage(base, delivery.reading, {file}, run):
            return
        (manifest,) = manifests
        stats = manifest.stats
        assert stats["delivered_rows"] == len(delivery.rows)
        rejected = stats["rejected_rows"]
        assert manifest.rows + rejected + stats.get("repeated_rows", 0) == len(delivery.rows)
        lines = base.parse_reference(name)
        assert rejected <= count_explained(name, delivery, lines), f"good rows are rejected: {stats['rejected']}"
        blocking = check_verdict(manifest)
        assert blocking - {"plausible_rows"} == {
            *(["rejected_share_within_bound"] if rejected > oracle.REJECTED * len(delivery.rows) else []),
            *(["size_plausible"] if manifest.rows < (1 - oracle.LOSS) * len(rows) else []),
        }
        if blocking:
            assert base.read_state() == before, "a blocked delivery changed something"
            assert delivery.touched or "plausible_rows" not in blocking, "good rows are called implausible"
            return
        check_table(name, delivery, lines, rows, base.read_table(dataset.name))
