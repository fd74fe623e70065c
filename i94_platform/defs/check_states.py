"""Read the state of an asset's checks from the Dagster instance, for the release."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import shorten
from typing import Any

import dagster as dg

from i94_platform.lake.releases import CheckState, FailedCheck

_EVALUATIONS = 200
"""How many evaluations of one check are read to find the newest one of each month."""

_MESSAGE_CHARACTERS = 1_000
"""The length at which the message of a failed check is cut, between two words."""


def collect_check_state(
    instance: dg.DagsterInstance, check_keys: Iterable[dg.AssetCheckKey], asset_key: dg.AssetKey
) -> CheckState:
    """Collect the newest result of each check of an asset, per month."""
    from i94_platform.defs.dagster_internals import COMPLETED_CHECK_STATUSES

    newest: dict[tuple[str, str], Any] = {}
    for check_key in check_keys:
        if check_key.asset_key == asset_key:
            for record in instance.event_log_storage.get_asset_check_execution_history(
                check_key, _EVALUATIONS, status=set(COMPLETED_CHECK_STATUSES)
            ):
                newest.setdefault((check_key.name, record.partition or ""), record.evaluation)
    failed_checks = tuple(
        FailedCheck(
            name,
            month,
            evaluation.severity is dg.AssetCheckSeverity.ERROR,
            shorten(evaluation.description or "", _MESSAGE_CHARACTERS, placeholder=" …"),
        )
        for (name, month), evaluation in sorted(newest.items())
        if not evaluation.passed
    )
    return CheckState(len(newest) - len(failed_checks), failed_checks)
