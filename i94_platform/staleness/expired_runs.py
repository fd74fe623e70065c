"""The runs of the history that are old and that nothing needs any more."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from i94_platform.staleness.run_inputs import DELIVERED_TAG, PARTITION_TAG, UNFINISHED, iterate_records

_PAGE_RUNS = 200
"""Runs that are read from the instance at a time."""


def find_expired_runs(instance: dg.DagsterInstance, before: dt.datetime) -> list[str]:
    """Find the ids of the runs that ended before a time and that no one needs.

    Needed are unfinished runs; of each job and month the newest run of each status, and the last request with its
    re-executions; and the runs that brought what each asset and month holds.
    """
    needed = _find_runs_of_assets(instance)
    newest: set[tuple[str, str, dg.DagsterRunStatus]] = set()
    requested: set[tuple[str, str]] = set()
    expired: list[str] = []
    for record in iterate_records(instance, dg.RunsFilter(), _PAGE_RUNS):
        run = record.dagster_run
        job_and_month = run.job_name, run.tags.get(PARTITION_TAG, "")
        is_newest, is_request = (*job_and_month, run.status) not in newest, False
        newest.add((*job_and_month, run.status))
        if DELIVERED_TAG in run.tags and job_and_month not in requested:
            is_request = True
            if run.parent_run_id is None:
                requested.add(job_and_month)
        is_needed = is_newest or is_request or run.run_id in needed or run.status in UNFINISHED
        if not is_needed and record.update_timestamp < before:
            expired.append(run.run_id)
    return expired


def _find_runs_of_assets(instance: dg.DagsterInstance) -> set[str]:
    """Find the runs of the newest materialization and observation of each asset and month."""
    runs: set[str] = set()
    fetches = {
        dg.DagsterEventType.ASSET_MATERIALIZATION: instance.fetch_materializations,
        dg.DagsterEventType.ASSET_OBSERVATION: instance.fetch_observations,
    }
    for key in instance.all_asset_keys():
        for type_, fetch in fetches.items():
            ids = list(instance.get_latest_storage_id_by_partition(key, type_).values())
            months = fetch(dg.AssetRecordsFilter(key, storage_ids=ids), limit=len(ids)).records if ids else ()
            runs |= {record.run_id for record in (*months, *fetch(key, limit=1).records)}
    return runs
