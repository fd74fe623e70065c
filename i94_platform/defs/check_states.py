"""The state of an asset's checks, read from the history of the Dagster instance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import dagster as dg

from i94_platform.defs.dagster_internals import COMPLETED_CHECK_STATUSES
from i94_platform.lake.releases import CheckState, FailedCheck

_EVALUATIONS = 200
"""Evaluations of one check that are searched for the newest of each month."""

_MESSAGE_CHARACTERS = 500
"""The longest message of a failed check that a release keeps."""


def collect_check_state(
    instance: dg.DagsterInstance, check_keys: Iterable[dg.AssetCheckKey], asset_key: dg.AssetKey
) -> CheckState:
    """The newest result of each check of an asset, for each month that the check was made for."""
    newest: dict[tuple[str, str], Any] = {}
    for check_key in check_keys:
        if check_key.asset_key == asset_key:
            for record in instance.event_log_storage.get_asset_check_execution_history(
                check_key, _EVALUATIONS, status=set(COMPLETED_CHECK_STATUSES)
            ):
                newest.setdefault((check_key.name, record.partition or ""), record.evaluation)
    failed = tuple(
        FailedCheck(
            name,
            month,
            evaluation.severity is dg.AssetCheckSeverity.ERROR,
            (evaluation.description or "")[:_MESSAGE_CHARACTERS],
        )
        for (name, month), evaluation in sorted(newest.items())
        if not evaluation.passed
    )
    return CheckState(len(newest) - len(failed), failed)
