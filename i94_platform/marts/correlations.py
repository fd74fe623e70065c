"""How strongly destination, origin, climate and demographics go together: the rows of `mart.correlations`.

Here: what is correlated with what, over which observations, and what is left out and why. The measures are SciPy's;
the intervals that it lacks are Bonett and Wright's for Spearman and the noncentral chi-square's for Cramér's V. Not
here: reading the marts and storing the rows (`assets.marts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from i94_platform.contracts.marts import (
    UNKNOWN,
    destination_by_climate,
    destination_by_origin,
    origin_climate,
    visitor_demographics_by_state,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame, Series

SOURCES = {
    "pairs": destination_by_origin,
    "origins": origin_climate,
    "groups": visitor_demographics_by_state,
}
"""What is read (`correlations_*.sql`), each from one mart."""

FEWEST = 4
"""Observations below which neither interval nor coefficient says anything."""

Z95 = 1.959963984540054
"""How many standard errors a 95 % interval reaches to each side."""

OTHER_STATE = "99"
_NO_STATE = "no listed state (99)"

_NOT_CAUSE = "Association, not cause."
_AGGREGATES = "It is about states or countries as a whole, never about single persons."
_CAVEATS = {
    "arrivals": f"{_NOT_CAUSE} With so many arrivals the smallest difference is significant: look at the size, not at "
    "the p-value. Cramér's V is bias-corrected.",
    "pairs": f"{_NOT_CAUSE} Expected is what the totals of state and country give if neither prefers the other, so "
    "that both variables share those totals.",
    "climate": f"{_NOT_CAUSE} {_AGGREGATES} The climate is the mean of a country's measured cities; distance, wealth "
    "and size go with it.",
    "demographics": f"{_NOT_CAUSE} {_AGGREGATES} The people are those of cities of 65,000 and more, not of the state; "
    "many pairs are looked at, and some go together by chance.",
}


@dataclass(frozen=True)
class Coefficient:
    """A coefficient with its 95 % interval; None where it can't be computed."""

    coefficient: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    p_value: float | None = None


@dataclass
class Exclusions:
    """What is not among the observations, by reason."""

    unit: str
    reasons: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Observations and visitors by reason."""

    def add(self, reason: str, observations: int, visitors: int) -> None:
        """Leave more out for a reason."""
        if observations or visitors:
            before = self.reasons.get(reason, (0, 0))
            self.reasons[reason] = (before[0] + observations, before[1] + visitors)

    def columns(self) -> dict[str, Any]:
        """The columns of the contract that tell it."""
        return {
            "excluded": sum(observations for observations, _ in self.reasons.values()),
            "excluded_visitors": sum(visitors for _, visitors in self.reasons.values()),
            "excluded_why": "; ".join(
                f"{reason}: {observations:,} {self.unit}, {visitors:,} visitors"
                for reason, (observations, visitors) in sorted(self.reasons.items())
            ),
        }


def pearson(x: Sequence[float], y: Sequence[float]) -> Coefficient:
    """Pearson's r with Fisher's interval."""
    from scipy import stats

    if not _vary(x, y):
        return Coefficient()
    found = stats.pearsonr(x, y)
    interval = found.confidence_interval(0.95)
    return Coefficient(float(found.statistic), float(interval.low), float(interval.high), float(found.pvalue))


def spearman(x: Sequence[float], y: Sequence[float]) -> Coefficient:
    """Spearman's rho with the interval of Bonett and Wright (2000)."""
    import numpy as np
    from scipy import stats

    if not _vary(x, y):
        return Coefficient()
    found = stats.spearmanr(x, y)
    rho = round(float(found.statistic), 12)  # a perfect order is found as 1 but for the last digits
    if abs(rho) == 1:
        return Coefficient(rho, rho, rho, float(found.pvalue))
    reach = Z95 * np.sqrt((1 + rho**2 / 2) / (len(x) - 3))
    low, high = np.tanh([np.arctanh(rho) - reach, np.arctanh(rho) + reach])
    return Coefficient(rho, float(low), float(high), float(found.pvalue))


def cramers_v(table: NDArray[Any]) -> Coefficient:
    """Cramér's V, bias-corrected after Bergsma (2013), of a table of counts without an empty row or column.

    The interval is that of the noncentrality of the chi-square, which for this many counts is normal.
    """
    import numpy as np
    from scipy import stats

    rows, columns = table.shape
    n = float(table.sum())
    if min(rows, columns) < 2 or n < FEWEST:
        return Coefficient()
    found = stats.chi2_contingency(table, correction=False)
    chi2, freedom = float(found.statistic), float((rows - 1) * (columns - 1))
    smaller = min(side - (side - 1) ** 2 / (n - 1) for side in (rows, columns)) - 1
    if smaller <= 0:
        return Coefficient()  # fewer counts than categories

    def of_noncentrality(amount: float) -> float:
        return float(min(1.0, np.sqrt(max(0.0, amount) / n / smaller)))

    middle = chi2 - freedom + 2 * Z95**2
    # noncentralities a whose chi-square is Z95 deviations away: (chi2 - freedom - a)² = Z95² (2 freedom + 4a)
    reach = np.sqrt(max(0.0, middle**2 - (chi2 - freedom) ** 2 + 2 * freedom * Z95**2))
    return Coefficient(
        of_noncentrality(chi2 - n * freedom / (n - 1)),
        of_noncentrality(middle - reach),
        of_noncentrality(middle + reach),
        float(found.pvalue),
    )


def _vary(x: Sequence[float], y: Sequence[float]) -> bool:
    return len(x) >= FEWEST and min(x) < max(x) and min(y) < max(y)


def compute_correlations(
    pairs: DataFrame, origins: DataFrame, groups: DataFrame, months: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The rows of the contract, from the arrivals of these months.

    `pairs` has i94addr, i94res, status and visitors; `origins` i94res, status, climate_band, mean_temperature and
    visitors; `groups` i94addr, age_band, gender, i94visa, visitors and the figures of the state's cities.
    """
    covered = {"months": len(months), "first_month": months[0], "last_month": months[-1]}
    for rows in (_origins(pairs), _climates(pairs, origins), _temperatures(origins), _demographics(groups)):
        yield from (row | covered for row in rows)


def _row(
    question: str, x: str, y: str, unit: str, method: str, measured: Coefficient, n: int, out: Exclusions, caveat: str
) -> dict[str, Any]:
    named = {"question": question, "x": x, "y": y, "unit_of_observation": unit, "method": method}
    return {**named, **vars(measured), "n": n, **out.columns(), "caveat": _CAVEATS[caveat]}


def _both(
    question: str,
    x: tuple[str, Sequence[float]],
    y: tuple[str, Sequence[float]],
    unit: str,
    out: Exclusions,
    caveat: str,
) -> Iterator[dict[str, Any]]:
    """Pearson and Spearman of two named variables."""
    methods: Mapping[str, Callable[[Sequence[float], Sequence[float]], Coefficient]] = {
        "pearson": pearson,
        "spearman": spearman,
    }
    for method, measure in methods.items():
        yield _row(question, x[0], y[0], unit, method, measure(x[1], y[1]), len(x[1]), out, caveat)


def _listed(pairs: DataFrame, outs: Sequence[Exclusions]) -> DataFrame:
    """The pairs of a listed state and a valid country; the others are noted in each of `outs` in its own unit."""
    kept = pairs[(pairs["i94addr"] != OTHER_STATE) & (pairs["status"] == "valid")]
    others = pairs.drop(kept.index)
    reasons = others["status"].map("residence {}".format).mask(others["i94addr"] == OTHER_STATE, _NO_STATE)
    for reason, rows in others.groupby(reasons):
        visitors = int(rows["visitors"].sum())
        for out in outs:
            out.add(str(reason), {"arrivals": visitors, "pairs": len(rows)}.get(out.unit, 0), visitors)
    return kept


def _counts(rows: DataFrame, by: str) -> DataFrame:
    """Visitors by state and another category, none of which is empty."""
    return rows.pivot_table(index="i94addr", columns=by, values="visitors", aggfunc="sum", fill_value=0)


def _origins(pairs: DataFrame) -> Iterator[dict[str, Any]]:
    """Destination and source country."""
    import numpy as np

    question, by_arrival, by_pair = destination_by_origin.name, Exclusions("arrivals"), Exclusions("pairs")
    table = _counts(_listed(pairs, (by_arrival, by_pair)), "i94res").to_numpy(float)
    n = int(table.sum())
    x, y, unit = "state", "country of residence", "one arrival"
    yield _row(question, x, y, unit, "cramers_v", cramers_v(table), n, by_arrival, "arrivals")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(n, 1)
    by_totals = ("visitors expected from the totals of state and country", expected.ravel().tolist())
    visitors = ("visitors", table.ravel().tolist())
    yield from _both(question, by_totals, visitors, "one pair of a state and a country", by_pair, "pairs")


def _climates(pairs: DataFrame, origins: DataFrame) -> Iterator[dict[str, Any]]:
    """Destination and climate of the source country."""
    question, by_arrival, by_state = destination_by_climate.name, Exclusions("arrivals"), Exclusions("states")
    climates = origins[["i94res", "climate_band", "mean_temperature"]]
    listed = _listed(pairs, (by_arrival, by_state)).merge(climates, on="i94res", validate="many_to_one")
    known = listed[listed["climate_band"] != UNKNOWN]
    lost = int(listed["visitors"].sum() - known["visitors"].sum())
    by_arrival.add("residence without a temperature", lost, lost)
    states = sorted(set(known["i94addr"]))
    by_state.add(_NO_STATE, int((pairs["i94addr"] == OTHER_STATE).any()), 0)
    by_state.add("residence without a temperature", len(set(pairs["i94addr"]) - {OTHER_STATE} - set(states)), lost)
    table = _counts(known, "climate_band").to_numpy(float)
    yield _row(
        question,
        "state",
        "climate band of the country of residence",
        "one arrival",
        "cramers_v",
        cramers_v(table),
        int(table.sum()),
        by_arrival,
        "arrivals",
    )
    visitors = known.groupby("i94addr")["visitors"].sum()
    warmth = (known["mean_temperature"] * known["visitors"]).groupby(known["i94addr"]).sum() / visitors
    x = ("mean temperature of the countries of residence, each as often as it has visitors", warmth[states].tolist())
    y = ("visitors", visitors[states].astype(float).tolist())
    yield from _both(question, x, y, "one state", by_state, "climate")


def _temperatures(origins: DataFrame) -> Iterator[dict[str, Any]]:
    """Visitors of a country and its temperature."""
    out = Exclusions("countries")
    reasons = origins["status"].map("residence {}".format)
    reasons = reasons.mask((origins["status"] == "valid") & origins["mean_temperature"].isna(), "without a temperature")
    kept = origins[(origins["status"] == "valid") & origins["mean_temperature"].notna()]
    others = origins.drop(kept.index)
    for reason, rows in others.groupby(reasons[others.index]):
        out.add(str(reason), len(rows), int(rows["visitors"].sum()))
    x = ("mean yearly temperature of the country", kept["mean_temperature"].astype(float).tolist())
    y = ("visitors", kept["visitors"].astype(float).tolist())
    yield from _both(origin_climate.name, x, y, "one country of residence", out, "climate")


@dataclass(frozen=True)
class _Share:
    """A share of a state's visitors: those with a value, of those with any of the others."""

    column: str
    values: tuple[str | int, ...]
    unknown: tuple[str | int, ...] = ()
    """Values that say nothing, and are in neither."""


_AGE_GIVEN = (UNKNOWN,)
_SHARES = {
    "share of women among visitors recorded as F or M": _Share("gender", ("F",), ("X", "U", "not given")),
    "share of visitors below 18": _Share("age_band", ("0-17",), _AGE_GIVEN),
    "share of visitors from 18 to 34": _Share("age_band", ("18-24", "25-34"), _AGE_GIVEN),
    "share of visitors of 65 and more": _Share("age_band", ("65+",), _AGE_GIVEN),
    "share of visitors on business": _Share("i94visa", (1,)),
    "share of visitors who study": _Share("i94visa", (3,)),
    "visitors": None,
}
_WOMEN, _MEDIAN, _ABROAD, _PEOPLE = (
    "share of women in the state's cities",
    "median age in the state's cities",
    "share of people born abroad in the state's cities",
    "people in the state's cities",
)
_TESTED = (
    ("share of women among visitors recorded as F or M", _WOMEN),
    ("share of visitors below 18", _MEDIAN),
    ("share of visitors from 18 to 34", _MEDIAN),
    ("share of visitors of 65 and more", _MEDIAN),
    ("share of visitors on business", _ABROAD),
    ("share of visitors who study", _MEDIAN),
    ("visitors", _ABROAD),
    ("visitors", _PEOPLE),
)


def _demographics(groups: DataFrame) -> Iterator[dict[str, Any]]:
    """Who visits a state, and who lives in its cities."""
    visitors = groups.groupby("i94addr")["visitors"].sum()
    people = _people(groups)
    for x, y in _TESTED:
        shares, figures = _share(groups, _SHARES[x]).reindex(visitors.index), people[y]
        out = Exclusions("states")
        reasons = shares.isna().map({True: "no such visitor", False: ""}).astype(object)
        reasons = reasons.mask(figures.isna(), "no figure of a city of 65,000 and more")
        reasons[visitors.index == OTHER_STATE] = _NO_STATE
        for reason, rows in visitors[reasons != ""].groupby(reasons[reasons != ""]):
            out.add(str(reason), len(rows), int(rows.sum()))
        kept = visitors.index[reasons == ""]
        named = ((x, shares[kept].astype(float).tolist()), (y, figures[kept].astype(float).tolist()))
        yield from _both(visitor_demographics_by_state.name, *named, "one state", out, "demographics")


def _share(groups: DataFrame, share: _Share | None) -> Series[Any]:
    """A share of the visitors of each state, or all of them."""
    if share is None:
        return groups.groupby("i94addr")["visitors"].sum().astype(float)
    known = groups[~groups[share.column].isin(share.unknown)]
    chosen = known["visitors"].where(known[share.column].isin(share.values), 0)
    return chosen.groupby(known["i94addr"]).sum() / known.groupby("i94addr")["visitors"].sum()


def _people(groups: DataFrame) -> Mapping[str, Series[Any]]:
    figures = groups.groupby("i94addr").first()
    men, women = (figures[f"city_{sex}_population"].astype(float) for sex in ("male", "female"))
    population = figures["city_population"].astype(float)
    return {
        _WOMEN: women / (men + women),
        _MEDIAN: figures["city_median_age"].astype(float),
        _ABROAD: figures["city_foreign_born"].astype(float) / population,
        _PEOPLE: population,
    }
