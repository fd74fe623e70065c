"""The questions: what is correlated with what, over which observations, for which periods and variants.

To ask another one, declare its variables and yield its rows in `_correlate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from i94_platform.contracts.correlations import (
    ALL_MONTHS,
    ALL_STATES,
    MISCODED_STATES,
    WITHOUT_LARGEST,
    WITHOUT_MISCODED,
)
from i94_platform.contracts.marts import (
    destination_by_origin,
    origin_climate,
    state_climate,
    visitor_demographics_by_state,
)
from i94_platform.marts.correlations import variables as v
from i94_platform.marts.correlations.exclusions import Selection, select
from i94_platform.marts.correlations.measures import (
    Coefficient,
    adjust_p_values,
    cramers_v,
    pearson,
    pearson_with_expected,
    spearman,
)
from i94_platform.marts.correlations.observations import MonthlyObservations, Observations
from i94_platform.sql.dialects import transpile
from i94_platform.sql.templates import load_template

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

SOURCES = {
    "pairs": destination_by_origin,
    "origins": origin_climate,
    "states": visitor_demographics_by_state,
    "climates": state_climate,
}
"""By the name of each `.sql` file, the mart that it reads."""

_NO_CITY = "no figure of a city of 65,000 and more"
_NO_SUCH_VISITOR = "no such visitor"
_LARGEST_STATES = 3
_SMOOTHING = 0.5
"""Added to visitors and expected visitors, so that a pair without visitors has a ratio too."""


def render_query(name: str, dialect: str) -> str:
    """Render the query of one of `SOURCES` in a dialect."""
    return transpile(load_template(__package__, name).substitute(), dialect, "redshift")


def compute_correlations(months: Sequence[str], **frames: DataFrame) -> Iterator[dict[str, Any]]:
    """Compute the rows of the contract: over all months with every variant, and for each month over all states.

    Args:
        months: The months that the arrivals are from, as YYYY-MM in order.
        frames: The rows of each of the queries.
    """
    monthly = MonthlyObservations(months, **frames)
    total = monthly.select(slice(None))
    variants = {
        ALL_STATES: total,
        WITHOUT_MISCODED: total.without(MISCODED_STATES),
        WITHOUT_LARGEST: total.without(total.largest_states(_LARGEST_STATES)),
    }
    for variant, observations in variants.items():
        yield from _build_rows(ALL_MONTHS, variant, months, observations)
    for position, month in enumerate(months):
        yield from _build_rows(month, ALL_STATES, [month], monthly.select(slice(position, position + 1)))


@dataclass(frozen=True)
class _Correlation:
    """A coefficient, before the p-values are adjusted for the number of tests; `n` observations in so many clusters."""

    variables: v.Variables
    method: str
    result: Coefficient
    n: int
    selection: Selection
    clusters: int = 0


def _build_rows(
    period: str, variant: str, months: Sequence[str], observations: Observations
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a period and variant, which are one family of tests."""
    correlations = list(_correlate(observations))
    adjusted = adjust_p_values([c.result.p_value for c in correlations])
    for c, adjusted_p_value in zip(correlations, adjusted, strict=True):
        yield {
            "period": period,
            "variant": variant,
            "question": c.variables.question,
            "x": c.variables.x,
            "y": c.variables.y,
            "method": c.method,
            "states_left_out": ", ".join(observations.left_out),
            "unit_of_observation": v.UNITS[c.variables.unit],
            **vars(c.result),
            "adjusted_p_value": adjusted_p_value,
            "n": c.n,
            "clusters": c.clusters,
            **c.selection.columns,
            "meaning": c.variables.describe(c.method, c.result, adjusted_p_value, observations.left_out),
            "caveat": c.variables.caveat,
            "months": len(months),
            "first_month": months[0],
            "last_month": months[-1],
        }


def _correlate(o: Observations) -> Iterator[_Correlation]:
    """Compute every correlation."""
    yield from _correlate_countries(o)
    yield from _correlate_climates(o)
    yield from _correlate_climate_difference(o)
    if not o.is_variant:  # no state takes part in it
        yield from _correlate_country_temperature(o)
    yield from _correlate_people(o)


def _correlate_countries(o: Observations) -> Iterator[_Correlation]:
    """Destination and source country."""
    reasons = o.excluded_states | o.excluded_countries
    selection = select(o.visitors, v.COUNTRY.unit, reasons)
    table = selection.crop(o.visitors).astype(float)
    yield _Correlation(v.COUNTRY, "cramers_v", cramers_v(table), int(table.sum()), selection)
    selection = select(o.visitors, v.EXPECTED.unit, reasons)
    yield _Correlation(v.EXPECTED, "pearson", pearson_with_expected(table), table.size, selection, len(table))


def _correlate_climates(o: Observations) -> Iterator[_Correlation]:
    """Destination and climate of the source country, and the climates of both."""
    import numpy as np

    reasons = o.excluded_states | o.excluded_countries | o.countries_without_temperature
    selection = select(o.visitors, v.CLIMATE_BAND.unit, reasons)
    bands = o.climate_bands[selection.countries]
    is_band = bands[:, None] == np.array(sorted({*bands}), object)
    table = selection.crop(o.visitors).astype(float) @ is_band
    yield _Correlation(v.CLIMATE_BAND, "cramers_v", cramers_v(table), int(table.sum()), selection)

    selection = select(o.visitors, v.CLIMATES.unit, reasons | o.states_without_temperature)
    table = selection.crop(o.visitors)
    visitors = table.sum(axis=1)
    sources = table @ o.country_temperatures[selection.countries] / visitors
    yield from _correlate_values(o, v.CLIMATES, selection, o.state_temperatures[selection.states], sources, visitors)

    rate = o.log_visitors_per_person
    reasons = o.excluded_states | o.states_without_temperature | _missing_states({_NO_CITY: rate})
    selection = select(o.visitors, v.STATE_TEMPERATURE.unit, reasons)
    temperatures = o.state_temperatures[selection.states]
    yield from _correlate_values(o, v.STATE_TEMPERATURE, selection, temperatures, rate[selection.states])


def _correlate_climate_difference(o: Observations) -> Iterator[_Correlation]:
    """How far the climates of a pair are apart, and its visitors to those expected from the totals of all pairs."""
    import numpy as np

    reasons = o.excluded_states | o.excluded_countries
    pairs = select(o.visitors, v.CLIMATE_DIFFERENCE.unit, reasons).visitors
    expected = np.outer(pairs.sum(axis=1), pairs.sum(axis=0)) / max(pairs.sum(), 1)
    reasons = reasons | o.countries_without_temperature | o.states_without_temperature
    selection = select(o.visitors, v.CLIMATE_DIFFERENCE.unit, reasons)
    difference = selection.crop(np.abs(np.subtract.outer(o.state_temperatures, o.country_temperatures)))
    visitors, expected = selection.crop(pairs), selection.crop(expected)
    ratio = np.log((visitors + _SMOOTHING) / (expected + _SMOOTHING))
    for method, weights in (("pearson", np.ones_like(expected)), ("weighted_pearson", expected)):
        result = pearson(difference, ratio, weights)
        yield _Correlation(v.CLIMATE_DIFFERENCE, method, result, ratio.size, selection, len(ratio))


def _correlate_country_temperature(o: Observations) -> Iterator[_Correlation]:
    """Temperature of a country and its visitors."""
    import numpy as np

    reasons = o.excluded_countries | o.countries_without_temperature
    selection = select(o.visitors, v.COUNTRY_TEMPERATURE.unit, reasons)
    visitors = np.log(selection.crop(o.visitors).sum(axis=0))
    temperatures = o.country_temperatures[selection.countries]
    yield from _correlate_values(o, v.COUNTRY_TEMPERATURE, selection, temperatures, visitors)


def _correlate_people(o: Observations) -> Iterator[_Correlation]:
    """Who visits a state, and who lives in its cities."""
    import numpy as np

    figures = {**o.figures, "visitors": o.state_visitors}
    with np.errstate(divide="ignore", invalid="ignore"):
        population = figures["city_population"]
        people = {
            "women": figures["city_women"] / (figures["city_women"] + figures["city_men"]),
            "foreign_born": figures["city_foreign_born"] / population,
            "median_age": figures["city_median_age"],
        }
        shares = [(s.variables, people[s.people], figures[s.group] / figures[s.base]) for s in v.SHARES]
        rates = [
            (v.POPULATION, np.log(population), np.log(o.state_visitors)),
            (v.FOREIGN_BORN, people["foreign_born"], o.log_visitors_per_person),
        ]
    for variables, x, y in rates + shares:
        reasons = o.excluded_states | _missing_states({_NO_CITY: x, _NO_SUCH_VISITOR: y})
        selection = select(o.visitors, variables.unit, reasons)
        weights = None if variables in v.RATES else o.state_visitors[selection.states]
        yield from _correlate_values(o, variables, selection, x[selection.states], y[selection.states], weights)


def _correlate_values(
    o: Observations,
    variables: v.Variables,
    selection: Selection,
    x: NDArray[Any],
    y: NDArray[Any],
    weights: NDArray[Any] | None = None,
) -> Iterator[_Correlation]:
    """Correlate a value each of states or countries, also weighted by visitors, and by ranks but in the variants."""
    yield _Correlation(variables, "pearson", pearson(x, y), len(x), selection, len(x))
    if weights is not None:
        yield _Correlation(variables, "weighted_pearson", pearson(x, y, weights), len(x), selection, len(x))
    if not o.is_variant:
        yield _Correlation(variables, "spearman", spearman(x, y), len(x), selection)


def _missing_states(values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the states without a value, by the reason that this is for."""
    import numpy as np

    return {reason: ~np.isfinite(value)[:, None] for reason, value in values.items()}
