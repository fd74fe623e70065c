"""Test the correlations: which observations they are over, and what is left out, counted.

The incidents: a coefficient over states among which the code for all other states was one; the temperature of a
destination that was the number of its visitors; states that are really cities deciding a coefficient unseen.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from i94_platform.contracts import MONTHLY_MARTS, correlations
from i94_platform.contracts.correlations import ALL_MONTHS, ALL_STATES, WITHOUT_LARGEST, WITHOUT_MISCODED
from i94_platform.contracts.model import column_names, key_columns
from i94_platform.marts.correlations import SOURCES, compute_correlations, render_query
from i94_platform.warehouse.base import Warehouse
from i94_platform_tests.marts.correlations.by_hand import adjust_by_hand, r_by_hand, rho_by_hand, v_by_hand
from i94_platform_tests.support.deployment import SAMPLE_MONTH, Deployment

MONTHS = ("2016-03", "2016-04")
STATES = ("CA", "FL", "MI", "NE", "NY", "TX", "VT", "WA")
TEMPERATURES = {"CA": 16.0, "FL": 22.5, "MI": 9.5, "NE": 10.0, "TX": 18.5, "WA": 8.0}
COUNTRIES = {101: 5.5, 102: 12.0, 103: 18.5, 104: 21.0, 105: 27.0}
STATUSES = {148: "unlisted", 311: "collapsed", -1: "not given"}
EXCLUDED = (
    ("99", 101, 1_000), ("99", 148, 2_000), ("NY", 148, 300), ("NY", 311, 40), ("NY", -1, 5), ("NY", 106, 6),
)  # fmt: skip
"""One row for each reason to be left out."""


def visitors(month: str = ALL_MONTHS, without: tuple[str, ...] = ()) -> pd.DataFrame:
    """Visitors by state and the countries with a temperature."""
    share = {ALL_MONTHS: (1, 2), MONTHS[0]: (1, 0), MONTHS[1]: (0, 2)}[month]
    cells = {
        state: [share[0] * (i + 1) * 10 + share[1] * ((j * 7 + i * 3) % 11 * 5 + 1) for j in range(len(COUNTRIES))]
        for i, state in enumerate(STATES)
        if state not in without
    }
    return pd.DataFrame(cells, index=list(COUNTRIES)).T


def pairs() -> pd.DataFrame:
    """The visitors and the rows that are left out, of which the second month has none."""
    rows = [
        (2016, int(month[-2:]), state, code, visitors(month).loc[state, code])
        for month in MONTHS
        for state in STATES
        for code in COUNTRIES
    ]
    rows += [(2016, 3, *row) for row in EXCLUDED]
    return pd.DataFrame(rows, columns=["i94yr", "i94mon", "i94addr", "i94res", "visitors"])


def origins() -> pd.DataFrame:
    """Every country: five with a temperature, one without, and those that are none."""
    temperatures = {**COUNTRIES, 311: 22.1}
    rows = [
        (code, STATUSES.get(code, "valid"), f"band of {warmth:.0f}" if warmth else "unknown", warmth)
        for code in (*COUNTRIES, 106, *STATUSES)
        for warmth in [temperatures.get(code)]
    ]
    return pd.DataFrame(rows, columns=["i94res", "status", "climate_band", "mean_temperature"])


def climates() -> pd.DataFrame:
    """Six states with a temperature."""
    rows = [(state, TEMPERATURES.get(state)) for state in (*STATES, "99")]
    return pd.DataFrame(rows, columns=["i94addr", "mean_temperature"])


def people() -> pd.DataFrame:
    """What is known of each state: VT has no city, WA no figure of people born abroad."""
    by_state = {
        state: {
            "known_gender": 100 + 7 * i, "women": 40 + (i * 5) % 11, "known_age": 90 + i, "minors": 3 + (i * i) % 13,
            "seniors": 9 + (i * 7) % 10, "business": 10 + (i * 3) % 17, "students": 2 + i,
            "city_population": 1000.0 * (i + 2), "city_men": 400.0 + 37 * i, "city_women": 500.0 - 11 * i * i,
            "city_median_age": 30.0 + (i * 5) % 7, "city_foreign_born": 100.0 + 60 * i,
        }
        for i, state in enumerate((*STATES, "99"))
    }  # fmt: skip
    table = pd.DataFrame(by_state).T
    table.loc[["VT", "99"], [name for name in table.columns if str(name).startswith("city_")]] = None
    table.loc["WA", "city_foreign_born"] = None
    return table


def states() -> pd.DataFrame:
    """The same in each month: counts by two, figures of cities as they are."""
    table = people().rename_axis("i94addr").reset_index()
    return pd.concat([table.assign(i94yr=2016, i94mon=month) for month in (3, 4)])


@cache
def compute_rows() -> list[dict[str, Any]]:
    """All rows of the contract."""
    frames = {"pairs": pairs(), "origins": origins(), "states": states(), "climates": climates()}
    return list(compute_correlations(MONTHS, **frames))


def select_rows(x: str, y: str = "", period: str = ALL_MONTHS, variant: str = ALL_STATES) -> dict[str, dict[str, Any]]:
    """The rows of a pair of variables by method."""
    rows = [r for r in compute_rows() if (r["period"], r["variant"]) == (period, variant)]
    selected = [r for r in rows if r["x"] == x and r["y"].startswith(y)]
    assert len({(r["x"], r["y"]) for r in selected}) == 1
    return {r["method"]: r for r in selected}


@pytest.mark.parametrize(
    ("period", "variant", "without"),
    [
        (ALL_MONTHS, ALL_STATES, ()),
        (MONTHS[1], ALL_STATES, ()),
        (ALL_MONTHS, WITHOUT_MISCODED, ("MI", "NE", "WA")),
        (ALL_MONTHS, WITHOUT_LARGEST, ("NY", "VT", "WA")),
    ],
)
def test_destination_and_source_country(period: str, variant: str, without: tuple[str, ...]) -> None:
    table = visitors(period, without)
    if period == ALL_MONTHS and "NY" in table.index:
        table = table.assign(other=[6 * (state == "NY") for state in table.index])  # 106 sends visitors to one state
    row = select_rows("state", "country", period, variant)["cramers_v"]
    assert row["coefficient"] == pytest.approx(v_by_hand(table))
    assert row["n"] == row["included_visitors"] == table.to_numpy().sum()
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.to_numpy().sum()
    row = select_rows("visitors expected from the totals of state and country", "", period, variant)["pearson"]
    assert row["coefficient"] == pytest.approx(r_by_hand(expected, table))
    assert (row["n"], row["clusters"]) == (table.size, len(table))


def test_what_is_left_out_is_counted_by_reason() -> None:
    row = select_rows("state", "country")["cramers_v"]
    total = int(visitors().to_numpy().sum()) + 3_351
    assert (row["excluded"], row["excluded_visitors"]) == (3_345, 3_345)
    assert row["coverage"] == pytest.approx(1 - 3_345 / total)
    assert row["excluded_why"] == (
        "no listed state (99): 3,000 arrivals, 3,000 visitors; residence collapsed: 40 arrivals, 40 visitors; "
        "residence not given: 5 arrivals, 5 visitors; residence unlisted: 300 arrivals, 300 visitors"
    )
    row = select_rows("visitors expected from the totals of state and country", variant=WITHOUT_MISCODED)["pearson"]
    lost = int(visitors().loc[["MI", "NE", "WA"]].to_numpy().sum())
    assert row["states_left_out"] == "DE, LA, MI, NE, WA"
    assert (row["excluded"], row["excluded_visitors"]) == (5 + 15, 3_345 + lost)
    assert f"state left out: 15 pairs, {lost:,} visitors" in row["excluded_why"]


def test_destination_and_climate_band_of_the_source() -> None:
    row = select_rows("state", "climate")["cramers_v"]
    assert row["coefficient"] == pytest.approx(v_by_hand(visitors()))
    assert (row["n"], row["excluded"]) == (int(visitors().to_numpy().sum()), 3_351)
    assert "residence without a temperature: 6 arrivals, 6 visitors" in row["excluded_why"]


def test_climates_of_destination_and_source() -> None:
    table = visitors().loc[list(TEMPERATURES)]
    sources = table.to_numpy() @ list(COUNTRIES.values()) / table.sum(axis=1)
    rows = select_rows("mean temperature of the state's cities", "mean temperature of the visitors")
    temperatures = list(TEMPERATURES.values())
    assert rows["pearson"]["coefficient"] == pytest.approx(r_by_hand(temperatures, sources))
    assert rows["spearman"]["coefficient"] == pytest.approx(rho_by_hand(temperatures, list(sources)))
    weighted = r_by_hand(temperatures, sources, table.sum(axis=1))
    assert rows["weighted_pearson"]["coefficient"] == pytest.approx(weighted)
    assert (rows["pearson"]["n"], rows["pearson"]["excluded"]) == (6, 3)
    assert "state without a measured city: 2 states" in rows["pearson"]["excluded_why"]

    rate = [np.log(visitors().loc[state].sum() / people().loc[state, "city_population"]) for state in table.index]
    row = select_rows("mean temperature of the state's cities", "log of visitors per person")["pearson"]
    assert row["coefficient"] == pytest.approx(r_by_hand(temperatures, rate))


def test_visitors_of_a_pair_to_those_expected_by_the_difference_of_climates() -> None:
    table = visitors().assign(other=[6 * (state == "NY") for state in STATES])
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.to_numpy().sum()
    ratio = np.log((table + 0.5) / (expected + 0.5)).loc[list(TEMPERATURES), list(COUNTRIES)]
    difference = np.abs(np.subtract.outer(list(TEMPERATURES.values()), list(COUNTRIES.values())))
    rows = select_rows("difference between the mean temperatures of state and country")
    assert rows["pearson"]["coefficient"] == pytest.approx(r_by_hand(difference, ratio))
    weights = pd.DataFrame(expected, index=STATES).loc[list(TEMPERATURES)].iloc[:, :5]
    assert rows["weighted_pearson"]["coefficient"] == pytest.approx(r_by_hand(difference, ratio, weights))
    assert {(row["n"], row["clusters"]) for row in rows.values()} == {(30, 6)}


def test_visitors_and_temperature_of_the_source() -> None:
    logs = np.log(visitors().sum().to_numpy() + np.array([1_000, 0, 0, 0, 0]))
    rows = select_rows("mean yearly temperature of the country")
    assert rows["pearson"]["coefficient"] == pytest.approx(r_by_hand(list(COUNTRIES.values()), logs))
    assert rows["spearman"]["coefficient"] == pytest.approx(rho_by_hand(list(COUNTRIES.values()), list(logs)))
    row = rows["pearson"]
    assert (row["n"], row["excluded"], row["excluded_visitors"]) == (5, 4, 2_351)
    assert row["excluded_why"] == (
        "residence collapsed: 1 countries, 40 visitors; residence not given: 1 countries, 5 visitors; "
        "residence unlisted: 1 countries, 2,300 visitors; residence without a temperature: 1 countries, 6 visitors"
    )


@pytest.mark.parametrize(
    ("y", "group", "base", "figure"),
    [
        ("share of women", "women", "known_gender", lambda p: p["city_women"] / (p["city_women"] + p["city_men"])),
        ("share of visitors below 18", "minors", "known_age", lambda p: p["city_median_age"]),
        ("share of visitors of 65", "seniors", "known_age", lambda p: p["city_median_age"]),
        ("share of visitors who study", "students", None, lambda p: p["city_median_age"]),
        ("share of visitors on business", "business", None, lambda p: p["city_foreign_born"] / p["city_population"]),
    ],
)
def test_shares_of_visitors_and_people_of_a_state(y: str, group: str, base: str | None, figure: Any) -> None:
    figures = figure(people().drop("99")).astype(float).dropna()
    totals = pairs().groupby("i94addr")["visitors"].sum()[figures.index]
    of_base = totals if base is None else people()[base][figures.index] * 2
    shares = (people()[group][figures.index] * 2 / of_base).astype(float)
    rows = next(
        select_rows(row["x"], y) for row in compute_rows() if row["y"].startswith(y) and row["period"] == ALL_MONTHS
    )
    assert rows["pearson"]["coefficient"] == pytest.approx(r_by_hand(figures, shares))
    assert rows["weighted_pearson"]["coefficient"] == pytest.approx(r_by_hand(figures, shares, totals))
    assert rows["spearman"]["coefficient"] == pytest.approx(rho_by_hand(list(figures), list(shares)))
    assert (rows["pearson"]["n"], rows["pearson"]["excluded"]) == (len(figures), 9 - len(figures))
    assert f"no figure of a city of 65,000 and more: {8 - len(figures)} states" in rows["pearson"]["excluded_why"]


def test_visitors_and_people_of_a_state() -> None:
    totals = pairs().groupby("i94addr")["visitors"].sum().drop(["99", "VT"])
    population = people()["city_population"][totals.index].astype(float)
    row = select_rows("log of people in the state's cities")["pearson"]
    assert row["coefficient"] == pytest.approx(r_by_hand(np.log(population), np.log(totals)))
    born_abroad = (people()["city_foreign_born"][totals.index].astype(float) / population).drop("WA")
    row = select_rows("share of people born abroad in the state's cities", "log of visitors")["pearson"]
    assert row["coefficient"] == pytest.approx(r_by_hand(born_abroad, np.log(totals / population).drop("WA")))


def test_p_values_are_adjusted_for_the_tests_of_a_period_and_variant() -> None:
    table = pd.DataFrame(compute_rows())
    for _, family in table[table["p_value"].notna()].groupby(["period", "variant"]):
        assert family["adjusted_p_value"].tolist() == pytest.approx(adjust_by_hand(family["p_value"].tolist()))
    assert (table["p_value"].isna() == table["adjusted_p_value"].isna()).all()


def test_every_row_fits_the_contract_and_says_what_it_means() -> None:
    rows = compute_rows()
    assert all([*row] == column_names(correlations) for row in rows)
    assert len({tuple(row[name] for name in key_columns(correlations)) for row in rows}) == len(rows)
    families = {(row["period"], row["variant"]): row for row in rows}
    assert [*families] == [
        *((ALL_MONTHS, variant) for variant in (ALL_STATES, WITHOUT_MISCODED, WITHOUT_LARGEST)),
        *((month, ALL_STATES) for month in MONTHS),
    ]
    assert {(row["months"], row["first_month"], row["last_month"]) for row in rows if row["period"] == MONTHS[1]} == {
        (1, MONTHS[1], MONTHS[1])
    }
    for row in (r for r in rows if r["coefficient"] is not None):
        assert row["meaning"].count(".") == row["caveat"].count(".") == 1
        assert row["caveat"].startswith("It does not ")
        is_clear = row["method"] == "cramers_v" or row["p_value"] < 0.05
        assert ("no clear association" in row["meaning"]) == (not is_clear)
        assert ("association" in row["meaning"]) == (row["method"] != "cramers_v")
        assert ("possibly chance" in row["meaning"]) == bool(
            is_clear and row["method"] != "cramers_v" and row["adjusted_p_value"] >= 0.05
        )
        assert ("without " in row["meaning"].partition("(")[2]) == bool(row["states_left_out"])


def test_the_sign_of_a_coefficient_decides_what_it_means() -> None:
    row = select_rows("log of people in the state's cities")["pearson"]
    assert row["coefficient"] > 0.5
    assert row["meaning"] == (
        "States with more people in their cities receive a larger number of visitors (strong association)."
    )
    negative = [row for row in compute_rows() if (row["coefficient"] or 0) < 0 and row["p_value"] < 0.05]
    assert negative
    assert not any("larger" in row["meaning"] or "warmer countries" in row["meaning"] for row in negative)


def test_months_without_a_single_arrival_have_rows_without_coefficients() -> None:
    frames = {"pairs": pairs(), "origins": origins(), "states": states(), "climates": climates()}
    rows = list(compute_correlations(MONTHS, **{name: frame.head(0) for name, frame in frames.items()}))
    assert len(rows) == len(compute_rows())
    assert {(row["coefficient"], row["n"], row["excluded"], row["excluded_why"]) for row in rows} == {(None, 0, 0, "")}
    assert all("too few observations" in row["meaning"] for row in rows)


def test_both_warehouses_give_the_observations_of_the_marts(refreshed: Warehouse) -> None:
    frames = {name: refreshed.query(render_query(name, refreshed.dialect)).to_pandas() for name in SOURCES}
    rows = list(compute_correlations(MONTHS[1:], **frames))
    (total,) = refreshed.query("SELECT CAST(sum(visitors) AS BIGINT) AS v FROM mart.destination_by_origin")["v"]
    assert {row["included_visitors"] + row["excluded_visitors"] for row in rows} == {total.as_py()}
    (known,) = refreshed.query(
        "SELECT CAST(sum(visitors) AS BIGINT) AS v FROM mart.visitor_demographics_by_state WHERE gender IN ('F', 'M')"
    )["v"]
    assert frames["states"]["known_gender"].sum() == known.as_py()


def test_the_correlations_of_the_sample_are_those_of_its_marts(loaded_deployment: Deployment) -> None:
    both = loaded_deployment.query(
        "SELECT * FROM mart.correlations WHERE question = 'origin_climate' AND method = 'pearson' ORDER BY period"
    )
    rows = loaded_deployment.query(
        "SELECT mean_temperature, visitors FROM mart.origin_climate "
        "WHERE status = 'valid' AND mean_temperature IS NOT NULL"
    )
    by_hand = r_by_hand([row["mean_temperature"] for row in rows], np.log([row["visitors"] for row in rows]))
    assert [row["period"] for row in both] == [SAMPLE_MONTH, ALL_MONTHS]
    for row in both:
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
