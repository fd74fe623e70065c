"""The distributions of one month: origins, ports, carriers, visas and addresses, ready to draw from.

Here: the shares combined with the reviewed code lists and moved by season and growth. Not here: the figures
themselves (`shares`), and the drawing of rows (`immigration`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from i94_platform.contracts.codes import read_reviewed_list
from i94_platform.partitions import Month
from i94_platform.sample import shares
from i94_platform.sample.draw import NULL, Choices, Flags, Floats, Ints, parse_weights
from i94_platform.sample.months import BASE, years_since_base


@dataclass(frozen=True)
class Origins:
    """Where travellers live: one place per origin in each array; `choices` draws such places for a month.

    `code` and `citizen` are country codes, `citizen_share` how many of the residents carry the latter, `group` is a
    place in `GROUPS`, `waiver` tells who needs no visa, and `post` is a place in `posts`, -1 for none of its own.
    """

    choices: Choices
    code: Floats
    citizen: Floats
    citizen_share: Floats
    group: Ints
    waiver: Flags
    post: Ints
    posts: Choices


@dataclass(frozen=True)
class _Origin:
    code: int
    group: str
    weight: float
    waiver: bool = False
    post: str = ""


def _all_origins() -> list[_Origin]:
    named = [
        _Origin(int(code.rstrip("w")), group, float(weight), code.endswith("w"), post)
        for group, text in shares.ORIGINS.items()
        for code, weight, post in (item.split(":") for item in text.split())
    ]
    countries = read_reviewed_list("i94cit_res")
    listed = countries.loc[countries["status"] == "valid", "code"].astype(int).tolist()
    rest = sorted(set(listed) - {origin.code for origin in named})
    scale = shares.REST / sum(1 / place for place in range(1, len(rest) + 1))
    return named + [_Origin(code, "R", scale / place) for place, code in enumerate(rest, start=1)]


def _trend(group: str, month: Month) -> float:
    """How much more of a month's arrivals a group brings than of April 2016's."""
    peak, height, growth = shares.SEASONS[group]

    def season(number: int) -> float:
        return 1 + height * math.cos((number - peak) * math.pi / 6)

    return season(month.month) / season(BASE.month) * math.pow(1 + growth, years_since_base(month))


def origins(month: Month) -> Origins:
    """The origins with their weights in `month`."""
    every = _all_origins()
    citizens = [shares.CITIZENS.get(o.code, (o.code, 1.0)) for o in every]
    issued: dict[str, float] = {}
    for o in every:
        if o.post:
            issued[o.post] = issued.get(o.post, 0.0) + o.weight * (0.05 if o.waiver else 1.0)
    places = list(issued)
    return Origins(
        choices=Choices.of({str(o.code): o.weight * _trend(o.group, month) for o in every}),
        code=np.array([float(o.code) for o in every]),
        citizen=np.array([float(code) for code, _ in citizens]),
        citizen_share=np.array([share for _, share in citizens]),
        group=np.array([shares.GROUPS.index(o.group) for o in every]),
        waiver=np.array([o.waiver for o in every]),
        post=np.array([places.index(o.post) if o.post else -1 for o in every]),
        posts=Choices.of(issued),
    )


def ports() -> Choices:
    """The port of entry by lane: the named ports, the mid-sized ones by air, and a trace of every other US port."""
    listed = read_reviewed_list("i94port")
    small = listed.loc[(listed["status"] == "valid") & listed["state"].notna(), "code"]
    traces = dict.fromkeys(small.astype(str), 1.0)
    airports = parse_weights(shares.OTHER_PORTS)
    return Choices.of(
        *(_completed(shares.PORTS[lane], airports, traces, shares.TRACE_SHARE) for lane in shares.GROUPS),
        *(_completed(shares.PORTS[lane], {}, traces, 1.0) for lane in shares.LANES[len(shares.GROUPS) :]),
    )


def airlines() -> Choices:
    """The carrier by lane; by air also general aviation (`*GA`) and, rarely, none at all."""
    aviation = {"*GA": 0.99, "*FF": 0.005, "*UU": 0.005}
    others = parse_weights(shares.OTHER_AIRLINES)
    by_air = [_completed(shares.AIRLINES[group], others, aviation, shares.TRACE_SHARE) for group in shares.GROUPS]
    return Choices.of(
        *({**weights, NULL: shares.NO_AIRLINE_SHARE} for weights in by_air),
        *(parse_weights(shares.AIRLINES[lane]) for lane in shares.LANES[len(shares.GROUPS) :]),
    )


def _completed(
    top: str, others: Mapping[str, float], traces: Mapping[str, float], trace_share: float
) -> dict[str, float]:
    """Weights that sum to 1: `top` in thousandths, and what it leaves shared by the traces and the others."""
    weights = {value: weight / 1000 for value, weight in parse_weights(top).items()}
    left = 1 - sum(weights.values())
    for values, share in ((others, left * (1 - trace_share)), (traces, left * trace_share)):
        total = sum(values.values())
        for value, weight in values.items():
            weights[value] = weights.get(value, 0.0) + share * weight / total
    return weights


def visatypes(month: Month) -> Choices:
    """The class of admission by the kind that `visa_kinds` gives, with the students of the month's season."""
    students = shares.STUDENTS[month.month - 1]
    newcomers = {name for name, purpose in shares.PURPOSE.items() if purpose == shares.PURPOSE["F1"]}
    return Choices.of(
        *(
            {name: weight * (students if name in newcomers else 1.0) for name, weight in parse_weights(text).items()}
            for text in shares.VISATYPES
        )
    )


def visa_kinds(waiver: Flags, group: Ints, island: Flags, saipan: Flags) -> Ints:
    """Which row of `visatypes` holds: by waiver, but by their own programmes on Guam and Saipan."""
    kind = np.where(waiver, shares.WAIVER, shares.VISA)
    kind = np.where(island & (group == shares.GROUPS.index("N")), shares.GUAM, kind)
    return np.where(saipan & ~waiver & (group == shares.GROUPS.index("A")), shares.SAIPAN, kind)


def admissions(classes: tuple[str, ...]) -> Choices:
    """Days of admission, or D/S, by class of admission in the order of `classes`."""
    return Choices.parse(*(shares.ADMISSIONS[name] for name in classes))


@dataclass(frozen=True)
class Addresses:
    """The state of the first address: `same` is, per port, the chance that it is the port's own state."""

    same: Floats
    own: Ints
    choices: Choices


def addresses(port_codes: tuple[str, ...]) -> Addresses:
    """The addresses behind each of `port_codes`; `own` is the port's state as a place in the choices, -1 for none."""
    choices = Choices.parse(shares.ELSEWHERE)
    state = dict(read_reviewed_list("i94port").dropna(subset="state").set_index("code")["state"])
    chances = parse_weights(shares.SAME_STATE)
    states = [str(state.get(code, "")) for code in port_codes]
    return Addresses(
        same=np.array([chances.get(name, shares.SAME_ELSEWHERE) if name else 0.0 for name in states]),
        own=np.array([choices.values.index(name) if name else -1 for name in states]),
        choices=choices,
    )
