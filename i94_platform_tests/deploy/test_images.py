"""Pins the image and the services: no root, no secret in a layer or a configuration, nothing open that need not be."""

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

from i94_platform.settings import PROJECT, Settings
from i94_platform_tests.deploy.stack import Stack

DEPLOY = PROJECT / "deploy"
HISTORY = {"I94_HISTORY_HOST", "I94_HISTORY_PASSWORD", "I94_LOGS_BUCKET", "AWS_REGION"}
"""What deploy/dagster.yaml reads from the environment."""


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, lines joined."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Dockerfile").read_text()))
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def copied() -> list[str]:
    """The sources of every COPY."""
    return [source for name, arguments in instructions() if name == "COPY" for source in arguments.split()[:-1]]


def test_the_image_runs_as_a_user_of_its_own() -> None:
    names = [name for name, _ in instructions()]
    last_user = next(arguments for name, arguments in reversed(instructions()) if name == "USER")
    assert int(last_user) > 0
    assert names.index("USER") < names.index("CMD")


def test_the_image_installs_exactly_the_versions_that_are_tested() -> None:
    (install,) = [arguments for name, arguments in instructions() if name == "RUN" and "pip install" in arguments]
    assert "--require-hashes --requirement tools/uv-requirements.txt" in install
    assert "uv sync --frozen" in install
    base = next(arguments for name, arguments in instructions() if name == "ARG")
    assert re.fullmatch(r"PYTHON=python:\d+\.\d+\.\d+-slim-\w+", base)


def test_every_extra_that_the_image_asks_for_exists() -> None:
    extras = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (extra,) = [arguments for name, arguments in instructions() if name == "ARG" and arguments.startswith("EXTRAS=")]
    assert set(extra.removeprefix("EXTRAS=").split(",")) <= set(extras)


def test_the_image_names_no_secret_and_copies_none() -> None:
    for name, arguments in instructions():
        assert not (name in ("ARG", "ENV") and re.search(r"password|secret|token|key", arguments, re.IGNORECASE))
    assert not [source for source in copied() if "secret" in source or source.endswith(".env") or source == "."]


def test_what_the_image_copies_is_there_and_reaches_the_builder() -> None:
    lines = [line for line in (PROJECT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    for source in copied():
        assert (PROJECT / source).exists(), source
        assert f"!{Path(source).parts[0]}" in lines or f"!{source}" in lines, source


def test_what_the_image_copies_is_all_that_the_code_location_needs(tmp_path: Path) -> None:
    for source in copied():
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (PROJECT / source).is_dir() else shutil.copy
        copy(PROJECT / source, tmp_path / source)
    code = "from i94_platform import definitions as d; from i94_platform.contracts import codes"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-W", "ignore", "-c", f"{code}; print(d.__file__, codes.FOLDER)"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        str(tmp_path / "i94_platform" / "definitions.py"),
        str(tmp_path / "i94_platform" / "lookup"),
    ]


@pytest.mark.parametrize("path", ["deploy/secrets", "deploy/i94.env", "i94_platform/__pycache__"])
def test_what_must_stay_here_does_not_reach_the_builder(path: str) -> None:
    lines = (PROJECT / ".dockerignore").read_text().splitlines()
    after = [line for line in lines if line and not line.startswith(("#", "!")) and line != "*"]
    assert [line for line in after if fnmatch(path, line.replace("**/", "*/"))]


def test_the_services_start_programs_that_the_image_has(compose: dict[str, Any]) -> None:
    programs = Path(sys.executable).parent
    commands = [service["command"][0] for service in compose["services"].values() if "command" in service]
    assert sorted(commands) == ["dagster-daemon", "dagster-webserver", "i94"]
    assert all((programs / command).exists() for command in commands)


def test_services_find_each_other_by_name_and_port(compose: dict[str, Any]) -> None:
    (server,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    assert server["grpc_server"]["host"] in compose["services"]
    (command,) = [arguments for name, arguments in instructions() if name == "CMD"]
    assert f'"-p", "{server["grpc_server"]["port"]}"' in command
    assert example()["I94_HISTORY_HOST"] in compose["services"]


def test_only_lineage_ui_and_dashboard_are_published_and_on_this_machine_only(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"webserver": ["127.0.0.1:3000:3000"], "serve": ["127.0.0.1:8094:8094"]}


def test_every_service_says_whether_it_is_well_and_may_gain_no_rights(compose: dict[str, Any]) -> None:
    checked_by_the_image = {"code"}
    for name, service in compose["services"].items():
        assert "healthcheck" in service or name in checked_by_the_image, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
    assert "HEALTHCHECK" in [name for name, _ in instructions()]


def test_data_lies_in_named_volumes_and_secrets_in_files(compose: dict[str, Any]) -> None:
    mounted = [volume for service in compose["services"].values() for volume in service.get("volumes", [])]
    named = {volume.partition(":")[0] for volume in mounted}
    assert named == set(compose["volumes"]) == {"history", "scratch", "served"}
    assert compose["secrets"] == {"history_password": {"file": "secrets/history_password"}}
    ignored = (PROJECT / ".gitignore").read_text().splitlines()
    assert {"deploy/secrets/", "deploy/i94.env"} <= set(ignored)


def test_no_password_stands_in_the_services(compose: dict[str, Any]) -> None:
    environment = compose["services"]["history"]["environment"]
    assert environment["POSTGRES_PASSWORD_FILE"] == "/run/secrets/history_password"
    names = [name for service in compose["services"].values() for name in service.get("environment", {})]
    assert not [name for name in names if name.endswith("PASSWORD")]


def example() -> dict[str, str]:
    """The example of a deployment's environment."""
    lines = (DEPLOY / "i94.env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_the_example_names_settings_that_exist_and_no_password() -> None:
    settings = {f"I94_{name.upper()}" for name in Settings.model_fields}
    assert set(example()) <= settings | HISTORY
    assert not [name for name in example() if "PASSWORD" in name]
    assert {"I94_RAW", "I94_LAKE", "I94_ENGINE", "I94_WAREHOUSE"} <= set(example())


def test_the_outputs_of_the_stack_give_every_address() -> None:
    """docs/deployment.md makes i94.env of them: the variable's name opens the description."""
    variables = [output["Description"].partition(", ")[0] for output in Stack().template["Outputs"].values()]
    assert {name for name in variables if re.fullmatch(r"[A-Z0-9_]+", name)} | {"I94_HISTORY_HOST"} == set(example())


def test_the_instance_reads_only_variables_that_the_services_have(compose: dict[str, Any]) -> None:
    requested = set(re.findall(r"\{ env: (\w+) \}", (DEPLOY / "dagster.yaml").read_text()))
    assert requested == HISTORY
    secrets = {secret["target"] for secret in compose["x-platform"]["secrets"]}
    assert requested <= set(example()) | secrets


def test_secrets_become_the_environment_of_the_command_and_of_nothing_else(tmp_path: Path) -> None:
    """A password may hold anything but a line's end; the file may end with one."""
    password = "a b$HOME'\"`x`\\"
    (tmp_path / "I94_HISTORY_PASSWORD").write_text(password + "\n")
    (tmp_path / "other").write_text("not for the platform")
    command = [str(DEPLOY / "entrypoint.sh"), "sh", "-c", 'printf %s "$I94_HISTORY_PASSWORD" "$other"']
    environment = {"PATH": os.environ["PATH"], "SECRETS": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == password


def test_without_secrets_the_command_runs_and_its_exit_code_is_kept(tmp_path: Path) -> None:
    command = [str(DEPLOY / "entrypoint.sh"), *shlex.split("sh -c 'exit 7'")]
    environment = {"PATH": os.environ["PATH"], "SECRETS": str(tmp_path / "absent")}
    assert subprocess.run(command, env=environment, check=False, timeout=20).returncode == 7


@pytest.mark.parametrize(
    ("arguments", "requested"),
    [
        ("dagster-daemon run -w x", "instance concurrency set staging 3\n"),
        ("dagster-daemon liveness-check", ""),
        ("dagster-webserver -w x", ""),
    ],
)
def test_the_daemon_sets_the_staging_limit_at_its_start(tmp_path: Path, arguments: str, requested: str) -> None:
    for program in ("dagster", "dagster-daemon", "dagster-webserver"):
        script = f'echo "$@" >>{tmp_path}/requested' if program == "dagster" else f"echo {program}"
        (tmp_path / program).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / program).chmod(0o755)
    (tmp_path / "requested").touch()
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "I94_STAGING_CONCURRENCY": "3", "SECRETS": str(tmp_path)}
    command = [str(DEPLOY / "entrypoint.sh"), *arguments.split()]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == f"{command[1]}\n"
    assert (tmp_path / "requested").read_text() == requested
