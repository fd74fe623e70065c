"""What the dashboard shows: the figures of a release for a range of months and some filters.

Here: which mart answers which chart, which filters that mart has, and the values beyond the largest as one "others", so
that bars add up to all visitors. Not here: SQL (`queries`), how figures are drawn (`charts`), the page (`dashboard`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
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
from i94_platform.contracts.marts import AGE_BANDS, CLIMATE_BANDS, GENDERS, UNKNOWN
from i94_platform.partitions import Month
from i94_platform.serving.problems import Problem
from i94_platform.serving.queries import Condition, Query, Totals, parameters, parse, unknown

Row = dict[str, Any]
Ask = Callable[[str, dict[str, Any]], list[Row]]
"""Runs a statement with its values."""

FILTERS = ("i94addr", "i94res", "region")
"""Columns of `destination_by_origin` that the page can be narrowed by."""

HEEDED: dict[str, tuple[str, ...]] = {
    destination_by_origin.name: FILTERS,
    origin_climate.name: ("i94res", "region"),
    destination_by_climate.name: ("i94addr",),
    visitor_demographics_by_state.name: ("i94addr",),
    visitors_by_nationality.name: (),  # its region is that of the citizenship
    visitors_by_airline.name: (),
    correlations.name: (),
}
"""The filters that each mart has; the page says where one is not heeded."""

MOST_BARS, MOST_STATES, MOST_ORIGINS = 12, 12, 10
OTHERS = "others"

_GENDER_ORDER = list(GENDERS.values())


@dataclass(frozen=True)
class View:
    """What is looked at: the filters, with the months as the first and last key, each empty where there is no bound."""

    conditions: tuple[Condition, ...]
    first: str = ""
    last: str = ""

    def of(self, contract: Table, *, months: bool = True) -> tuple[Condition, ...]:
        """The filters that a mart has."""
        heeded = (*HEEDED[contract.name], *(("month",) if months else ()))
        return tuple(c for c in self.conditions if c.column in heeded)

    @property
    def digest(self) -> str:
        """What its figures depend on but the release."""
        return Query(destination_by_origin, self.conditions).digest


def parsed(query_string: bytes) -> View:
    """Read the page's filters: `from`, `to`, and columns that have to be one of the values given.

    Raises:
        Problem: one is unknown, or its value is not valid.
    """
    sent = parameters(query_string)
    for name in sent:
        if name not in ("from", "to", *FILTERS):
            raise unknown(name, f"the dashboard has from, to, {', '.join(FILTERS)}")
        if len(sent[name]) > 1:
            raise Problem(
                "invalid-parameter", f"{name} is given more than once; the dashboard takes one.", parameter=name
            )
    conditions = parse(destination_by_origin, query_string).conditions
    first, last = ("".join(sent.get(name, [])) for name in ("from", "to"))
    if first and last and first > last:
        raise Problem("invalid-parameter", "The first month is after the last.", parameter="from")
    return View(conditions, first, last)


def figures(view: View, ask: Ask) -> dict[str, Any]:
    """Every chart's rows by its name, and what the filters can be set to."""

    def totals(contract: Table, *by: str, told: Sequence[str] = ()) -> list[Row]:
        return ask(*Totals(contract, by, tuple(told), view.of(contract)).sql())

    origins = totals(destination_by_origin, "i94res", told=("origin", "iso3", "region"))
    states = totals(destination_by_origin, "i94addr", told=("state",))
    places = totals(origin_climate, "i94res", told=("origin", "region", "climate_band", "mean_temperature"))
    return {
        "choices": _choices(ask),
        "charts": {
            "months": _months(ask, view),
            "nationality": _largest(_with_hints(totals(visitors_by_nationality, *_HINTED)), "i94cit", "nationality"),
            "origin": _largest(origins, "i94res", "origin"),
            "airline": _largest(totals(visitors_by_airline, "airline", told=("carrier",)), "airline", "airline"),
            "states": states,
            "countries": _located(origins, ask),
            "heat": _heat(totals(destination_by_origin, "i94addr", "i94res", told=("state", "origin"))),
            "climate": _in_order(totals(destination_by_climate, "climate_band"), "climate_band", _BANDS),
            "temperature": [place for place in places if place["mean_temperature"] is not None],
            "age": _groups(totals(visitor_demographics_by_state, "age_band", "gender", told=("gender_label",))),
            "purpose": totals(visitor_demographics_by_state, "i94visa", told=("visa",)),
            "women": _women(totals(visitor_demographics_by_state, "i94addr", "gender", told=_CITIES)),
            "correlations": ask(*Query(correlations, order=_BY_QUESTION, limit=1_000).sql()),
        },
    }


_YEAR_MONTH = ("i94yr", "i94mon")
_BANDS = (*(name for name, *_ in CLIMATE_BANDS), UNKNOWN)
_AGES = (*(name for name, *_ in AGE_BANDS), UNKNOWN)
_HINTED = ("i94cit", "nationality", "status", "hint_likely_residence")
_CITIES = ("state", "city_male_population", "city_female_population", "city_population", "cities")
_BY_QUESTION = tuple((name, False) for name in ("question", "x", "y", "method"))


def _months(ask: Ask, view: View) -> list[Row]:
    """Every month of the range with its visitors and the change to the month before, which may lie outside.

    A month that is not published has null, and so has a change to such a month.
    """
    asked = Totals(destination_by_origin, _YEAR_MONTH, (), view.of(destination_by_origin, months=False))
    found = {Month(row["i94yr"], row["i94mon"]): row["visitors"] for row in ask(*asked.sql())}
    published = [Month(row["i94yr"], row["i94mon"]) for row in ask(*Totals(destination_by_origin, _YEAR_MONTH).sql())]
    if not published:
        return []
    first = Month.parse(view.first) if view.first else min(published)
    last = Month.parse(view.last) if view.last else max(published)
    visitors = {month: found.get(month, 0) for month in published}
    return [_change(month, visitors) for month in _range(first, last)]


def _range(first: Month, last: Month) -> Iterable[Month]:
    numbers = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
    return (Month(number // 12, number % 12 + 1) for number in numbers)


def _change(month: Month, visitors: dict[Month, int]) -> Row:
    number = month.year * 12 + month.month - 2
    before = visitors.get(Month(number // 12, number % 12 + 1)) if number >= 2000 * 12 else None
    now = visitors.get(month)
    change = (now - before) / before if now is not None and before else None
    return {"month": month.key, "visitors": now, "before": before, "change": change}


def _choices(ask: Ask) -> dict[str, list[Row]]:
    """What the filters can be set to, whatever they are set to now."""
    labels = {"i94addr": ("state",), "i94res": ("origin",), "region": ()}
    found = {name: ask(*Totals(destination_by_origin, (name,), told).sql()) for name, told in labels.items()}
    return {
        name: sorted(
            ({"value": row[name], "label": row[(*labels[name], name)[0]]} for row in rows), key=lambda row: row["label"]
        )
        for name, rows in found.items()
    }


def _largest(rows: list[Row], code: str, label: str, most: int = MOST_BARS) -> list[Row]:
    """The largest as they are, and the sum of the rest; each with its share of all and a name that no other has."""
    total = sum(row["visitors"] for row in rows)
    twice = {name for name, n in Counter(row[label] for row in rows).items() if n > 1}
    shown = [
        {**row, "label": f"{row[label]} ({row[code]})" if row[label] in twice else row[label], "others": False}
        for row in rows[:most]
    ]
    if rest := rows[most:]:
        left = sum(row["visitors"] for row in rest)
        shown.append({code: None, "label": f"{len(rest):,} {OTHERS}", "visitors": left, "others": True})
    return [{**row, "share": row["visitors"] / total} for row in shown]


def _with_hints(rows: list[Row]) -> list[Row]:
    """One row a nationality; its hint is that of the months with most visitors, for it may differ between months."""
    merged: dict[Any, Row] = {}
    for row in rows:  # the largest first
        kept = merged.setdefault(row["i94cit"], {**row, "visitors": 0})
        kept["visitors"] += row["visitors"]
    return sorted(merged.values(), key=lambda row: (-row["visitors"], row["i94cit"]))


def _located(origins: list[Row], ask: Ask) -> list[Row]:
    """Countries of residence with their place, null where no city of theirs is measured."""
    asked = Totals(origin_climate, ("i94res",), ("latitude", "longitude"))
    places = {row["i94res"]: row for row in ask(*asked.sql())}
    nowhere = {"latitude": None, "longitude": None}
    return [
        {**row, **{name: places.get(row["i94res"], nowhere)[name] for name in ("latitude", "longitude")}}
        for row in origins
    ]


def _heat(rows: list[Row]) -> list[Row]:
    """States by countries, the largest of both and the sum of the rest: a row for each pair, also where nobody went."""
    states = _names(rows, "i94addr", "state", MOST_STATES)
    origins = _names(rows, "i94res", "origin", MOST_ORIGINS)
    cells: Counter[tuple[str, str]] = Counter()
    for row in rows:
        cells[states[row["i94addr"]], origins[row["i94res"]]] += row["visitors"]
    of_state = {
        state: sum(cells[state, origin] for origin in dict.fromkeys(origins.values())) for state in states.values()
    }
    return [
        {
            "state": state,
            "origin": origin,
            "visitors": cells[state, origin],
            "share": cells[state, origin] / of_state[state],
            "named": not origin.endswith(OTHERS),
        }
        for state in dict.fromkeys(states.values())
        for origin in dict.fromkeys(origins.values())
    ]


def _names(rows: list[Row], code: str, label: str, most: int) -> dict[Any, str]:
    """Each code's name in a table of the largest, which come first; the rest have one name."""
    visitors, labels = Counter[Any](), {}
    for row in rows:
        visitors[row[code]] += row["visitors"]
        labels[row[code]] = row[label]
    twice = {name for name, n in Counter(labels.values()).items() if n > 1}
    rest = f"{len(visitors) - most:,} {OTHERS}"
    return {
        found: rest if place >= most else f"{labels[found]} ({found})" if labels[found] in twice else labels[found]
        for place, (found, _) in enumerate(visitors.most_common())
    }


def _in_order(rows: list[Row], name: str, order: Sequence[str]) -> list[Row]:
    total = sum(row["visitors"] for row in rows)
    placed = sorted(rows, key=lambda row: order.index(row[name]))
    return [{**row, "share": row["visitors"] / total} for row in placed]


def _groups(rows: list[Row]) -> list[Row]:
    # other letters, which have one label, come after those of the contract
    order = {label: place for place, label in enumerate(_GENDER_ORDER)}
    ranked = [{**row, "rank": order.get(row["gender_label"], len(order))} for row in rows]
    return sorted(ranked, key=lambda row: (_AGES.index(row["age_band"]), row["rank"], row["gender"]))


def _women(rows: list[Row]) -> list[Row]:
    """The share of women among a state's visitors recorded as F or M, and among the people of its cities.

    States without such a city or such visitors are left out.
    """
    found = []
    by_state = sorted(rows, key=lambda row: row["i94addr"])
    for code, group in groupby(by_state, key=lambda row: row["i94addr"]):
        recorded = {row["gender"]: row for row in group}
        women, men = (recorded.get(letter, {"visitors": 0})["visitors"] for letter in "FM")
        cities = next(iter(recorded.values()))
        females, males = cities["city_female_population"], cities["city_male_population"]
        if women + men and females is not None and males is not None and females + males:
            found.append(
                {
                    "i94addr": code,
                    "state": cities["state"],
                    "visitors": women + men,
                    "among_visitors": women / (women + men),
                    "in_cities": females / (females + males),
                    "cities": cities["cities"],
                    "city_population": cities["city_population"],
                }
            )
    return found
