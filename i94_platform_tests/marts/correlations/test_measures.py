"""Test each measure against its definition by hand.

The incident: an interval as if 12,366 pairs of 54 states were independent, a tenth as wide as it is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from i94_platform.marts.correlations.measures import (
    Coefficient,
    adjust_p_values,
    cramers_v,
    pearson,
    pearson_with_expected,
    spearman,
)
from i94_platform_tests.marts.correlations.by_hand import (
    adjust_by_hand,
    bootstrap_by_hand,
    fisher,
    r_by_hand,
    rho_by_hand,
    v_by_hand,
)

X = np.array([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0])
Y = np.array([2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0])
WEIGHTS = np.array([1.0, 5.0, 2.0, 1.0, 3.0, 8.0, 1.0, 4.0])
TABLE = np.array([[20, 30, 7], [11, 45, 21], [5, 5, 40], [60, 9, 2], [8, 30, 90]], float)


def figures(result: Coefficient) -> tuple[Any, ...]:
    """The figures of a result, the p-value without the one that keeps it above 0."""
    return result.coefficient, result.ci_low, result.ci_high, result.p_value


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["unweighted", "weighted"])
def test_pearson_is_the_definition_with_the_interval_of_a_bootstrap(weights: Any) -> None:
    w = np.ones(8) if weights is None else weights
    interval = bootstrap_by_hand(lambda drawn: r_by_hand(X[drawn], Y[drawn], w[drawn]), 8)
    assert figures(pearson(X, Y, weights)) == pytest.approx((r_by_hand(X, Y, w), *interval), abs=2e-3)


def test_observations_of_a_cluster_are_drawn_together() -> None:
    noise = np.random.default_rng(17).normal(size=(8, 6))
    x, y = X[:, None] + noise, X[:, None] + np.flip(noise)
    interval = bootstrap_by_hand(lambda drawn: float(np.corrcoef(x[drawn].ravel(), y[drawn].ravel())[0, 1]), 8)
    assert figures(pearson(x, y)) == pytest.approx((r_by_hand(x, y), *interval), abs=2e-3)


def test_the_expected_cells_are_those_of_each_sample() -> None:
    def correlate(drawn: Any) -> float:
        sample = TABLE[drawn]
        return r_by_hand(np.outer(sample.sum(axis=1), sample.sum(axis=0)) / sample.sum(), sample)

    low, high, p_value = bootstrap_by_hand(correlate, len(TABLE))
    expected = (correlate(range(len(TABLE))), low, high, p_value)
    assert figures(pearson_with_expected(TABLE)) == pytest.approx(expected, abs=5e-4)


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """Drawn from a known correlation 300 times: 95 % give or take chance and the few observations."""
    draw = np.random.default_rng(94).multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], (300, 40))
    results = [pearson(sample[:, 0], sample[:, 1]) for sample in draw]
    assert 0.89 < np.mean([(one.ci_low or 0) <= 0.5 <= (one.ci_high or 0) for one in results]) < 0.99
    independent = [pearson(sample[:, 0], np.roll(sample[:, 1], 1)) for sample in draw]
    assert 0.01 < np.mean([(one.p_value or 0) < 0.05 for one in independent]) < 0.11


def test_spearman_is_pearson_of_the_ranks_with_the_interval_of_bonett_and_wright() -> None:
    result, rho = spearman(X, Y), rho_by_hand(X, Y)
    low, high = fisher(rho, math.sqrt((1 + rho**2 / 2) / (len(X) - 3)))
    assert (result.coefficient, result.ci_low, result.ci_high) == pytest.approx((rho, low, high), abs=1e-6)


def test_rho_chi_square_and_adjusted_p_values_are_those_of_scipy() -> None:
    from scipy import stats  # here only, because its import takes half a second

    expected, result = stats.spearmanr(X, Y), spearman(X, Y)
    assert (result.coefficient, result.p_value) == pytest.approx((expected.statistic, expected.pvalue), abs=1e-11)
    chi2 = stats.chi2_contingency(TABLE, correction=False)
    phi2, n = chi2.statistic / TABLE.sum() - chi2.dof / (TABLE.sum() - 1), TABLE.sum()
    corrected_side = min(side - (side - 1) ** 2 / (n - 1) for side in TABLE.shape) - 1
    assert cramers_v(TABLE).coefficient == pytest.approx(math.sqrt(phi2 / corrected_side), abs=1e-12)
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9, 0.03, 0.0]
    assert adjust_p_values(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist(), abs=1e-15)


@pytest.mark.parametrize("measure", [pearson, spearman])
def test_a_perfect_line_has_an_interval_of_one_point(measure: Any) -> None:
    line = np.arange(8.0)
    assert figures(measure(line, 3 - 2 * line))[:3] == pytest.approx((-1, -1, -1))


@pytest.mark.parametrize("measure", [pearson, spearman])
@pytest.mark.parametrize("x", [[], [1.0, 2.0, 3.0], [5.0] * 8], ids=["nothing", "three", "constant"])
def test_what_says_nothing_has_no_coefficient(measure: Any, x: list[float]) -> None:
    assert measure(np.array(x), Y[: len(x)]) == Coefficient()


def test_three_rows_say_nothing_however_many_cells_they_have() -> None:
    assert pearson(TABLE[:3], TABLE[:3]) == pearson_with_expected(TABLE[:3]) == Coefficient()


def test_cramers_v_is_bergsmas_without_interval() -> None:
    assert figures(cramers_v(TABLE)) == (pytest.approx(v_by_hand(TABLE), abs=1e-12), None, None, None)


def test_cramers_v_is_0_for_independence_and_1_for_a_rule_without_exception() -> None:
    assert cramers_v(np.outer([10, 20, 30], [1, 2])).coefficient == 0
    assert cramers_v(np.diag([1000, 2000, 3000])).coefficient == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("table", [np.zeros((0, 0)), np.array([[5, 6, 7]]), np.array([[1, 0], [0, 1]])])
def test_a_table_that_says_nothing_has_no_v(table: Any) -> None:
    assert cramers_v(table) == Coefficient()


def test_p_values_are_adjusted_for_the_tests_that_have_one() -> None:
    p_values = [0.01, 0.04, 0.03, 0.005, 0.9]
    assert adjust_p_values([None, *p_values, None])[1:-1] == pytest.approx(adjust_by_hand(p_values))
    assert adjust_p_values([None]) == [None]
