"""The correlations over all months and in each, and the states that their variants leave out."""

from sqlalchemy import BigInteger, Double, Integer, String, Table

from i94_platform.contracts.marts import (
    destination_by_climate,
    destination_by_origin,
    origin_climate,
    visitor_demographics_by_state,
)
from i94_platform.contracts.model import Statistic, column, mart_metadata, table

METHODS = ("pearson", "weighted_pearson", "spearman", "cramers_v")

ALL_MONTHS = "all months"
ALL_STATES, WITHOUT_MISCODED, WITHOUT_LARGEST = "all states", "without miscoded states", "without the largest states"

MISCODED_STATES = ("DE", "LA", "MI", "NE", "WA")
"""The states whose code travellers write for another place: 4 % and more of their arrivals in April 2016, by
`destination_by_port`."""

_MARTS = "the marts"
_MEASURE = Statistic("average", "included_visitors", 3)

correlations: Table = table(
    mart_metadata,
    "correlations",
    "How strongly two things go together, over all loaded months and in each: association, not cause.",
    column("period", String(16), f"Month of arrival as YYYY-MM, or '{ALL_MONTHS}'.", source=_MARTS, key=True),
    column("variant", String(32), f"States that take part: '{ALL_STATES}', or those that are left to see whether a few decide. Months have the first only.", source=_MARTS, key=True, allowed=(ALL_STATES, WITHOUT_MISCODED, WITHOUT_LARGEST)),
    column("question", String(64), "Mart that the figures come from.", source=_MARTS, key=True, allowed=tuple(mart.name for mart in (destination_by_origin, destination_by_climate, origin_climate, visitor_demographics_by_state))),
    column("x", String(128), "First variable, in words.", source=_MARTS, key=True),
    column("y", String(128), "Second variable, in words.", source=_MARTS, key=True),
    column("method", String(16), "Measure of association; weighted_pearson counts each observation by its visitors, Cramér's V (bias-corrected) is for categories.", source=_MARTS, key=True, allowed=METHODS),
    column("states_left_out", String(64), "States that the variant leaves out; empty for all states.", source=_MARTS, nullable=False),
    column("unit_of_observation", String(64), "What one of the n observations is, such as one state.", source=_MARTS, nullable=False),
    column("coefficient", Double(), "The measure: -1 to 1, Cramér's V 0 to 1; null where it can't be computed (fewer than 4 observations, or one that never changes).", source="computed", low=-1, high=1, statistic=_MEASURE),
    column("ci_low", Double(), "Lower end of the 95 % interval of the coefficient; null for Cramér's V, which describes all arrivals.", source="computed", low=-1, high=1, statistic=_MEASURE),
    column("ci_high", Double(), "Upper end of the 95 % interval of the coefficient; null for Cramér's V.", source="computed", low=-1, high=1, statistic=_MEASURE),
    column("p_value", Double(), "Probability of a coefficient at least as far from 0 without any association; null for Cramér's V.", source="computed", low=0, high=1, statistic=_MEASURE),
    column("adjusted_p_value", Double(), "The p-value adjusted after Benjamini and Hochberg for all tests of the period and variant.", source="computed", low=0, high=1, statistic=_MEASURE),
    column("n", BigInteger(), "Observations.", source=_MARTS, unit="observations", nullable=False, low=0, statistic=Statistic("count")),
    column("clusters", BigInteger(), "States or countries that the bootstrap draws as a whole for the interval; 0 without bootstrap.", source=_MARTS, unit="states or countries", nullable=False, low=0, statistic=Statistic("count")),
    column("included_visitors", BigInteger(), "Arrivals behind the observations.", source=_MARTS, unit="arrivals", nullable=False, low=0, statistic=Statistic("count")),
    column("coverage", Double(), "Their share of all arrivals of the period.", source=_MARTS, low=0, high=1, statistic=_MEASURE),
    column("excluded", BigInteger(), "Observations left out.", source=_MARTS, unit="observations", nullable=False, low=0, statistic=Statistic("count")),
    column("excluded_visitors", BigInteger(), "Arrivals behind what was left out.", source=_MARTS, unit="arrivals", nullable=False, low=0, statistic=Statistic("count")),
    column("excluded_why", String(1024), "What was left out, how many and why; empty where nothing was.", source=_MARTS, nullable=False, statistic=Statistic("text")),
    column("meaning", String(512), "What the coefficient means, in one sentence.", source="computed", statistic=Statistic("text", "included_visitors")),
    column("caveat", String(512), "What it does not mean, in one sentence: it is association, not cause.", source=_MARTS, nullable=False),
    column("months", Integer(), "Months that the figures cover.", source=_MARTS, unit="months", nullable=False, low=1),
    column("first_month", String(7), "First of these months, as YYYY-MM.", source=_MARTS, nullable=False),
    column("last_month", String(7), "Last of these months, as YYYY-MM.", source=_MARTS, nullable=False),
    domain="arrivals",
    grain="one row per period, variant, question, pair of variables and method (period, variant, question, x, y, method)",
    distribution="AUTO",
    sort=("period", "variant", "question"),
)
