"""The questions: what is correlated with what, over which observations.

To ask another one, write a function that yields rows and call it in `compute_correlations`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i94_platform.contracts.marts import (
    UNKNOWN,
    destination_by_climate,
    destination_by_origin,
    origin_climate,
    visitor_demographics_by_state,
)
from i94_platform.marts.correlations.exclusions import (
    NO_STATE,
    NO_TEMPERATURE,
    OTHER_STATE,
    Exclusions,
    select_listed,
)
from i94_platform.marts.correlations.measures import Coefficient, cramers_v, pearson, spearman
from i94_platform.sql.dialects import transpile
from i94_platform.sql.templates import load_template

if TYPE_CHECKING:
    from pandas import DataFrame, Series

SOURCES = {
    "pairs": destination_by_origin,
    "origins": origin_climate,
    "groups": visitor_demographics_by_state,
}
"""By the name of each `.sql` file, the mart that it reads."""

_NOT_CAUSE = "Association, not cause."
_AGGREGATES = "It is about states or countries as a whole, never about single persons."
_ARRIVALS_CAVEAT = (
    f"{_NOT_CAUSE} With so many arrivals the smallest difference is significant: look at the size, not at the p-value. "
    "Cramér's V is bias-corrected."
)
_PAIRS_CAVEAT = (
    f"{_NOT_CAUSE} Expected is what the totals of state and country give if neither prefers the other, so that both "
    "variables share those totals."
)
_CLIMATE_CAVEAT = (
    f"{_NOT_CAUSE} {_AGGREGATES} The climate is the mean of a country's measured cities; distance, wealth and size go "
    "with it."
)
_DEMOGRAPHICS_CAVEAT = (
    f"{_NOT_CAUSE} {_AGGREGATES} The people are those of cities of 65,000 and more, not of the state; many pairs are "
    "looked at, and some go together by chance."
)


def render_query(name: str, dialect: str) -> str:
    """The query of one of `SOURCES`, in the dialect."""
    return transpile(load_template(__package__, name).substitute(), dialect, "redshift")


def compute_correlations(
    pairs: DataFrame, origins: DataFrame, groups: DataFrame, months: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Compute the rows of the contract.

    Args:
        pairs: Columns i94addr, i94res, status and visitors.
        origins: Columns i94res, status, climate_band, mean_temperature and visitors.
        groups: Columns i94addr, age_band, gender, i94visa, visitors and the figures of the state's cities.
        months: The months that the arrivals are from, as YYYY-MM in order.
    """
    coverage = {"months": len(months), "first_month": months[0], "last_month": months[-1]}
    for rows in (
        _correlate_state_and_country(pairs),
        _correlate_state_and_climate(pairs, origins),
        _correlate_temperature(origins),
        _correlate_demographics(groups),
    ):
        yield from (row | coverage for row in rows)


@dataclass(frozen=True)
class _Variables:
    """Two variables of a question, and what one observation of them is."""

    question: str
    x: str
    y: str
    observation: str
    caveat: str

    def row(self, method: str, coefficient: Coefficient, n: int, exclusions: Exclusions) -> dict[str, Any]:
        """The row of the contract but for the months."""
        return {
            "question": self.question,
            "x": self.x,
            "y": self.y,
            "method": method,
            "unit_of_observation": self.observation,
            **vars(coefficient),
            "n": n,
            **exclusions.columns(),
            "caveat": self.caveat,
        }

    def numeric_rows(self, x: Series[Any], y: Series[Any], exclusions: Exclusions) -> Iterator[dict[str, Any]]:
        """The rows of Pearson's r and Spearman's rho."""
        values = x.astype(float).tolist(), y.astype(float).tolist()
        yield self.row("pearson", pearson(*values), len(x), exclusions)
        yield self.row("spearman", spearman(*values), len(x), exclusions)


def _correlate_state_and_country(pairs: DataFrame) -> Iterator[dict[str, Any]]:
    """Destination and source country."""
    import numpy as np
    import pandas as pd

    arrivals, cells = Exclusions("arrivals"), Exclusions("pairs")
    table = _cross_tabulate(select_listed(pairs, (arrivals, cells)), "i94res").to_numpy(float)
    n = int(table.sum())
    question = destination_by_origin.name
    variables = _Variables(question, "state", "country of residence", "one arrival", _ARRIVALS_CAVEAT)
    yield variables.row("cramers_v", cramers_v(table), n, arrivals)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / max(n, 1)
    x, observation = "visitors expected from the totals of state and country", "one pair of a state and a country"
    variables = _Variables(question, x, "visitors", observation, _PAIRS_CAVEAT)
    yield from variables.numeric_rows(pd.Series(expected.ravel()), pd.Series(table.ravel()), cells)


def _correlate_state_and_climate(pairs: DataFrame, origins: DataFrame) -> Iterator[dict[str, Any]]:
    """Destination and climate of the source country."""
    arrivals, by_state = Exclusions("arrivals"), Exclusions("states")
    climates = origins[["i94res", "climate_band", "mean_temperature"]]
    listed = select_listed(pairs, (arrivals, by_state)).merge(climates, on="i94res", validate="many_to_one")
    known = listed[listed["climate_band"] != UNKNOWN]
    visitors = known.groupby("i94addr")["visitors"].sum()

    without = int(listed["visitors"].sum() - known["visitors"].sum())
    arrivals.add(NO_TEMPERATURE, without, without)
    by_state.add(NO_STATE, int((pairs["i94addr"] == OTHER_STATE).any()), 0)
    by_state.add(NO_TEMPERATURE, len({*pairs["i94addr"]} - {OTHER_STATE} - {*visitors.index}), without)

    question = destination_by_climate.name
    table = _cross_tabulate(known, "climate_band").to_numpy(float)
    y = "climate band of the country of residence"
    variables = _Variables(question, "state", y, "one arrival", _ARRIVALS_CAVEAT)
    yield variables.row("cramers_v", cramers_v(table), int(table.sum()), arrivals)
    temperature = (known["mean_temperature"] * known["visitors"]).groupby(known["i94addr"]).sum() / visitors
    x = "mean temperature of the countries of residence, each as often as it has visitors"
    variables = _Variables(question, x, "visitors", "one state", _CLIMATE_CAVEAT)
    yield from variables.numeric_rows(temperature, visitors, by_state)


def _correlate_temperature(origins: DataFrame) -> Iterator[dict[str, Any]]:
    """Temperature of a country and its visitors."""
    exclusions = Exclusions("countries")
    is_valid, has_temperature = origins["status"] == "valid", origins["mean_temperature"].notna()
    reasons = origins["status"].map("residence {}".format).mask(is_valid, "without a temperature")
    for reason, rows in origins[~(is_valid & has_temperature)].groupby(reasons):
        exclusions.add(str(reason), len(rows), int(rows["visitors"].sum()))
    included = origins[is_valid & has_temperature]
    x, observation = "mean yearly temperature of the country", "one country of residence"
    variables = _Variables(origin_climate.name, x, "visitors", observation, _CLIMATE_CAVEAT)
    yield from variables.numeric_rows(included["mean_temperature"], included["visitors"], exclusions)


def _cross_tabulate(rows: DataFrame, by: str) -> DataFrame:
    """Visitors by state and another category, none of which is empty."""
    return rows.pivot_table(index="i94addr", columns=by, values="visitors", aggfunc="sum", fill_value=0)


@dataclass(frozen=True)
class _Share:
    """A share of a state's visitors: those with one of the values, of those whose value is known."""

    column: str
    values: tuple[str | int, ...]
    unknown: tuple[str | int, ...] = ()


_SHARES = {
    "share of women among visitors recorded as F or M": _Share("gender", ("F",), ("X", "U", "not given")),
    "share of visitors below 18": _Share("age_band", ("0-17",), (UNKNOWN,)),
    "share of visitors from 18 to 34": _Share("age_band", ("18-24", "25-34"), (UNKNOWN,)),
    "share of visitors of 65 and more": _Share("age_band", ("65+",), (UNKNOWN,)),
    "share of visitors on business": _Share("i94visa", (1,)),
    "share of visitors who study": _Share("i94visa", (3,)),
}
_WOMEN = "share of women in the state's cities"
_MEDIAN_AGE = "median age in the state's cities"
_FOREIGN_BORN = "share of people born abroad in the state's cities"
_POPULATION = "people in the state's cities"

_DEMOGRAPHIC_PAIRS = (
    ("share of women among visitors recorded as F or M", _WOMEN),
    ("share of visitors below 18", _MEDIAN_AGE),
    ("share of visitors from 18 to 34", _MEDIAN_AGE),
    ("share of visitors of 65 and more", _MEDIAN_AGE),
    ("share of visitors on business", _FOREIGN_BORN),
    ("share of visitors who study", _MEDIAN_AGE),
    ("visitors", _FOREIGN_BORN),
    ("visitors", _POPULATION),
)


def _correlate_demographics(groups: DataFrame) -> Iterator[dict[str, Any]]:
    """Who visits a state, and who lives in its cities."""
    visitors = groups.groupby("i94addr")["visitors"].sum()
    of_visitors = {"visitors": visitors, **{name: _compute_share(groups, share) for name, share in _SHARES.items()}}
    of_cities = _compute_city_figures(groups)
    for x, y in _DEMOGRAPHIC_PAIRS:
        shares, figures = of_visitors[x].reindex(visitors.index), of_cities[y]
        reasons = shares.isna().map({True: "no such visitor", False: ""}).astype(object)
        reasons = reasons.mask(figures.isna(), "no figure of a city of 65,000 and more")
        reasons[visitors.index == OTHER_STATE] = NO_STATE
        exclusions = Exclusions("states")
        for reason, rows in visitors[reasons != ""].groupby(reasons):
            exclusions.add(str(reason), len(rows), int(rows.sum()))
        included = visitors.index[reasons == ""]
        variables = _Variables(visitor_demographics_by_state.name, x, y, "one state", _DEMOGRAPHICS_CAVEAT)
        yield from variables.numeric_rows(shares[included], figures[included], exclusions)


def _compute_share(groups: DataFrame, share: _Share) -> Series[Any]:
    """A share of the visitors, by state."""
    known = groups[~groups[share.column].isin(share.unknown)]
    chosen = known["visitors"].where(known[share.column].isin(share.values), 0)
    return chosen.groupby(known["i94addr"]).sum() / known.groupby("i94addr")["visitors"].sum()


def _compute_city_figures(groups: DataFrame) -> Mapping[str, Series[Any]]:
    """The figures of the cities, by name and state."""
    cities = groups.groupby("i94addr").first()
    men, women = (cities[f"city_{sex}_population"].astype(float) for sex in ("male", "female"))
    population = cities["city_population"].astype(float)
    return {
        _WOMEN: women / (men + women),
        _MEDIAN_AGE: cities["city_median_age"].astype(float),
        _FOREIGN_BORN: cities["city_foreign_born"].astype(float) / population,
        _POPULATION: population,
    }
