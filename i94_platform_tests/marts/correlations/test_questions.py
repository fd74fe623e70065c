"""Test the correlations: which observations they are over, and what is left out, counted.

The incident: a coefficient over states among which the code for all other states was one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from i94_platform.contracts import MONTHLY_MARTS, correlations
from i94_platform.contracts.model import column_names
from i94_platform.marts.correlations import compute_correlations
from i94_platform_tests.marts.correlations.by_hand import r_by_hand, ranks, v_by_hand
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

MONTHS = ("2016-03", "2016-04")


STATES = ("CA", "FL", "NY", "TX", "VT", "WA")
COUNTRIES = {101: 5.5, 102: 12.0, 103: 18.5, 104: 21.0, 105: 27.0}


def pairs() -> pd.DataFrame:
    """Six states and five countries with a pattern, and one row for each reason to be left out."""
    rows = [
        {"i94addr": state, "i94res": code, "status": "valid", "visitors": (i + 1) * 10 + (j * 7 + i * 3) % 11 * 5}
        for i, state in enumerate(STATES)
        for j, code in enumerate(COUNTRIES)
    ]
    rows += [
        {"i94addr": "99", "i94res": 101, "status": "valid", "visitors": 1_000},
        {"i94addr": "99", "i94res": 148, "status": "unlisted", "visitors": 2_000},
        {"i94addr": "NY", "i94res": 148, "status": "unlisted", "visitors": 300},
        {"i94addr": "NY", "i94res": 311, "status": "collapsed", "visitors": 40},
        {"i94addr": "NY", "i94res": -1, "status": "not given", "visitors": 5},
        {"i94addr": "NY", "i94res": 106, "status": "valid", "visitors": 6},
    ]
    return pd.DataFrame(rows)


def origins() -> pd.DataFrame:
    temperatures = {**COUNTRIES, 311: 22.1}
    rows = []
    grouped = pairs().groupby(["i94res", "status"], as_index=False)["visitors"].sum()
    for code, status, visitors in grouped.itertuples(index=False):
        warmth = temperatures.get(code)
        band = "unknown" if warmth is None else f"band of {warmth:.0f}"
        rows.append(
            {"i94res": code, "status": status, "climate_band": band, "mean_temperature": warmth, "visitors": visitors}
        )
    return pd.DataFrame(rows).astype({"mean_temperature": float})


def groups() -> pd.DataFrame:
    """Six states, of which VT has no city and WA no figure of people born abroad, and the other one."""
    rows = []
    for i, state in enumerate((*STATES, "99")):
        people = {
            "city_population": 1000.0 * (i + 2), "city_male_population": 400.0 + 37 * i,
            "city_female_population": 500.0 - 11 * i * i, "city_median_age": 30.0 + (i * 5) % 7,
            "city_foreign_born": 100.0 + 60 * i if state != "WA" else None,
        }  # fmt: skip
        if state in ("VT", "99"):
            people = dict.fromkeys(people)
        rows += [
            {
                "i94addr": state,
                "age_band": band,
                "gender": gender,
                "i94visa": visa,
                "visitors": 10 + (i * 3 + j * 5) % 17,
            }
            | people
            for j, (band, gender, visa) in enumerate(
                [("0-17", "F", 2), ("25-34", "M", 1), ("65+", "F", 3), ("unknown", "not given", 2), ("65+", "X", 2)]
            )
        ]
    return pd.DataFrame(rows)


def select_row(question: str, x: str, method: str, y: str = "") -> dict[str, Any]:
    """One row of the contract."""
    rows = compute_correlations(pairs(), origins(), groups(), MONTHS)
    (row,) = [r for r in rows if (r["question"], r["x"], r["method"]) == (question, x, method) and y in r["y"]]
    return row


def test_destination_and_source_country() -> None:
    included = pairs().iloc[:30]
    table = included.pivot(index="i94addr", columns="i94res", values="visitors").to_numpy(float)
    with_last = np.column_stack([table, [0, 0, 6, 0, 0, 0]])  # 106 sends visitors to one state only
    row = select_row("destination_by_origin", "state", "cramers_v")
    assert row["coefficient"] == pytest.approx(v_by_hand(with_last))
    assert row["n"] == int(with_last.sum())
    assert (row["excluded"], row["excluded_visitors"]) == (3_345, 3_345)
    assert row["excluded_why"] == (
        "no listed state (99): 3,000 arrivals, 3,000 visitors; residence collapsed: 40 arrivals, 40 visitors; "
        "residence not given: 5 arrivals, 5 visitors; residence unlisted: 300 arrivals, 300 visitors"
    )
    expected = np.outer(with_last.sum(1), with_last.sum(0)) / with_last.sum()
    for method, by_hand in (("pearson", r_by_hand), ("spearman", lambda x, y: r_by_hand(ranks(x), ranks(y)))):
        row = select_row("destination_by_origin", "visitors expected from the totals of state and country", method)
        assert row["coefficient"] == pytest.approx(by_hand(expected.ravel(), with_last.ravel()))
        assert (row["n"], row["excluded"], row["excluded_visitors"]) == (36, 5, 3_345)


def test_destination_and_climate_of_the_source() -> None:
    included = pairs().iloc[:30]
    row = select_row("destination_by_climate", "state", "cramers_v")
    assert row["coefficient"] == pytest.approx(
        v_by_hand(included.pivot(index="i94addr", columns="i94res", values="visitors"))
    )
    assert (row["n"], row["excluded"]) == (int(included["visitors"].sum()), 3_351)
    assert "residence without a temperature: 6 arrivals, 6 visitors" in row["excluded_why"]

    by_state = {state: included[included["i94addr"] == state] for state in STATES}
    warmth = [
        sum(COUNTRIES[code] * n for code, n in zip(rows["i94res"], rows["visitors"], strict=True))
        / rows["visitors"].sum()
        for rows in by_state.values()
    ]
    x = "mean temperature of the countries of residence, each as often as it has visitors"
    row = select_row("destination_by_climate", x, "pearson")
    visitors = [rows["visitors"].sum() for rows in by_state.values()]
    assert row["coefficient"] == pytest.approx(r_by_hand(warmth, visitors))
    assert (row["n"], row["excluded"], row["excluded_visitors"]) == (6, 1, 3_351)


def test_visitors_and_temperature_of_the_source() -> None:
    visitors = [origins().set_index("i94res").loc[code, "visitors"] for code in COUNTRIES]
    for method, by_hand in (("pearson", r_by_hand), ("spearman", lambda x, y: r_by_hand(ranks(x), ranks(y)))):
        row = select_row("origin_climate", "mean yearly temperature of the country", method)
        assert row["coefficient"] == pytest.approx(by_hand(list(COUNTRIES.values()), visitors))
        assert (row["n"], row["excluded"], row["excluded_visitors"]) == (5, 4, 2_351)
        assert row["excluded_why"] == (
            "residence collapsed: 1 countries, 40 visitors; residence not given: 1 countries, 5 visitors; "
            "residence unlisted: 1 countries, 2,300 visitors; without a temperature: 1 countries, 6 visitors"
        )


def test_visitors_and_people_of_a_state() -> None:
    rows = groups()
    included = [state for state in STATES if state != "VT"]
    one = {state: rows[rows["i94addr"] == state] for state in included}

    def share(state: str, column: str, value: Any, of: tuple[Any, ...]) -> float:
        of_state = one[state]
        among = of_state[of_state[column].isin(of)]["visitors"].sum()
        return float(of_state[of_state[column] == value]["visitors"].sum() / among)

    women = [share(state, "gender", "F", ("F", "M")) for state in included]
    of_cities = [
        float(s["city_female_population"].iloc[0] / (s["city_female_population"] + s["city_male_population"]).iloc[0])
        for s in one.values()
    ]
    row = select_row("visitor_demographics_by_state", "share of women among visitors recorded as F or M", "pearson")
    assert row["coefficient"] == pytest.approx(r_by_hand(women, of_cities))
    assert (row["n"], row["excluded"]) == (5, 2)
    lost = [int(rows[rows["i94addr"] == state]["visitors"].sum()) for state in ("VT", "99")]
    assert row["excluded_visitors"] == sum(lost)
    assert row["excluded_why"] == (
        f"no figure of a city of 65,000 and more: 1 states, {lost[0]} visitors; "
        f"no listed state (99): 1 states, {lost[1]} visitors"
    )

    old = [share(state, "age_band", "65+", ("0-17", "25-34", "65+")) for state in included]
    ages = [float(s["city_median_age"].iloc[0]) for s in one.values()]
    row = select_row("visitor_demographics_by_state", "share of visitors of 65 and more", "spearman")
    assert row["coefficient"] == pytest.approx(r_by_hand(ranks(old), ranks(ages)))

    row = select_row("visitor_demographics_by_state", "visitors", "pearson", y="born abroad")
    assert (row["n"], row["excluded"]) == (4, 3), "WA gives no figure of people born abroad"


def test_every_row_fits_the_contract_and_says_that_it_is_no_cause() -> None:
    rows = list(compute_correlations(pairs(), origins(), groups(), MONTHS))
    assert all(set(row) == set(column_names(correlations)) for row in rows)
    assert len({(row["question"], row["x"], row["y"], row["method"]) for row in rows}) == len(rows) == 24
    assert all(row["caveat"].startswith("Association, not cause.") for row in rows)
    assert {(row["months"], row["first_month"], row["last_month"]) for row in rows} == {(2, *MONTHS)}


def test_months_without_a_single_arrival_have_rows_without_coefficients() -> None:
    rows = list(compute_correlations(pairs().head(0), origins().head(0), groups().head(0), MONTHS))
    assert len(rows) == 24
    assert {(row["coefficient"], row["n"], row["excluded"], row["excluded_why"]) for row in rows} == {(None, 0, 0, "")}


def test_the_correlations_of_the_sample_are_those_of_its_marts(loaded_deployment: Deployment) -> None:
    (row,) = loaded_deployment.query(
        "SELECT * FROM mart.correlations WHERE question = 'origin_climate' AND method = 'pearson'"
    )
    rows = loaded_deployment.query(
        "SELECT mean_temperature, visitors FROM mart.origin_climate "
        "WHERE status = 'valid' AND mean_temperature IS NOT NULL"
    )
    by_hand = r_by_hand([row["mean_temperature"] for row in rows], [row["visitors"] for row in rows])
    assert row["coefficient"] == pytest.approx(by_hand)
    assert (row["n"], row["months"], row["first_month"]) == (len(rows), 1, SAMPLE_MONTH)


def test_marts_that_differ_in_their_months_are_not_correlated(loaded_deployment: Deployment, tmp_path: Any) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    before = deployment.fingerprint("mart.correlations")
    deployment.execute("DELETE FROM i94.load_ledger WHERE table_name = 'origin_climate'")
    result = deployment.run_correlations()
    assert not result.succeeded
    assert result.errors == [
        f"mart__correlations: The marts have different months (origin_climate lacks {SAMPLE_MONTH}); run: i94 run"
    ]
    assert deployment.fingerprint("mart.correlations") == before


def test_without_marts_there_is_nothing_to_correlate(loaded_deployment: Deployment, tmp_path: Any) -> None:
    deployment = loaded_deployment.copy(tmp_path)
    for mart in MONTHLY_MARTS:
        deployment.execute("DELETE FROM i94.load_ledger WHERE table_name = :name", name=mart.name)
    result = deployment.run_correlations()
    assert not result.succeeded
    assert "No month has its marts yet" in result.errors[0]
