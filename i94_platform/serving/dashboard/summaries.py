"""What the dashboard shows: the rows of every chart, for a range of months and some filters.

Values beyond the largest are summed as "others", so that bars add up to all visitors. Counts are summed exactly and
rounded last; shares are computed from the counts that are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Table

from i94_platform.contracts import (
    correlations,
    destination_by_climate,
    destination_by_origin,
    origin_climate,
    visitor_demographics_by_state,
    visitors_by_airline,
    visitors_by_nationality,
)
from i94_platform.contracts.marts import AGE_BANDS, ALL_MONTHS, ALL_STATES, CLIMATE_BANDS, GENDERS, UNKNOWN
from i94_platform.partitions import Month
from i94_platform.serving.api.parameters import Int32, MonthRange, Text
from i94_platform.serving.disclosure import DisclosureControl, Row
from i94_platform.serving.filters import Filter
from i94_platform.serving.problems import Problem
from i94_platform.serving.queries import Query, Totals

Fetch = Callable[[Query | Totals], list[Row]]
"""Runs a query for the caller. The visitors of totals are still exact."""

FILTERS = ("i94addr", "i94res", "region")
"""The columns of `destination_by_origin` that the page filters by."""

SUPPORTED_FILTERS: dict[str, tuple[str, ...]] = {
    destination_by_origin.name: FILTERS,
    origin_climate.name: ("i94res", "region"),
    destination_by_climate.name: ("i94addr",),
    visitor_demographics_by_state.name: ("i94addr",),
    visitors_by_nationality.name: (),  # its region is that of the citizenship
    visitors_by_airline.name: (),
    correlations.name: (),
}
"""The filters that each mart has a column for; the page says which ones do not apply to a chart."""

MAX_BARS, MAX_STATES, MAX_COUNTRIES = 12, 12, 10
OTHERS = "others"

_YEAR_MONTH = ("i94yr", "i94mon")
_CLIMATES = (*(name for name, *_ in CLIMATE_BANDS), UNKNOWN)
_AGES = (*(name for name, *_ in AGE_BANDS), UNKNOWN)
_GENDERS = list(GENDERS.values())
_CITY_COLUMNS = ("state", "city_male_population", "city_female_population", "city_population", "cities")


class DashboardFilters(MonthRange):
    """The filters of the page, as query parameters."""

    i94addr: Text | None = None
    i94res: Int32 | None = None
    region: Text | None = None


@dataclass(frozen=True)
class View:
    """The months and filters of the page; a bound of the months is None if it is open."""

    filters: tuple[Filter, ...]
    months: tuple[Filter, ...]
    first: Month | None
    last: Month | None

    @classmethod
    def from_filters(cls, parameters: DashboardFilters) -> View:
        """Return the view that parameters ask for.

        Raises:
            Problem: the first month is after the last.
        """
        first, last = parameters.range_start, parameters.range_end
        if first and last and first > last:
            raise Problem("invalid-parameter", "The first month is after the last.", parameter="from")
        values = ((name, getattr(parameters, name)) for name in FILTERS)
        filters = tuple(Filter(name, "", (value,)) for name, value in values if value is not None)
        return cls(filters, tuple(parameters.month_filters()), first, last)

    @property
    def digest(self) -> str:
        """A hash of all that the summaries depend on apart from the release."""
        return Query(destination_by_origin, (*self.filters, *self.months)).digest

    def filters_for(self, contract: Table) -> tuple[Filter, ...]:
        """Return the filters that a mart has a column for."""
        return tuple(f for f in self.filters if f.column in SUPPORTED_FILTERS[contract.name])


def summarize(view: View, fetch: Fetch, disclosure: DisclosureControl) -> dict[str, Any]:
    """Return the rows of every chart by its name, all visitors, and the choices of each filter."""

    def total(contract: Table, *group_by: str, labels: Sequence[str] = ()) -> list[Row]:
        filters = (*view.filters_for(contract), *view.months)
        return fetch(Totals(contract, group_by, tuple(labels), filters))

    public = disclosure.to_public_rows
    demographics = visitor_demographics_by_state
    countries = total(destination_by_origin, "i94res", labels=("origin", "iso3", "region"))
    climates = total(origin_climate, "i94res", labels=("origin", "region", "climate_band", "mean_temperature"))
    nationalities = total(visitors_by_nationality, "i94cit", "nationality", "status", "hint_likely_residence")
    airlines = total(visitors_by_airline, "airline", labels=("carrier",))
    states = total(destination_by_origin, "i94addr", labels=("state",))
    pairs = total(destination_by_origin, "i94addr", "i94res", labels=("state", "origin"))
    return {
        "disclosure": {"control": disclosure.name, "min_base": disclosure.min_base},
        "visitors": disclosure.to_public_count(sum(row["visitors"] for row in states)),
        "choices": _list_choices(fetch, disclosure),
        "charts": {
            "months": _summarize_months(view, fetch, disclosure),
            "nationality": _keep_largest(_merge_hints(nationalities, disclosure), "i94cit", "nationality", disclosure),
            "origin": _keep_largest(countries, "i94res", "origin", disclosure),
            "airline": _keep_largest(airlines, "airline", "airline", disclosure),
            "states": public(states),
            "countries": _add_positions(public(countries), fetch),
            "heat": _build_heatmap(pairs, disclosure),
            "climate": _add_shares(_order_climates(total(destination_by_climate, "climate_band")), disclosure),
            "temperature": public(row for row in climates if row["mean_temperature"] is not None),
            "age": _order_ages(public(total(demographics, "age_band", "gender", labels=("gender_label",)))),
            "purpose": public(total(demographics, "i94visa", labels=("visa",))),
            "women": _compare_women(total(demographics, "i94addr", "gender", labels=_CITY_COLUMNS), disclosure),
            "correlations": fetch(_ALL_CORRELATIONS),
        },
    }


_ALL_CORRELATIONS = Query(
    correlations,
    filters=(Filter("period", "", (ALL_MONTHS,)), Filter("variant", "", (ALL_STATES,))),
    order=tuple((name, False) for name in ("question", "x", "y", "method")),
    limit=1_000,
)


def _summarize_months(view: View, fetch: Fetch, disclosure: DisclosureControl) -> list[Row]:
    """Return each month of the range with its visitors and the change to the month before, which may lie outside.

    Visitors are None for a month that is not published, and so is a change that involves one or has too small a base.
    """

    def total_by_month(filters: tuple[Filter, ...]) -> dict[int, int]:
        rows = fetch(Totals(destination_by_origin, _YEAR_MONTH, (), filters))
        return {row["i94yr"] * 12 + row["i94mon"] - 1: row["visitors"] for row in rows}

    published = total_by_month(())
    if not published:
        return []
    matching = total_by_month(view.filters_for(destination_by_origin))
    visitors = {month: disclosure.to_public_count(matching.get(month, 0)) for month in published}
    first = _number(view.first) if view.first else min(published)
    last = _number(view.last) if view.last else max(published)
    return [_compare_month(month, visitors, disclosure) for month in range(first, last + 1)]


def _number(month: Month) -> int:
    return month.year * 12 + month.month - 1


def _compare_month(number: int, visitors: dict[int, int], disclosure: DisclosureControl) -> Row:
    before, now = visitors.get(number - 1), visitors.get(number)
    change = disclosure.compute_share(now - before, before) if now is not None and before is not None else None
    month = f"{number // 12:04}-{number % 12 + 1:02}"
    return {"month": month, "visitors": now, "before": before, "change": change}


def _list_choices(fetch: Fetch, disclosure: DisclosureControl) -> dict[str, list[Row]]:
    """Return the values and labels of each filter, whatever the filters are."""
    choices: dict[str, list[Row]] = {}
    for name, label in (("i94addr", "state"), ("i94res", "origin"), ("region", "region")):
        labels = (label,) if label != name else ()
        rows = disclosure.to_public_rows(fetch(Totals(destination_by_origin, (name,), labels)))
        unsorted = [{"value": row[name], "label": row[label]} for row in rows]
        choices[name] = sorted(unsorted, key=lambda choice: choice["label"])
    return choices


def _keep_largest(rows: list[Row], code: str, label: str, disclosure: DisclosureControl) -> list[Row]:
    """Return the largest rows and the sum of the others, each with its share and a unique label."""
    names = _unique_names({row[code]: row[label] for row in disclosure.to_public_rows(rows)})
    largest = [{**row, "label": names.get(row[code], ""), "others": False} for row in rows[:MAX_BARS]]
    if rest := rows[MAX_BARS:]:
        visitors = sum(row["visitors"] for row in rest)
        number = len(disclosure.to_public_rows(rest))
        name = f"{number:,} {OTHERS}" if number else OTHERS
        largest.append({code: None, "label": name, "visitors": visitors, "others": True})
    return _add_shares(largest, disclosure)


def _add_shares(rows: list[Row], disclosure: DisclosureControl) -> list[Row]:
    total = disclosure.to_public_count(sum(row["visitors"] for row in rows))
    public = disclosure.to_public_rows(rows)
    return [{**row, "share": disclosure.compute_share(row["visitors"], total)} for row in public]


def _unique_names(names: dict[Any, str]) -> dict[Any, str]:
    """Add its code to each name that several codes have."""
    counts = Counter(names.values())
    return {code: f"{name} ({code})" if counts[name] > 1 else name for code, name in names.items()}


def _merge_hints(rows: list[Row], disclosure: DisclosureControl) -> list[Row]:
    """Return one row for each nationality, with the hint that most of its visitors have: months may differ in it."""
    merged: dict[Any, Row] = {}
    for row in rows:  # largest first
        nationality = merged.setdefault(row["i94cit"], {**row, "visitors": 0})
        nationality["visitors"] += row["visitors"]
    return sorted(merged.values(), key=lambda row: (-disclosure.to_public_count(row["visitors"]), row["i94cit"]))


def _add_positions(countries: list[Row], fetch: Fetch) -> list[Row]:
    """Add latitude and longitude to each country; None if the temperature of none of its cities is known."""
    rows = fetch(Totals(origin_climate, ("i94res",), ("latitude", "longitude")))
    positions = {row["i94res"]: (row["latitude"], row["longitude"]) for row in rows}
    return [
        {**row, **dict(zip(("latitude", "longitude"), positions.get(row["i94res"], (None, None)), strict=True))}
        for row in countries
    ]


def _build_heatmap(rows: list[Row], disclosure: DisclosureControl) -> list[Row]:
    """Return a row for each pair of state and country, the largest of both and the others, also for empty pairs."""
    states = _group_names(rows, "i94addr", "state", MAX_STATES, disclosure)
    countries = _group_names(rows, "i94res", "origin", MAX_COUNTRIES, disclosure)
    cells, totals = Counter[tuple[str, str]](), Counter[str]()
    for row in rows:
        if row["i94addr"] in states and row["i94res"] in countries:
            cells[states[row["i94addr"]], countries[row["i94res"]]] += row["visitors"]
        if row["i94addr"] in states:
            totals[states[row["i94addr"]]] += row["visitors"]
    public = disclosure.to_public_count
    return [
        {
            "state": state,
            "origin": origin,
            "visitors": public(cells[state, origin]),
            "share": disclosure.compute_share(public(cells[state, origin]), public(totals[state])),
            "named": not origin.endswith(OTHERS),
        }
        for state in dict.fromkeys(states.values())
        for origin in dict.fromkeys(countries.values())
    ]


def _group_names(rows: list[Row], code: str, label: str, most: int, disclosure: DisclosureControl) -> dict[Any, str]:
    """Return the name of each code, largest first; the codes beyond the largest share one name.

    A code that no figure is shown of has no name.
    """
    visitors = Counter[Any]()
    for row in rows:
        visitors[row[code]] += row["visitors"]
    public = {value: count for value, total in visitors.items() if (count := disclosure.to_public_count(total))}
    names = _unique_names({row[code]: row[label] for row in rows if row[code] in public})
    others = f"{len(public) - most:,} {OTHERS}"
    # first seen first among equals, in the order that the caller sees
    ranking = sorted(public, key=lambda value: -public[value])
    return {value: names[value] if rank < most else others for rank, value in enumerate(ranking)}


def _order_climates(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: _CLIMATES.index(row["climate_band"]))


def _order_ages(rows: list[Row]) -> list[Row]:
    # letters outside the contract share one label and come last
    ranks = {label: rank for rank, label in enumerate(_GENDERS)}
    ranked = [{**row, "rank": ranks.get(row["gender_label"], len(ranks))} for row in rows]
    return sorted(ranked, key=lambda row: (_AGES.index(row["age_band"]), row["rank"], row["gender"]))


def _compare_women(rows: list[Row], disclosure: DisclosureControl) -> list[Row]:
    """Return the share of women among each state's visitors recorded as F or M, and in its cities.

    States without such cities, or with too few such visitors, are left out.
    """
    compared = []
    by_state = sorted(rows, key=lambda row: row["i94addr"])
    for code, group in groupby(by_state, key=lambda row: row["i94addr"]):
        genders = {row["gender"]: row for row in group}
        women, men = (genders.get(letter, {"visitors": 0})["visitors"] for letter in "FM")
        visitors = disclosure.to_public_count(women + men)
        share = disclosure.compute_share(disclosure.to_public_count(women), visitors)
        cities = next(iter(genders.values()))
        females, males = cities["city_female_population"], cities["city_male_population"]
        if share is not None and females is not None and males is not None and females + males:
            compared.append(
                {
                    "i94addr": code,
                    "state": cities["state"],
                    "visitors": visitors,
                    "among_visitors": share,
                    "in_cities": females / (females + males),
                    "cities": cities["cities"],
                    "city_population": cities["city_population"],
                }
            )
    return compared
