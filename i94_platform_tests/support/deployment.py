"""A whole deployment for a test: deliver into it, run its jobs, break it, and read all that it holds.

Runs happen in this process with a Dagster instance in memory. A test that needs the command line or a persistent
instance starts that itself.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Table

from i94_platform.contracts import MARTS, WAREHOUSE
from i94_platform.contracts.model import column_names
from i94_platform.contracts.rendering.arrow import arrow_schema
from i94_platform.defs.run_results import RunResult
from i94_platform.lake.datasets import Dataset, Lake
from i94_platform.lake.manifest import Manifest
from i94_platform.lake.releases import RELEASE
from i94_platform.lake.store import Store
from i94_platform.operations.job_runs import run_job, subset_job
from i94_platform.operations.platform import Platform
from i94_platform.partitions import Month
from i94_platform.settings import Settings
from i94_platform.staleness.job_names import CORRELATIONS_JOB, MARTS_JOB, MONTH_JOB, PUBLISH_JOB, REFERENCE_JOB
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.support.commits import commit_files

Fingerprint = tuple[int, int]
"""Rows of a table, and a number that depends on every value of every row but not on their order."""

RUN_COLUMNS = ("run_id", "loaded_at")
"""The columns of the ledger that a second run of the same delivery may change."""

STATS_OF_A_RUN = ("data_as_of", "gate", "listing")
"""The stats of a manifest that a second run may change: times, and comparisons with what was loaded before."""

SAMPLE_MONTH = "2016-01"
"""The month of the sample that the fixture `loaded_deployment` holds."""

MONTHLY = ("staged/immigration", "staged/immigration_quarantine", "staged/immigration_unreadable")


class Deployment:
    """One home below a folder, and a folder `raw` beside it; settings may put lake and deliveries elsewhere."""

    def __init__(self, folder: Path, overrides: Mapping[str, Any] | None = None, **settings: Any) -> None:
        self.folder, self.raw, self.home = folder, folder / "raw", folder / "home"
        self.raw.mkdir(parents=True, exist_ok=True)
        values = {"home": str(self.home), "raw": str(self.raw), **settings}
        self.settings = Settings(**values)
        self.environment = {f"I94_{name.upper()}": str(value) for name, value in values.items()}
        """The variables that make the command line use this deployment."""
        self.overrides = overrides

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        """The Dagster instance of its own runs, which the first of them creates."""
        return dg.DagsterInstance.ephemeral()

    def copy(self, folder: Path, overrides: Mapping[str, Any] | None = None) -> Deployment:
        """Copy the content to another folder and adapt its addresses; the Dagster instance is not copied."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        old, new = str(self.folder), str(folder)
        for manifest in folder.rglob("manifest.json"):
            manifest.write_text(manifest.read_text().replace(old, new))
        copy = Deployment(folder, overrides)
        if copy.settings.warehouse_path.exists():
            copy.execute("UPDATE i94.load_ledger SET manifest = replace(manifest, :old, :new)", old=old, new=new)
        return copy

    def deliver(self, *sources: Path) -> None:
        """Land files or folders under their own names in place of what was there."""
        for source in sources:
            for file in filter(Path.is_file, (source, *source.rglob("*"))):
                self.deliveries.put(file.relative_to(source.parent).as_posix(), file.read_bytes())

    def run(self, *months: str) -> list[RunResult]:
        """Run what `i94 run` runs, under its umask: the reference job, each month with its marts, the correlations."""
        before = os.umask(0o077)
        try:
            return [
                self.run_reference(),
                *(result for key in months for result in (self.run_month(key), self.run_marts(key))),
                self.run_correlations(),
            ]
        finally:
            os.umask(before)

    def run_reference(self, accept: str = "") -> RunResult:
        """Run the reference job; `accept` is the reason to load what the gate would block."""
        return self._run(REFERENCE_JOB, accept=accept)

    def run_month(self, key: str, accept: str = "") -> RunResult:
        """Run the job of one month; `accept` is the reason to load what the gate would block."""
        return self._run(MONTH_JOB, Month.parse(key), accept)

    def run_step(self, asset: str, key: str) -> RunResult:
        """Run one asset of the month job alone, such as `warehouse/immigration`."""
        job = subset_job(self.definitions.resolve_job_def(MONTH_JOB), [asset])
        assert job is not None
        return run_job(job, self.instance, month=Month.parse(key))

    def run_marts(self, key: str) -> RunResult:
        """Run the job of one month's marts."""
        return self._run(MARTS_JOB, Month.parse(key))

    def run_correlations(self) -> RunResult:
        """Run the job of the correlations."""
        return self._run(CORRELATIONS_JOB)

    def run_publish(self) -> RunResult:
        """Run the job of the release."""
        return self._run(PUBLISH_JOB)

    def _run(self, job: str, month: Month | None = None, accept: str = "") -> RunResult:
        gate = {"gate": {"config": {"accept": accept, "accepted_by": "a test"}}} if accept else {}
        return run_job(self.definitions.resolve_job_def(job), self.instance, month=month, resources=gate)

    @cached_property
    def platform(self) -> Platform:
        """The deployment as the command line sees it."""
        return Platform(self.settings, self.overrides)

    @property
    def definitions(self) -> dg.Definitions:
        """The graph over this deployment."""
        return self.platform.definitions

    @property
    def raw_store(self) -> Store:
        """Where deliveries land."""
        return self.platform.raw

    @cached_property
    def deliveries(self) -> Store:
        """The same for whoever delivers, who has other permissions on a bucket; a test assigns that store."""
        return self.raw_store

    @property
    def lake(self) -> Lake:
        """The lake."""
        return self.platform.lake

    @property
    def warehouse(self) -> Warehouse:
        """The warehouse."""
        return self.platform.warehouse

    def manifest(self, dataset: str, month: str = "") -> Manifest:
        """The committed manifest of a dataset."""
        return self.lake.require_manifest(Dataset(dataset, month))

    def read_rows(self, contract: Table, dataset: str, month: str = "") -> pa.Table:
        """Read the rows of a committed dataset."""
        return self.lake.read_table(self.manifest(dataset, month), contract)

    def rewrite_dataset(
        self,
        contract: Table,
        dataset: str,
        rows: pa.Table,
        month: str = "",
        *,
        run_id: str = "rewritten",
        **stats: Any,
    ) -> None:
        """Commit other rows in place of a dataset's, as only a fault of the platform could."""
        old = self.manifest(dataset, month)
        name = old.urls[0].rpartition("/")[2]
        rows = rows.select(column_names(contract)).cast(arrow_schema(contract))
        commit_files(
            self.lake,
            Dataset(dataset, month),
            run_id,
            {name: rows},
            fingerprint=old.fingerprint,
            stats=old.stats | stats,
        )

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Query the warehouse; one dictionary a row."""
        return self.warehouse.query(sql).to_pylist()

    def query_value(self, sql: str) -> Any:
        """Query the warehouse for one value."""
        (row,) = self.query(sql)
        (value,) = row.values()
        return value

    def execute(self, sql: str, **values: Any) -> None:
        """Change the warehouse without the platform."""
        with self.warehouse.transaction(purpose="change it for a test") as transaction:
            transaction.execute(sql, values)

    def fingerprint_tables(self) -> dict[str, Fingerprint]:
        """Fingerprint every table of the star schema and every mart, by name."""
        return {contract.name: self.fingerprint(contract.fullname) for contract in (*WAREHOUSE, *MARTS)}

    def fingerprint(self, relation: str) -> Fingerprint:
        """Fingerprint a table, or a query in brackets."""
        sql = f"SELECT count(*) AS n, coalesce(sum(hash(t)), 0) AS content FROM {relation} AS t"
        row = self.query(sql)[0]
        return int(row["n"]), int(row["content"])

    def read_ledger(self) -> list[dict[str, Any]]:
        """Read the ledger without the columns of single runs, and with addresses relative to the lake."""
        names = ", ".join(RUN_COLUMNS)
        lines = self.query(f"SELECT * EXCLUDE ({names}) FROM i94.load_ledger ORDER BY table_name, partition_key")
        return [{**line, "manifest": line["manifest"].removeprefix(self.settings.lake)} for line in lines]

    def read_manifests(self) -> dict[str, Any]:
        """Read fingerprint, rows and statistics of every committed dataset, which do not depend on the run."""
        manifests = {}
        for file in self.lake.store.list():
            if file.path.endswith("/manifest.json"):
                manifest = Manifest.from_json(self.lake.store.read(file.path), file.path)
                stats = {name: value for name, value in manifest.stats.items() if name not in STATS_OF_A_RUN}
                manifests[file.path.rpartition("/")[0]] = (manifest.fingerprint, manifest.rows, stats)
        return manifests

    def state(self) -> dict[str, Any]:
        """All that a run leaves behind, but its id and its time."""
        return {"tables": self.fingerprint_tables(), "ledger": self.read_ledger(), "manifests": self.read_manifests()}

    def list_run_folders(self) -> dict[str, list[str]]:
        """List the run folders by dataset; an object store has no empty ones."""
        folders: dict[str, list[str]] = {}
        for dataset, _, inside in sorted(f.path.partition("/run=") for f in self.lake.store.list()):
            if inside and (run := inside.partition("/")[0]) not in folders.setdefault(dataset, []):
                folders[dataset].append(run)
        return folders

    def list_superseded_runs(self) -> dict[str, list[str]]:
        """List the datasets that still have run folders of older runs; the release may keep one."""
        folders = self.list_run_folders().items()
        return {dataset: runs for dataset, runs in folders if len(runs) > (2 if dataset == RELEASE.folder else 1)}

    def read_check_evaluations(self, run_id: str) -> dict[str, Any]:
        """Read the check results of a run, by `asset check`."""
        events = self.instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        data = [event.get_dagster_event().asset_check_evaluation_data for event in events]
        return {f"{'/'.join(one.asset_key.path)} {one.check_name}": one for one in data}

    def run_check(self, asset: str, name: str, month: str | None = None) -> Any:
        """Run one check, with the others of its step, and return its result."""
        return self.run_checks([(asset, name)], month)[asset, name]

    def run_checks(self, checks: Sequence[tuple[str, str]], month: str | None = None) -> dict[tuple[str, str], Any]:
        """Run checks in one run, of a month if any of them is monthly, and return their results by asset and name."""
        wanted = {dg.AssetCheckKey(dg.AssetKey(asset.split("/")), name) for asset, name in checks}
        keys: set[dg.AssetCheckKey] = set()
        for check in self.checks:
            if matching := wanted & set(check.check_keys):
                keys |= matching if check.can_subset else set(check.check_keys)
        job = self.definitions.resolve_implicit_global_asset_job_def()
        alone = job.get_subset(asset_selection=set(), asset_check_selection=keys)
        result = alone.execute_in_process(instance=self.instance, partition_key=month, raise_on_error=False)
        results = self.read_check_evaluations(result.run_id)
        return {(asset, name): results[f"{asset} {name}"] for asset, name in checks}

    @property
    def checks(self) -> list[dg.AssetChecksDefinition]:
        """Every check of the graph."""
        return [check for check in self.definitions.asset_checks or () if isinstance(check, dg.AssetChecksDefinition)]


def rewrite_delivery(path: Path, change: Callable[[pa.Table], pa.Table], target: Path | None = None) -> None:
    """Change a delivered Parquet file, or write the changed rows elsewhere."""
    pq.write_table(change(pq.read_table(path)), target or path)
