"""Pins the assembled graph: names and attributes of assets, and a snapshot of assets, checks, jobs and triggers.

The snapshot shows each change of the graph in a diff. Refresh it after an intended change:
    I94_UPDATE_SNAPSHOTS=1 .venv/bin/python -m pytest i94_platform_tests/test_definitions.py
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetNode

from i94_platform.contracts import (
    LOOKUPS,
    MARTS,
    MONTHLY_MARTS,
    REFERENCES,
    WAREHOUSE,
    immigration,
    immigration_quarantine,
    immigration_unreadable,
)
from i94_platform.defs.attributes import OWNER, PACKAGE
from i94_platform.defs.build import build_definitions
from i94_platform.defs.checks.catalog import CHECKS
from i94_platform.defs.partitions import monthly_partitions
from i94_platform.settings import Settings
from i94_platform.sources.registry import REFERENCE_FILES

SNAPSHOT = Path(__file__).parent / "snapshots" / "graph.json"
UPDATE = os.environ.get("I94_UPDATE_SNAPSHOTS") == "1"
"""Read at import, before a fixture clears the environment."""

LAYERS = ("raw", "lookup", "staged", "warehouse", "mart", "published")
MONTHLY = {
    "raw/immigration",
    "staged/immigration",
    "staged/immigration_quarantine",
    "staged/immigration_unreadable",
    "warehouse/immigration",
}
MARTS_OF_A_MONTH = {f"mart/{mart.name}" for mart in MONTHLY_MARTS}


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> dg.RepositoryDefinition:
    return build_definitions(Settings(home=str(tmp_path_factory.mktemp("home")))).get_repository_def()


def asset_nodes(repository: dg.RepositoryDefinition) -> Iterator[tuple[str, AssetNode]]:
    graph = repository.asset_graph
    for key in sorted(graph.get_all_asset_keys()):
        yield key.to_user_string(), graph.get(key)


def snapshot_graph(repository: dg.RepositoryDefinition) -> dict[str, Any]:
    """Describe the graph by JSON values in a stable order, as the snapshot holds it."""
    return {
        "assets": {name: snapshot_asset(repository, node) for name, node in asset_nodes(repository)},
        "jobs": {job: snapshot_job(repository, job) for job in jobs(repository)},
        "schedules": {
            s.name: {
                "cron": f"{s.cron_schedule} {s.execution_timezone}",
                "job": s.job_name,
                "runs by default": s.default_status is dg.DefaultScheduleStatus.RUNNING,
            }
            for s in repository.schedule_defs
        },
        "sensors": {
            s.name: {
                "jobs": sorted(t.job_name for t in s.targets if t.job_name),
                "seconds": s.minimum_interval_seconds,
                "runs by default": s.default_status is dg.DefaultSensorStatus.RUNNING,
            }
            for s in repository.sensor_defs
        },
    }


def snapshot_asset(repository: dg.RepositoryDefinition, node: AssetNode) -> dict[str, Any]:
    checks = {key.name: repository.asset_graph.get_check_spec(key) for key in node.check_keys}
    return {
        "group": node.group_name,
        "kinds": sorted(node.kinds),
        "deps": sorted(key.to_user_string() for key in node.parent_keys),
        "partitions": str(node.partitions_def) if node.partitions_def else None,
        "checks": {name: "blocks" if spec.blocking else "warns" for name, spec in sorted(checks.items())},
    }


def jobs(repository: dg.RepositoryDefinition) -> list[str]:
    """Return the names of the jobs that people start."""
    return sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__"))


def snapshot_job(repository: dg.RepositoryDefinition, name: str) -> dict[str, Any]:
    job = repository.get_job(name)
    checks = job.asset_layer.asset_graph.asset_check_keys
    selected = {check for check in checks if job.asset_layer.get_op_output_handle(check)}
    return {
        "assets": sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys),
        "checks": sorted(check.to_user_string() for check in selected),
        "partitions": str(job.partitions_def) if job.partitions_def else None,
        "executor": job.executor_def.name,
    }


def test_the_graph_is_the_one_of_the_snapshot(repository: dg.RepositoryDefinition) -> None:
    text = json.dumps(snapshot_graph(repository), indent=1) + "\n"
    if UPDATE:
        SNAPSHOT.parent.mkdir(exist_ok=True)
        SNAPSHOT.write_text(text, "utf-8")
    assert json.loads(text) == json.loads(SNAPSHOT.read_text("utf-8")), (
        "the graph has changed; if that is intended, refresh the snapshot with I94_UPDATE_SNAPSHOTS=1 and commit it"
    )


def test_the_definitions_are_loadable_with_every_required_resource(settings: Settings) -> None:
    dg.Definitions.validate_loadable(build_definitions(settings))


def test_building_the_definitions_writes_no_file(settings: Settings, home: Path) -> None:
    build_definitions(settings).get_repository_def()
    assert not home.exists()


def test_an_override_replaces_a_resource_and_no_other(settings: Settings) -> None:
    lake = object()
    overridden, default = build_definitions(settings, {"lake": lake}).resources, build_definitions(settings).resources
    assert overridden is not None
    assert default is not None
    assert overridden["lake"] is lake
    assert overridden.keys() == default.keys()
    assert repr(overridden["warehouse"]) == repr(default["warehouse"])


def test_only_resources_differ_between_deployments(settings: Settings) -> None:
    elsewhere = settings.model_copy(update={"engine": "local[2]"})
    one, other = (snapshot_graph(build_definitions(s).get_repository_def()) for s in (settings, elsewhere))
    for graph in (one, other):
        for asset in graph["assets"].values():
            del asset["kinds"]  # the engine is one of the kinds
    assert one == other


def test_a_key_is_a_layer_and_a_name(repository: dg.RepositoryDefinition) -> None:
    violations = [
        name for name, _ in asset_nodes(repository) if not re.fullmatch(rf"({'|'.join(LAYERS)})/[a-z][a-z0-9_]*", name)
    ]
    assert not violations


def test_an_asset_has_the_name_of_its_table(repository: dg.RepositoryDefinition) -> None:
    by_layer: dict[str, set[str]] = {layer: set() for layer in LAYERS}
    for name, _ in asset_nodes(repository):
        layer, table = name.split("/")
        by_layer[layer].add(table)
    assert by_layer["raw"] == {"immigration", *REFERENCE_FILES}
    assert by_layer["lookup"] == {c.name for c in LOOKUPS}
    assert by_layer["staged"] == {
        c.name for c in (*REFERENCES, immigration, immigration_quarantine, immigration_unreadable)
    }
    assert by_layer["warehouse"] == {c.name for c in WAREHOUSE}
    assert by_layer["mart"] == {c.name for c in MARTS}


def test_every_asset_has_a_description_of_its_own(repository: dg.RepositoryDefinition) -> None:
    descriptions = {name: node.description or "" for name, node in asset_nodes(repository)}
    assert not [name for name, description in descriptions.items() if not description.strip()]
    for layer in LAYERS:
        texts = [text for name, text in descriptions.items() if name.startswith(f"{layer}/")]
        assert len(texts) == len(set(texts)), f"two assets of {layer} have the same description"


def test_every_asset_has_a_group_an_owner_kinds_and_tags(repository: dg.RepositoryDefinition) -> None:
    for name, node in asset_nodes(repository):
        layer = name.split("/")[0]
        assert node.group_name == layer
        assert node.owners == [OWNER], name
        assert node.kinds, name
        assert node.tags["domain"] in ("arrivals", "climate", "codes", "people", "places", "time"), name
        is_mart = name.split("/")[1] in {mart.name for mart in MARTS}
        assert node.tags["cadence"] == ("monthly" if node.partitions_def or is_mart else "reference"), name


def test_assets_with_personal_columns_are_tagged(repository: dg.RepositoryDefinition) -> None:
    personal = {name for name, node in asset_nodes(repository) if node.tags.get("personal") == "yes"}
    assert personal == {name for name in MONTHLY if name.split("/")[0] != "mart"}


def test_every_materializable_asset_has_a_code_version(repository: dg.RepositoryDefinition) -> None:
    materializable = {name: node for name, node in asset_nodes(repository) if node.is_materializable}
    assert {name.split("/")[0] for name in materializable} >= {"lookup", "staged", "warehouse"}
    assert not [name for name, node in materializable.items() if not node.code_version]


def code_references(node: AssetNode) -> list[Any]:
    """Return the files or URLs that an asset links to."""
    return list(node.metadata["dagster/code_references"].code_references)


def test_every_asset_links_to_its_function_and_code_files(repository: dg.RepositoryDefinition) -> None:
    references_by_asset = {name: code_references(node) for name, node in asset_nodes(repository)}
    for name, references in references_by_asset.items():
        assert references, name
        assert all(Path(reference.file_path).is_file() for reference in references), name
        assert Path(references[0].file_path).parent.name == "assets", name
    files = {Path(reference.file_path) for references in references_by_asset.values() for reference in references}
    assert set(PACKAGE.rglob("*.sql")) <= files, "some SQL is linked from no asset"


def test_a_link_leads_to_the_line_of_the_asset(repository: dg.RepositoryDefinition) -> None:
    node = repository.asset_graph.get(dg.AssetKey(["staged", "immigration"]))
    function = code_references(node)[0]
    lines = Path(function.file_path).read_text("utf-8").splitlines()[function.line_number - 1 :]
    assert lines[0].strip() == "@dg.multi_asset("
    assert lines[1].strip() == 'name="staged_immigration",'


def test_links_lead_to_the_code_url_if_it_is_set(settings: Settings) -> None:
    with_code_url = settings.model_copy(update={"code_url": "https://code.example/i94/tree/v1"})
    for name, node in asset_nodes(build_definitions(with_code_url).get_repository_def()):
        assert all(r.url.startswith("https://code.example/i94/tree/v1/i94_platform/") for r in code_references(node)), (
            name
        )
        assert name.startswith("raw/") or re.search(r"\.py#L\d+$", code_references(node)[0].url), name


def test_raw_assets_are_observed_and_never_materialized(repository: dg.RepositoryDefinition) -> None:
    raw = [node for name, node in asset_nodes(repository) if name.startswith("raw/")]
    assert raw
    assert all(node.is_observable and not node.is_materializable for node in raw)


def test_every_monthly_asset_has_the_same_months_and_no_other_asset_has_any(
    repository: dg.RepositoryDefinition,
) -> None:
    partitions = {
        name: node.partitions_def
        for name, node in asset_nodes(repository)
        if node.partitions_def is not None and not name.startswith("published/")
    }
    assert set(partitions) == MONTHLY | MARTS_OF_A_MONTH
    assert len({str(months) for months in partitions.values()}) == 1
    assert partitions["staged/immigration"] is monthly_partitions


def test_the_first_and_the_last_month_come_from_the_environment() -> None:
    code = "from i94_platform.defs.partitions import monthly_partitions as m; print(*m.get_partition_keys())"
    environment = {**os.environ, "I94_FIRST_MONTH": "2016-11", "I94_LAST_MONTH": "2017-01"}
    process = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert process.stdout == "2016-11 2016-12 2017-01\n"


def test_a_backfill_has_one_run_per_month(repository: dg.RepositoryDefinition) -> None:
    for name, node in asset_nodes(repository):
        policy = node.backfill_policy
        assert policy is None or policy.max_partitions_per_run == 1, name


def test_a_table_is_loaded_after_the_tables_that_it_refers_to(repository: dg.RepositoryDefinition) -> None:
    missing = {}
    for contract in WAREHOUSE:
        node = repository.asset_graph.get(dg.AssetKey(["warehouse", contract.name]))
        referred = {f"warehouse/{key.column.table.name}" for c in contract.columns for key in c.foreign_keys}
        missing[contract.name] = referred - {key.to_user_string() for key in node.parent_keys}
    assert not {name: tables for name, tables in missing.items() if tables}, "a load rejects rows without a parent row"


def test_the_fact_refers_to_the_lookups_and_the_dimensions() -> None:
    referred = {key.column.table.name for c in immigration.columns for key in c.foreign_keys}
    assert referred == {"i94port", "i94mode", "i94addr", "i94visa", "country", "calendar"}


def test_the_checks_of_an_asset_are_one_step() -> None:
    steps: dict[dg.AssetKey, set[str]] = {}
    for check in CHECKS:
        for key in check.check_keys:
            steps.setdefault(key.asset_key, set()).add(check.op.name)
    assert {len(names) for names in steps.values()} == {1}


def test_a_month_is_one_job_with_all_its_blocking_checks(repository: dg.RepositoryDefinition) -> None:
    job = snapshot_job(repository, "month")
    assert set(job["assets"]) >= MONTHLY
    graph = snapshot_graph(repository)["assets"]
    for name in MONTHLY:
        blocking = {f"{name}:{check}" for check, what in graph[name]["checks"].items() if what == "blocks"}
        assert blocking <= set(job["checks"])


def test_the_marts_have_a_job_of_their_own_with_their_blocking_checks(
    repository: dg.RepositoryDefinition,
) -> None:
    loading = {name for job in ("reference", "month") for name in snapshot_job(repository, job)["assets"]}
    assert not [name for name in loading if name.startswith("mart/")]
    job = snapshot_job(repository, "marts")
    assert set(job["assets"]) == MARTS_OF_A_MONTH
    assert snapshot_job(repository, "correlations")["assets"] == ["mart/correlations"]
    assert {f"{name}:visitors_equal_arrivals" for name in MARTS_OF_A_MONTH} <= set(job["checks"])


def test_a_mart_depends_on_the_tables_that_its_sql_reads(repository: dg.RepositoryDefinition) -> None:
    parents = repository.asset_graph.get(dg.AssetKey(["mart", "visitor_demographics_by_state"])).parent_keys
    assert {key.to_user_string() for key in parents} == {
        "warehouse/i94visa",
        "warehouse/immigration",
        "warehouse/state",
    }


def test_the_reference_and_month_jobs_cover_the_graph_up_to_the_warehouse(repository: dg.RepositoryDefinition) -> None:
    covered = {name for job in ("reference", "month") for name in snapshot_job(repository, job)["assets"]}
    assert covered >= {name for name, _ in asset_nodes(repository) if name.split("/")[0] in LAYERS[:4]}


def test_every_sensor_and_schedule_has_a_description(repository: dg.RepositoryDefinition) -> None:
    triggers: list[Any] = [*repository.sensor_defs, *repository.schedule_defs]
    assert triggers
    assert not [trigger.name for trigger in triggers if not trigger.description]
