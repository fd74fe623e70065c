"""Pins that the linters of the deployment's files run with every rule, pass, and would not pass on a fault."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from i94_platform.settings import PROJECT

DEPLOY = PROJECT / "deploy"


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `make lint` runs on these files."""
    command = [str(PROJECT / "tools" / "check_deployment.sh"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_deployment_passes_its_linters() -> None:
    done = linted(DEPLOY)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        ("compose.yaml", "    restart: unless-stopped\n", "    restarts: often\n", "restarts"),
        ("Dockerfile", "USER 10094", "USER root", "DL3002"),
        ("cloudformation.yaml", "PubliclyAccessible: false", "PubliclyAccesible: false", "E3002"),
    ],
)
def test_a_fault_is_found_and_its_file_named(tmp_path: Path, file: str, old: str, new: str, finding: str) -> None:
    shutil.copytree(DEPLOY, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("secrets"))
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    done = linted(tmp_path)
    assert done.returncode == 1
    assert finding in done.stderr
    assert file in done.stderr.splitlines()[-1]


def test_no_rule_of_a_linter_is_switched_off() -> None:
    for file in ("cloudformation.yaml", "Dockerfile", "compose.yaml"):
        text = (DEPLOY / file).read_text()
        assert "cfn-lint" not in text
        assert "hadolint ignore" not in text
    silenced = [".cfnlintrc", ".cfnlintrc.yaml", ".cfnlintrc.yml", ".hadolint.yaml", ".hadolint.yml"]
    assert not [name for name in silenced if (PROJECT / name).exists()]
