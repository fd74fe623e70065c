"""Test each measure against its definition by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from i94_platform.marts.correlations.measures import Coefficient, cramers_v, pearson, spearman
from i94_platform_tests.marts.correlations.by_hand import fisher, r_by_hand, ranks, v_by_hand

X = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0]
Y = [2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0]


def test_pearson_is_the_definition_with_fishers_interval() -> None:
    result, r = pearson(X, Y), r_by_hand(X, Y)
    low, high = fisher(r, 1 / math.sqrt(len(X) - 3))
    assert (result.coefficient, result.ci_low, result.ci_high) == pytest.approx((r, low, high), abs=1e-6)
    assert result.p_value is not None
    assert 0.5 < result.p_value < 1


def test_spearman_is_pearson_of_the_ranks_with_the_interval_of_bonett_and_wright() -> None:
    result, rho = spearman(X, Y), r_by_hand(ranks(X), ranks(Y))
    low, high = fisher(rho, math.sqrt((1 + rho**2 / 2) / (len(X) - 3)))
    assert (result.coefficient, result.ci_low, result.ci_high) == pytest.approx((rho, low, high), abs=1e-6)


def test_a_perfect_order_has_an_interval_of_one_point() -> None:
    result = spearman([1, 2, 3, 4, 5], [1, 8, 27, 64, 125])
    assert (result.coefficient, result.ci_low, result.ci_high) == (1, 1, 1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]).coefficient == -1


@pytest.mark.parametrize("measure", [pearson, spearman])
@pytest.mark.parametrize("x", [[], [1.0, 2.0, 3.0], [5.0] * 8], ids=["nothing", "three", "constant"])
def test_what_says_nothing_has_no_coefficient(measure: Any, x: list[float]) -> None:
    assert measure(x, Y[: len(x)]) == Coefficient()


def test_cramers_v_is_bergsmas() -> None:
    table = np.array([[20, 30, 7], [11, 45, 21]])
    result = cramers_v(table)
    assert result.coefficient == pytest.approx(v_by_hand(table), abs=1e-12)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    chi2 = ((table - expected) ** 2 / expected).sum()
    assert result.p_value == pytest.approx(math.exp(-chi2 / 2)), "the chi-square's tail for 2 degrees of freedom"
    assert result.ci_low is not None
    assert result.ci_high is not None
    assert 0 <= result.ci_low < float(result.coefficient or 0) < result.ci_high < 1


def test_cramers_v_is_0_for_independence_and_1_for_a_rule_without_exception() -> None:
    assert cramers_v(np.outer([10, 20, 30], [1, 2])).coefficient == 0
    assert cramers_v(np.diag([1000, 2000, 3000])).coefficient == pytest.approx(1, abs=1e-9)


def test_the_interval_of_cramers_v_holds_the_truth_about_as_often_as_it_says() -> None:
    """Drawn from known shares 400 times: 95 % give or take what 400 draws leave to chance."""
    shares = np.array([[0.30, 0.10, 0.10], [0.10, 0.20, 0.20]])
    phi2 = (((shares - np.outer(shares.sum(1), shares.sum(0))) ** 2) / np.outer(shares.sum(1), shares.sum(0))).sum()
    truth, draw = math.sqrt(phi2), np.random.default_rng(94)
    result = [cramers_v(draw.multinomial(2_000, shares.ravel()).reshape(2, 3)) for _ in range(400)]
    hits = sum((one.ci_low or 0) <= truth <= (one.ci_high or 0) for one in result)
    assert 0.91 < hits / 400 < 0.99


@pytest.mark.parametrize("table", [np.zeros((0, 0)), np.array([[5, 6, 7]]), np.array([[1, 0], [0, 1]])])
def test_a_table_that_says_nothing_has_no_v(table: Any) -> None:
    assert cramers_v(table) == Coefficient()
