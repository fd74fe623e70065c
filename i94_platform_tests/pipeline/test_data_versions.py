"""What makes a version another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from i94_platform.marts import correlations
from i94_platform.pipeline.data_versions import compute_correlations_version, split_version


def test_other_code_of_the_correlations_makes_another_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {("destination_by_origin", "2016-04"): "1"}
    marts, code = split_version(compute_correlations_version(versions))
    (tmp_path / "measures.py").write_text("def cramers_v(): ...\n", encoding="utf-8")
    monkeypatch.setattr(correlations, "__file__", str(tmp_path / "__init__.py"))
    same_marts, other_code = split_version(compute_correlations_version(versions))
    assert same_marts == marts
    assert other_code != code
