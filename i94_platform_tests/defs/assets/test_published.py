"""Pins what a release says about checks: the newest result of each, for each month, and how bad the worst is."""

from __future__ import annotations

import dagster as dg
import pytest

from i94_platform.contracts import PUBLISHED, country, visitors_by_airline
from i94_platform.defs.check_states import collect_check_state
from i94_platform.defs.keys import source_key, to_key
from i94_platform.lake.releases import CheckState, FailedCheck

MART = to_key("mart/visitors_by_airline")
TOTALS = dg.AssetCheckKey(MART, "totals")


def said(history: dg.DagsterInstance, passed: bool, *, blocking: bool = True, partition: str | None = None) -> None:
    severity = dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN
    evaluation = dg.AssetCheckEvaluation(
        asset_key=MART, check_name="totals", passed=passed, metadata={}, severity=severity,
        description="2 rows too many", partition=partition,
    )  # fmt: skip
    history.report_runless_asset_event(evaluation)


@pytest.mark.parametrize(
    ("results", "state", "passed"),
    [
        ([], "unchecked", 0),
        ([(True, True)], "passed", 1),
        ([(False, True)], "failed", 0),
        ([(False, False)], "warned", 0),
        ([(False, True), (True, True)], "passed", 1),
        ([(True, True), (False, False)], "warned", 0),
    ],
)
def test_the_newest_result_counts(results: list[tuple[bool, bool]], state: str, passed: int) -> None:
    with dg.DagsterInstance.ephemeral() as history:
        for ok, blocking in results:
            said(history, ok, blocking=blocking)
        found = collect_check_state(history, [TOTALS, dg.AssetCheckKey(to_key("mart/other"), "totals")], MART)
    assert (found.state, found.passed) == (state, passed)


def test_each_month_has_a_result_of_its_own() -> None:
    with dg.DagsterInstance.ephemeral() as history:
        for month, ok in (("2016-01", True), ("2016-02", False)):
            said(history, ok, partition=month)
        found = collect_check_state(history, [TOTALS], MART)
    assert found == CheckState(1, (FailedCheck("totals", "2016-02", True, "2 rows too many"),))
    assert found.state == "failed"


def test_a_published_table_is_a_copy_of_a_mart_or_of_a_table_of_the_warehouse() -> None:
    assert (source_key(visitors_by_airline), source_key(country)) == (MART, to_key("warehouse/country"))
    names = [contract.name for contract in PUBLISHED]
    assert len(names) == len(set(names))
