"""Test that the deployment files pass their linters with every rule on, and that the linters report a fault."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from i94_platform.settings import PROJECT

DEPLOY = PROJECT / "deploy"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Lint the deployment files of a folder with the script of `make lint`."""
    command = [str(PROJECT / "tools" / "check_deployment.sh"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("Dockerfile", "USER 10094", "USER root", "DL3002"),
        pytest.param(
            *("compose.yaml", "    restart: unless-stopped\n", "    restarts: often\n", "restarts"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("cloudformation.yaml", "PubliclyAccessible: false", "PubliclyAccesible: false", "E3002"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("cloudformation.yaml", "emr-serverless:GetSessionEndpoint", "emr-serverless:GetSessionEnd", "W3037"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_linter_reports_a_fault_with_its_file(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    shutil.copytree(DEPLOY, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("secrets"))
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    result = lint(tmp_path)
    assert result.returncode == 1
    assert message in result.stderr
    assert file in result.stderr.splitlines()[-1]


def test_no_linter_rule_is_disabled() -> None:
    for file in ("cloudformation.yaml", "Dockerfile", "compose.yaml"):
        text = (DEPLOY / file).read_text()
        assert "cfn-lint" not in text
        assert "hadolint ignore" not in text
    configuration_files = [".cfnlintrc", ".cfnlintrc.yaml", ".cfnlintrc.yml", ".hadolint.yaml", ".hadolint.yml"]
    assert not [name for name in configuration_files if (PROJECT / name).exists()]
