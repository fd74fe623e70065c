"""Test that docs/benchmarks.md is what the stored results say, so that no figure in it is typed."""

from __future__ import annotations

from bench.page import PAGE, render_page
from bench.results import read_results


def test_the_page_is_written_from_the_stored_results() -> None:
    assert render_page(read_results()) == PAGE.read_text("utf-8"), "run .venv/bin/python -m bench --page"


def test_a_part_that_nobody_has_measured_is_said_to_be_missing() -> None:
    results = read_results()
    del results["api"]
    assert "Not measured yet." in render_page(results).partition("## Web API")[2].partition("## ")[0]
