"""The pairs of variables that are correlated, and what a coefficient of theirs means in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from i94_platform.contracts.marts import (
    destination_by_climate,
    destination_by_origin,
    origin_climate,
    visitor_demographics_by_state,
)
from i94_platform.marts.correlations.exclusions import Unit
from i94_platform.marts.correlations.measures import Coefficient

SIGNIFICANCE = 0.05
"""The p-value from which on an association may be chance."""

UNITS: Mapping[Unit, str] = {
    "arrivals": "one arrival",
    "pairs": "one pair of a state and a country",
    "states": "one state",
    "countries": "one country of residence",
}
"""What one observation is, in words."""

_CENSUS = (
    "It does not say which go together or why, can't be compared with a pair of more or fewer categories, and has no "
    "interval because all arrivals are counted."
)
_CLIMATE = (
    "It does not mean that visitors choose by climate, which goes with distance, wealth and flights, and it leaves out "
    "states without a measured city."
)
_PEOPLE = (
    "It does not mean that visitors come for these people or are like them: states are compared, by their cities of "
    "65,000 and more, and not persons."
)


@dataclass(frozen=True)
class Variables:
    """Two variables of a question."""

    question: str
    x: str
    y: str
    unit: Unit
    finding: str
    """What an association means, with {direction} where its sign makes a difference."""
    caveat: str
    """What it does not mean."""
    directions: tuple[str, str] = ("larger", "smaller")
    """For a positive and a negative coefficient."""

    def describe(
        self, method: str, result: Coefficient, adjusted_p_value: float | None, states_left_out: Sequence[str]
    ) -> str:
        """Describe in one sentence what a coefficient means."""
        r, p_value = result.coefficient, result.p_value
        qualifiers = ["weighted by visitors"] if method == "weighted_pearson" else []
        qualifiers += [f"without {', '.join(states_left_out)}"] if states_left_out else []
        if r is None:
            meaning = f"There are too few observations of {self.x} and {self.y}"
        elif p_value is not None and p_value >= SIGNIFICANCE:
            meaning = f"There is no clear association between {self.x} and {self.y}"
        else:
            meaning = self.finding.format(direction=self.directions[r < 0])
            if method != "cramers_v":  # Cohen's limits are not those of V, which shrinks with the number of categories
                qualifiers.insert(0, f"{_describe_strength(r)} association")
            if adjusted_p_value is not None and adjusted_p_value >= SIGNIFICANCE:
                qualifiers.append("among so many pairs possibly chance")
        return f"{meaning} ({'; '.join(qualifiers)})." if qualifiers else f"{meaning}."


def _describe_strength(coefficient: float) -> str:
    """Name the strength of an association, after Cohen (1988)."""
    size = abs(coefficient)
    return "strong" if size >= 0.5 else "moderate" if size >= 0.3 else "weak" if size >= 0.1 else "very weak"


@dataclass(frozen=True)
class VisitorShare:
    """A share of a state's visitors, and the figure of its cities that it is compared with."""

    variables: Variables
    people: str
    """The figure of the cities."""
    group: str
    """The count of the visitors of a group."""
    base: str
    """The count that it is a share of."""


COUNTRY = Variables(
    destination_by_origin.name, "state", "country of residence", "arrivals",
    "Visitors from different countries go to different states", _CENSUS,
)  # fmt: skip
EXPECTED = Variables(
    destination_by_origin.name, "visitors expected from the totals of state and country", "visitors", "pairs",
    "Pairs of a state and a country with more expected visitors have a {direction} number of visitors",
    "It does not mean that states and countries prefer each other: both variables share the same totals.",
)  # fmt: skip
CLIMATE_BAND = Variables(
    destination_by_climate.name, "state", "climate band of the country of residence", "arrivals",
    "Visitors from different climates go to different states", _CENSUS,
)  # fmt: skip
CLIMATES = Variables(
    destination_by_climate.name, "mean temperature of the state's cities",
    "mean temperature of the visitors' countries of residence", "states",
    "Warmer states receive visitors from {direction} countries", _CLIMATE, ("warmer", "colder"),
)  # fmt: skip
CLIMATE_DIFFERENCE = Variables(
    destination_by_climate.name, "difference between the mean temperatures of state and country",
    "log of visitors to those expected from the totals", "pairs",
    "States receive {direction} visitors than expected from countries whose climate differs more", _CLIMATE,
    ("more", "fewer"),
)  # fmt: skip
STATE_TEMPERATURE = Variables(
    destination_by_climate.name, "mean temperature of the state's cities",
    "log of visitors per person in the state's cities", "states",
    "Warmer states receive a {direction} number of visitors per person in their cities", _CLIMATE,
)  # fmt: skip
COUNTRY_TEMPERATURE = Variables(
    origin_climate.name, "mean yearly temperature of the country", "log of visitors", "countries",
    "Warmer countries send a {direction} number of visitors",
    "It does not mean that the climate makes people travel: distance, wealth and population go with it.",
)  # fmt: skip
POPULATION = Variables(
    visitor_demographics_by_state.name, "log of people in the state's cities", "log of visitors", "states",
    "States with more people in their cities receive a {direction} number of visitors", _PEOPLE,
)  # fmt: skip
FOREIGN_BORN = Variables(
    visitor_demographics_by_state.name, "share of people born abroad in the state's cities",
    "log of visitors per person in the state's cities", "states",
    "States with more people born abroad receive a {direction} number of visitors per person in their cities", _PEOPLE,
)  # fmt: skip


RATES = (POPULATION, FOREIGN_BORN)
"""The variables that hold visitors themselves, so that visitors can't be their weights too."""


def _share(people: str, states: str, share: str) -> Variables:
    return Variables(
        visitor_demographics_by_state.name, people, share, "states",
        f"States {states} receive a {{direction}} {share}", _PEOPLE,
    )  # fmt: skip


_MEDIAN_AGE = "median age in the state's cities", "with older people in their cities"
_BORN_ABROAD = "share of people born abroad in the state's cities", "with more people born abroad in their cities"
_WOMEN = "share of women in the state's cities", "with more women in their cities"

SHARES = (
    VisitorShare(_share(*_WOMEN, "share of women among visitors recorded as F or M"), "women", "women", "known_gender"),
    VisitorShare(_share(*_MEDIAN_AGE, "share of visitors below 18"), "median_age", "minors", "known_age"),
    VisitorShare(_share(*_MEDIAN_AGE, "share of visitors of 65 and more"), "median_age", "seniors", "known_age"),
    VisitorShare(_share(*_MEDIAN_AGE, "share of visitors who study"), "median_age", "students", "visitors"),
    VisitorShare(_share(*_BORN_ABROAD, "share of visitors on business"), "foreign_born", "business", "visitors"),
)
