"""Compares `mart.correlations` with the rows of `independent_correlations`, column by column.

Intervals and p-values of a bootstrap are compared with those of other samples and may differ as far as chance allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from i94_platform_tests.marts.independent_correlations import Row, compute_rows
from i94_platform_tests.marts.independent_figures import connect

TOLERANCE = 1e-9
PUBLISHED_SAMPLES = 4_000
"""Bootstrap samples behind a published interval, as `docs/reference/marts.md` says."""
STANDARD_ERRORS = 4.5
"""How far two bootstraps may differ; chance alone exceeds it once in 150,000 comparisons."""
KEY = itemgetter("period", "variant", "question", "x", "y", "method")
SENTENCES = ("meaning", "caveat")
"""The columns that are not computed again: they say the figures of a row in words."""
OF_SAMPLES = ("ci_low", "ci_high", "p_value")


def find_correlation_differences(warehouse: Path, release: Path | None = None) -> tuple[int, list[str]]:
    """Compare each row of `mart.correlations`, or of the DuckDB file of a release, with one computed from the fact.

    Returns:
        How many rows were compared, and each row or figure that differs.
    """
    expected, published = read_rows(warehouse, release)
    return len(expected), compare_rows(expected, published)


def read_rows(warehouse: Path, release: Path | None = None) -> tuple[list[Row], list[Row]]:
    """Compute the rows from the fact, and read those of the mart."""
    with connect(warehouse, release) as connection:
        published = connection.sql("FROM published.mart.correlations ORDER BY period, variant")
        return compute_rows(connection), published.to_arrow_table().to_pylist()


def compare_rows(expected: list[Row], published: list[Row]) -> list[str]:
    """Name each row that only one side has, and each figure that differs."""
    computed = {KEY(row): {**row, "adjusted_p_value": None} for row in expected}
    keys = {KEY(row) for row in published}
    differences = [f"{key}: not published" for key in computed if key not in keys]
    differences += [f"{key}: not computed again" for key in keys - computed.keys()]
    shared = [row for row in published if KEY(row) in computed]
    for _, family in groupby(shared, itemgetter("period", "variant")):
        _adjust_p_values([(row, computed[KEY(row)]) for row in family])
    for row in shared:
        differences += [f"{KEY(row)} {difference}" for difference in _compare(computed[KEY(row)], row)]
    return differences


def _adjust_p_values(family: list[tuple[Row, Row]]) -> None:
    """Adjust the published p-values of one family of tests into its expected rows."""
    from scipy import stats

    tests = [(row, expected) for row, expected in family if row["p_value"] is not None]
    adjusted = stats.false_discovery_control([row["p_value"] for row, _ in tests]) if tests else []
    for (_, expected), p_value in zip(tests, adjusted, strict=True):
        expected["adjusted_p_value"] = float(p_value)


def _compare(expected: Row, published: Row) -> Iterator[str]:
    samples = expected.get("samples")
    of_samples = () if samples is None else OF_SAMPLES
    for name in sorted(published.keys() - {*SENTENCES, *of_samples}):
        value, other = expected[name], published[name]
        is_same = (
            abs(value - other) <= TOLERANCE
            if None not in (value, other) and isinstance(other, float)
            else value == other
        )
        if not is_same:
            yield f"{name}: {other!r}, computed {value!r}"
    if samples is not None:
        yield from _compare_with_samples(samples, published)


def _compare_with_samples(samples: NDArray[Any], published: Row) -> Iterator[str]:
    """Compare an interval and a p-value by the share of other samples that lie beyond."""
    scale = STANDARD_ERRORS * np.sqrt(1 / PUBLISHED_SAMPLES + 1 / len(samples))
    margin = scale * np.sqrt(0.025 * 0.975)  # 0.019: between 0.6 and 4.4 % of the samples
    for name, quantile in (("ci_low", 0.025), ("ci_high", 0.975)):
        low, high = np.quantile(samples, [quantile - margin, quantile + margin])
        if published[name] is None or not low - TOLERANCE <= published[name] <= high + TOLERANCE:
            yield f"{name}: {published[name]!r}, computed {low:.6f} to {high:.6f}"
    tail = min((samples <= 0).mean(), (samples >= 0).mean())
    cautious = tail + 4 / len(samples)  # a tail may be rare and have no sample
    p_value, gap = min(1.0, 2 * tail), 2 * scale * np.sqrt(cautious * (1 - cautious))
    if published["p_value"] is None or abs(published["p_value"] - p_value) > gap:
        yield f"p_value: {published['p_value']!r}, computed {p_value:.6f} within {gap:.6f}"
