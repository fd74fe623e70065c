"""Every row of `mart.correlations` a second time: plain SQL over the fact and the reference tables, and SciPy.

Nothing here uses the marts' SQL, arrays or measures. `correlation_differences` compares both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Row = dict[str, Any]
Reason = tuple[str, str]
"""A condition that excludes an arrival, and the reason in words, both in SQL."""

SAMPLES = 2_000
"""Bootstrap samples of each interval, half of the published ones."""
SEED = 2026
"""Not the seed of the marts."""

UNITS = {
    "arrivals": "one arrival",
    "pairs": "one pair of a state and a country",
    "states": "one state",
    "countries": "one country of residence",
}
MISCODED = ("DE", "LA", "MI", "NE", "WA")
_LARGEST = "SELECT i94addr FROM fact WHERE i94addr <> '99' GROUP BY ALL ORDER BY count(*) DESC, i94addr LIMIT 3"

_PREPARATION = """
CREATE TEMP TABLE weather AS
SELECT i94addr, avg(mean) AS state_temperature
FROM (SELECT i94addr, avg(celsius) AS mean FROM placed JOIN us_weather USING (city, latitude, longitude)
      GROUP BY i94addr, city, latitude, longitude)
GROUP BY ALL;
CREATE TEMP TABLE arrived AS
SELECT *, i94yr || '-' || right('0' || i94mon, 2) AS month FROM fact;
"""

_ARRIVALS = """
CREATE OR REPLACE TEMP TABLE arrival AS
WITH selected AS (FROM arrived WHERE month IN {months}),
by_state AS (
  SELECT i94addr, count(*) AS state_visitors,
         count_if(gender = 'F') / nullif(count_if(gender IN ('F', 'M')), 0) AS women,
         count_if(age_band = '0-17') / nullif(count_if(age_band <> 'unknown'), 0) AS minors,
         count_if(age_band = '65+') / nullif(count_if(age_band <> 'unknown'), 0) AS seniors,
         count_if(i94visa = 1) / count(*) AS business, count_if(i94visa = 3) / count(*) AS students
  FROM selected GROUP BY ALL)
SELECT i94addr, i94res, count(*) AS n, status, climate_band, mean_temperature, state_temperature,
       city_population AS population, city_median_age AS median_age, city_foreign_born / city_population AS born_abroad,
       city_female_population / (city_female_population + city_male_population) AS city_women,
       ln(state_visitors / city_population) AS rate, by_state.* EXCLUDE (i94addr)
FROM selected JOIN residence USING (i94res) JOIN by_state USING (i94addr)
LEFT JOIN weather USING (i94addr) LEFT JOIN people USING (i94addr) GROUP BY ALL
"""

_STATE: tuple[Reason, ...] = (
    ("i94addr = '99'", "'no listed state (99)'"),
    ("list_contains({left_out}::VARCHAR[], i94addr)", "'state left out'"),
)
_COUNTRY: Reason = ("status <> 'valid'", "'residence ' || status")
_SOURCE_CLIMATE: Reason = ("mean_temperature IS NULL", "'residence without a temperature'")
_STATE_CLIMATE: Reason = ("state_temperature IS NULL", "'state without a measured city'")
_NO_CITY = "'no figure of a city of 65,000 and more'"


@dataclass(frozen=True)
class Pair:
    """Two variables as the mart names them, what is left out of them, and the SQL of both for each state or country."""

    question: str
    x: str
    y: str
    unit: str
    reasons: tuple[Reason, ...]
    key: str = ""
    x_sql: str = ""
    y_sql: str = ""
    weight_sql: str = ""


COUNTRY = Pair("destination_by_origin", "state", "country of residence", "arrivals", (*_STATE, _COUNTRY))
EXPECTED = Pair(
    "destination_by_origin", "visitors expected from the totals of state and country", "visitors", "pairs",
    (*_STATE, _COUNTRY),
)  # fmt: skip
BAND = Pair(
    "destination_by_climate", "state", "climate band of the country of residence", "arrivals",
    (*_STATE, _COUNTRY, _SOURCE_CLIMATE),
)  # fmt: skip
DIFFERENCE = Pair(
    "destination_by_climate", "difference between the mean temperatures of state and country",
    "log of visitors to those expected from the totals", "pairs", (*_STATE, _COUNTRY, _SOURCE_CLIMATE, _STATE_CLIMATE),
)  # fmt: skip


def _compare_shares(city: str, x: str, visitors: str, y: str) -> Pair:
    return Pair(
        "visitor_demographics_by_state", f"{x} in the state's cities", f"share of {y}", "states",
        (*_STATE, (f"{city} IS NULL", _NO_CITY), (f"{visitors} IS NULL", "'no such visitor'")),
        "i94addr", f"any_value({city})", f"any_value({visitors})", "any_value(state_visitors)",
    )  # fmt: skip


VALUES = (
    Pair(
        "destination_by_climate", "mean temperature of the state's cities",
        "mean temperature of the visitors' countries of residence", "states",
        (*_STATE, _COUNTRY, _SOURCE_CLIMATE, _STATE_CLIMATE),
        "i94addr", "any_value(state_temperature)", "sum(n * mean_temperature) / sum(n)", "sum(n)",
    ),
    Pair(
        "destination_by_climate", "mean temperature of the state's cities",
        "log of visitors per person in the state's cities", "states",
        (*_STATE, _STATE_CLIMATE, ("rate IS NULL", _NO_CITY)),
        "i94addr", "any_value(state_temperature)", "any_value(rate)",
    ),
    Pair(
        "origin_climate", "mean yearly temperature of the country", "log of visitors", "countries",
        (_COUNTRY, _SOURCE_CLIMATE), "i94res", "any_value(mean_temperature)", "ln(sum(n))",
    ),
    Pair(
        "visitor_demographics_by_state", "log of people in the state's cities", "log of visitors", "states",
        (*_STATE, ("population IS NULL", _NO_CITY)), "i94addr", "any_value(ln(population))", "ln(sum(n))",
    ),
    Pair(
        "visitor_demographics_by_state", "share of people born abroad in the state's cities",
        "log of visitors per person in the state's cities", "states",
        (*_STATE, ("born_abroad IS NULL", _NO_CITY)), "i94addr", "any_value(born_abroad)", "any_value(rate)",
    ),
    _compare_shares("city_women", "share of women", "women", "women among visitors recorded as F or M"),
    _compare_shares("median_age", "median age", "minors", "visitors below 18"),
    _compare_shares("median_age", "median age", "seniors", "visitors of 65 and more"),
    _compare_shares("median_age", "median age", "students", "visitors who study"),
    _compare_shares("born_abroad", "share of people born abroad", "business", "visitors on business"),
)  # fmt: skip


def compute_rows(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Compute all rows, where `independent_figures.connect` has prepared the tables.

    A row has all columns but `adjusted_p_value`, `meaning` and `caveat`. One with a bootstrap has its coefficients as
    `samples` in place of interval and p-value.
    """
    connection.execute(_PREPARATION)
    months = [month for (month,) in connection.sql("SELECT DISTINCT month FROM arrived ORDER BY 1").fetchall()]
    largest = sorted(state for (state,) in connection.sql(_LARGEST).fetchall())
    families: list[tuple[str, str, list[str], Sequence[str]]] = [
        ("all months", "all states", months, ()),
        ("all months", "without miscoded states", months, MISCODED),
        ("all months", "without the largest states", months, largest),
        *((month, "all states", [month], ()) for month in months),
    ]
    rows: list[Row] = []
    for period, variant, selected, left_out in families:
        family = _Family(connection, selected, left_out, variant != "all states")
        same = {"period": period, "variant": variant}
        dates = {"months": len(selected), "first_month": selected[0], "last_month": selected[-1]}
        rows += [{**same, **row, **dates} for row in family.compute_rows()]
    return rows


class _Family:
    """The correlations of some months without some states: one family of tests."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, months: Sequence[str], left_out: Sequence[str], is_variant: bool
    ) -> None:
        self._connection, self._left_out, self._is_variant = connection, left_out, is_variant
        connection.execute(_ARRIVALS.replace("{months}", str([*months])))

    def compute_rows(self) -> Iterator[Row]:
        """Compute each row, its bootstrap samples as `samples`."""
        table, common = self._cross_tabulate(COUNTRY, "i94res")
        yield {**common, **_cramers_v(table)}
        table, common = self._cross_tabulate(EXPECTED, "i94res")
        yield {**common, **self._correlate_with_expected(table)}
        bands, common = self._cross_tabulate(BAND, "climate_band")
        yield {**common, **_cramers_v(bands)}
        yield from self._correlate_difference()
        for pair in VALUES:
            if pair.key == "i94addr" or not self._is_variant:
                yield from self._correlate_values(pair)

    def _exclude(self, pair: Pair) -> Row:
        """Create the table `included` of the arrivals that no reason excludes, and count the others by their first."""
        reasons = " ".join(f"WHEN {condition} THEN {i} || {text}" for i, (condition, text) in enumerate(pair.reasons))
        case = reasons.replace("{left_out}", str([*self._left_out]))
        self._execute(
            f"CREATE OR REPLACE TEMP TABLE judged AS SELECT *, CASE {case} ELSE 'included' END AS reason FROM arrival"
        )
        self._execute("CREATE OR REPLACE TEMP TABLE included AS FROM judged WHERE reason = 'included'")
        keys = {"states": "i94addr", "countries": "i94res"}.get(pair.unit, "i94addr, i94res")
        count = "sum(n)" if pair.unit == "arrivals" else "count(*)"
        # a state is left out by the last of the reasons that exclude its visitors
        last = f"SELECT max(reason) AS reason, sum(n) AS n FROM judged GROUP BY {keys}"
        observations = dict(self._execute(f"SELECT reason, {count} FROM ({last}) GROUP BY ALL"))
        visitors = dict(self._execute("SELECT reason, sum(n) FROM judged GROUP BY ALL"))
        included, total = visitors.pop("included", 0), sum(visitors.values())
        observations.pop("included", 0)
        return {
            "question": pair.question,
            "x": pair.x,
            "y": pair.y,
            "unit_of_observation": UNITS[pair.unit],
            "states_left_out": ", ".join(self._left_out),
            "included_visitors": included,
            "coverage": included / (included + total),
            "excluded": sum(observations.values()),
            "excluded_visitors": total,
            "excluded_why": "; ".join(
                f"{reason[1:]}: {observations.get(reason, 0):,} {pair.unit}, {count:,} visitors"
                for reason, count in sorted(visitors.items(), key=lambda item: item[0][1:])
            ),
        }

    def _cross_tabulate(self, pair: Pair, column: str) -> tuple[Array, Row]:
        common = self._exclude(pair)
        cells = self._execute(
            f"WITH cell AS (SELECT i94addr, {column} AS category, sum(n) AS n FROM included GROUP BY ALL) "
            "SELECT i94addr, category, ifnull(n, 0) FROM (SELECT DISTINCT i94addr FROM cell) "
            "CROSS JOIN (SELECT DISTINCT category FROM cell) LEFT JOIN cell USING (i94addr, category) ORDER BY ALL"
        )
        states = len({state for state, _, _ in cells})
        return np.array([n for _, _, n in cells], float).reshape(states, -1 if states else 0), common

    def _correlate_with_expected(self, table: Array) -> Row:
        def correlate(drawn: Array) -> Array:
            cells = table[drawn]
            rows, columns = cells.sum(axis=-1, keepdims=True), cells.sum(axis=-2, keepdims=True)
            return _correlate(rows * columns / columns.sum(axis=-1, keepdims=True), cells)

        return self._bootstrap("pearson", table.size, len(table), correlate)

    def _correlate_difference(self) -> Iterator[Row]:
        self._exclude(EXPECTED)
        self._execute(
            "CREATE OR REPLACE TEMP TABLE pair AS "
            "SELECT i94addr, i94res, ifnull(n, 0) AS n, of_state * of_country / total AS expected "
            "FROM (SELECT i94addr, sum(n) AS of_state FROM included GROUP BY ALL) "
            "CROSS JOIN (SELECT i94res, sum(n) AS of_country FROM included GROUP BY ALL) "
            "CROSS JOIN (SELECT sum(n) AS total FROM included) LEFT JOIN included USING (i94addr, i94res)"
        )
        common = self._exclude(DIFFERENCE)
        rows = self._execute(
            "SELECT i94addr, abs(state_temperature - mean_temperature), ln((n + 0.5) / (expected + 0.5)), expected "
            "FROM pair JOIN weather USING (i94addr) JOIN residence USING (i94res) "
            "WHERE i94addr IN (SELECT i94addr FROM included) AND i94res IN (SELECT i94res FROM included) "
            "ORDER BY i94addr, i94res"
        )
        states = len({row[0] for row in rows})
        x, y, weights = (
            np.array([row[1:] for row in rows], float).reshape(states, -1 if states else 0, 3).transpose(2, 0, 1)
        )
        for method, w in (("pearson", np.ones_like(x)), ("weighted_pearson", weights)):
            correlate = _draw_clusters(x, y, w)
            yield {**common, **self._bootstrap(method, x.size, states, correlate)}

    def _correlate_values(self, pair: Pair) -> Iterator[Row]:
        common = self._exclude(pair)
        rows = self._execute(
            f"SELECT {pair.x_sql}, {pair.y_sql}, {pair.weight_sql or 1} FROM included "
            f"GROUP BY {pair.key} ORDER BY {pair.key}"
        )
        x, y, weights = np.array(rows, float).reshape(-1, 3, 1).transpose(1, 0, 2)
        yield {**common, **self._bootstrap("pearson", len(x), len(x), _draw_clusters(x, y, np.ones_like(x)))}
        if pair.weight_sql:
            yield {**common, **self._bootstrap("weighted_pearson", len(x), len(x), _draw_clusters(x, y, weights))}
        if not self._is_variant:
            yield {**common, **_spearman(x[:, 0], y[:, 0])}

    def _bootstrap(self, method: str, n: int, clusters: int, correlate: Callable[[Array], Array]) -> Row:
        """Compute the coefficient, and that of samples of the clusters."""
        from scipy import stats

        row: Row = {"method": method, "n": n, "clusters": clusters}
        if clusters < 4 or np.isnan(coefficient := float(correlate(np.arange(clusters)))):
            return {**row, **_NOTHING}
        result = stats.bootstrap(
            (np.arange(clusters),), lambda drawn, axis: correlate(drawn), vectorized=True, n_resamples=SAMPLES,
            batch=100, method="percentile", rng=np.random.default_rng(SEED),
        )  # fmt: skip
        drawn = result.bootstrap_distribution
        return {**row, "coefficient": coefficient, "samples": drawn[~np.isnan(drawn)]}

    def _execute(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(sql).fetchall()


_NOTHING: Row = dict.fromkeys(("coefficient", "ci_low", "ci_high", "p_value"))


def _correlate(x: Array, y: Array, weights: Array | None = None) -> Array:
    """Compute Pearson's r over the last two axes; NaN where a variable does not vary."""
    w = np.ones(x.shape) if weights is None else weights
    axes, total = (-2, -1), w.sum(axis=(-2, -1))
    dx, dy = (v - ((w * v).sum(axis=axes) / total)[..., None, None] for v in (x, y))
    spread = [(w * d * d).sum(axis=axes) for d in (dx, dy)]
    negligible = [1e-12 * (w * v * v).sum(axis=axes) for v in (x, y)]
    varies = (spread[0] > negligible[0]) & (spread[1] > negligible[1])
    r: Array = np.where(
        varies, (w * dx * dy).sum(axis=axes) / np.sqrt(np.where(varies, spread[0] * spread[1], 1)), np.nan
    )
    return r


def _draw_clusters(x: Array, y: Array, weights: Array) -> Callable[[Array], Array]:
    return lambda drawn: _correlate(x[drawn], y[drawn], weights[drawn])


def _spearman(x: Array, y: Array) -> Row:
    """Compute Spearman's rho with the interval of Bonett and Wright."""
    from scipy import stats

    row: Row = {"method": "spearman", "n": len(x), "clusters": 0}
    if len(x) < 4 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return {**row, **_NOTHING}
    rho, p_value = stats.spearmanr(x, y)
    margin = stats.norm.ppf(0.975) * np.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    low, high = np.tanh(np.arctanh(rho) + margin * np.array([-1, 1]))
    return {**row, "coefficient": rho, "ci_low": low, "ci_high": high, "p_value": p_value}


def _cramers_v(table: Array) -> Row:
    """Compute Cramér's V with the correction of Bergsma."""
    from scipy import stats

    n = table.sum()
    row: Row = {"method": "cramers_v", "n": n, "clusters": 0, **_NOTHING}
    if min(table.shape) < 2 or n < 4:
        return row
    chi2 = stats.chi2_contingency(table, correction=False)
    sides = np.array(table.shape) - (np.array(table.shape) - 1) ** 2 / (n - 1)
    phi2 = max(0.0, chi2.statistic / n - chi2.dof / (n - 1))
    return row if sides.min() <= 1 else {**row, "coefficient": min(1.0, float(np.sqrt(phi2 / (sides.min() - 1))))}
