"""The services of deploy/compose.yaml as processes of this machine, for tests where there is no Docker.

Commands, entrypoint, settings, secrets, volumes, order and health checks are read from the compose file and the
Dockerfile. What a container has to itself is imitated: a folder stands for its file system, and a free port of
loopback for its port.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from i94_platform.settings import PROJECT
from i94_platform_tests.emulators.postgres import Postgres, find_program, run_postgres
from i94_platform_tests.support.processes import find_free_port, kill_process_tree, wait_for

DEPLOY = PROJECT / "deploy"
START_SECONDS = 90.0
"""The limit for a service to become healthy, which only a fault reaches."""

_CONTAINER_PATH = re.compile(r"(?<![\w./])/(opt/i94|var/lib/i94|run/secrets)")


def read_compose_file() -> dict[str, Any]:
    """Read deploy/compose.yaml."""
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def read_dockerfile() -> list[tuple[str, str]]:
    """Return the instructions of the Dockerfile and their arguments, with continued lines joined."""
    text = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Dockerfile").read_text()))
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


@dataclass
class Services:
    """The services of the compose file, each of which can be started, asked for its health, and killed."""

    folder: Path
    env_files: Mapping[str, Mapping[str, str]]
    """The variables of each `env_file`, and those that lead to the stand-ins for AWS under the role of its machine."""
    secrets: Mapping[str, str]
    """The content of each secret."""
    compose: dict[str, Any] = field(default_factory=read_compose_file)
    database: Postgres | None = None
    """The server of the service `history`, once it was started."""
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _healthy: set[str] = field(default_factory=set)
    """The services that have passed their check since they were started; a check takes seconds."""
    _containers: Iterator[int] = field(default_factory=itertools.count)
    _exit_stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> Services:
        return self

    def __exit__(self, *error: object) -> None:
        for name in tuple(self._processes):
            self.kill(name)
        self._exit_stack.close()

    def start(self, name: str) -> None:
        """Start a service after those that it depends on, all of which must be healthy."""
        if self._is_running(name):
            return
        for other in self.compose["services"][name].get("depends_on", {}):
            self.start(other)
            self.wait_until_healthy(other)
        if name == "history":
            self._start_history()
            return
        root = self.folder / name
        if not root.exists():
            self._create_container(name, root)
        with self.log_path(name).open("ab") as log:
            command = [*self._entrypoint, *self._command(name)]
            self._processes[name] = self._execute(name, root, command, stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """Kill all processes of a service at once, as the end of its container does."""
        self._healthy.discard(name)
        if name == "history":
            assert self.database is not None
            self.database.kill()
            return
        kill_process_tree(self._processes.pop(name))

    def run(self, name: str, *command: str, **environment: str) -> str:
        """Run a command in a new container of a service, as `docker compose run --rm` does, and return its output."""
        root = self.folder / f"{name}-run-{next(self._containers)}"
        self._create_container(name, root)
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with self._execute(name, root, [*self._entrypoint, *command], environment, **options) as process:
            output, _ = process.communicate(timeout=START_SECONDS)
        assert process.returncode == 0, output
        return str(output)

    def is_healthy(self, name: str) -> bool:
        """Whether the service runs and its health check passes."""
        if name != "history":
            status = self._processes[name].poll()
            assert status is None, f"{name} has ended with {status}:\n{self.read_log(name)[-4000:]}"
        if name in self._ports and not _is_listening(self._ports[name]):
            return False  # a check takes seconds
        options: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        check = self._execute(name, self.folder / name, self._health_check(name), **options)
        return check.wait(START_SECONDS) == 0

    def wait_until_healthy(self, name: str) -> None:
        """Wait until the health check of a service has passed."""
        if name in self._healthy:
            return
        wait_for(lambda: self.is_healthy(name), f"{name} to be healthy", START_SECONDS, interval=0.1)
        self._healthy.add(name)

    def url(self, name: str) -> str:
        """Return the address of a service that is published to the machine."""
        return f"http://127.0.0.1:{self._ports[name]}"

    def log_path(self, name: str) -> Path:
        """Return the file with the output of a service."""
        return self.folder / f"{name}.log"

    def read_log(self, name: str) -> str:
        """Read what a service has printed so far."""
        return self.log_path(name).read_text("utf-8", "replace")

    def _is_running(self, name: str) -> bool:
        if name == "history":
            return self.database is not None and self.database.is_running
        return name in self._processes

    def _start_history(self) -> None:
        """Start the database as the image of PostgreSQL does: the first start creates the user and the database."""
        if self.database is not None:
            self.database.start()
            return
        self.database = self._exit_stack.enter_context(run_postgres(self._history_address))
        service = self.compose["services"]["history"]["environment"]
        user, database = service["POSTGRES_USER"], service["POSTGRES_DB"]
        password = self.secrets[Path(service["POSTGRES_PASSWORD_FILE"]).name]
        self.database.execute(
            f"CREATE ROLE {user} SUPERUSER LOGIN PASSWORD '{password}'", f"CREATE DATABASE {database} OWNER {user}"
        )

    @cached_property
    def _history_address(self) -> str:
        """An address of loopback of its own, because the port of the database is in no setting."""
        return f"127.94.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"

    @cached_property
    def _ports(self) -> dict[str, int]:
        return {name: find_free_port() for name in self._container_ports}

    @cached_property
    def _container_ports(self) -> dict[str, str]:
        published = {
            name: service["ports"][0].rpartition(":")[2]
            for name, service in self.compose["services"].items()
            if "ports" in service
        }
        return {"code": self._instruction("EXPOSE"), **published}

    def _instruction(self, name: str) -> str:
        return next(arguments for instruction, arguments in read_dockerfile() if instruction == name)

    @cached_property
    def _entrypoint(self) -> list[str]:
        return list(json.loads(self._instruction("ENTRYPOINT")))

    def _command(self, name: str) -> list[str]:
        return list(self.compose["services"][name].get("command") or json.loads(self._instruction("CMD")))

    def _health_check(self, name: str) -> list[str]:
        of_image = re.sub(r"^.*?CMD ", "", self._instruction("HEALTHCHECK"))
        check = self.compose["services"][name].get("healthcheck", {}).get("test") or ["CMD", *json.loads(of_image)]
        assert check[0] == "CMD"
        return list(check[1:])

    def _create_container(self, name: str, root: Path) -> None:
        """Create the folder that stands for a container's file system, with the image's files, volumes and secrets."""
        workdir = root / self._instruction("WORKDIR").lstrip("/")
        for instruction, arguments in read_dockerfile():
            *sources, target = self._expand(arguments).split() if instruction == "COPY" else ["", ""]
            for source in sources:
                if source.startswith("deploy/"):  # the environment of the tests stands for the rest of the image
                    folder = root / target.lstrip("/") if target.startswith("/") else workdir / target
                    folder.mkdir(parents=True, exist_ok=True)
                    shutil.copy(PROJECT / source, folder)
        self._localize_workspace(workdir / "deploy" / "workspace.yaml")
        service = self.compose["services"][name]
        for volume, path in (mount.split(":") for mount in service.get("volumes", [])):
            self._mount(self.folder / "volumes" / volume, root / path.lstrip("/"))
        secrets = root / "run" / "secrets"
        for folder in (secrets, root / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        for secret in service.get("secrets", []):
            (secrets / secret["target"]).write_text(self.secrets[secret["source"]] + "\n")

    def _mount(self, volume: Path, path: Path) -> None:
        volume.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(volume)

    def _localize_workspace(self, path: Path) -> None:
        workspace = yaml.safe_load(path.read_text())
        for entry in workspace["load_from"]:
            server = entry["grpc_server"]
            assert str(server["port"]) == self._container_ports[server["host"]]
            server.update(host="127.0.0.1", port=self._ports[server["host"]])
        path.write_text(yaml.safe_dump(workspace))

    def _expand(self, text: str, environment: Mapping[str, str] | None = None) -> str:
        """Replace `${NAME}` by the variables of the image, or by those given."""
        values = self._image_environment if environment is None else environment
        return re.sub(r"\$\{(\w+)\}", lambda match: values.get(match[1], match[0]), text)

    @cached_property
    def _image_environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(Path(sys.executable).parent), str(find_program("pg_isready").parent)))
        environment = {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
        for instruction, arguments in read_dockerfile():
            if instruction == "ENV":
                for name, _, value in (word.partition("=") for word in shlex.split(arguments)):
                    environment[name] = self._expand(value, environment)
        return environment

    def _execute(
        self, name: str, root: Path, command: list[str], environment: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.Popen[Any]:
        """Start a command in the container of a service, with the environment of that container only."""
        if name == "history":
            assert self.database is not None
            variables = {"PATH": self._image_environment["PATH"], "PGHOST": str(self.database.folder)}
            return subprocess.Popen(command, env=variables, **options)
        service = self.compose["services"][name]
        variables = {**self._image_environment, "HOME": "/var/lib/i94", "SECRETS": "/run/secrets"}
        for file in service.get("env_file", []):
            variables |= self.env_files[file]
        variables |= service.get("environment", {})
        if "I94_HISTORY_HOST" in variables:
            assert variables["I94_HISTORY_HOST"] in self.compose["services"]
            variables["I94_HISTORY_HOST"] = self._history_address
        variables = {key: _localize_paths(value, root) for key, value in variables.items()}
        return subprocess.Popen(
            [self._localize_port(name, _localize_paths(word, root)) for word in command],
            env={**variables, "TMPDIR": str(root / "tmp"), **(environment or {})},
            cwd=root / self._instruction("WORKDIR").lstrip("/"),
            start_new_session=True,
            **options,
        )

    def _localize_port(self, name: str, text: str) -> str:
        """Replace the port of a service, and every address of its container, by those of loopback."""
        text = text.replace("0.0.0.0", "127.0.0.1")
        return (
            re.sub(rf"\b{self._container_ports[name]}\b", str(self._ports[name]), text) if name in self._ports else text
        )


def _localize_paths(text: str, root: Path) -> str:
    """Replace the paths of a container by those below the folder that stands for it."""
    return _CONTAINER_PATH.sub(lambda match: f"{root}/{match[1]}", text)


def _is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
