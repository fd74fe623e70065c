"""The observations: arrivals by state and country of a period, and what is known of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pandas import DataFrame

OTHER_STATE = "99"
NO_STATE = "no listed state (99)"
LEFT_OUT = "state left out"
NO_TEMPERATURE = "residence without a temperature"
NO_STATE_TEMPERATURE = "state without a measured city"

_COUNTS = ("known_gender", "women", "known_age", "minors", "seniors", "business", "students")
_CITY_FIGURES = ("city_population", "city_men", "city_women", "city_median_age", "city_foreign_born")


@dataclass(frozen=True)
class Observations:
    """Arrivals of a period. All arrays share the order of states and of countries."""

    states: NDArray[Any]
    """The states' codes."""
    visitors: NDArray[Any]
    """By state (row) and country of residence (column)."""
    figures: Mapping[str, NDArray[Any]]
    """Visitors of a group, and figures of the cities, by state; NaN without such a city."""
    state_temperatures: NDArray[Any]
    """By state, the mean of its measured cities in °C; NaN without one."""
    statuses: NDArray[Any]
    """By country, its status in the code list."""
    climate_bands: NDArray[Any]
    """By country, the name of the band of its temperature."""
    country_temperatures: NDArray[Any]
    """By country, the mean of its measured cities in °C; NaN without one."""
    is_variant: bool = False
    """Whether states are left out to see whether they decide."""
    left_out: tuple[str, ...] = ()
    """States that a variant leaves out."""

    def without(self, states: Sequence[str]) -> Observations:
        """Return the same observations without some states."""
        return replace(self, is_variant=True, left_out=tuple(sorted(states)))

    def largest_states(self, number: int) -> list[str]:
        """Return the codes of the listed states with the most visitors, the largest first."""
        order = (-self.state_visitors).argsort(kind="stable")
        return [str(state) for state in self.states[order] if state != OTHER_STATE][:number]

    @cached_property
    def state_visitors(self) -> NDArray[Any]:
        """Visitors by state."""
        visitors: NDArray[Any] = self.visitors.sum(axis=1)
        return visitors

    @property
    def log_visitors_per_person(self) -> NDArray[Any]:
        """By state, the natural log of the visitors for each person of its cities; not finite without such a city."""
        import numpy as np

        with np.errstate(divide="ignore"):
            rates: NDArray[Any] = np.log(self.state_visitors / self.figures["city_population"])
        return rates

    @property
    def excluded_states(self) -> dict[str, NDArray[Any]]:
        """Masks of the states that no correlation of states includes, as columns, by reason."""
        import numpy as np

        masks = {NO_STATE: self.states == OTHER_STATE, LEFT_OUT: np.isin(self.states, self.left_out)}
        return {reason: mask[:, None] for reason, mask in masks.items()}

    @property
    def excluded_countries(self) -> dict[str, NDArray[Any]]:
        """Masks of the codes that name no country, by reason."""
        return {
            f"residence {status}": self.statuses == status for status in sorted({*self.statuses}) if status != "valid"
        }

    @property
    def countries_without_temperature(self) -> dict[str, NDArray[Any]]:
        """The mask of the countries without a measured city, by its reason."""
        import numpy as np

        return {NO_TEMPERATURE: np.isnan(self.country_temperatures)}

    @property
    def states_without_temperature(self) -> dict[str, NDArray[Any]]:
        """The mask of the states without a measured city, as a column, by its reason."""
        import numpy as np

        return {NO_STATE_TEMPERATURE: np.isnan(self.state_temperatures)[:, None]}


class MonthlyObservations:
    """The observations of all months."""

    def __init__(
        self, months: Sequence[str], pairs: DataFrame, origins: DataFrame, states: DataFrame, climates: DataFrame
    ) -> None:
        """Put the rows of the queries into arrays by month, state and country.

        Args:
            months: The months that the arrivals are from, as YYYY-MM in order.
            pairs: Columns i94yr, i94mon, i94addr, i94res and visitors.
            origins: Columns i94res, status, climate_band and mean_temperature.
            states: Columns i94yr, i94mon, i94addr, the counts and the figures of the state's cities.
            climates: Columns i94addr and mean_temperature. All temperatures are in °C.
        """
        import numpy as np
        import pandas as pd

        self._origins = origins
        self._states = pd.Index(sorted({*pairs["i94addr"]}), dtype=object)
        temperatures = climates.set_index("i94addr")["mean_temperature"].astype(float)
        self._temperatures = temperatures.reindex(self._states).to_numpy()
        numbers = pd.Index([int(month[:4]) * 12 + int(month[5:]) for month in months])
        cells = (
            numbers.get_indexer(pd.Index(pairs["i94yr"] * 12 + pairs["i94mon"])),
            self._states.get_indexer(pd.Index(pairs["i94addr"])),
            pd.Index(origins["i94res"]).get_indexer(pd.Index(pairs["i94res"])),
        )
        self._visitors = np.zeros((len(months), len(self._states), len(origins)), np.int64)
        self._visitors[cells] = pairs["visitors"]
        by_month = states.set_index([states["i94yr"] * 12 + states["i94mon"], "i94addr"])[[*_COUNTS, *_CITY_FIGURES]]
        every_state = by_month.astype(float).reindex(pd.MultiIndex.from_product([numbers, self._states]))
        shape = len(months), len(self._states)
        self._figures = {name: every_state[name].to_numpy().reshape(shape) for name in every_state}

    def select(self, months: slice) -> Observations:
        """Sum the months of a range, by their positions."""
        import numpy as np

        sums = {name: np.nansum(self._figures[name][months], axis=0) for name in _COUNTS}
        # the figures of the cities repeat in every month that the state has visitors in
        largest = {name: np.fmax.reduce(self._figures[name], axis=0, initial=np.nan) for name in _CITY_FIGURES}
        return Observations(
            self._states.to_numpy(),
            self._visitors[months].sum(axis=0),
            {**sums, **largest},
            self._temperatures,
            self._origins["status"].to_numpy(object),
            self._origins["climate_band"].to_numpy(object),
            self._origins["mean_temperature"].to_numpy(float),
        )
