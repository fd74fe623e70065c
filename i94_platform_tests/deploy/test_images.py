"""Test the image and the services: no root, no secret in a layer or a configuration, no needless open port."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from i94_platform.audit import FILE_NAME
from i94_platform.operations import webserver
from i94_platform.settings import PROJECT, Settings
from i94_platform_tests.deploy.stack import Stack
from i94_platform_tests.support.compose import DEPLOY, read_compose_file, read_dockerfile

INSTANCE_VARIABLES = {"I94_HISTORY_HOST", "I94_HISTORY_PASSWORD", "I94_LOGS_BUCKET", "AWS_REGION"}
"""The environment variables that deploy/dagster.yaml reads."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return read_compose_file()


def copy_sources() -> list[str]:
    """Return the source paths of every COPY."""
    return [source for name, arguments in read_dockerfile() if name == "COPY" for source in arguments.split()[:-1]]


def test_the_image_runs_as_a_user_other_than_root() -> None:
    names = [name for name, _ in read_dockerfile()]
    last_user = next(arguments for name, arguments in reversed(read_dockerfile()) if name == "USER")
    assert int(last_user) > 0
    assert names.index("USER") < names.index("CMD")


def test_the_image_installs_the_locked_versions() -> None:
    (install,) = [arguments for name, arguments in read_dockerfile() if name == "RUN" and "pip install" in arguments]
    assert "--require-hashes --requirement tools/uv-requirements.txt" in install
    assert "uv sync --frozen" in install
    base = next(arguments for name, arguments in read_dockerfile() if name == "ARG")
    assert re.fullmatch(r"PYTHON=python:\d+\.\d+\.\d+-slim-\w+", base)


def test_every_extra_of_the_image_exists() -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (extra,) = [arguments for name, arguments in read_dockerfile() if name == "ARG" and arguments.startswith("EXTRAS=")]
    assert set(extra.removeprefix("EXTRAS=").split(",")) <= set(extras)


def test_the_image_names_no_secret_and_copies_none() -> None:
    for name, arguments in read_dockerfile():
        assert not (name in ("ARG", "ENV") and re.search(r"password|secret|token|key", arguments, re.IGNORECASE))
    assert not [source for source in copy_sources() if "secret" in source or source.endswith(".env") or source == "."]


def test_every_file_that_the_image_copies_exists_and_reaches_the_builder() -> None:
    lines = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    for source in copy_sources():
        assert (PROJECT / source).exists(), source
        assert f"!{Path(source).parts[0]}" in lines or f"!{source}" in lines, source


@pytest.mark.slow
def test_the_image_copies_all_files_that_the_code_location_needs(tmp_path: Path) -> None:
    for source in copy_sources():
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        copy_source = shutil.copytree if (PROJECT / source).is_dir() else shutil.copy
        copy_source(PROJECT / source, tmp_path / source)
    code = "from i94_platform import definitions as d; from i94_platform.contracts import codes"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", f"{code}; print(d.__file__, codes.FOLDER)"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == [
        str(tmp_path / "i94_platform" / "definitions.py"),
        str(tmp_path / "i94_platform" / "lookup"),
    ]


@pytest.mark.parametrize("path", ["deploy/secrets", "deploy/i94.env", "i94_platform/__pycache__"])
def test_secrets_and_caches_do_not_reach_the_builder(path: str) -> None:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    exclusions = [line for line in lines if line and not line.startswith(("#", "!")) and line != "*"]
    assert [line for line in exclusions if fnmatch(path, line.replace("**/", "*/"))]


def test_the_services_start_programs_that_the_image_has(compose: dict[str, Any]) -> None:
    programs = Path(sys.executable).parent
    commands = [service["command"][0] for service in compose["services"].values() if "command" in service]
    assert sorted(commands) == ["dagster-daemon", "i94", "python", "python"]
    assert all((programs / command).exists() for command in commands)


def test_each_service_has_the_name_and_port_that_others_use(compose: dict[str, Any]) -> None:
    (server,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    assert server["grpc_server"]["host"] in compose["services"]
    (command,) = [arguments for name, arguments in read_dockerfile() if name == "CMD"]
    assert f'"-p", "{server["grpc_server"]["port"]}"' in command
    assert example_environment()["I94_HISTORY_HOST"] in compose["services"]


def test_only_lineage_ui_and_dashboard_publish_a_port_and_only_on_loopback(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {
        "webserver": ["127.0.0.1:3000:3000"],
        "viewer": ["127.0.0.1:3001:3000"],
        "serve": ["127.0.0.1:8094:8094"],
    }


def test_the_lineage_ui_is_checked_and_the_one_for_everybody_only_shows(compose: dict[str, Any]) -> None:
    commands = {name: compose["services"][name]["command"] for name in ("webserver", "viewer")}
    assert {command[2] for command in commands.values()} == {webserver.__name__}
    assert [name for name, command in commands.items() if "--read-only" in command] == ["viewer"]


def test_the_server_has_no_secret_no_way_to_other_services_and_limits(compose: dict[str, Any]) -> None:
    serve = compose["services"]["serve"]
    assert "secrets" not in serve
    assert "depends_on" not in serve
    others = [service for name, service in compose["services"].items() if name != "serve"]
    assert not [service for service in others if set(service.get("networks", ["default"])) & set(serve["networks"])]
    assert (serve["read_only"], serve["cap_drop"], serve["env_file"]) == (True, ["ALL"], ["serve.env"])
    assert {"mem_limit", "cpus", "pids_limit"} <= set(serve)
    example = (DEPLOY / "serve.env.example").read_text()
    assert not re.search("(?i)password|i94_warehouse|i94_history|access_key", example)


def test_every_service_has_a_health_check_and_can_gain_no_privileges(compose: dict[str, Any]) -> None:
    services_checked_by_the_image = {"code"}
    for name, service in compose["services"].items():
        assert "healthcheck" in service or name in services_checked_by_the_image, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    assert "HEALTHCHECK" in [name for name, _ in read_dockerfile()]


def test_services_keep_data_in_named_volumes_and_secrets_in_files(compose: dict[str, Any]) -> None:
    mounts = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
    volume_names = {volume.partition(":")[0] for volume in mounts}
    assert volume_names == set(compose["volumes"]) == {"audit", "history", "scratch", "served"}
    assert compose["secrets"] == {"history_password": {"file": "secrets/history_password"}}
    gitignore = (PROJECT / ".gitignore").read_text().splitlines()
    assert {"deploy/secrets/", "deploy/i94.env", "deploy/serve.env"} <= set(gitignore)


@pytest.mark.parametrize("name", ["code", "serve"])
def test_the_audit_log_outlives_the_container(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    home = Path(service.get("environment", {}).get("I94_HOME", "/var/lib/i94"))
    mounts = {Path(volume.partition(":")[2]) for volume in service["volumes"]}
    assert mounts & set((home / FILE_NAME).parents)


def test_the_environment_of_no_service_holds_a_password(compose: dict[str, Any]) -> None:
    environment = compose["services"]["history"]["environment"]
    assert environment["POSTGRES_PASSWORD_FILE"] == "/run/secrets/history_password"
    names = [name for service in compose["services"].values() for name in service.get("environment", {})]
    assert not [name for name in names if name.endswith("PASSWORD")]


def example_environment() -> dict[str, str]:
    """Return the variables of deploy/i94.env.example."""
    lines = (DEPLOY / "i94.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_example_environment_names_existing_settings_and_no_password() -> None:
    settings = {f"I94_{name.upper()}" for name in Settings.model_fields}
    assert set(example_environment()) <= settings | INSTANCE_VARIABLES
    assert not [name for name in example_environment() if "PASSWORD" in name]
    assert {"I94_RAW", "I94_LAKE", "I94_ENGINE", "I94_WAREHOUSE"} <= set(example_environment())


def test_the_outputs_of_the_stack_give_every_variable_of_the_example_environment() -> None:
    """docs/how-to/production.md builds i94.env from them: each description starts with the name of its variable."""
    openings = [output["Description"].partition(", ")[0] for output in Stack().template["Outputs"].values()]
    variables = {name for name in openings if re.fullmatch(r"[A-Z0-9_]+", name)}
    assert variables | {"I94_HISTORY_HOST"} == set(example_environment())


def test_the_instance_reads_only_variables_that_the_services_have(compose: dict[str, Any]) -> None:
    variables = set(re.findall(r"\{ env: (\w+) \}", (DEPLOY / "dagster.yaml").read_text()))
    assert variables == INSTANCE_VARIABLES
    secrets = {secret["target"] for secret in compose["x-platform"]["secrets"]}
    assert variables <= set(example_environment()) | secrets


def test_the_entrypoint_passes_only_secrets_of_the_platform_to_the_command(tmp_path: Path) -> None:
    """A password may hold any character but a line break; its file may end with one."""
    password = "a b$HOME'\"`x`\\"
    (tmp_path / "I94_HISTORY_PASSWORD").write_text(password + "\n")
    (tmp_path / "other").write_text("not for the platform")
    command = [str(DEPLOY / "entrypoint.sh"), "sh", "-c", 'printf %s "$I94_HISTORY_PASSWORD" "$other"']
    environment = {"PATH": os.environ["PATH"], "SECRETS": str(tmp_path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20)
    assert result.stdout == password


def test_the_entrypoint_returns_the_exit_code_of_the_command_without_secrets(tmp_path: Path) -> None:
    command = [str(DEPLOY / "entrypoint.sh"), *shlex.split("sh -c 'exit 7'")]
    environment = {"PATH": os.environ["PATH"], "SECRETS": str(tmp_path / "absent")}
    assert subprocess.run(command, env=environment, check=False, timeout=20).returncode == 7


@pytest.mark.parametrize(
    ("arguments", "dagster_calls"),
    [
        ("dagster-daemon run -w x", "instance concurrency set staging 3\n"),
        ("dagster-daemon liveness-check", ""),
        ("dagster-webserver -w x", ""),
    ],
)
def test_the_daemon_sets_the_staging_limit_at_its_start(tmp_path: Path, arguments: str, dagster_calls: str) -> None:
    for program in ("dagster", "dagster-daemon", "dagster-webserver"):
        script = f'echo "$@" >>{tmp_path}/dagster_calls' if program == "dagster" else f"echo {program}"
        (tmp_path / program).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / program).chmod(0o755)
    (tmp_path / "dagster_calls").touch()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "I94_STAGING_CONCURRENCY": "3", "SECRETS": str(tmp_path)}
    command = [str(DEPLOY / "entrypoint.sh"), *arguments.split()]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20)
    assert result.stdout == f"{command[1]}\n"
    assert (tmp_path / "dagster_calls").read_text() == dagster_calls
