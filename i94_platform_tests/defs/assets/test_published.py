"""Test the state of the checks in a release: the newest result of each check and month decides."""

from __future__ import annotations

import dagster as dg
import pytest

from i94_platform.contracts import PUBLISHED, country, visitors_by_airline
from i94_platform.defs.check_states import collect_check_state
from i94_platform.defs.keys import source_key, to_key
from i94_platform.lake.releases import CheckState, FailedCheck

MART = to_key("mart/visitors_by_airline")
TOTALS = dg.AssetCheckKey(MART, "totals")


def record_evaluation(
    instance: dg.DagsterInstance, passed: bool, *, blocking: bool = True, partition: str | None = None
) -> None:
    severity = dg.AssetCheckSeverity.ERROR if blocking else dg.AssetCheckSeverity.WARN
    evaluation = dg.AssetCheckEvaluation(
        asset_key=MART, check_name="totals", passed=passed, metadata={}, severity=severity,
        description="2 rows too many", partition=partition,
    )  # fmt: skip
    instance.report_runless_asset_event(evaluation)


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
def test_the_newest_result_of_a_check_decides(results: list[tuple[bool, bool]], state: str, passed: int) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for passes, blocking in results:
            record_evaluation(instance, passes, blocking=blocking)
        state_of_checks = collect_check_state(
            instance, [TOTALS, dg.AssetCheckKey(to_key("mart/other"), "totals")], MART
        )
    assert (state_of_checks.state, state_of_checks.passed) == (state, passed)


def test_each_month_has_a_result_of_its_own() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for month, passes in (("2016-01", True), ("2016-02", False)):
            record_evaluation(instance, passes, partition=month)
        state_of_checks = collect_check_state(instance, [TOTALS], MART)
    assert state_of_checks == CheckState(1, (FailedCheck("totals", "2016-02", True, "2 rows too many"),))
    assert state_of_checks.state == "failed"


def test_a_published_table_copies_a_mart_or_a_table_of_the_warehouse() -> None:
    assert (source_key(visitors_by_airline), source_key(country)) == (MART, to_key("warehouse/country"))
    names = [contract.name for contract in PUBLISHED]
    assert len(names) == len(set(names))
