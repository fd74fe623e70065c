"""`i94 dictionary` and `i94 lineage` print, check and rewrite files of the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.settings import PROJECT
from i94_platform_tests.cli.command_line import I94


def test_the_committed_dictionary_is_what_the_contracts_say(i94: I94) -> None:
    assert i94("dictionary", "--check").exit_code == 0
    assert i94("dictionary").out == (PROJECT / "docs" / "reference" / "data-dictionary.md").read_text("utf-8")


def test_a_stale_lineage_fails_the_check_and_can_be_rewritten(
    i94: I94, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "column_lineage.json"
    monkeypatch.setattr("i94_platform.defs.column_lineage.lineage_file.FILE", file)
    monkeypatch.setattr("i94_platform.cli.render.PROJECT", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    file.write_text("{}", "utf-8")
    output = i94("lineage", "--check")
    assert output.exit_code == 2
    assert "column_lineage.json is stale; run: i94 lineage --write" in output.err
    assert i94("lineage", "--write").exit_code == 0
    assert i94("lineage", "--check").exit_code == 0
    assert i94("lineage").out == file.read_text("utf-8")


def test_a_stale_dictionary_fails_the_check_and_can_be_rewritten(
    i94: I94, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "docs" / "reference" / "data-dictionary.md"
    page.parent.mkdir(parents=True)
    page.write_text("stale")
    monkeypatch.setattr("i94_platform.cli.render.PROJECT", tmp_path)
    (tmp_path / "pyproject.toml").touch()
    output = i94("dictionary", "--check")
    assert output.exit_code == 2
    assert "docs/reference/data-dictionary.md is stale; run: i94 dictionary --write" in output.err
    assert i94("dictionary", "--write").exit_code == 0
    assert i94("dictionary", "--check").exit_code == 0


@pytest.mark.parametrize("command", ["dictionary", "lineage"])
def test_a_command_on_the_checkout_is_rejected_without_one(
    i94: I94, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("i94_platform.cli.render.PROJECT", tmp_path)
    for option in ("--check", "--write"):
        output = i94(command, option)
        assert output.exit_code == 2
        assert "checkout" in output.err
    assert not list(tmp_path.iterdir())
