"""The distributions of one month: origins, ports, carriers, classes of admission and addresses.

They combine the figures (`shares`, `weights.toml`) with the reviewed code lists, season and growth.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from i94_platform.contracts.codes import read_reviewed_list
from i94_platform.partitions import Month
from i94_platform.sample import shares
from i94_platform.sample.distributions import NULL, Categorical, Flags, Floats, Ints, parse_weights
from i94_platform.sample.months import BASE_MONTH, years_since_base


@dataclass(frozen=True)
class Origins:
    """The countries of residence: one element per origin in each array; `distribution` draws their indexes.

    `code` and `citizenship` are country codes, and `citizenship_share` is the share of residents who carry the
    latter. `group` is an index into `GROUPS`. `waiver` is True where no visa is needed. `post` is an index into the
    values of `posts`, -1 for an origin without a post of its own.
    """

    distribution: Categorical
    code: Floats
    citizenship: Floats
    citizenship_share: Floats
    group: Ints
    waiver: Flags
    post: Ints
    posts: Categorical


@dataclass(frozen=True)
class _Origin:
    code: int
    group: str
    weight: float
    waiver: bool = False
    post: str = ""


@cache
def _weights() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("weights.toml").read_text(encoding="utf-8"))


def _list_origins() -> list[_Origin]:
    """List the origins with a weight of their own, then all other valid codes with falling weights."""
    weighted = [
        _Origin(int(code.rstrip("w")), group, float(weight), code.endswith("w"), post)
        for group, text in _weights()["origins"].items()
        for code, weight, post in (item.split(":") for item in text.split())
    ]
    countries = read_reviewed_list("i94cit_res")
    valid = countries.loc[countries["status"] == "valid", "code"].astype(int).tolist()
    others = sorted(set(valid) - {origin.code for origin in weighted})
    scale = shares.OTHER_ORIGINS_WEIGHT / sum(1 / rank for rank in range(1, len(others) + 1))
    return weighted + [_Origin(code, "other", scale / rank) for rank, code in enumerate(others, start=1)]


def _trend(group: str, month: Month) -> float:
    """Return the weight of a group in `month` relative to April 2016, by season and growth."""
    peak, height, growth = shares.SEASONS[group]

    def season(number: int) -> float:
        return 1 + height * math.cos((number - peak) * math.pi / 6)

    return season(month.month) / season(BASE_MONTH.month) * math.pow(1 + growth, years_since_base(month))


def build_origins(month: Month) -> Origins:
    """Build the origins with their weights in `month`."""
    origins = _list_origins()
    citizenships = [shares.CITIZENSHIPS.get(o.code, (o.code, 1.0)) for o in origins]
    posts: dict[str, float] = {}
    for o in origins:
        if o.post:
            posts[o.post] = posts.get(o.post, 0.0) + o.weight * (0.05 if o.waiver else 1.0)
    post_names = list(posts)
    return Origins(
        distribution=Categorical.of({str(o.code): o.weight * _trend(o.group, month) for o in origins}),
        code=np.array([float(o.code) for o in origins]),
        citizenship=np.array([float(code) for code, _ in citizenships]),
        citizenship_share=np.array([share for _, share in citizenships]),
        group=np.array([shares.GROUPS.index(o.group) for o in origins]),
        waiver=np.array([o.waiver for o in origins]),
        post=np.array([post_names.index(o.post) if o.post else -1 for o in origins]),
        posts=Categorical.of(posts),
    )


def build_ports() -> Categorical:
    """Build the port of entry by lane: the common ports, the mid-sized airports, and a trace of every other US port."""
    listed = read_reviewed_list("i94port")
    small = listed.loc[(listed["status"] == "valid") & listed["state"].notna(), "code"]
    traces = dict.fromkeys(small.astype(str), 1.0)
    airports = parse_weights(_weights()["mid_sized_ports"])
    common = _weights()["ports"]
    return Categorical.of(
        *(_complete(common[lane], airports, traces, shares.TRACE_SHARE) for lane in shares.GROUPS),
        *(_complete(common[lane], {}, traces, 1.0) for lane in shares.LANES[len(shares.GROUPS) :]),
    )


def build_airlines() -> Categorical:
    """Build the carrier by lane; by air also general aviation (`*GA`) and, rarely, no carrier."""
    aviation = {"*GA": 0.99, "*FF": 0.005, "*UU": 0.005}
    others = parse_weights(_weights()["other_airlines"])
    common = _weights()["airlines"]
    by_air = [_complete(common[group], others, aviation, shares.TRACE_SHARE) for group in shares.GROUPS]
    return Categorical.of(
        *({**weights, NULL: shares.NO_AIRLINE_SHARE} for weights in by_air),
        *(parse_weights(common[lane]) for lane in shares.LANES[len(shares.GROUPS) :]),
    )


def _complete(
    common: str, others: Mapping[str, float], traces: Mapping[str, float], trace_share: float
) -> dict[str, float]:
    """Return weights that sum to 1: `common` in thousandths, and the rest shared by `traces` and `others`."""
    weights = {value: weight / 1000 for value, weight in parse_weights(common).items()}
    rest = 1 - sum(weights.values())
    for values, share in ((others, rest * (1 - trace_share)), (traces, rest * trace_share)):
        total = sum(values.values())
        for value, weight in values.items():
            weights[value] = weights.get(value, 0.0) + share * weight / total
    return weights


def build_visatypes(month: Month) -> Categorical:
    """Build the class of admission by the strata of `visa_strata`, with the students of the month's season."""
    season = shares.STUDENT_SEASON[month.month - 1]
    students = {name for name, purpose in shares.PURPOSE.items() if purpose == shares.PURPOSE["F1"]}
    return Categorical.of(
        *(
            {name: weight * (season if name in students else 1.0) for name, weight in parse_weights(text).items()}
            for text in shares.VISATYPES
        )
    )


def visa_strata(waiver: Flags, group: Ints, island: Flags, saipan: Flags) -> Ints:
    """Return the stratum of each row in the classes of admission; Guam and Saipan have programmes of their own."""
    stratum = np.where(waiver, shares.WAIVER, shares.VISA)
    stratum = np.where(island & (group == shares.GROUPS.index("north_pacific")), shares.GUAM, stratum)
    return np.where(saipan & ~waiver & (group == shares.GROUPS.index("east_asia")), shares.SAIPAN, stratum)


def build_admissions(classes: tuple[str, ...]) -> Categorical:
    """Build the days of admission, or D/S, by class of admission in the order of `classes`."""
    return Categorical.parse(*(shares.ADMISSIONS[name] for name in classes))


@dataclass(frozen=True)
class Addresses:
    """The state of the first address: per port the chance of its own state and that state's code, or another one."""

    own_share: Floats
    own: Ints
    others: Categorical


def build_addresses(port_codes: tuple[str, ...]) -> Addresses:
    """Build the addresses of each of `port_codes`; `own` is -1 for a port without a state."""
    others = Categorical.parse(_weights()["other_addresses"])
    state_by_port = dict(read_reviewed_list("i94port").dropna(subset="state").set_index("code")["state"])
    own_shares = parse_weights(_weights()["port_state_shares"])
    states = [str(state_by_port.get(code, "")) for code in port_codes]
    return Addresses(
        own_share=np.array([own_shares.get(name, shares.OTHER_PORT_STATE_SHARE) if name else 0.0 for name in states]),
        own=np.array([others.values.index(name) if name else -1 for name in states]),
        others=others,
    )
