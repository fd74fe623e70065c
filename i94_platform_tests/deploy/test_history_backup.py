"""Test the loss of Dagster's database: with a backup as docs/how-to/production.md says, and without any.

The database is a real PostgreSQL. Nothing that is loaded may be loaded again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from i94_platform.sample import write_sample
from i94_platform.settings import PROJECT
from i94_platform_tests.deploy.conftest import PASSWORD
from i94_platform_tests.emulators.postgres import Postgres, find_program, missing_server, run_postgres
from i94_platform_tests.emulators.s3 import S3Server
from i94_platform_tests.support.command import run_command_in_process
from i94_platform_tests.support.deployment import Deployment

pytestmark = pytest.mark.slow

PAGE = PROJECT / "docs" / "how-to" / "production.md"
IN_HISTORY = "docker compose exec -T history "


def read_commands(heading: str) -> list[str]:
    """Read the commands in the container of the history from the code blocks below a heading of the page."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line.removeprefix(IN_HISTORY) for line in lines if line.startswith(IN_HISTORY)]


@dataclass
class Production:
    """A deployment of one month whose history is in PostgreSQL."""

    deployment: Deployment
    server: Postgres
    folder: Path
    """The folder of the backup."""

    def execute(self, commands: list[str]) -> None:
        """Run commands as in the container of the history."""
        environment = {
            "PATH": os.pathsep.join((str(find_program("pg_dump").parent), os.environ["PATH"])),
            "PGHOST": str(self.server.folder),
            "PGPASSWORD": PASSWORD,
        }
        for command in commands:
            subprocess.run(["sh", "-c", command], cwd=self.folder, env=environment, check=True, timeout=60)

    def run(self) -> str:
        """Run `i94 run` and return what it prints."""
        result = run_command_in_process(self.deployment.environment, "run")
        assert result.exit_code == 0, result.output
        return result.output

    def read_history(self) -> tuple[list[tuple[str, dg.DagsterRunStatus]], int]:
        """Read the runs with their statuses, and the number of the newest load's event."""
        with dg.DagsterInstance.from_config(str(self.deployment.settings.dagster_home)) as instance:
            runs = [(run.run_id, run.status) for run in instance.get_runs()]
            event = instance.fetch_materializations(dg.AssetKey(["warehouse", "immigration"]), limit=1).records
            return runs, event[0].storage_id if event else 0


@pytest.fixture(scope="module")
def production(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    """A loaded deployment with deploy/dagster.yaml."""
    if reason := missing_server():
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("backup")
    deployment = Deployment(folder)
    write_sample(deployment.raw, first="2016-01", last="2016-01", rows=300)
    deployment.settings.dagster_home.mkdir(parents=True)
    shutil.copy(PROJECT / "deploy" / "dagster.yaml", deployment.settings.dagster_home)
    with run_postgres() as server, pytest.MonkeyPatch.context() as patch:
        server.execute(f"CREATE ROLE dagster SUPERUSER LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE dagster")
        variables = {
            **s3_server.environment,
            "I94_LOGS_BUCKET": s3_server.create_bucket(),
            "I94_HISTORY_HOST": "",
            "I94_HISTORY_PASSWORD": PASSWORD,
            "PGHOST": str(server.folder),
        }
        for name, value in variables.items():
            patch.setenv(name, value)
        production = Production(deployment, server, folder)
        production.run()
        yield production


def test_a_restored_history_is_the_lost_one_and_nothing_is_left_to_do(production: Production) -> None:
    records, state = production.read_history(), production.deployment.state()
    assert records[0]
    backup, restore = read_commands("Backing up the history"), read_commands("Restoring")
    assert backup
    production.execute(backup)
    production.server.execute("DROP DATABASE dagster WITH (FORCE)")
    production.execute(restore)
    assert production.read_history() == records
    assert "Nothing to do" in production.run()
    assert (production.read_history(), production.deployment.state()) == (records, state)


def test_without_a_backup_an_empty_history_loads_nothing_again(production: Production) -> None:
    state = production.deployment.state()
    production.server.execute("DROP DATABASE dagster WITH (FORCE)", "CREATE DATABASE dagster OWNER dagster")
    assert "Nothing to do" in production.run()
    assert production.read_history() == ([], 0)
    assert production.deployment.state() == state
    status = run_command_in_process(production.deployment.environment, "status", "--json")
    assert '"issue": null' in status.output
